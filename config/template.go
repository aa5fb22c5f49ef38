// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"clearpost/buyers"
	"clearpost/buyers/templates"
)

// templateSpec is a file of templates/, the configuration's own or one of the binary: a campaign with gaps.
type templateSpec struct {
	About    string      `yaml:"about"`    // what it is for
	Params   []paramSpec `yaml:"params"`   // what a campaign may or must set
	Campaign openNode    `yaml:"campaign"` // as a buyer's file has it, with $(name) where a parameter stands
	// where a vertical's own fields go in a page made by `clearpost buyers add`, such as lead.$(field); empty: nowhere
	Others string `yaml:"others"`
	// what such a buyer answers, for the examples of such a page; the first is the way of a lead that is sold
	Answers []replySpec `yaml:"answers"`
}

// replySpec is an answer to a ping, to a post, or to both.
type replySpec struct {
	Name string                    `yaml:"name"` // of the example
	Ping *buyers.ExampleAnswerSpec `yaml:"ping"`
	Post *buyers.ExampleAnswerSpec `yaml:"post"`
}

// paramSpec is a parameter of a template.
type paramSpec struct {
	Name    string  `yaml:"name"`    // a–z, 0–9 and _, beginning with a letter
	About   string  `yaml:"about"`   // what it is for
	Example string  `yaml:"example"` // what stands there in a page made by `clearpost buyers add` that does not set it
	Default *string `yaml:"default"` // absent: the campaign must set it
}

// openNode is a value that is looked at later.
type openNode struct{ node ast.Node }

// UnmarshalYAML takes any value.
func (o *openNode) UnmarshalYAML(n ast.Node) error { o.node = n; return nil }

// template is a template that was read, and the text that it was read from.
type template struct {
	templateSpec
	file *sourceFile
}

// gap is a parameter's place in a template.
var gap = regexp.MustCompile(`\$\(([a-z][a-z0-9_]*)\)`)

// fillCampaigns puts templates in the place of what names them in a buyer's file. What was used becomes part of the
// configuration's files.
func (l *loader) fillCampaigns(f *sourceFile) {
	list, _ := child(f.root, "campaigns").(*ast.SequenceNode)
	if list == nil {
		return
	}
	for i, c := range list.Values {
		if m, ok := c.(*ast.MappingNode); ok && keyOf(m, "template") != nil {
			l.fill(f, m, fmt.Sprintf("campaigns[%d]", i))
		}
	}
}

// useTemplate makes a template of the binary part of the configuration's files.
func (l *loader) useTemplate(name string) {
	file := templatesFolder + "/" + name + ".yaml"
	if text, known := templates.Text(name); known && !slices.ContainsFunc(l.files, func(f *sourceFile) bool {
		return f.name == file
	}) {
		l.files = append(l.files, newSourceFile(file, text))
	}
}

// fill completes one campaign from its template. The campaign's own keys stand above the template's.
func (l *loader) fill(f *sourceFile, m *ast.MappingNode, at string) {
	named := keyOf(m, "template")
	name, kind := scalarText(named.Value)
	if kind == kindNone {
		l.bad(f, at+".template", "", "the name of a template")
		return
	}
	own := withoutKeys(m, "set")
	t := l.template(f, name, at)
	if t == nil {
		f.spoil[at] = true // what the template would have brought is not missed
		m.Values = own.Values
		return
	}
	values := l.params(f, t, m, at)
	place := firstToken(named.Value)
	from := &transplant{f: f, place: place, template: name, values: values}
	filled := from.node(t.Campaign.node, "")
	base, ok := filled.(*ast.MappingNode)
	if !ok {
		l.bad(f, at+".template", name, "a template whose campaign has keys")
		return
	}
	asked := keyOf(base, "ping") != nil
	m.Values = merged(base, own).Values
	if asked && keyOf(m, "ping") == nil {
		f.dropToken(m)
	}
}

// dropToken takes the fields with a ping's token out of a campaign whose template has a ping and which wants none.
// Those that the campaign itself has stay, to be reported.
func (f *sourceFile) dropToken(m *ast.MappingNode) {
	if list, ok := child(child(child(m, "post"), "request"), "fields").(*ast.SequenceNode); ok {
		list.Values = slices.DeleteFunc(list.Values, func(n ast.Node) bool {
			from := child(n, "from")
			text, _ := scalarText(from)
			return text == "token" && f.from[firstToken(from)] != ""
		})
	}
}

// template reads a template anew: the tree that it gives becomes the campaign's own.
func (l *loader) template(f *sourceFile, name, at string) *template {
	file := templatesFolder + "/" + name + ".yaml"
	var text []byte
	there := slices.IndexFunc(l.files, func(g *sourceFile) bool { return g.name == file })
	switch b, known := templates.Text(name); {
	case there >= 0:
		text = l.files[there].text
	case known:
		text = b
		l.useTemplate(name)
	default:
		names := templates.Names()
		for _, g := range l.files {
			if own, ok := strings.CutPrefix(g.name, templatesFolder+"/"); ok {
				names = append(names, strings.TrimSuffix(own, ".yaml"))
			}
		}
		l.bad(f, at+".template", name, "one of "+strings.Join(names, ", "))
		return nil
	}
	if _, known := templates.Text(name); known {
		l.templates = append(l.templates, name)
	}
	t := &template{file: newSourceFile(file, text)}
	l.parse(t.file)
	if t.file.root == nil {
		return nil
	}
	before := len(l.problems.list)
	l.decode(t.file, &t.templateSpec)
	for i, p := range t.Params {
		if !gap.MatchString("$(" + p.Name + ")") {
			l.bad(t.file, fmt.Sprintf("params[%d].name", i), p.Name,
				"a name of a–z, 0–9 and _, beginning with a letter")
		}
	}
	if t.Campaign.node == nil {
		l.bad(t.file, "campaign", "", "a campaign with gaps such as $(key)")
	}
	if len(l.problems.list) > before {
		return nil
	}
	return t
}

