// SPDX-License-Identifier: Apache-2.0

// Package page makes buyers' pages from templates, with examples that hold, and lists the templates there are.
//
// A page has what it says itself, then examples with requests and receipts as the compiled campaign gives them
// (examples.go), written by yaml.go, and read once more with all other files before it is written. templates.go
// lists templates.
package page

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"clearpost/buyers"
	"clearpost/config"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
)

// Buyer says what a buyer's page is to be made of. ID, Vertical and Template must be there.
type Buyer struct {
	ID, Name string // the page is buyers/ID.yaml, its campaign ID-Vertical
	Vertical string
	Template string
	Set      []Setting   // the template's parameters
	Price    *lead.Money // a fixed price; nil: it is quoted
	NoPing   bool        // the buyer is not asked: needs a Price
	Private  bool        // the buyer may stand at a private address
	Expand   bool        // the page says everything itself and names no template
}

// Setting is a parameter of a template with its value.
type Setting struct{ Name, Value string }

// Page is a buyer's page that was made from a template, and checked with the directory that it is for.
type Page struct {
	File      string   // where it belongs, by its path in the directory
	Campaign  string   // its campaign's id
	Text      []byte   // YAML
	Examples  int      // how many it has
	Variables []string // environment variables that it names and that are not set
	Unset     []string // fields that its requests carry and the example's lead has not
}

// ErrThere says that there is a page of that buyer already.
var ErrThere = errors.New("there is such a file already, and it is left as it is")

// MissingParams lists parameters that a template needs and that were not set, or settings that it does not have.
type MissingParams struct {
	Template string
	Missing  []Param
	Unknown  []string
	Known    []Param
}

// Error tells each with what it is for.
func (e *MissingParams) Error() string {
	var b strings.Builder
	for _, name := range e.Unknown {
		fmt.Fprintf(&b, "the template %s has no parameter %q%s\n", e.Template, name,
			tree.Suggest(name, paramNames(e.Known)))
	}
	if len(e.Missing) > 0 {
		fmt.Fprintf(&b, "the template %s needs:\n", e.Template)
	}
	for _, p := range e.Missing {
		fmt.Fprintf(&b, "  --set %s=…   %s, such as %s\n", p.Name, p.About, p.Example)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// standIn is what a secret that is not set stands for while a page is made. No request is sent with it.
const standIn = "a-secret-that-is-not-set-while-a-page-is-made"

// placeholderOf finds the environment variables that a page names.
var placeholderOf = regexp.MustCompile(`\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}`)

// Make makes a buyer's page from a template, with examples: requests as the configuration in dir compiles them, from a
// plausible lead, and answers of the template as the campaign reads them. Everything in dir is checked together with
// the page; errors are a *config.Error, a *config.ExamplesError, a *MissingParams, or others that say what is wrong.
// Nothing is written.
func Make(dir string, opt config.Options, b Buyer) (*Page, error) {
	m := maker{dir: dir, env: opt.Env, b: b, out: &Page{File: config.BuyerFile(b.ID),
		Campaign: b.ID + "-" + b.Vertical}}
	if !buyers.ValidID(b.ID) || !buyers.ValidID(m.out.Campaign) {
		return nil, fmt.Errorf("%q: expected %s", b.ID, buyers.IDRule)
	}
	if b.NoPing && b.Price == nil {
		return nil, errors.New("a buyer that is not asked needs a price")
	}
	m.opt = opt
	m.opt.Env = func(name string) (string, bool) {
		if opt.Env != nil {
			if v, ok := opt.Env(name); ok && v != "" {
				return v, true
			}
		}
		return standIn, true
	}
	if err := m.make(); err != nil {
		return nil, err
	}
	return m.out, nil
}

// Write puts the page into its directory. It fails with ErrThere where a page of that name is there, and then
// changes nothing.
func (p *Page) Write(dir string) error {
	to := filepath.Join(dir, filepath.FromSlash(p.File))
	f, err := os.CreateTemp(filepath.Dir(to), ".new-*") // hidden: nothing reads it
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(p.Text)
	err = errors.Join(err, f.Sync(), f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), to); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", p.File, ErrThere)
	} else if err != nil {
		return err
	}
	return nil
}

