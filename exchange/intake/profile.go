// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// profile is a way to be spoken to that sellers know from elsewhere: its own paths, names and answers.
type profile struct {
	name    string
	key     string // the name under which the request holds the key
	place   string // where that is, for messages
	format  string // the name under which it says how to answer
	wrapper string // the one name of a JSON body in which everything stands, if there may be one
	// their names → a name of the API, fields of ours (the first that there is, of several with | between), or what
	// follows
	alias   map[string]string
	shown   map[string]string // names of the API → theirs, for messages
	root    string            // of answers in XML
	xml     bool              // answers are XML unless the request wants JSON
	unnamed bool              // its sellers learn no id from a ping's answer: a post belongs to the person's quote
	soft    bool              // what is wrong with a request is answered with status 200

	answer  func(r *exchange.Reply, ping bool) (status int, v any)
	mistake func(status int, text string, errors []lead.Problem) any
	pending func(id string, test bool) any
}

// ignored is what a name of a profile means that stands for nothing of ours.
const ignored = "?ignored"

var profiles = map[string]*profile{leadconduit.name: &leadconduit, boberdoo.name: &boberdoo,
	leadspedia.name: &leadspedia}

// ProfileNames lists the reply profiles that a source may have; the first is our own.
func ProfileNames() []string {
	return append([]string{"clearpost"}, slices.Sorted(maps.Keys(profiles))...)
}

// UnnamedPosts tells whether the posts of a profile's sellers need not name their pings.
func UnnamedPosts(profile string) bool { return profiles[profile] != nil && profiles[profile].unnamed }

func (p *profile) names() map[string]string {
	if p == nil {
		return nil
	}
	return p.alias
}

// unwrap takes the body out of its wrapper, and settles the answer's form by what the request says.
func (p *profile) unwrap(ctx *fasthttp.RequestCtx, in *payload) {
	p.open(in)
	if f := find(in, p.format); f != "" {
		styled(ctx).format(f) // one that is none is reported with the lead
	}
}

// open takes the body out of its wrapper.
func (p *profile) open(in *payload) {
	if p.wrapper != "" && in.dialect == dialectJSON && gjson.ValidBytes(in.body) {
		if inner := gjson.GetBytes(in.body, p.wrapper); inner.IsObject() {
			in.body = bytesOf(inner.Raw)
		}
	}
}

// trouble says in the profile's words that a request cannot be done.
func (p *profile) trouble(status int, t *trouble, ping bool) (int, any) {
	switch { // a post that may sell the lead, or may have sold it
	case t.Reason == "in_progress" && !ping:
		return p.pendingStatus(), p.pending("", false)
	case t.Reason == "internal" && !ping, t.Unsure && !ping:
		return status, p.pending("", false)
	}
	text := t.Details
	theirs := make([]lead.Problem, len(t.Errors)) // in the profile's names
	for i, e := range t.Errors {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		if name := p.shown[e.Field]; name != "" {
			e.Field, e.Expected = name, strings.ReplaceAll(e.Expected, e.Field, name)
		}
		text += sep + e.Field
		if e.Value != "" {
			text += " " + quoted(e.Value)
		}
		if e.Missing {
			text += " is missing"
		}
		text += ": expected " + e.Expected
		theirs[i] = e
	}
	if p.soft {
		switch status {
		case 400, 401, 404, 409, 410:
			status = 200
		}
	}
	return status, p.mistake(status, text, theirs)
}

func (p *profile) pendingStatus() int {
	if p.soft {
		return 200
	}
	return 201
}

// why is a failure's reason, with its words where there are any.
func why(r *exchange.Reply) string {
	s := r.Refusal.Info().Published
	if r.Details != "" {
		s += ": " + r.Details
	}
	return s
}

// waiting tells what pending means.
const waiting = "the lead may be sold and it is not known yet: do not sell it elsewhere, ask again later"

func idOf(r *exchange.Reply) string {
	if r.LeadID.IsZero() {
		return ""
	}
	return r.LeadID.String()
}

func priceOf(r *exchange.Reply) *exchange.Amount {
	p := exchange.Amount(r.Price)
	return &p
}

// postOrLead posts what names a ping, and takes the rest as a one-shot lead.
func (s *Server) postOrLead(r *request) {
	for theirs, ours := range profiles[r.acc.Profile].alias {
		if ours == "ping_id" && find(&r.in, theirs) != "" {
			s.post(r)
			return
		}
	}
	s.oneShot(r)
}

// byMode is for a profile whose one path does everything.
func (s *Server) byMode(r *request) {
	switch mode := find(&r.in, "mode"); lower(strings.TrimSpace(mode)) {
	case "ping":
		r.ping, styled(r.ctx).ping = true, true
		s.ping(r)
	case "post":
		s.post(r)
	case "full":
		s.oneShot(r)
	default:
		l := &lead.Lead{}
		l.Reset(r.vertical.Schema)
		if s.read(r, l) {
			r.env.bad("Mode", cut(mode), "ping, post or full")
			s.invalid(r.ctx, r.problems(l, 0)) // what is missing hangs on the mode
		}
	}
}
