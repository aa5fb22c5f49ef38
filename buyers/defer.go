// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/wire"
)

// DeferSpec says that leads which the campaign cannot have now wait for it. Without it they go to others or are not
// sold. A lead is queued only while nobody has bought it and no attempt of it may be a sale.
type DeferSpec struct {
	// what is waited for: not_sent (not a byte went out, or nothing could be sent), closed, cap_full, budget_empty,
	// throttled, paused (not_sent, closed and throttled)
	When []string `yaml:"when"`
	// which answers are a no for now: statuses such as 503, refusals such as quota_reached, words of the buyer's such
	// as server_busy
	RetryOn wire.Scalars `yaml:"retry_on"`
	AfterS  *int         `yaml:"after_s"`        // to the second attempt, in seconds (60); it doubles with each one
	MostS   *int         `yaml:"most_s"`         // between attempts at most, in seconds (1800)
	Jitter  *int         `yaml:"jitter_percent"` // by how much times are earlier or later by chance, 0 to 50 (20)
	Tries   *int         `yaml:"tries"`          // attempts at most (10)
	ForS    *int         `yaml:"for_s"`          // how old a lead may become, in seconds from its post (14400)
	SpreadS *int         `yaml:"spread_s"`       // over how long leads come when it opens, or a cap counts anew (600)
	// the lead waits for this campaign before others that are worth less are asked; else they are asked first, and it
	// waits where none of them buys
	BeforeOthers bool `yaml:"before_others"`
	// the lead is set aside for a person after its last attempt, till its time is over; else it goes to others then
	Quarantine bool `yaml:"quarantine"`
}

// Defer says when leads wait for a campaign.
type Defer struct {
	NotSent, Closed, CapFull, Budget, Throttled, Paused bool

	Statuses     []int          // of answers that are a no for now
	Refusals     []lead.Refusal // likewise
	Words        []string       // of the buyer's, likewise, as wordsOf has them
	After, Most  time.Duration  // to the second attempt; at most between attempts
	Jitter       int            // in percent of a time
	Tries        int            // attempts at most
	For          time.Duration  // from the lead's post
	Spread       time.Duration
	BeforeOthers bool
	Quarantine   bool
}

// The defaults and bounds of DeferSpec.
const (
	deferAfterS  = 60
	deferMostS   = 1800
	deferJitter  = 20
	deferTries   = 10
	deferForS    = 4 * 3600
	deferSpreadS = 600
	DeferForMost = 30 * 24 * time.Hour // a lead waits no longer
	retryOnMax   = 50
)

var deferWhenDefault = []string{"not_sent", "closed", "throttled"}

func (c *bookCompiler) deferral(spec *DeferSpec, at string) *Defer {
	if spec == nil {
		return nil
	}
	at += ".defer"
	seconds := func(path string, v *int, standard, least, most int) time.Duration {
		return time.Duration(c.number(at, path, v, standard, least, most)) * time.Second
	}
	most := int(DeferForMost / time.Second)
	d := &Defer{After: seconds("after_s", spec.AfterS, deferAfterS, 1, most), Most: seconds("most_s", spec.MostS,
		deferMostS, 1, most), Jitter: c.number(at, "jitter_percent", spec.Jitter, deferJitter, 0, 50),
		Tries: c.number(at, "tries", spec.Tries, deferTries, 1, 1000), For: seconds("for_s", spec.ForS, deferForS, 1,
			most), Spread: seconds("spread_s", spec.SpreadS, deferSpreadS, 0, 24*3600),
		BeforeOthers: spec.BeforeOthers, Quarantine: spec.Quarantine}
	d.Most = max(d.Most, d.After)
	when := spec.When
	if when == nil {
		when = deferWhenDefault
	}
	known := map[string]*bool{"not_sent": &d.NotSent, "closed": &d.Closed, "cap_full": &d.CapFull,
		"budget_empty": &d.Budget, "throttled": &d.Throttled, "paused": &d.Paused}
	for i, w := range when {
		if known[w] == nil {
			c.bad(at, fmt.Sprintf("when[%d]", i), w, "not_sent, closed, cap_full, budget_empty, throttled or paused")
			continue
		}
		*known[w] = true
	}
	c.retryOn(d, spec.RetryOn, at)
	return d
}

// retryOn compiles the answers that are a no for now.
func (c *bookCompiler) retryOn(d *Defer, list wire.Scalars, at string) {
	if len(list) > retryOnMax {
		c.bad(at, "retry_on", fmt.Sprint(len(list), " entries"), fmt.Sprintf("at most %d", retryOnMax))
		return
	}
	for i, s := range list {
		path := fmt.Sprintf("retry_on[%d]", i)
		if n, err := strconv.Atoi(s.Text); err == nil {
			if n < 300 || n > 599 {
				c.bad(at, path, s.Text, "an HTTP status from 300 to 599: a 2xx is a matter of the answer's rules")
			}
			d.Statuses = append(d.Statuses, n)
			continue
		}
		words := wordsOf(s.Text)
		if words == "" || s.Kind != wire.ScalarString {
			c.bad(at, path, s.Text, "a status such as 503, a refusal such as quota_reached, or words of the buyer's")
			continue
		}
		if no, ok := lead.RefusalByName(s.Text); ok {
			if !no.ByBuyer() || no == lead.BuyerDuplicate {
				c.bad(at, path, s.Text, "a refusal by which a buyer says no, and not `duplicate`, which is for good")
			}
			d.Refusals = append(d.Refusals, no)
			continue
		}
		d.Words = append(d.Words, words)
	}
}

// notTaken adds the statuses of retry_on to those with which the buyer has not taken the lead: that is what a no for
// now says.
func notTaken(post *EndpointSpec, spec *DeferSpec) *EndpointSpec {
	if post == nil || spec == nil {
		return post
	}
	out := *post
	out.Answer.NotTaken = slices.Clone(post.Answer.NotTaken)
	for _, s := range spec.RetryOn {
		if n, err := strconv.Atoi(s.Text); err == nil && n >= 300 && n <= 599 {
			out.Answer.NotTaken = append(out.Answer.NotTaken, wire.Scalar{Text: s.Text, Kind: wire.ScalarNumber})
		}
	}
	return &out
}

// wordsOf is a text in small letters and digits with one _ for whatever stands between.
func wordsOf(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "_")
}

// ForNow tells whether an attempt that ended so is only refused for now: not sent, or refused in a way that retry_on
// names. One whose outcome is not known never is.
func (d *Defer) ForNow(how lead.Outcome, no lead.Refusal, reason string, status int) bool {
	switch how {
	case lead.NotSent:
		return d.NotSent
	case lead.Rejected, lead.Invalid:
	default:
		return false
	}
	if slices.Contains(d.Statuses, status) || slices.Contains(d.Refusals, no) {
		return true
	}
	return reason != "" && slices.Contains(d.Words, wordsOf(reason))
}

// WaitsOut tells whether a lead waits where there was no attempt for this reason.
func (d *Defer) WaitsOut(no lead.Refusal) bool {
	switch no {
	case lead.Closed:
		return d.Closed
	case lead.CapReached, lead.Paced:
		return d.CapFull
	case lead.BudgetSpent:
		return d.Budget
	case lead.Throttled:
		return d.Throttled
	case lead.Paused, lead.Unpaid:
		return d.Paused
	case lead.AuthFailed, lead.StoreAway, lead.NoTimeLeft:
		return d.NotSent
	}
	return false
}
