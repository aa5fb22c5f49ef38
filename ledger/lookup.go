// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// lookupFault is a failed read of the views. Until reads work again, for at least lookupFaultFor, no new business is
// stored: the trip that was told "not found" must not become a second sale.
type lookupFault struct {
	err error
	key []byte
	at  time.Time
}

const lookupFaultFor = 30 * time.Second

func (l *Ledger) lookupFailed(key []byte, err error) {
	if errors.Is(err, ErrClosed) {
		return // Append refuses too
	}
	l.unread.Store(&lookupFault{err: err, key: slices.Clone(key), at: time.Now()})
	l.log.Error("the views cannot be read", "err", err)
}

// seqs lists the events of a lead, oldest first.
func (l *Ledger) seqs(id lead.ID) ([]uint64, error) {
	out := l.overlay.seqs(nil, id)
	err := l.views.each(append([]byte{keyLead}, id[:]...), false, func(k, _ []byte) bool {
		out = append(out, seqAtEnd(k))
		return true
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// Lead returns all events of a lead that are still kept, oldest first.
func (l *Ledger) Lead(id lead.ID) ([]Record, error) {
	seqs, err := l.seqs(id)
	if err != nil {
		return nil, err
	}
	out := make([]Record, 0, len(seqs))
	for _, seq := range seqs {
		var ok bool
		if out, ok = l.ring.get(out, seq, 1, 1); ok {
			continue
		}
		rec, err := l.journal.read(seq)
		if errors.Is(err, errNoRecord) && seq < l.first.Load() {
			continue // dropped meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// sellerLeadsMax is how many leads of one seller id are listed.
const sellerLeadsMax = 100

// BySellerLeadID returns the source's leads that were sent with this id of the seller's, newest first, at most 100.
func (l *Ledger) BySellerLeadID(source, id string) []lead.ID {
	key := appendSellerKey(nil, source, id)
	var out []lead.ID
	seen := map[lead.ID]bool{}
	add := func(id lead.ID) bool {
		if !seen[id] && len(out) < sellerLeadsMax {
			seen[id] = true
			out = append(out, id)
		}
		return len(out) < sellerLeadsMax
	}
	for _, id := range l.overlay.uses(key) {
		add(id)
	}
	err := l.views.each(key, true, func(_, v []byte) bool { return len(v) != 16 || add(lead.ID(v)) })
	if err != nil {
		l.lookupFailed(key, err)
	}
	return out
}

// ByIdempotencyKey returns the lead that the source's key was last used for.
func (l *Ledger) ByIdempotencyKey(source, key string) (lead.ID, bool) {
	r, ok := l.latest(appendIdemKey(nil, source, key))
	return r.lead, ok
}

// ByRef tells whether an adjustment of a subject, such as a deposit of "buyer:ID", is known under this ref. It is
// known for as long as the views are, also when its event was dropped with age: views made anew know those whose events
// the log still has.
func (l *Ledger) ByRef(subject, ref string) bool {
	_, ok := l.latest(appendIdemKey(nil, subject, ref))
	return ok
}

// SeqByRef is ByRef with the seq of the last event under the ref, which may have been dropped with age.
func (l *Ledger) SeqByRef(subject, ref string) (seq uint64, ok bool, err error) {
	key := appendIdemKey(nil, subject, ref)
	r, ok := l.overlay.latest(key)
	if !ok {
		r, ok, err = l.views.latest(key)
	}
	return r.seq, ok, err
}

// Refs gives the refs under which adjustments of a subject are known, as ByRef knows them, each with the seq of its
// last event, which may have been dropped with age.
func (l *Ledger) Refs(subject string) (map[string]uint64, error) {
	prefix := appendPart([]byte{keyIdem}, subject)
	out := map[string]uint64{}
	add := func(key []byte, seq uint64) {
		if parts, ok := splitParts(key, 2); ok {
			out[parts[1]] = max(out[parts[1]], seq)
		}
	}
	l.overlay.eachRef(prefix, func(key string, r ref) { add([]byte(key), r.seq) })
	err := l.views.each(prefix, false, func(k, v []byte) bool {
		if r, ok := parseRef(v); ok {
			add(k, r.seq)
		}
		return true
	})
	return out, err
}

// ByPerson returns the last lead of a person that was received whole, by a post or in one shot, and was not refused as
// a repeat; of any source if the source is "". It serves pings: a person of whom there is none costs neither a lock nor
// a read.
func (l *Ledger) ByPerson(source, vertical, person string) (lead.ID, bool) {
	var b [256]byte
	if !l.persons.may(appendPersonKey(b[:0], keyPerson, source, vertical, person)) {
		return lead.ID{}, false
	}
	// not of b, which would have to be allocated for everybody
	r, ok := l.latest(appendPersonKey(nil, keyPerson, source, vertical, person))
	return r.lead, ok
}

// SoldByPerson returns the leads of a person that are sold, or may be, newest first; of any source if the source is "".
// Those of which nothing has been heard since a time may be left out; some that turned out not to be sold may be among
// them. Whoever is found here has been found by ByPerson too.
func (l *Ledger) SoldByPerson(source, vertical, person string, since time.Time) []lead.ID {
	key := appendPersonKey(nil, keySold, source, vertical, person)
	out := l.overlay.uses(key)
	err := l.views.each(key, true, func(k, v []byte) bool {
		if r, ok := parseRef(v); ok && len(k) == len(key)+16 && r.at >= since.UnixMicro() {
			out = append(out, r.lead)
		}
		return true
	})
	if err != nil {
		l.lookupFailed(key, err)
	}
	slices.SortFunc(out, func(a, b lead.ID) int { return bytes.Compare(b[:], a[:]) })
	return slices.Compact(out)
}

// Marked is a lead by a mark of a duplicate rule.
type Marked struct {
	Lead lead.ID   // zero: of another system
	At   time.Time // it was posted then, or that system sold it
}

// MarkedMax is how many leads Marked returns at most.
const MarkedMax = 64

// Marked returns the leads that were posted under a mark of a duplicate rule since a time, whatever became of them, the
// newest first, and those of another system last: MarkedMax at most. It serves pings as ByPerson does: a mark that no
// lead has costs neither a lock nor a read.
func (l *Ledger) Marked(rule, name string, since time.Time) (out []Marked) {
	var b [256]byte
	if !l.persons.may(appendMarkKey(b[:0], rule, name)) {
		return nil
	}
	key := appendMarkKey(nil, rule, name) // not of b, which would have to be allocated for everybody
	take := func(r ref) {
		m := Marked{r.lead, time.UnixMicro(r.at).UTC()}
		if r.at > since.UnixMicro() && len(out) < MarkedMax && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	for _, r := range slices.Backward(l.overlay.marked(nil, key)) {
		take(r)
	}
	err := l.views.each(key, true, func(k, v []byte) bool {
		if r, ok := parseRef(v); ok && len(k) == len(key)+len(lead.ID{}) {
			take(r)
		}
		return len(out) < MarkedMax
	})
	if err != nil {
		l.lookupFailed(key, err)
	}
	return out
}

// ByContent returns the source's last one-shot lead of this content and its time in microseconds.
func (l *Ledger) ByContent(source, content string) (id lead.ID, atMicros int64, ok bool) {
	r, ok := l.latest(appendWholeKey(nil, source, content))
	return r.lead, r.at, ok
}

// latest looks at what is not applied yet first: an event leaves there only once it is in the views.
func (l *Ledger) latest(key []byte) (ref, bool) {
	if r, ok := l.overlay.latest(key); ok {
		return r, true
	}
	r, ok, err := l.views.latest(key)
	if err != nil {
		l.lookupFailed(key, err)
	}
	return r, ok
}

// Unresolved lists the attempts whose end is not known, oldest first. Their charges must not be changed.
func (l *Ledger) Unresolved() ([]OpenAttempt, error) {
	if l.closed.Load() {
		return nil, ErrClosed
	}
	return l.state.unresolved(), nil
}

// Counts calls fn with each charged window: accepted, unknown and open attempts. Windows whose day is more than two
// months ago are forgotten.
func (l *Ledger) Counts(fn func(cap, window string, n int64)) { l.state.eachCount(fn) }

// Count is what charges have counted in one window of a key, as of the last stored event.
func (l *Ledger) Count(cap, window string) int64 { return l.state.count(cap, window) }

// Pauses returns what is paused, by subject.
func (l *Ledger) Pauses() map[string]PauseInfo { return l.state.paused() }

// fetch appends stored records from a seq on: some, in order, or none at the end. Records that memory no longer has are
// read from the log. A seq that was dropped is skipped.
func (l *Ledger) fetch(dst []Record, from uint64, n, bytesMax int) ([]Record, error) {
	last := l.last.Load()
	if first := l.first.Load(); from < first {
		from = first
	}
	if dst, ok := l.ring.get(dst, from, n, bytesMax); ok {
		return dst, nil
	}
	for ; from != 0 && from <= last && n > 0 && bytesMax > 0; from++ {
		rec, err := l.journal.read(from)
		if errors.Is(err, errNoRecord) && from < l.first.Load() {
			continue
		}
		if err != nil {
			return dst, err
		}
		dst = append(dst, rec)
		n--
		bytesMax -= len(rec.Bytes)
	}
	return dst, nil
}

// How much is fetched at once for those who read the log through.
const (
	fetchRecords = 1000
	fetchBytes   = 4 << 20
)

// Quote is what a quoted ping is recognised by.
type Quote struct {
	Source, Vertical, SellerLeadID string
	Person, Content                string // "" where there is none
	Expires                        time.Time
}

// Quote tells of a quoted ping; ok is false for all other events, and for tests.
func (r Record) Quote() (q Quote, ok bool) {
	if r.Kind != KindPinged {
		return q, false
	}
	var p struct {
		Source       string    `json:"source"`
		Vertical     string    `json:"vertical"`
		SellerLeadID string    `json:"seller_lead_id"`
		Mode         string    `json:"mode"`
		Result       string    `json:"result"`
		Test         bool      `json:"test"`
		Expires      time.Time `json:"expires_at"`
		Private      struct {
			Person  string `json:"person"`
			Content string `json:"content"`
		} `json:"private"`
	}
	if err := json.Unmarshal(r.Bytes, &p); err != nil || p.Mode != "ping" || p.Result != lead.ResultSuccess || p.Test {
		return q, false // what cannot be read is no quote: whoever asks for the lead hears of the damage
	}
	return Quote{p.Source, p.Vertical, p.SellerLeadID, p.Private.Person, p.Private.Content, p.Expires}, true
}

// Since finds a seq before which no event is as young as a time, as far as their times rise: callers that appended at
// once need not stand in the order of theirs. It is past the end where there is none as young.
func (l *Ledger) Since(at time.Time) (uint64, error) {
	first, last := l.first.Load(), l.last.Load()
	if last == 0 {
		return 1, nil
	}
	micros := at.UnixMicro()
	for last+1 > first {
		mid := first + (last-first)/2
		rec, err := l.journal.read(mid)
		switch {
		case errors.Is(err, errNoRecord) && mid < l.first.Load(): // dropped meanwhile
			first = mid + 1
		case err != nil:
			return 0, err
		case rec.At < micros:
			first = mid + 1
		default:
			last = mid - 1
		}
	}
	return first, nil
}

// Read reads the record of a seq; ok is false where there is none, or none any more.
func (l *Ledger) Read(seq uint64) (rec Record, ok bool, err error) {
	if seq < l.first.Load() {
		return rec, false, nil
	}
	recs, err := l.fetch(nil, seq, 1, fetchBytes)
	if err != nil || len(recs) == 0 || recs[0].Seq != seq {
		return rec, false, err
	}
	return recs[0], true, nil
}

// Scan calls fn with each record from a seq on (0: from the first kept) up to the last one that was stored when it was
// called. It ends with the first error of fn.
func (l *Ledger) Scan(from uint64, fn func(Record) error) error {
	_, err := l.scan(from, l.last.Load(), fn)
	return err
}

// scan returns the seq to go on with.
func (l *Ledger) scan(from, last uint64, fn func(Record) error) (uint64, error) {
	var recs []Record
	for from <= last {
		var err error
		if recs, err = l.fetch(recs[:0], from, fetchRecords, fetchBytes); err != nil {
			return from, err
		}
		if len(recs) == 0 {
			break
		}
		for _, rec := range recs {
			if rec.Seq > last {
				return from, nil
			}
			if err := fn(rec); err != nil {
				return from, err
			}
			from = rec.Seq + 1
		}
	}
	return from, nil
}

// Follow is Scan that goes on with new records until ctx ends (it returns ctx.Err()), the ledger closes (ErrClosed) or
// fn fails.
func (l *Ledger) Follow(ctx context.Context, from uint64, fn func(Record) error) error {
	for {
		more := l.stored.next()
		var err error
		if from, err = l.scan(from, l.last.Load(), fn); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.stop:
			return ErrClosed
		case <-more:
		}
	}
}

func (l *Ledger) shipped() uint64 {
	if l.ship == nil {
		n, _, err := l.views.cursor()
		if err != nil {
			return 0
		}
		return n
	}
	return l.ship.shipped.Load()
}

// FreeBytes is the free space of the file system, as it was when it was looked at last.
func (l *Ledger) FreeBytes() uint64 { return l.free.Load() }

// ClockJumps is how often the wall clock, or an event's time, was not believed.
func (l *Ledger) ClockJumps() uint64 { return l.clock.jumps.Load() }

// Stats returns the ledger's figures.
func (l *Ledger) Stats() Stats {
	s := Stats{
		FirstSeq: l.first.Load(), LastSeq: l.last.Load(), Appended: l.appended.Load(),
		AppendedBytes: l.appendedBytes.Load(), Syncs: l.syncs.Load(), AppendErrors: l.appendErrors.Load(),
		Reopens: l.reopens.Load(), Applied: l.views.applied.Load(), FreeBytes: l.free.Load(),
		Unreadable: l.unreadable.Load(), ClockJumps: l.ClockJumps(),
	}
	if files, err := segmentFiles(filepath.Join(l.cfg.Dir, "log")); err == nil {
		for _, f := range files {
			s.LogBytes += f.bytes
		}
	}
	if l.ship != nil {
		s.Shipped, s.ShipErrors, s.Unshippable = l.ship.shipped.Load(), l.ship.errors.Load(), l.ship.unshippable.Load()
		s.LagEvents = s.LastSeq - min(s.Shipped, s.LastSeq)
	}
	return s
}
