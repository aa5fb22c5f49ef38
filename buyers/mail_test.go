// SPDX-License-Identifier: Apache-2.0

package buyers_test

import (
	"strings"
	"testing"

	"clearpost/batch"
	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/request"
)

// byMail is a buyer whose leads go by e-mail.
func byMail(change func(*buyers.BuyerSpec, *buyers.CampaignSpec)) buyers.BuyerSpec {
	price := 20 * lead.Unit
	c := buyers.CampaignSpec{ID: "pillar-mail", Vertical: "solar", Price: &price, Post: &buyers.EndpointSpec{
		Mail: &buyers.LetterSpec{Server: "smtp.exchange.example", From: "leads@exchange.example",
			To: []string{"desk@pillar.example"}, Subject: "Lead of {{ first_name }} {{ remark }}"},
		Request: request.Spec{Body: "Name: {{ first_name }}\nPhone: {{ phone }}\n"}}}
	b := buyers.BuyerSpec{ID: "pillar"}
	change(&b, &c)
	b.Campaigns = []buyers.CampaignSpec{c}
	return b
}

func mailSchema(t *testing.T) map[string]*lead.Schema {
	t.Helper()
	s, errs := lead.NewSchema("solar", []lead.Field{{Name: "first_name", Type: lead.TypeName},
		{Name: "remark", Type: lead.TypeText}, {Name: "phone", Type: lead.TypePhone}})
	if errs != nil {
		t.Fatal(errs)
	}
	return map[string]*lead.Schema{"solar": s}
}

func TestMistakesOfPostsByMailAreNamed(t *testing.T) {
	type change = func(*buyers.BuyerSpec, *buyers.CampaignSpec)
	post := func(f func(*buyers.EndpointSpec)) change {
		return func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec) { f(c.Post) }
	}
	mail := func(f func(*buyers.LetterSpec)) change { return post(func(e *buyers.EndpointSpec) { f(e.Mail) }) }
	for want, f := range map[string]change{
		"post.mail.server":   mail(func(m *buyers.LetterSpec) { m.Server = "" }),
		"post.mail.user":     mail(func(m *buyers.LetterSpec) { m.User = "x" }),
		"post.mail.password": mail(func(m *buyers.LetterSpec) { m.User, m.Password = "x", "${env:NONE}" }),
		"post.mail.tls":      mail(func(m *buyers.LetterSpec) { m.TLS = "none" }),
		"post.mail.from":     mail(func(m *buyers.LetterSpec) { m.From = "nobody" }),
		"post.mail.to":       mail(func(m *buyers.LetterSpec) { m.To = nil }),
		"post.mail.to[0]":    mail(func(m *buyers.LetterSpec) { m.To = []string{"x"} }),
		"post.mail.subject":  mail(func(m *buyers.LetterSpec) { m.Subject = "{{ nobody }}" }),
		"post.request.body":  post(func(e *buyers.EndpointSpec) { e.Request.Body = "" }),
		"post.request.url":   post(func(e *buyers.EndpointSpec) { e.Request.URL = "https://x.example/" }),
		"post.request.format": post(func(e *buyers.EndpointSpec) {
			e.Request.Format, e.Request.Body = "multipart", ""
		}),
		"post.backup_url":  post(func(e *buyers.EndpointSpec) { e.BackupURL = "https://x.example/" }),
		"post.idempotency": post(func(e *buyers.EndpointSpec) { e.Key = &buyers.KeySpec{Header: "Key"} }),
		"post.answer":      post(func(e *buyers.EndpointSpec) { e.Answer.Format = "json" }),
		"ping.mail": func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec) {
			c.Ping = &buyers.EndpointSpec{Mail: c.Post.Mail, Request: request.Spec{URL: "https://x.example/"}}
		},
		"unknown.resend": func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec) {
			c.Unknown.Resend = &buyers.ResendSpec{}
		},
		"test.post_to": func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec) {
			c.Test = &buyers.TestSpec{PostTo: c.Post.Mail.To}
		},
		"test.post_to[0]": func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec) {
			c.Test = &buyers.TestSpec{PostTo: []string{"x"}}
		},
	} {
		book, ds := buyers.Compile([]buyers.BuyerSpec{byMail(f)}, mailSchema(t), buyers.Options{})
		if book != nil || len(ds) == 0 || ds[0].Path != "[0].campaigns[0]."+want || ds[0].Expected == "" {
			t.Errorf("%s: %v", want, ds)
		}
	}
}

// No value of a lead makes a line of the e-mail's head.
func TestHeadOfAnEmailIsSafe(t *testing.T) {
	schema := mailSchema(t)
	book, ds := buyers.Compile([]buyers.BuyerSpec{byMail(func(*buyers.BuyerSpec, *buyers.CampaignSpec) {})}, schema,
		buyers.Options{})
	if ds != nil {
		t.Fatal(ds)
	}
	for _, evil := range []string{"a\r\nBcc: x@evil.example", "a\nBcc: x@evil.example", "a\rBcc: x", "a\x00b",
		"a\u2028Bcc: x", "a\r\n\r\nbody"} {
		l := new(lead.Lead)
		l.Reset(schema["solar"])
		for name, v := range map[string]string{"first_name": "Ann", "remark": evil} {
			pos, _ := schema["solar"].Position(name)
			l.Set(pos, []byte(v))
		}
		l.Finish()
		in := buyers.SampleInputs(l, "solar", true)
		got, err := book.Campaigns[0].Post.Request.AppendHTTP(nil, &in)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(got), "\r\n\r\n")
		if strings.Count(head, "\r\n") != strings.Count(head, "\n") || strings.Contains(head, "\r\nBcc") ||
			strings.Count(strings.ReplaceAll(head, "\r\n", ""), "\r") > 0 || strings.Count(head, "\x00") > 0 ||
			!strings.Contains(head, "\r\nSubject: Lead of Ann") {
			t.Errorf("%q: %q", evil, head)
		}
	}
}

