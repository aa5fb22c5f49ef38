// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"
	"strings"

	"clearpost/lead"
	"clearpost/wire/request"
)

// test makes the campaign that test leads see. Nothing of it may be taken for a real lead: each call that it makes goes
// to another URL or has a mark.
func (c *bookCompiler) test(p *Campaign, spec *CampaignSpec, schema *lead.Schema, at string) {
	if schema == nil || p.Post == nil || p.Post.Request == nil || p.Ping != nil && p.Ping.Request == nil {
		return // what is wrong there is reported there
	}
	t := *p
	t.Caps, t.Uniques, t.Hours, t.AsTest, t.Examples, t.IfUnknown, t.Tests = nil, nil, nil, nil, nil, nil, true
	if p.Ping != nil {
		t.Ping = c.testCall(p.Ping, spec.Ping, schema, false, spec.Test, at+".test")
	} else if spec.Test.PingURL != "" {
		c.bad(at, "test.ping_url", spec.Test.PingURL, "no ping_url: the campaign has no ping")
	}
	if p.Batch == nil && spec.Test.Folder != "" {
		c.bad(at, "test.folder", spec.Test.Folder, "nothing here: the campaign takes no files")
	}
	if p.Batch != nil {
		c.testFiles(&t, spec, schema, at+".test")
	} else {
		t.Post = c.testCall(p.Post, spec.Post, schema, true, spec.Test, at+".test")
	}
	p.AsTest = &t
}

func (c *bookCompiler) testCall(live *Endpoint, spec *EndpointSpec, schema *lead.Schema, post bool, t *TestSpec,
	at string) *Endpoint {
	if post && live.Mail != nil {
		return c.testMail(live, spec, schema, t, at)
	}
	tested, key, url := spec.Request, "ping_url", t.PingURL
	if post {
		key, url = "post_url", t.PostURL
	}
	if url == "" && !marked(&tested, t.Fields) {
		c.bad(at, key, "", "the URL for tests, or a mark: a constant `value` in `fields` that real leads do not "+
			"have, or a field `from: test` of the request; else the buyer would take a test for a real lead")
		return live
	}
	if url != "" && url == tested.URL {
		c.bad(at, key, url, "another URL than that for real leads")
		return live
	}
	if url != "" {
		tested.URL = url
	}
	tested.Fields = slices.DeleteFunc(slices.Clone(tested.Fields), func(f request.FieldSpec) bool {
		return slices.ContainsFunc(t.Fields, func(g request.FieldSpec) bool { return g.To == f.To })
	})
	own := len(tested.Fields)
	tested.Fields = append(tested.Fields, t.Fields...)
	out := *live
	out.Backup = nil // it would lead to where real leads go
	var ds []lead.Defect
	out.Request, ds = request.Compile(&tested, schema, post, request.Options{Secrets: c.opt.Secrets,
		Captures: c.captures, Legs: c.legs})
	for _, d := range ds {
		d.Path = testPath(d.Path, own, key)
		c.defects = append(c.defects, d.In(at))
	}
	return &out
}

// marked tells whether a test has a constant that real leads do not have, or the request itself says what is a test.
func marked(r *request.Spec, fields []request.FieldSpec) bool {
	if slices.ContainsFunc(r.Fields, func(f request.FieldSpec) bool {
		when := f.When
		return f.From == "test" || f.Value != nil && when != nil && when.Field == "test" && when.Equals != nil &&
			when.Equals.Text == "true"
	}) {
		return true
	}
	return slices.ContainsFunc(fields, func(f request.FieldSpec) bool {
		return f.Value != nil && !slices.ContainsFunc(r.Fields, func(g request.FieldSpec) bool {
			return g.To == f.To && g.Value != nil && *g.Value == *f.Value
		})
	})
}

// testPath says where a mistake in a test's request stands: the request itself was right, so that it is in what the
// test adds.
func testPath(path string, own int, key string) string {
	var i int
	if _, err := fmt.Sscanf(path, "fields[%d]", &i); err != nil {
		return key
	}
	_, rest, _ := strings.Cut(path, "]")
	return fmt.Sprintf("fields[%d]%s", max(i-own, 0), rest)
}
