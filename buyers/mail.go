// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"strings"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// LetterSpec says that a campaign's posts go by e-mail: where to, and what they are called. What is in them is the
// request's.
type LetterSpec struct {
	Server   string `yaml:"server"`   // host, or host:port (port 587, implicit: 465)
	User     string `yaml:"user"`     // who logs in; absent: nobody does
	Password string `yaml:"password"` // best as ${env:NAME}
	// starttls (the default), implicit, or none, which needs allow_private_addresses
	TLS string `yaml:"tls"`
	// the authority of its certificate in PEM, best as ${file:PATH}; absent: those that the machine knows
	CA      string   `yaml:"ca"`
	From    string   `yaml:"from"`    // the sender's address
	To      []string `yaml:"to"`      // the recipients' addresses
	Subject string   `yaml:"subject"` // a template, such as "{{ service }} lead {{ lead_id }}"
}

// mailAnswer is how a mail server answers: 250 when it has taken the e-mail, in its words too, and with 4xx or 5xx it
// has not.
func mailAnswer() answer.Spec {
	status := func(s string) answer.ConditionSpec { return answer.ConditionSpec{Status: wire.Scalars{*wire.Text(s)}} }
	taken := status("250")
	taken.Regex = "^250( |$)"
	return answer.Spec{Format: "text", Rules: []answer.RuleSpec{{Outcome: "rejected", When: status("4xx")},
		{Outcome: "rejected", When: status("5xx")}, {Outcome: "accepted", When: taken}}}
}

// mailed is the campaign with what its post by e-mail is as a request: its head has the lines of the e-mail's. mail is
// nil where it does not go by e-mail.
func (c *bookCompiler) mailed(b *Buyer, spec *CampaignSpec, at string) (out *CampaignSpec, mail *batch.Mail) {
	if spec.Ping != nil && spec.Ping.Mail != nil {
		c.bad(at, "ping.mail", "", "nothing here: nobody answers an e-mail with a bid")
	}
	if spec.Post == nil || spec.Post.Mail == nil {
		if spec.Test != nil && spec.Batch == nil && (spec.Test.PostTo != nil) {
			c.bad(at, "test.post_to", "", "nothing here: posts do not go by e-mail")
		}
		return spec, nil
	}
	own, post, m := *spec, *spec.Post, spec.Post.Mail
	at += ".post"
	mail, ds := batch.CompileMail(&batch.MailSpec{Server: m.Server, User: m.User, Password: m.Password, TLS: m.TLS,
		CA: m.CA, From: m.From, To: m.To, Subject: m.Subject}, batch.Options{Secrets: c.opt.Secrets,
		AllowPrivate: b.AllowPrivate})
	c.take(at, "mail", ds)
	r := &post.Request
	for _, not := range []struct {
		key string
		is  bool
	}{{"backup_url", post.BackupURL != ""}, {"idempotency", post.Key != nil}, {"request.url", r.URL != ""},
		{"request.method", r.Method != ""}, {"request.headers", r.Headers != nil}, {"request.auth", r.Auth != nil},
		{"request.wrap", r.Wrap != nil}, {"answer", !isZero(&post.Answer)}} {
		if not.is {
			c.bad(at, not.key, "", "nothing here: the post goes by e-mail")
		}
	}
	switch r.Format {
	case "":
		r.Format = "text"
	case "text", "json", "xml":
	default:
		c.bad(at, "request.format", r.Format, "text, json or xml: what the e-mail says")
	}
	r.URL, r.Method, r.Auth, r.Wrap = "http://mail.invalid/post/"+spec.ID, "POST", nil, nil
	r.Headers = letterHead(m.From, m.To, m.Subject)
	post.Answer, post.BackupURL, post.Key = mailAnswer(), "", nil
	own.Post = &post
	return &own, mail
}

// letterHead are the lines of an e-mail's head that stand in its request. The Message-ID is the attempt's, so that who
// gets it twice can tell.
func letterHead(from string, to []string, subject string) wire.Headers {
	line := func(name, value string) wire.Header { return wire.Header{Name: name, Value: *wire.Text(value)} }
	return wire.Headers{line("From", from), line("To", strings.Join(to, ", ")), line("Subject", subject),
		line("Message-ID", "<{{ attempt_id }}@clearpost>")}
}

// isZero tells of a spec that is absent.
func isZero(s *answer.Spec) bool { return fmt.Sprintf("%+v", *s) == fmt.Sprintf("%+v", answer.Spec{}) }

// mailDefects are mistakes of a post by e-mail where they stand in its page.
func mailDefects(ds []lead.Defect) []lead.Defect {
	for i := range ds {
		for name, key := range map[string]string{"Subject": "subject", "From": "from", "To": "to"} {
			if strings.HasPrefix(ds[i].Path, "headers."+name) {
				ds[i].Path = "mail." + key
				continue
			}
		}
		if !strings.HasPrefix(ds[i].Path, "mail.") {
			ds[i].Path = "request." + ds[i].Path
		}
	}
	return ds
}

// testMail has a campaign's tests go by e-mail to others.
func (c *bookCompiler) testMail(live *Endpoint, spec *EndpointSpec, schema *lead.Schema, t *TestSpec,
	at string) *Endpoint {
	if len(t.PostTo) == 0 || strings.Join(t.PostTo, ",") == strings.Join(live.Mail.To, ",") {
		c.bad(at, "post_to", strings.Join(t.PostTo, ", "), "the recipients of tests, others than those of real leads")
		return live
	}
	if t.PostURL != "" {
		c.bad(at, "post_url", t.PostURL, "post_to: posts go by e-mail")
	}
	mail := *live.Mail
	mail.To = t.PostTo
	_, ds := batch.CompileMail(&batch.MailSpec{Server: mail.Address, From: mail.From, To: t.PostTo, Subject: "s"},
		batch.Options{})
	for _, d := range ds {
		c.bad(at, strings.Replace(d.Path, "to[", "post_to[", 1), d.Value, d.Expected)
	}
	tested, out := spec.Request, *live
	tested.Headers = letterHead(mail.From, t.PostTo, spec.Mail.Subject)
	tested.Fields = append(tested.Fields[:len(tested.Fields):len(tested.Fields)], t.Fields...)
	out.Mail = &mail
	out.Request, ds = request.Compile(&tested, schema, true, request.Options{Secrets: c.opt.Secrets,
		Captures: c.captures, Legs: c.legs})
	for _, d := range ds {
		d.Path = testPath(d.Path, len(spec.Request.Fields), "post_to")
		c.defects = append(c.defects, d.In(at))
	}
	return &out
}
