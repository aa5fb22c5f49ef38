// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"clearpost/buyers"
	"clearpost/buyers/templates"
	"clearpost/config/tree"
)

// TemplateSpec is a file of templates/, the configuration's own or one of the binary: a campaign with gaps.
type TemplateSpec struct {
	About    string      `yaml:"about"`    // what it is for
	Params   []ParamSpec `yaml:"params"`   // what a campaign may or must set
	Campaign openNode    `yaml:"campaign"` // as a buyer's file has it, with $(name) where a parameter stands
	// where a vertical's own fields go in a page made by `clearpost buyers add`, such as lead.$(field); empty: nowhere
	Others string `yaml:"others"`
	// what such a buyer answers, for the examples of such a page; the first is the way of a lead that is sold
	Answers []ReplySpec `yaml:"answers"`
}

// ReplySpec is an answer to a ping, to a post, or to both.
type ReplySpec struct {
	Name string                    `yaml:"name"` // of the example
	Ping *buyers.ExampleAnswerSpec `yaml:"ping"` // what such a buyer answers to the ping
	Post *buyers.ExampleAnswerSpec `yaml:"post"` // and to the post
}

// ParamSpec is a parameter of a template.
type ParamSpec struct {
	Name    string  `yaml:"name"`    // a–z, 0–9 and _, beginning with a letter
	About   string  `yaml:"about"`   // what it is for
	Example string  `yaml:"example"` // what stands there in a page made by `clearpost buyers add` that does not set it
	Default *string `yaml:"default"` // absent: the campaign must set it
}

// openNode is a value that is looked at later.
type openNode struct{ node ast.Node }

// UnmarshalYAML takes any value.
func (o *openNode) UnmarshalYAML(n ast.Node) error { o.node = n; return nil }

// Template is a template that was read, and the text that it was read from.
type Template struct {
	TemplateSpec
	file *tree.File
}

// gap is a parameter's place in a template.
var gap = regexp.MustCompile(`\$\(([a-z][a-z0-9_]*)\)`)

// fillCampaigns puts templates in the place of what names them in a buyer's file. What was used becomes part of the
// configuration's files.
func (l *loader) fillCampaigns(f *tree.File) {
	list, _ := tree.Child(f.Root, "campaigns").(*ast.SequenceNode)
	if list == nil {
		return
	}
	for i, c := range list.Values {
		if m, ok := c.(*ast.MappingNode); ok && tree.KeyOf(m, "template") != nil {
			l.fill(f, m, fmt.Sprintf("campaigns[%d]", i))
		}
	}
}

// useTemplate makes a template of the binary part of the configuration's files.
func (l *loader) useTemplate(name string) {
	file := templatesFolder + "/" + name + ".yaml"
	if text, known := templates.Text(name); known && !slices.ContainsFunc(l.files, func(f *tree.File) bool {
		return f.Name == file
	}) {
		l.files = append(l.files, tree.NewFile(file, text))
	}
}

// fill completes one campaign from its template. The campaign's own keys stand above the template's.
func (l *loader) fill(f *tree.File, m *ast.MappingNode, at string) {
	named := tree.KeyOf(m, "template")
	name, kind := tree.Scalar(named.Value)
	if kind == tree.None {
		l.bad(f, at+".template", "", "the name of a template")
		return
	}
	own := tree.WithoutKeys(m, "set")
	t := l.template(f, name, at)
	if t == nil {
		f.Spoil(at) // what the template would have brought is not missed
		m.Values = own.Values
		return
	}
	values := l.params(f, t, m, at)
	place := tree.FirstToken(named.Value)
	from := &transplant{f: f, place: place, template: name, values: values}
	filled := from.node(t.Campaign.node, "")
	base, ok := filled.(*ast.MappingNode)
	if !ok {
		l.bad(f, at+".template", name, "a template whose campaign has keys")
		return
	}
	asked := tree.KeyOf(base, "ping") != nil
	m.Values = tree.Merge(base, own).Values
	if asked && tree.KeyOf(m, "ping") == nil {
		dropToken(f, m)
	}
}

// dropToken takes the fields with a ping's token out of a campaign whose template has a ping and which wants none.
// Those that the campaign itself has stay, to be reported.
func dropToken(f *tree.File, m *ast.MappingNode) {
	if list, ok := tree.Child(tree.Child(tree.Child(m, "post"), "request"), "fields").(*ast.SequenceNode); ok {
		list.Values = slices.DeleteFunc(list.Values, func(n ast.Node) bool {
			from := tree.Child(n, "from")
			text, _ := tree.Scalar(from)
			return text == "token" && f.CameFrom(tree.FirstToken(from)) != ""
		})
	}
}

