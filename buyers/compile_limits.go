// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire"
	"clearpost/wire/request"
)

// number is a number of a spec: its default where it is absent, a defect where it is out of bounds.
func (c *bookCompiler) number(at, path string, v *int, standard, least, most int) int {
	n, ds := rules.Number(path, v, standard, least, most)
	c.take(at, "", ds)
	return n
}

func (c *bookCompiler) rate(spec *rules.RateSpec, at string) *Rate {
	r, ds := spec.Compile("calls")
	c.take(at, "rate", ds)
	if r == nil {
		return nil
	}
	every := time.Duration(float64(time.Second) * float64(lead.Unit) / float64(r.PerSecond))
	return &Rate{Every: max(every, 1), Burst: r.Burst}
}

// hours compiles a schedule; a spec without a zone is in the one given.
func (c *bookCompiler) hours(spec *rules.ScheduleSpec, zone, at string) *Hours {
	s, ds := rules.CompileSchedule(spec, zone)
	c.take(at, "schedule", ds)
	if s == nil {
		return nil
	}
	h := &Hours{Schedule: s, Place: at}
	if c.opt.Locate != nil {
		_, path, _ := strings.Cut(at+".schedule", "].")
		h.places = c.schedulePlaces(spec, path)
	}
	return h
}

// schedulePlaces finds where a schedule stands, and each of its entries, such as closed[1]; "" is the schedule itself.
func (c *bookCompiler) schedulePlaces(spec *rules.ScheduleSpec, path string) map[string]filePlace {
	places := map[string]filePlace{}
	note := func(key, at string) {
		file, line, column := c.opt.Locate(at)
		places[key] = filePlace{file, int32(line), int32(column)}
	}
	note("", path)
	lists := map[string]int{"open": len(spec.Open), "closed": len(spec.Closed)}
	for list, n := range lists {
		if n > 0 {
			note(list, path+"."+list)
		}
		for i := range n {
			key := fmt.Sprintf("%s[%d]", list, i)
			note(key, path+"."+key)
		}
	}
	for key, text := range map[string]string{"from": spec.From, "until": spec.Until} {
		if text != "" {
			note(key, path+"."+key)
		}
	}
	return places
}

func (c *bookCompiler) breaker(p *Campaign, spec *BreakerSpec, at string) *Breaker {
	if spec == nil {
		return nil
	}
	if p.Ping == nil {
		c.bad(at, "breaker", "", "a campaign with a `ping`: a breaker guards pings only")
	}
	at += ".breaker"
	return &Breaker{
		FailuresPPM:  int64(c.number(at, "failures_percent", spec.FailuresPercent, 50, 1, 100)) * 10_000,
		RequestsMin:  c.number(at, "requests_min", spec.RequestsMin, 20, 1, 1_000_000),
		Window:       time.Duration(c.number(at, "window_s", spec.WindowS, 30, 1, 3600)) * time.Second,
		Open:         time.Duration(c.number(at, "open_s", spec.OpenS, 15, 1, 3600)) * time.Second,
		Probes:       c.number(at, "probes", spec.Probes, 3, 1, 1000),
		SimulateOnly: spec.SimulateOnly,
	}
}

// Defaults of what is done about an attempt whose outcome is not known.
const (
	statusTimeoutMS = 5000
	unknownAfterMS  = 2000
	unknownEveryMS  = 10000
	statusForS      = 3600
	resendTimes     = 3
	resendForS      = 3600
	afterMSMost     = 3_600_000
	forSMost        = 7 * 86400
	thenHMost       = 90 * 24
)

// unknown compiles what becomes of an attempt without a known outcome.
func (c *bookCompiler) unknown(spec *UnknownSpec, post *EndpointSpec, schema *lead.Schema, at string) *Unknown {
	at += ".unknown"
	u := c.pursuit(spec, post, schema, at)
	then := spec.Then
	if then == nil {
		return u
	}
	if u == nil {
		u = &Unknown{}
	}
	switch then.CountsAs {
	case lead.Accepted.String():
		u.CountsAs = lead.Accepted
	case lead.Rejected.String():
		u.CountsAs = lead.Rejected
	default:
		c.bad(at, "then.counts_as", then.CountsAs, "accepted or rejected")
	}
	u.CountsAfter = time.Duration(c.number(at, "then.after_h", &then.AfterH, 0, 1, thenHMost)) * time.Hour
	if u.CountsAfter < u.For {
		c.bad(at, "then.after_h", fmt.Sprint(then.AfterH), "no less than the time for which the buyer is asked, "+
			u.For.String())
	}
	return u
}

