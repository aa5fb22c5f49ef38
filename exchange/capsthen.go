// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"clearpost/buyers"
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
	Used  int64  `json:"used"`
	Limit int64  `json:"limit"`
	Of    string `json:"of,omitempty"`    // attempts, pings or spend (then numbers are micros); absent: accepted leads
	Value string `json:"value,omitempty"` // of the lead, where the cap tells values apart
}

// capsThenFor bounds how long an explanation reads the ledger for caps: some hundred thousand events a second.
const capsThenFor = 2 * time.Second

var errCapsLong = errors.New("too many events")

// capsThen tells how full the caps of the campaigns were that a lead was offered to, or would have been: it counts the
// charges that stand in the ledger before the ping's event. Holds of that very moment that were not written down yet
// are not among them.
func (e *Exchange) capsThen(snap *Snapshot, h *history.History, list []CampaignStory) error {
	t := &capsThen{now: h.Pinged.At, counts: map[string]int64{}, from: h.Pinged.At,
		told: told{source: h.Pinged.Source}}
	if v := snap.Vertical(h.Pinged.Vertical); v != nil {
		t.told.lead = h.Lead(v.Schema)
	}
	if h.Pinged.Test || len(h.Seqs) == 0 {
		return nil // a test takes no place
	}
	caps := make([][]rules.Cap, len(list))
	for i := range list {
		if c := snap.cfg.Book.Campaign(list[i].Campaign); c != nil && list[i].asked() {
			caps[i] = snap.capsOver(c, h.Pinged.Source)
			t.told.buyer, t.told.campaign = c.Buyer.ID, c.ID
			t.need(caps[i])
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
		t.told.buyer, t.told.campaign = list[i].Buyer, list[i].Campaign
		for n := range caps[i] {
			if s, ok := t.story(&caps[i][n], err == nil); ok {
				list[i].Caps = append(list[i].Caps, s)
			}
		}
	}
	return nil
}

// capsOver lists the caps under which a campaign takes a source's lead: its own and its buyer's, and those of parents,
// the source and the vertical.
func (snap *Snapshot) capsOver(c *buyers.Campaign, source string) []rules.Cap {
	out := slices.Clone(c.Caps)
	v := snap.Vertical(c.Vertical)
	if v == nil {
		return out
	}
	add := func(caps []rules.Cap) {
		for _, k := range caps {
			k, _ = k.In(v.Schema) // what is wrong was told when the configuration was read
			out = append(out, k)
		}
	}
	for _, p := range ParentsOf(&snap.cfg)(c.Buyer) {
		add(p.Caps)
	}
	if s := snap.source[source]; s != nil {
		add(s.Caps)
	}
	add(v.Caps)
	return out
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
	told      told
}

// key is the key of what a cap counts of the lead, and its limit; false where it does not limit it.
func (t *capsThen) key(c *rules.Cap) (key string, limit int64, ok bool) {
	value, known := t.told.by(c)
	l, limited := c.LimitOf(string(value))
	return c.ValueKey(string(value)), l.On(t.now.In(c.Window.Zone).Weekday()), known && limited
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
		key, _, ok := t.key(c)
		if !ok {
			continue
		}
		if start := c.Span(t.now).Start; start.Before(t.from) {
			t.from = start
		}
		for _, name := range t.names(c) {
			t.counts[capWindow(key, name)] = 0
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
		if r.Kind == ledger.KindSettled || !bytes.Contains(r.Bytes, []byte(`"charges"`)) {
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
	case *ledger.Pinged:
		t.charge(ev.Charges)
	case *ledger.Posting:
		if ev.Again != ledger.AgainResend {
			t.charge(ev.Charges)
		}
	case *ledger.Posted:
		if ev.Again != ledger.AgainResend {
			t.charge(lead.AtEnd(ev.Charges, ev.Outcome, ev.Price))
		}
	case *ledger.Adjusted:
		switch {
		case ev.Adjustment == ledger.AdjustResolved:
			t.charge(lead.AtEnd(ev.Charges, ev.Outcome, ev.Price))
		case ev.Was != nil:
			t.charge(lead.Corrected(ev.Charges, ev.Was.Outcome, ev.Outcome))
		default:
			t.charge(ev.Charges)
		}
	}
}

func (t *capsThen) charge(charges []lead.Charge) {
	for _, c := range charges {
		if n, counts := t.counts[capWindow(c.Cap, c.Window)]; counts {
			t.counts[capWindow(c.Cap, c.Window)] = n + c.N
		}
	}
}

// story tells of a cap how full it was; false where it does not limit the lead.
func (t *capsThen) story(c *rules.Cap, known bool) (CapStory, bool) {
	key, limit, ok := t.key(c)
	names := t.names(c)
	out := CapStory{Cap: c.Title(), Window: names[0], Used: -1, Limit: limit, Of: c.Of}
	if c.By != nil {
		_, out.Value = rules.BaseKey(key)
	}
	if !known || !ok {
		return out, ok
	}
	out.Used = 0
	for _, name := range names {
		out.Used += t.counts[capWindow(key, name)]
	}
	return out, true
}

// CountText writes a number of what a cap counts, one of lead.OfAccepted and its like: money where that is spend.
func CountText(of string, n int64) string { return (&rules.Cap{Of: of}).Amount(n) }
