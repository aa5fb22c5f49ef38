// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger/report"
)

// capWindowsMax is how many windows of one cap are told of.
const capWindowsMax = 2000

// CapsUsed is how much of caps was used over a range of time.
type CapsUsed struct {
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Caps    []CapUsed `json:"caps"`
	UpToSeq uint64    `json:"up_to_seq"`
	Behind  uint64    `json:"behind"`
}

// CapUsed is one cap, or one value of it, over the windows that lie in the range or reach into it. Where money is
// counted, numbers are micros. What it allows is what it does now.
type CapUsed struct {
	Cap     string       `json:"cap"`
	Buyer   string       `json:"buyer,omitempty"`
	Value   string       `json:"value,omitempty"`
	Counts  string       `json:"counts"` // accepted, attempts, pings or spend
	Per     string       `json:"per"`    // its window
	Zone    string       `json:"zone"`   // in which its windows begin
	Used    int64        `json:"used"`
	Allowed int64        `json:"allowed"` // by all windows together
	Share   *int64       `json:"share_ppm,omitempty"`
	Full    int          `json:"full"`              // windows that were used up
	Changed bool         `json:"changed,omitempty"` // it has allowed something else in some of them
	Windows []CapInSpell `json:"windows"`           // from the first one on
}

// CapInSpell is one window of a cap.
type CapInSpell struct {
	Window string `json:"window"`
	Used   int64  `json:"used"`
	Limit  int64  `json:"limit"`
}

// Share is how much of what it allows was used, in millionths; 0 where it allows nothing.
func (w *CapInSpell) Share() int64 {
	if w.Limit <= 0 {
		return 0
	}
	return lead.SharePPM(w.Used, w.Limit)
}

// Amount writes a number of what the cap counts.
func (u *CapUsed) Amount(n int64) string { return exchange.CountText(countsOf(u.Counts), n) }

// countsOf is what a cap counts as charges say it.
func countsOf(name string) string {
	if name == "accepted" {
		return lead.OfAccepted
	}
	return name
}

// capsUsed tells how much of caps was used: GET /v1/report/caps, of a buyer, campaign, parent, source or vertical.
func (s *Server) capsUsed(ctx *fasthttp.RequestCtx, v *report.View) {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	if err != nil {
		fail(ctx, 400, "the query: "+err.Error())
		return
	}
	p := params{values: values}
	out, who := CapsUsed{Since: p.time("since"), Until: p.time("until")}, p.text("of")
	if out.Since.IsZero() {
		p.bad("since", "a time")
	}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	if out.Until.IsZero() {
		out.Until = s.ex.Now()
	}
	st := s.caughtUp(v)
	out.UpToSeq, out.Behind = st.UpToSeq, st.Behind
	caps := slices.DeleteFunc(s.ex.Caps(), func(c exchange.CapState) bool { return !tellsByWindow(&c, who) })
	var keys, titles []string
	for i := range caps {
		keys, titles = append(keys, caps[i].Key), append(titles, caps[i].Title())
	}
	used, err := v.CapUses(s.stop, keys, titles, out.Since, out.Until)
	if err != nil {
		badView(ctx, err)
		return
	}
	out.Caps = []CapUsed{}
	for i := range used {
		out.Caps = append(out.Caps, capOver(&caps[i], &used[i], out.Since, out.Until)...)
	}
	write(ctx, 200, out)
}

// tellsByWindow tells whether a cap has windows that can be told one by one, and is of somebody; "": of anybody. Days
// that count together overlap, minutes are too many, and a total has no windows.
func tellsByWindow(c *exchange.CapState, who string) bool {
	_, of, _ := strings.Cut(c.Title(), ":")
	return c.Days == 0 && c.Name() != "total" && c.Name() != "minute" &&
		(who == "" || c.Buyer == who || strings.HasPrefix(of, who+":"))
}

// capOver puts together what a cap allows in its windows and what was used of them; values that have no limit are left
// out.
func capOver(c *exchange.CapState, used *report.CapUsed, since, until time.Time) (out []CapUsed) {
	one := CapUsed{Cap: c.Title(), Buyer: c.Buyer, Counts: c.Of, Per: c.Name(), Zone: c.Window.Zone.String(),
		Changed: used.Changed}
	if c.Of == lead.OfAccepted {
		one.Counts = "accepted"
	}
	counts, byValue := map[[2]string]int64{}, []string{}
	for _, w := range used.Windows {
		counts[[2]string{w.Value, w.Window}] = w.Used
		byValue = append(byValue, w.Value)
	}
	if c.By == nil {
		byValue = []string{""}
	}
	slices.Sort(byValue)
	for _, value := range slices.Compact(byValue) {
		limit, limited := c.LimitOf(value)
		if !limited {
			continue
		}
		x := one
		if x.Value = value; c.By != nil {
			x.Cap += "=" + value
		}
		for at := since; at.Before(until) && len(x.Windows) < capWindowsMax; {
			name, start, end := c.Window.At(at)
			w := CapInSpell{Window: name, Used: counts[[2]string{value, name}],
				Limit: limit.On(start.In(c.Window.Zone).Weekday())}
			x.Windows = append(x.Windows, w)
			if x.Used, x.Allowed = x.Used+w.Used, x.Allowed+w.Limit; w.Used >= w.Limit {
				x.Full++
			}
			at = end
		}
		if x.Allowed > 0 {
			share := lead.SharePPM(x.Used, x.Allowed)
			x.Share = &share
		}
		out = append(out, x)
	}
	return out
}