// maker makes one page.
type maker struct {
	dir  string
	opt  config.Options
	env  func(string) (string, bool)
	b    Buyer
	t    *config.Template
	vert *exchange.Vertical
	set  []Setting
	out  *Page
}

func (m *maker) make() error {
	cfg, err := config.LoadWith(m.dir, m.opt)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(cfg.Exchange.Verticals, func(v *exchange.Vertical) bool { return v.ID == m.b.Vertical })
	if i < 0 {
		var ids []string
		for _, v := range cfg.Exchange.Verticals {
			ids = append(ids, v.ID)
		}
		return fmt.Errorf("no vertical %q: there is %s", m.b.Vertical, strings.Join(ids, ", "))
	}
	m.vert = cfg.Exchange.Verticals[i]
	if m.t, err = config.ReadTemplate(m.dir, m.b.Template); err != nil {
		return err
	}
	if err := m.settings(); err != nil {
		return err
	}
	draft := m.write(m.own(nil), nil)
	_, root, err := m.load(draft)
	if err != nil {
		return err
	}
	own := m.own(root)
	examples := m.draftExamples()
	if cfg, root, err = m.load(m.write(own, examples)); err != nil {
		return err
	}
	c := cfg.Exchange.Book.Campaign(m.out.Campaign)
	if err := m.finish(c, examples); err != nil {
		return err
	}
	body := own
	if m.b.Expand {
		body = expanded(valueOf(root))
	}
	m.out.Text = m.write(body, examples)
	if cfg, _, err = m.load(m.out.Text); err != nil {
		return err
	}
	for _, f := range cfg.Examples.Failures {
		if f.File == m.out.File {
			return cfg.Examples.Err()
		}
	}
	m.out.Examples = len(examples)
	for _, v := range placeholderOf.FindAllSubmatch(m.out.Text, -1) {
		name := string(v[1])
		set := false
		if m.env != nil {
			var text string
			text, set = m.env(name)
			set = set && text != ""
		}
		if !set && !slices.Contains(m.out.Variables, name) {
			m.out.Variables = append(m.out.Variables, name)
		}
	}
	return nil
}

// load reads the directory with the page, and finds the campaign as it stands when its template has been put in.
func (m *maker) load(text []byte) (*config.Config, ast.Node, error) {
	opt := m.opt
	opt.Also = map[string][]byte{m.out.File: text}
	cfg, root, err := config.LoadTree(m.dir, opt, m.out.File)
	if err != nil {
		return nil, nil, err
	}
	list, ok := tree.Child(root, "campaigns").(*ast.SequenceNode)
	if !ok {
		return nil, nil, fmt.Errorf("%s was not read", m.out.File)
	}
	return cfg, list.Values[0], nil
}

// settings takes what was set and what stands for secrets, and fails where something is missing.
func (m *maker) settings() error {
	params := params(m.t)
	bad := &MissingParams{Template: m.b.Template, Known: params}
	for _, s := range m.b.Set {
		if !slices.ContainsFunc(params, func(p Param) bool { return p.Name == s.Name }) {
			bad.Unknown = append(bad.Unknown, s.Name)
		}
	}
	for _, p := range params {
		i := slices.IndexFunc(m.b.Set, func(s Setting) bool { return s.Name == p.Name })
		switch {
		case i >= 0:
			m.set = append(m.set, m.b.Set[i])
		case p.Secret:
			name := strings.ToUpper(strings.Map(func(r rune) rune {
				if r == '-' || r == '.' {
					return '_'
				}
				return r
			}, m.b.ID))
			if name[0] >= '0' && name[0] <= '9' {
				name = "BUYER_" + name
			}
			m.set = append(m.set, Setting{p.Name, strings.Replace(p.Example, "BUYER", name, 1)})
		case p.Default == nil:
			bad.Missing = append(bad.Missing, p)
		}
	}
	if len(bad.Missing)+len(bad.Unknown) > 0 {
		return bad
	}
	return nil
}
