// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// Rules are one call of a campaign, alone: how it is rendered and how its answer is read.
type Rules struct {
	Campaign string
	Vertical string
	Schema   *lead.Schema
	Request  *request.Request // nil where the file has none
	Answer   *answer.Answer   // nil where the file has none
	// of the campaign's first example that has such a call or a lead of its own, else of a sample lead
	Inputs  request.Inputs
	Example bool // Inputs are those of an example

	campaign *buyers.Campaign // nil where the rules are those of a file
}

// Unmet tells which criteria of the campaign a lead does not meet, as sent with its call; empty if it meets all, or
// where the rules are those of a file. A source that nobody has named may be any.
func (r *Rules) Unmet(in *request.Inputs, st lead.Stage) []string {
	if r.campaign == nil || in.Lead == nil || in.Lead.Schema() != r.Schema {
		return nil
	}
	f := rules.Facts{Lead: in.Lead, Stage: st, Now: in.Now, Source: in.Source, Sold: in.Sold}
	if f.Source == buyers.ExampleSource {
		f.Source = ""
	}
	var out []string
	for _, u := range r.campaign.Unmet(&f, true) {
		out = append(out, u.Why+" ("+u.Place+")")
	}
	return out
}

// Closed tells which schedules keep the campaign from being asked at a time; empty if it is open, or where the rules
// are those of a file. A post is asked for a bid that stands, at any time, unless nobody was pinged for one.
func (r *Rules) Closed(now time.Time, st lead.Stage) []buyers.Closed {
	if r.campaign == nil || st&lead.AtPost != 0 && r.campaign.Ping != nil {
		return nil
	}
	return r.campaign.Closed(now)
}

// RulesOptions say what a file of rules is read for.
type RulesOptions struct {
	Env      func(name string) (string, bool)
	Redacted bool   // the request is only shown redacted: secrets need not be there
	Post     bool   // the post, not the ping
	Campaign string // which, where the file is a buyer's page with several; empty: the first
	// has the schema of the campaign's vertical; nil, or a vertical that it has not: any field is taken
	Config *Config
}

// Rules finds one call of a campaign of the configuration.
func (c *Config) Rules(campaign string, post bool) (*Rules, error) {
	p := c.Exchange.Book.Campaign(campaign)
	if p == nil {
		return nil, fmt.Errorf("no campaign %q%s", campaign, tree.Suggest(campaign, c.campaignIDs()))
	}
	e := p.Ping
	if post {
		e = p.Post
	}
	if e == nil {
		return nil, fmt.Errorf("campaign %s has no ping: its price is fixed", campaign)
	}
	r := &Rules{Campaign: campaign, Vertical: p.Vertical, Request: e.Request, Answer: e.Answer, campaign: p}
	for _, v := range c.Exchange.Verticals {
		if v.ID == p.Vertical {
			r.Schema = v.Schema
		}
	}
	for _, x := range p.Examples {
		if x.Own() {
			r.Inputs, r.Example = x.Inputs(p, post), true
			return r, nil
		}
	}
	in := buyers.SampleInputs(nil, p.Vertical, post)
	in.Lead = buyers.Sample(r.Schema, in.Now)
	r.Inputs = in
	return r, nil
}

func (c *Config) campaignIDs() []string {
	var ids []string
	for _, p := range c.Exchange.Book.Campaigns {
		ids = append(ids, p.ID)
	}
	return ids
}

// LoadRules reads one call from a file that holds a buyer's page, a campaign, or one endpoint (request, answer or
// both), without a configuration. Mistakes are a *Error.
func LoadRules(file string, opt RulesOptions) (*Rules, error) {
	l := newLoader(filepath.Dir(file), Options{Env: opt.Env})
	text, err := readBounded(file, FileBytesMax)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", filepath.Base(file), plainError(err))
	}
	f := tree.NewFile(filepath.Base(file), text)
	if f.Parse(&l.problems); f.Root == nil {
		return nil, l.problems.Err()
	}
	spec, at, err := l.ruleSpec(f, &opt)
	if err != nil {
		return nil, err
	}
	r := l.rules(f, spec, at, &opt)
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// ruleSpec decodes whatever shape the file has, and says where the campaign stands in it.
func (l *loader) ruleSpec(f *tree.File, opt *RulesOptions) (*buyers.CampaignSpec, string, error) {
	keys := map[string]bool{}
	if m, ok := f.Root.(*ast.MappingNode); ok {
		for _, kv := range m.Values {
			keys[kv.Key.GetToken().Value] = true
		}
	}
	switch {
	case keys["campaigns"]:
		if list, ok := tree.Child(f.Root, "campaigns").(*ast.SequenceNode); ok {
			for i, c := range list.Values {
				l.ruleTemplate(f, c, fmt.Sprintf("campaigns[%d]", i))
			}
		}
		var b buyers.BuyerSpec
		f.Decode(&l.problems, &b)
		for i := range b.Campaigns {
			if opt.Campaign == "" || b.Campaigns[i].ID == opt.Campaign {
				return &b.Campaigns[i], fmt.Sprintf("campaigns[%d]", i), nil
			}
		}
		return nil, "", fmt.Errorf("%s: no campaign %q", f.Name, opt.Campaign)
	case keys["request"] || keys["answer"]:
		e := new(buyers.EndpointSpec)
		f.Decode(&l.problems, e)
		if opt.Post {
			return &buyers.CampaignSpec{Post: e}, "", nil
		}
		return &buyers.CampaignSpec{Ping: e}, "", nil
	}
	l.ruleTemplate(f, f.Root, "")
	c := new(buyers.CampaignSpec)
	f.Decode(&l.problems, c)
	return c, "", nil
}

