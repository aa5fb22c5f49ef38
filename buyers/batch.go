// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"slices"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/wire/answer"
)

// noAnswer is that of a campaign which nobody answers for a lead.
var noAnswer = &answer.Answer{}

// batch compiles how a campaign's leads are gathered into files. Nobody is called for one of them, so that it has
// nothing that is about a call.
func (c *bookCompiler) batch(p *Campaign, spec *CampaignSpec, schema *lead.Schema, zone, at string) {
	for _, not := range []struct {
		key string
		is  bool
	}{{"post", spec.Post != nil}, {"pay", spec.Pay != "" && spec.Pay != "ping_price"},
		{"unknown", spec.Unknown != UnknownSpec{}}} {
		if not.is {
			c.bad(at, not.key, "", "nothing here: a campaign with `batch` calls nobody for a lead")
		}
	}
	opt := batch.Options{Secrets: c.opt.Secrets, Zone: zoneOf(zone), AllowPrivate: p.Buyer.AllowPrivate}
	if p.Ping != nil && p.Ping.Answer != nil {
		opt.Captures = p.Ping.Answer.Captures()
		if p.Ping.Answer.GivesLegs() {
			c.bad(at, "ping.answer.legs", "", "an answer with one bid: a row is of one sale")
		}
	}
	c.files = opt
	b, ds := batch.Compile(spec.Batch, schema, opt)
	c.take(at, "batch", ds)
	if p.Batch = b; b == nil {
		return
	}
	if names := b.Clash(p.ID, p.Buyer.ID); names != "" && c.stored[names] != "" {
		c.bad(at, "batch.name", spec.Batch.Name, "{campaign} or {id} in it: the campaign "+c.stored[names]+
			" stores files of the same names there")
	} else if names != "" {
		c.stored[names] = p.ID
	}
}

// testFiles has a campaign's tests go into files of their own, elsewhere.
func (c *bookCompiler) testFiles(t *Campaign, spec *CampaignSpec, schema *lead.Schema, at string) {
	own, test := *spec.Batch, spec.Test
	own.Response = nil
	to, key := &own.To, "folder"
	elsewhere := func(is *string, other string) bool {
		same := other == "" || other == *is
		*is = other
		return !same
	}
	ok := false
	switch {
	case to.Folder != nil:
		x := *to.Folder
		ok, to.Folder = elsewhere(&x.Path, test.Folder), &x
	case to.SFTP != nil:
		x := *to.SFTP
		ok, to.SFTP = elsewhere(&x.Folder, test.Folder), &x
	case to.FTPS != nil:
		x := *to.FTPS
		ok, to.FTPS = elsewhere(&x.Folder, test.Folder), &x
	case to.S3 != nil:
		x := *to.S3
		ok, to.S3 = elsewhere(&x.Prefix, test.Folder), &x
	case to.HTTP != nil:
		x := *to.HTTP
		key, ok, to.HTTP = "post_url", elsewhere(&x.URL, test.PostURL), &x
	case to.Mail != nil:
		x := *to.Mail
		key, ok = "post_to", len(test.PostTo) > 0 && !slices.Equal(test.PostTo, x.To)
		x.To, to.Mail = test.PostTo, &x
	}
	if !ok {
		c.bad(at, key, "", "where the files of tests are stored: elsewhere than those of real leads")
		return
	}
	for name, is := range map[string]bool{"folder": test.Folder != "", "post_url": test.PostURL != "",
		"post_to": test.PostTo != nil} {
		if is && name != key {
			c.bad(at, name, "", key+": files of tests go the way of the others")
		}
	}
	own.Fields = append(slices.Clone(own.Fields), test.Fields...)
	b, ds := batch.Compile(&own, schema, c.files)
	for _, d := range ds {
		d.Path = testPath(d.Path, len(spec.Batch.Fields), key)
		c.defects = append(c.defects, d.In(at))
	}
	if b != nil {
		t.Batch, t.Post = b, &Endpoint{Timeout: t.Post.Timeout, Answer: noAnswer, Request: b.Row}
	}
}
