// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync/atomic"

	"clearpost/lead"
	"clearpost/wire/transport"
)

// usual is a campaign's usual time to answer a ping: about the median of late. A call that timed out took longer than
// its time. Two calls that end at once may count as one: it is an estimate. It begins anew with the process.
type usual struct {
	nanos atomic.Int64
	calls atomic.Int64 // that it was learned from, up to usualSure
}

// The estimate moves by a part of itself: by a 16th, and at first, so that it is found soon, by a 4th.
const (
	usualSure  = 16 // calls: from then on it is as sure as it gets
	usualKnown = 8  // calls: with fewer it is no reason to leave anybody out
)

// note takes the end of a call. What took less than the estimate at most, took less; what took longer at least, took
// longer; the rest tells nothing.
func (u *usual) note(c *transport.Call) {
	took, est := int64(c.Took), u.nanos.Load()
	exact := c.Refusal == lead.NoRefusal && c.Exact
	n := u.calls.Load()
	step := est / 16
	if n < usualSure {
		step = est / 4
	}
	switch {
	case c.Refusal != lead.NoRefusal && c.Refusal != lead.TimedOut, took <= 0:
		return
	case est == 0:
		est = took
	case exact && took > est || c.Refusal == lead.TimedOut && took >= est:
		est += max(min(step, took-est), est/64)
	case c.Refusal == lead.NoRefusal && took < est:
		est -= min(step, est-took)
	case !exact && c.Refusal == lead.NoRefusal:
		return // it took less than this, and may have taken less than the estimate or more
	}
	u.nanos.Store(max(est, 1))
	if n < usualSure {
		u.calls.Store(n + 1)
	}
}

// worth is what one ping of a campaign brings, on average of late: the price of a bid that wins, an eighth of one that
// stands by, nothing else. Two auctions that end at once may count as one: it is an estimate. It begins anew with the
// process.
type worth struct {
	micros atomic.Int64
	pings  atomic.Int64 // that it was learned from, up to worthSure
}

// Each ping moves the average by a 16th, and the first ones by as much as makes it their mean.
const worthSure = 16

// standByPart is the part of a bid that stands by counts for.
const standByPart = 8

// note takes what a ping has brought.
func (w *worth) note(brought lead.Money) {
	n := w.pings.Load()
	if n < worthSure {
		n++
		w.pings.Store(n)
	}
	old := w.micros.Load()
	w.micros.Store(old + (int64(brought)-old)/n)
}