// pursuit compiles how the outcome is to be found out.
func (c *bookCompiler) pursuit(spec *UnknownSpec, post *EndpointSpec, schema *lead.Schema, at string) *Unknown {
	ms := func(path string, v *int, standard, least int) time.Duration {
		return time.Duration(c.number(at, path, v, standard, least, afterMSMost)) * time.Millisecond
	}
	switch s, r := spec.Status, spec.Resend; {
	case s != nil && r != nil:
		c.bad(at, "", "status and resend", "one of them: what cannot be asked is sent again, not both")
	case s != nil:
		u := &Unknown{After: ms("status.after_ms", s.AfterMS, unknownAfterMS, 0), Every: ms("status.every_ms",
			s.EveryMS, unknownEveryMS, 100), For: time.Duration(c.number(at, "status.for_s", s.ForS, statusForS, 1,
			forSMost)) * time.Second}
		if len(s.Answer.Success) > 0 || len(s.Answer.Rules) == 0 {
			c.bad(at, "status.answer", "",
				"`rules`, each with its outcome, and no `success`: what no rule knows must leave the attempt open")
		}
		call := EndpointSpec{TimeoutMS: c.number(at, "status.timeout_ms", s.TimeoutMS, statusTimeoutMS, 1,
			TimeoutMSMost), Request: s.Request, Answer: s.Answer}
		c.status = true
		u.Status = c.endpoint(&call, schema, true, 0, at+".status")
		c.status = false
		return u
	case r != nil:
		if post != nil && post.Mail != nil {
			c.bad(at, "resend", "", "nothing here: a mail server does not tell one e-mail twice from two")
		} else if post != nil && !carriesKey(post) {
			c.bad(at, "resend", "", "a post with an idempotency key (`idempotency: {header: …}`, or a field `from: "+
				"idempotency_key`): without one the buyer may buy the lead twice")
		}
		return &Unknown{Times: c.number(at, "resend.times", r.Times, resendTimes, 1, 100), After: ms("resend.after_ms",
			r.AfterMS, unknownAfterMS, 0), Every: ms("resend.every_ms", r.EveryMS, unknownEveryMS, 100),
			For: time.Duration(c.number(at, "resend.for_s", r.ForS, resendForS, 1, forSMost)) * time.Second}
	}
	return nil
}

// keyed is the campaign with the header of its posts' idempotency key among the request's own.
func (c *bookCompiler) keyed(spec *CampaignSpec, at string) *CampaignSpec {
	if spec.Ping != nil && spec.Ping.Key != nil {
		c.bad(at, "ping.idempotency", "", "no key of a ping: a ping sells nothing")
	}
	if spec.Post == nil || spec.Post.Key == nil {
		return spec
	}
	name := spec.Post.Key.Header
	for _, h := range spec.Post.Request.Headers {
		if strings.EqualFold(h.Name, name) {
			c.bad(at, "post.idempotency.header", name, "a header that the request does not have already")
			return spec
		}
	}
	if !headerName.MatchString(name) {
		c.bad(at, "post.idempotency.header", name, "the name of a header, such as Idempotency-Key")
		return spec
	}
	own, post := *spec, *spec.Post
	post.Request.Headers = append(slices.Clone(post.Request.Headers),
		wire.Header{Name: name, Value: *wire.Text("{{ idempotency_key }}")})
	own.Post = &post
	return &own
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]{1,64}$`)

// carriesKey tells whether a post's request holds what is the same in every sending of it and in no other request.
func carriesKey(post *EndpointSpec) bool {
	if post.Key != nil && post.Key.Header != "" {
		return true
	}
	for i := range post.Request.Fields {
		f := &post.Request.Fields[i]
		if f.When == nil && (f.From == "idempotency_key" || f.From == "attempt_id") {
			return true
		}
	}
	return false
}

// backup compiles the request of a post for its other URL.
func (c *bookCompiler) backup(spec *EndpointSpec, schema *lead.Schema, post bool, at string) *request.Request {
	switch {
	case spec.BackupURL == "":
		return nil
	case !post:
		c.bad(at, "backup_url", spec.BackupURL, "no backup URL of a ping: a bid that does not come costs nothing")
		return nil
	case spec.BackupURL == spec.Request.URL:
		c.bad(at, "backup_url", spec.BackupURL, "another URL than the request's")
		return nil
	case schema == nil:
		return nil
	}
	other := spec.Request
	other.URL = spec.BackupURL
	r, ds := request.Compile(&other, schema, post, request.Options{Secrets: c.opt.Secrets, Captures: c.captures,
		Legs: c.legs})
	for _, d := range ds {
		if d.Path == "url" { // the rest is told of the request itself
			c.bad(at, "backup_url", d.Value, d.Expected)
		}
	}
	return r
}