// ruleTemplate fills a campaign that starts from a template.
func (l *loader) ruleTemplate(f *tree.File, n ast.Node, at string) {
	if m, ok := n.(*ast.MappingNode); ok && tree.KeyOf(m, "template") != nil {
		l.fill(f, m, at)
	}
}

// rules compiles the call that is asked for.
func (l *loader) rules(f *tree.File, spec *buyers.CampaignSpec, at string, opt *RulesOptions) *Rules {
	e, name := spec.Ping, "ping"
	if opt.Post {
		e, name = spec.Post, "post"
	}
	if e == nil {
		l.bad(f, tree.Join(at, name), "", "the call that is asked for")
		return nil
	}
	path := at
	if _, _, missing := tree.Locate(f.Root, tree.Join(at, name)); missing == "" {
		path = tree.Join(at, name)
	}
	r := &Rules{Campaign: cmp.Or(spec.ID, f.Name), Vertical: cmp.Or(spec.Vertical, "any")}
	r.Schema = l.ruleSchema(r, spec, e, opt)
	secrets := l.ruleSecrets(opt)
	var ds []lead.Defect
	if !reflect.ValueOf(e.Request).IsZero() {
		r.Request, ds = request.Compile(&e.Request, r.Schema, opt.Post, request.Options{Secrets: secrets})
		l.badAll(f, tree.Join(path, "request"), ds)
	}
	if !reflect.ValueOf(e.Answer).IsZero() {
		r.Answer, ds = answer.Compile(&e.Answer, opt.Post)
		l.badAll(f, tree.Join(path, "answer"), ds)
	}
	in := buyers.SampleInputs(nil, r.Vertical, opt.Post)
	in.Lead = buyers.Sample(r.Schema, in.Now)
	for _, x := range spec.Examples {
		if len(x.Lead) > 0 {
			in.Lead, r.Example = x.Lead.Lead(r.Schema, in.Now), true
			break
		}
	}
	if spec.Price != nil {
		in.Price = *spec.Price
	}
	r.Inputs = in
	return r
}

// ruleSecrets resolves placeholders; where nobody will see what stands behind them, one that cannot be resolved will
// do.
func (l *loader) ruleSecrets(opt *RulesOptions) func(string) (string, bool) {
	return func(placeholder string) (string, bool) {
		v, err := l.secrets.get(placeholder)
		if err != nil && opt.Redacted {
			return "unset", true
		}
		return v, err == nil
	}
}

func (l *loader) badAll(f *tree.File, path string, ds []lead.Defect) {
	for _, d := range lead.DefectsIn(path, ds) {
		l.bad(f, d.Path, d.Value, d.Expected+l.whySecret(d.Expected))
	}
}

// ruleSchema is the vertical's schema where there is one. Otherwise it has the canonical fields and whatever else the
// request names.
func (l *loader) ruleSchema(r *Rules, spec *buyers.CampaignSpec, e *buyers.EndpointSpec,
	opt *RulesOptions) *lead.Schema {
	if opt.Config != nil {
		for _, v := range opt.Config.Exchange.Verticals {
			if v.ID == spec.Vertical {
				return v.Schema
			}
		}
	}
	var own []lead.Field
	named := map[string]bool{}
	add := func(name string) bool {
		name, _, _ = strings.Cut(name, ".")
		if named[name] || name == "" {
			return false
		}
		named[name] = true
		if _, errs := lead.NewSchema("any", append(own[:len(own):len(own)], ruleField(name))); errs != nil {
			return false // no name of a field: compiling says so
		}
		own = append(own, ruleField(name))
		return true
	}
	for _, f := range lead.Canonical() {
		named[f.Name] = true
	}
	for _, x := range spec.Examples {
		for _, v := range x.Lead {
			add(v.Name)
		}
	}
	for {
		s, errs := lead.NewSchema("any", own)
		if errs != nil {
			s, _ = lead.NewSchema("any", nil)
			return s
		}
		_, ds := request.Compile(&e.Request, s, opt.Post, request.Options{Secrets: l.ruleSecrets(opt)})
		more := false
		for _, d := range ds {
			if strings.HasPrefix(d.Path, "fields[") {
				more = add(d.Value) || more
			}
		}
		if !more {
			return s
		}
	}
}

// ruleField guesses a field's type by its name.
func ruleField(name string) lead.Field {
	for _, g := range [...]struct {
		part string
		typ  lead.Type
	}{{"birth", lead.TypeDOB}, {"dob", lead.TypeDOB}, {"phone", lead.TypePhone}, {"mobile", lead.TypePhone},
		{"email", lead.TypeEmail}, {"state", lead.TypeState},
		{"zip", lead.TypePostalCode}, {"postal", lead.TypePostalCode}, {"gender", lead.TypeGender},
		{"ssn", lead.TypeSSN}, {"date", lead.TypeDate}} {
		if strings.Contains(strings.ToLower(name), g.part) {
			return lead.Field{Name: name, Type: g.typ}
		}
	}
	return lead.Field{Name: name, Type: lead.TypeText}
}