// params are the values of a template's parameters: what the campaign sets, else the defaults.
func (l *loader) params(f *sourceFile, t *template, m *ast.MappingNode, at string) map[string]ast.Node {
	values := map[string]ast.Node{}
	var names []string
	for _, p := range t.Params {
		names = append(names, p.Name)
		if p.Default != nil {
			values[p.Name] = defaultNode(t.file, *p.Default)
		}
	}
	if set := keyOf(m, "set"); set != nil && !isNull(set.Value) {
		given, ok := set.Value.(*ast.MappingNode)
		if !ok {
			l.bad(f, at+".set", "", "the template's parameters: "+strings.Join(names, ", "))
			return values
		}
		for _, kv := range given.Values {
			k := kv.Key.GetToken().Value
			if !slices.Contains(names, k) {
				l.bad(f, joinPath(at+".set", k), k, "a parameter of the template: "+strings.Join(names, ", "))
			}
			values[k] = kv.Value
		}
	}
	for _, p := range t.Params {
		if values[p.Name] == nil {
			l.bad(f, at+".template", "", fmt.Sprintf("`set: {%s: …}`: %s", p.Name, p.About))
			values[p.Name] = defaultNode(t.file, p.Example)
		}
	}
	return values
}

// defaultNode is a default as if it stood in a file: a number is one.
func defaultNode(f *sourceFile, text string) ast.Node {
	tk := token.New(text, text, &token.Position{Line: 1, Column: 1})
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ast.Integer(tk)
	}
	return ast.String(tk)
}

// transplant makes a template's tree part of a campaign: gaps are filled, and every token that is not the campaign's
// own stands where the template is named, since that is the place to mend.
type transplant struct {
	f        *sourceFile
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
			kv.Value = x.node(kv.Value, joinPath(path, k.Value))
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
	text, kind := scalarText(n)
	if kind == kindText {
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
	return gap.ReplaceAllStringFunc(s, func(g string) string {
		v, ok := x.values[g[2:len(g)-1]]
		if !ok {
			return g
		}
		text, _ := scalarText(v)
		return text
	})
}

func (x *transplant) move(tk *token.Token, path string) {
	if tk == nil {
		return
	}
	tk.Position = x.place.Position
	if x.f.from == nil {
		x.f.from = map[*token.Token]string{}
	}
	x.f.from[tk] = "template " + x.template + ", " + path
}

// merged puts a mapping above another: what both have is merged where both are mappings; a list `fields` is merged by
// where its fields go; anything else is the upper one's. A null takes away.
func merged(base, over *ast.MappingNode) *ast.MappingNode {
	for _, kv := range over.Values {
		name := kv.Key.GetToken().Value
		was := keyOf(base, name)
		switch {
		case was == nil:
			base.Values = append(base.Values, kv)
			continue
		case isNull(kv.Value):
			base.Values = slices.DeleteFunc(base.Values, func(o *ast.MappingValueNode) bool { return o == was })
			continue
		}
		bm, ok1 := was.Value.(*ast.MappingNode)
		om, ok2 := kv.Value.(*ast.MappingNode)
		bl, ok3 := was.Value.(*ast.SequenceNode)
		ol, ok4 := kv.Value.(*ast.SequenceNode)
		switch {
		case ok1 && ok2:
			merged(bm, om)
		case ok3 && ok4 && name == "fields":
			bl.Values = mergedFields(bl.Values, ol.Values)
		default:
			was.Key, was.Value = kv.Key, kv.Value
		}
	}
	return base
}

// mergedFields puts the upper list's fields in the place of those that go to the same place, and the others behind.
// Several fields may share a place, each with its condition: all of the upper list's take the place of all of the
// base's.
func mergedFields(base, over []ast.Node) []ast.Node {
	goesTo := func(n ast.Node) string {
		m, ok := n.(*ast.MappingNode)
		if !ok {
			return ""
		}
		place := ""
		for _, name := range []string{"to", "in"} {
			if kv := keyOf(m, name); kv != nil {
				text, _ := scalarText(kv.Value)
				place += name + ":" + text + " "
			}
		}
		return place
	}
	last := map[string]ast.Node{} // by place: the upper list's last field that stands there
	for _, n := range over {
		to := goesTo(n)
		at := slices.IndexFunc(base, func(b ast.Node) bool {
			return to != "" && (b == last[to] || last[to] == nil && goesTo(b) == to)
		})
		switch {
		case at < 0:
			base = append(base, n)
		case last[to] != nil:
			base = slices.Insert(base, at+1, n)
		default:
			base[at] = n
			base = append(base[:at+1:at+1], slices.DeleteFunc(slices.Clone(base[at+1:]), func(b ast.Node) bool {
				return goesTo(b) == to
			})...)
		}
		last[to] = n
	}
	return base
}

// keyOf finds a key of a mapping, nil if it is not there.
func keyOf(m *ast.MappingNode, name string) *ast.MappingValueNode {
	for _, kv := range m.Values {
		if kv.Key.GetToken().Value == name {
			return kv
		}
	}
	return nil
}

// child is the value of a key of a node, nil if there is none.
func child(n ast.Node, name string) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok {
		if kv := keyOf(m, name); kv != nil {
			return kv.Value
		}
	}
	return nil
}

func withoutKeys(m *ast.MappingNode, names ...string) *ast.MappingNode {
	rest := *m
	rest.Values = slices.DeleteFunc(slices.Clone(m.Values), func(kv *ast.MappingValueNode) bool {
		return slices.Contains(names, kv.Key.GetToken().Value)
	})
	return &rest
}
