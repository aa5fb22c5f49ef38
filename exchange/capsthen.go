// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"errors"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// CapStory is how full a cap was when a lead's campaigns were to be asked.
type CapStory struct {
	Cap    string `json:"cap"`    // such as "campaign:sun-shared:day"
	Window string `json:"window"` // that counted
	// holds and sales that stood then, by the ledger; -1: too many events would have to be read to tell
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"`
}

// capsThenFor bounds how long an explanation reads the ledger for caps: some hundred thousand events a second.
const capsThenFor = 2 * time.Second

var errCapsLong = errors.New("too many events")

// capsThen tells how full the caps of the campaigns were that a lead was offered to, or would have been: it counts the
// charges that stand in the ledger before the ping's event. Holds of that very moment that were not written down yet
// are not among them.
func (e *Exchange) capsThen(snap *Snapshot, h *history.History, list []CampaignStory) error {
	t := &capsThen{now: h.Pinged.At, counts: map[string]int64{}, from: h.Pinged.At}
	if h.Pinged.Test || len(h.Seqs) == 0 {
		return nil // a test takes no place
	}
	for i := range list {
		if c := snap.cfg.Book.Campaign(list[i].Campaign); c != nil && list[i].asked() {
			t.need(c.Caps)
		}
	}
	if len(t.counts) == 0 {
		return nil
	}
	err := t.read(e.led, h.Seqs[0])
	if err != nil && !errors.Is(err, errCapsLong) {
		return err
	}
	for i := range list {
		if c := snap.cfg.Book.Campaign(list[i].Campaign); c != nil && list[i].asked() {
			for n := range c.Caps {
				list[i].Caps = append(list[i].Caps, t.story(&c.Caps[n], err == nil))
			}
		}
	}
	return nil
}

// asked tells whether the campaign's caps had to have room.
func (s *CampaignStory) asked() bool {
	no, _ := lead.RefusalByName(s.Verdict)
	return no != lead.CriteriaMismatch && no != lead.Closed && no != lead.NoTier && no != lead.EarlierTier &&
		no != lead.LeadRepeated
}

// capsThen counts charges up to a time.
type capsThen struct {
	now, from time.Time
	counts    map[string]int64 // by key and window; what is not there does not count
}

// names are the windows of a cap that count at the time, the one that holds it first.
func (t *capsThen) names(c *rules.Cap) (out []string) {
	name, _, _ := c.Window.At(t.now)
	out = append(out, name)
	year, month, day := t.now.In(c.Window.Zone).Date()
	for d := 1; d < c.Days; d++ {
		name, _, _ = c.Window.At(time.Date(year, month, day-d, 12, 0, 0, 0, c.Window.Zone))
		out = append(out, name)
	}
	return out
}

func capWindow(key, window string) string { return key + "\x00" + window }

func (t *capsThen) need(caps []rules.Cap) {
	for i := range caps {
		c := &caps[i]
		if start := c.Span(t.now).Start; start.Before(t.from) {
			t.from = start
		}
		for _, name := range t.names(c) {
			t.counts[capWindow(c.Key, name)] = 0
		}
	}
}

// read counts the events before a seq.
func (t *capsThen) read(led *ledger.Ledger, before uint64) error {
	from, err := led.Since(t.from.Add(-restoreSlack))
	if err != nil {
		return err
	}
	if first := led.Stats().FirstSeq; from <= first && first > 1 {
		return errCapsLong // events of the windows may have been dropped with age
	}
	until, n := time.Now().Add(capsThenFor), 0
	return enough(led.Scan(from, func(r ledger.Record) error {
		if r.Seq >= before {
			return errEnough
		}
		if n++; n%1000 == 0 && time.Now().After(until) {
			return errCapsLong
		}
		if r.Kind == ledger.KindPinged || r.Kind == ledger.KindSettled || !bytes.Contains(r.Bytes, []byte(`"charges"`)) {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if err != nil {
			return nil // what cannot be read is told where its lead is
		}
		t.take(ev)
		return nil
	}))
}

// take counts what an event holds or gives back.
func (t *capsThen) take(ev ledger.Event) {
	switch ev := ev.(type) {
	case *ledger.Posting:
		if ev.Again != ledger.AgainResend {
			t.charge(ev.Charges, 1)
		}
	case *ledger.Posted:
		if ev.Again != ledger.AgainResend && !ev.Outcome.Standing() {
			t.charge(ev.Charges, -1)
		}
	case *ledger.Adjusted:
		if ev.Adjustment == ledger.AdjustResolved && !ev.Outcome.Standing() {
			t.charge(ev.Charges, -1)
		}
		if ev.Adjustment == ledger.AdjustCorrected && ev.Was != nil {
			switch was, is := ev.Was.Outcome.Standing(), ev.Outcome.Standing(); {
			case was && !is:
				t.charge(ev.Charges, -1)
			case is && !was:
				t.charge(ev.Charges, 1)
			}
		}
	}
}

func (t *capsThen) charge(charges []lead.Charge, sign int64) {
	for _, c := range charges {
		if n, counts := t.counts[capWindow(c.Cap, c.Window)]; counts {
			t.counts[capWindow(c.Cap, c.Window)] = n + sign*c.N
		}
	}
}

func (t *capsThen) story(c *rules.Cap, known bool) CapStory {
	names := t.names(c)
	out := CapStory{Cap: c.Title(), Window: names[0], Used: -1, Limit: c.Limit.On(t.now.In(c.Window.Zone).Weekday())}
	if !known {
		return out
	}
	out.Used = 0
	for _, name := range names {
		out.Used += t.counts[capWindow(c.Key, name)]
	}
	return out
}