// template reads a template anew: the tree that it gives becomes the campaign's own.
func (l *loader) template(f *tree.File, name, at string) *Template {
	file := templatesFolder + "/" + name + ".yaml"
	var text []byte
	there := slices.IndexFunc(l.files, func(g *tree.File) bool { return g.Name == file })
	switch b, known := templates.Text(name); {
	case there >= 0:
		text = l.files[there].Text
	case known:
		text = b
		l.useTemplate(name)
	default:
		names := templates.Names()
		for _, g := range l.files {
			if own, ok := strings.CutPrefix(g.Name, templatesFolder+"/"); ok {
				names = append(names, strings.TrimSuffix(own, ".yaml"))
			}
		}
		l.bad(f, at+".template", name, "one of "+strings.Join(names, ", "))
		return nil
	}
	if _, known := templates.Text(name); known {
		l.templates = append(l.templates, name)
	}
	t := &Template{file: tree.NewFile(file, text)}
	t.file.Parse(&l.problems)
	if t.file.Root == nil {
		return nil
	}
	before := l.problems.Count()
	t.file.Decode(&l.problems, &t.TemplateSpec)
	for i, p := range t.Params {
		if !gap.MatchString("$(" + p.Name + ")") {
			l.bad(t.file, fmt.Sprintf("params[%d].name", i), p.Name,
				"a name of a–z, 0–9 and _, beginning with a letter")
		}
	}
	if t.Campaign.node == nil {
		l.bad(t.file, "campaign", "", "a campaign with gaps such as $(key)")
	}
	if l.problems.Count() > before {
		return nil
	}
	return t
}

// params are the values of a template's parameters: what the campaign sets, else the defaults.
func (l *loader) params(f *tree.File, t *Template, m *ast.MappingNode, at string) map[string]ast.Node {
	values := map[string]ast.Node{}
	var names []string
	for _, p := range t.Params {
		names = append(names, p.Name)
		if p.Default != nil {
			values[p.Name] = defaultNode(*p.Default)
		}
	}
	if set := tree.KeyOf(m, "set"); set != nil && !tree.IsNull(set.Value) {
		given, ok := set.Value.(*ast.MappingNode)
		if !ok {
			l.bad(f, at+".set", "", "the template's parameters: "+strings.Join(names, ", "))
			return values
		}
		for _, kv := range given.Values {
			k := kv.Key.GetToken().Value
			if !slices.Contains(names, k) {
				l.bad(f, tree.Join(at+".set", k), k, "a parameter of the template: "+strings.Join(names, ", "))
			}
			values[k] = kv.Value
		}
	}
	for _, p := range t.Params {
		if values[p.Name] == nil {
			l.bad(f, at+".template", "", fmt.Sprintf("`set: {%s: …}`: %s", p.Name, p.About))
			values[p.Name] = defaultNode(p.Example)
		}
	}
	return values
}

// defaultNode is a default as if it stood in a file: a number is one.
func defaultNode(text string) ast.Node {
	tk := token.New(text, text, &token.Position{Line: 1, Column: 1})
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ast.Integer(tk)
	}
	return ast.String(tk)
}

// transplant makes a template's tree part of a campaign: gaps are filled, and every token that is not the campaign's
// own stands where the template is named, since that is the place to mend.
type transplant struct {
	f        *tree.File
	place    *token.Token
	template string
	values   map[string]ast.Node
}

func (x *transplant) node(n ast.Node, path string) ast.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		x.move(n.Start, path)
		for _, kv := range n.Values {
			k := kv.Key.GetToken()
			k.Value = x.text(k.Value)
			if s, ok := kv.Key.(*ast.StringNode); ok {
				s.Value = k.Value
			}
			x.move(k, path)
			kv.Value = x.node(kv.Value, tree.Join(path, k.Value))
		}
		return n
	case *ast.SequenceNode:
		x.move(n.Start, path)
		for i := range n.Values {
			n.Values[i] = x.node(n.Values[i], fmt.Sprintf("%s[%d]", path, i))
		}
		return n
	case nil:
		return n
	}
	text, kind := tree.Scalar(n)
	if kind == tree.Text {
		if whole := gap.FindString(text); whole == text && text != "" {
			if v, ok := x.values[text[2:len(text)-1]]; ok {
				return v
			}
		}
		if filled := x.text(text); filled != text {
			s := ast.String(token.New(filled, filled, &token.Position{}))
			x.move(s.Token, path)
			return s
		}
	}
	x.move(n.GetToken(), path)
	return n
}

// text fills the gaps of a text with the single values of their parameters.
func (x *transplant) text(s string) string {
	return FillGaps(s, func(name string) (string, bool) {
		v, ok := x.values[name]
		text, _ := tree.Scalar(v)
		return text, ok
	})
}

// FillGaps fills the gaps of a template's text: $(name) becomes the value of that name, and stays where there is none.
func FillGaps(text string, value func(name string) (string, bool)) string {
	return gap.ReplaceAllStringFunc(text, func(g string) string {
		if v, ok := value(g[2 : len(g)-1]); ok {
			return v
		}
		return g
	})
}

func (x *transplant) move(tk *token.Token, path string) {
	if tk == nil {
		return
	}
	tk.Position = x.place.Position
	x.f.Came(tk, "template "+x.template+", "+path)
}

// OwnTemplates names the templates that stand in the configuration in dir; an empty dir is none.
func OwnTemplates(dir string) []string {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(dir, templatesFolder))
	if err != nil {
		return nil // there need not be such a folder
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

// ReadTemplate reads one template, of the configuration in dir or, where that has none of the name, of the binary. What
// is wrong in it is an *Error.
func ReadTemplate(dir, name string) (*Template, error) {
	l := newLoader(dir, Options{})
	own := OwnTemplates(dir)
	if slices.Contains(own, name) {
		l.readFile(templatesFolder + "/" + name + ".yaml")
	} else if _, known := templates.Text(name); !known {
		return nil, fmt.Errorf("no template %q%s", name, tree.Suggest(name, append(templates.Names(), own...)))
	}
	t := l.template(tree.NewFile(name, nil), name, "")
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return t, nil
}