func TestMistakesOfTestsInFilesAreNamed(t *testing.T) {
	folder := batch.ToSpec{Folder: &batch.FolderSpec{Path: "/srv/in"}}
	upload := batch.ToSpec{HTTP: &batch.HTTPSpec{URL: "https://files.pillar.example/{name}"}}
	letter := batch.ToSpec{Mail: &batch.MailSpec{Server: "smtp.exchange.example", From: "a@exchange.example",
		To: []string{"desk@pillar.example"}, Subject: "Leads"}}
	compile := func(to batch.ToSpec, test buyers.TestSpec) []lead.Defect {
		_, ds := buyers.Compile([]buyers.BuyerSpec{byMail(func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec) {
			c.Post, c.Test = nil, &test
			c.Batch = &batch.Spec{Name: "{id}.csv", Send: batch.SendSpec{WaitMin: 5}, To: to,
				Fields: []request.FieldSpec{{To: "Phone", From: "phone"}}}
		})}, mailSchema(t), buyers.Options{})
		return ds
	}
	for _, c := range []struct {
		want string // "": nothing is wrong
		to   batch.ToSpec
		test buyers.TestSpec
	}{
		{"", folder, buyers.TestSpec{Folder: "/srv/test"}},
		{"", upload, buyers.TestSpec{PostURL: "https://test.pillar.example/{name}"}},
		{"", letter, buyers.TestSpec{PostTo: []string{"test@pillar.example"}}},
		{"folder", folder, buyers.TestSpec{}},
		{"folder", folder, buyers.TestSpec{Folder: "/srv/in"}},
		{"folder", folder, buyers.TestSpec{Folder: "test"}},
		{"post_to", folder, buyers.TestSpec{Folder: "/srv/test", PostTo: []string{"a@b.example"}}},
		{"post_url", upload, buyers.TestSpec{PostURL: "https://files.pillar.example/{name}"}},
		{"post_to", letter, buyers.TestSpec{PostTo: []string{"desk@pillar.example"}}},
		{"fields[0].to", folder, buyers.TestSpec{Folder: "/srv/test", Fields: []request.FieldSpec{{To: "Phone",
			Value: wire.Text("1")}}}},
	} {
		ds := compile(c.to, c.test)
		if c.want == "" && ds != nil || c.want != "" && (len(ds) != 1 ||
			ds[0].Path != "[0].campaigns[0].test."+c.want) {
			t.Errorf("%q: %v", c.want, ds)
		}
	}
}

// Two campaigns whose files would have one name in one place are found, however alike the rest is.
func TestFilesOfTwoCampaignsHaveTwoNames(t *testing.T) {
	folder := batch.ToSpec{Folder: &batch.FolderSpec{Path: "/srv/in"}}
	upload := func(url, method string) batch.ToSpec {
		return batch.ToSpec{HTTP: &batch.HTTPSpec{URL: url, Method: method}}
	}
	server := func(folder string) batch.ToSpec {
		return batch.ToSpec{FTPS: &batch.FTPSSpec{Address: "ftp.pillar.example", User: "u", Password: "p",
			Folder: folder}}
	}
	for _, c := range []struct {
		first, second string
		to, then      batch.ToSpec
		clashes       bool
	}{
		{"l-{time}.csv", "l-{time}.csv", folder, folder, true},
		{"l-{date}-{time}.csv", "l-{date}-{time}.csv", folder, folder, true},
		{"{buyer}-{time}.csv", "{buyer}-{time}.csv", folder, folder, true},
		{"{campaign}-{time}.csv", "{campaign}-{time}.csv", folder, folder, false},
		{"{id}.csv", "{id}.csv", folder, folder, false},
		{"l-{time}.csv", "m-{time}.csv", folder, folder, false},
		{"l-{time}.csv", "l-{time}.csv", folder, batch.ToSpec{Folder: &batch.FolderSpec{Path: "/srv/on"}}, false},
		{"l-{time}.csv", "l-{time}.csv", server("in"), server("in/"), true},
		{"l-{time}.csv", "l-{time}.csv", server("in"), server("on"), false},
		{"l-{time}.csv", "l-{time}.csv", upload("https://x.example/{name}", "PUT"),
			upload("https://x.example/{name}", "PUT"), true},
		{"l-{time}.csv", "l-{time}.csv", upload("https://x.example/", "POST"), upload("https://x.example/", "POST"),
			false},
	} {
		b := byMail(func(*buyers.BuyerSpec, *buyers.CampaignSpec) {})
		price := 20 * lead.Unit
		b.Campaigns = nil
		for id, f := range map[string]struct {
			name string
			to   batch.ToSpec
		}{"pillar-1": {c.first, c.to}, "pillar-2": {c.second, c.then}} {
			b.Campaigns = append(b.Campaigns, buyers.CampaignSpec{ID: id, Vertical: "solar", Price: &price,
				Batch: &batch.Spec{Name: f.name, Send: batch.SendSpec{WaitMin: 5}, To: f.to,
					Fields: []request.FieldSpec{{To: "Phone", From: "phone"}}}})
		}
		_, ds := buyers.Compile([]buyers.BuyerSpec{b}, mailSchema(t), buyers.Options{})
		if c.clashes != (ds != nil) || c.clashes && (len(ds) != 1 || ds[0].Path != "[0].campaigns[1].batch.name") {
			t.Errorf("%+v: %v", c, ds)
		}
	}
}
