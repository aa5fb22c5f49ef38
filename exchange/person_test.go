// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clearpost/exchange/claims"
	"clearpost/exchange/history"
	"clearpost/lead"
)

// personSchema has a phone and an e-mail, each with a field for its hash.
func personSchema(t *testing.T) (s *lead.Schema, d *Dedupe) {
	t.Helper()
	s, errs := lead.NewSchema("v", []lead.Field{{Name: "phone_hash", Type: lead.TypeHash, Personal: true},
		{Name: "email_hash", Type: lead.TypeHash, Personal: true}})
	if errs != nil {
		t.Fatal(errs)
	}
	pos := func(name string) int {
		p, ok := s.Position(name)
		if !ok {
			t.Fatal(name)
		}
		return p
	}
	return s, &Dedupe{Key: []KeyField{{pos("phone"), pos("phone_hash")}, {pos("email"), pos("email_hash")}}}
}

func leadOf(t *testing.T, s *lead.Schema, values ...string) *lead.Lead {
	t.Helper()
	l := &lead.Lead{}
	l.Reset(s)
	for i := 0; i < len(values); i += 2 {
		pos, ok := s.Position(values[i])
		if !ok {
			t.Fatal(values[i])
		}
		if l.Set(pos, []byte(values[i+1])); l.Slot(pos).State != lead.Valid {
			t.Fatalf("%s %q is not valid", values[i], values[i+1])
		}
	}
	return l
}

const (
	phoneMD5 = "1bc5f2d74c3c70ef8a4d7f3a2bd0ab9a" // of nobody in these tests
	emailMD5 = "9e26471d35a78862c17e467d87cddedf" // of jane@example.com
)

func part(t *testing.T, l *lead.Lead, field string, p lead.Part) string {
	t.Helper()
	pos, _ := l.Schema().Position(field)
	b, ok := l.AppendPart(nil, pos, p)
	if !ok {
		t.Fatalf("no %s of %s", p, field)
	}
	return string(b)
}

func TestPersonIsKnownByValuesAndByHashesOfOneKind(t *testing.T) {
	s, d := personSchema(t)
	jane := leadOf(t, s, "phone", "(212) 736-5000", "email", "Jane@Example.com")
	who := d.identify(jane)
	if who.Person == "" || len(who.Also) != 3 || who.Names() != 4 {
		t.Fatalf("identity: %+v", who)
	}
	for i, p := range hashParts {
		phone, email := part(t, jane, "phone", p), part(t, jane, "email", p)
		for what, l := range map[string]*lead.Lead{
			"both hashed":     leadOf(t, s, "phone_hash", phone, "email_hash", email),
			"phone hashed":    leadOf(t, s, "phone_hash", phone, "email", "jane@example.com"),
			"e-mail hashed":   leadOf(t, s, "phone", "2127365000", "email_hash", email),
			"a hash too many": leadOf(t, s, "phone", "2127365000", "phone_hash", phoneMD5, "email_hash", email),
		} {
			if got := d.identify(l); got.Person != who.Also[i] || len(got.Also) != 0 {
				t.Errorf("%s, %s: %+v, want %s", p, what, got, who.Also[i])
			}
		}
		other := hashParts[(i+1)%len(hashParts)]
		if got := d.identify(leadOf(t, s, "phone_hash", phone, "email_hash",
			part(t, jane, "email", other))); got.Person != "" || got.Names() != 0 {
			t.Errorf("hashes of two kinds name %+v", got)
		}
	}
	for what, l := range map[string]*lead.Lead{
		"another phone": leadOf(t, s, "phone", "2127365001", "email", "jane@example.com"),
		"no e-mail":     leadOf(t, s, "phone", "2127365000"),
		"nobody":        leadOf(t, s, "zip", "10001"),
	} {
		got := d.identify(l)
		if got.Person == who.Person || slices.Contains(who.Also, got.Person) {
			t.Errorf("%s is taken for jane", what)
		}
	}
	if got := (&Dedupe{}).identify(jane); got.Names() != 0 {
		t.Errorf("without a key: %+v", got)
	}
}

func TestAnotherPersonIsTold(t *testing.T) {
	s, d := personSchema(t)
	jane := leadOf(t, s, "phone", "2127365000", "email", "jane@example.com")
	for what, c := range map[string]struct {
		l    *lead.Lead
		want bool
	}{
		"herself":                 {jane, false},
		"less of her":             {leadOf(t, s, "email", "JANE@example.com"), false},
		"her hash":                {leadOf(t, s, "email_hash", part(t, jane, "email", lead.PartSHA256)), false},
		"another phone":           {leadOf(t, s, "phone", "2127365001"), true},
		"another e-mail's hash":   {leadOf(t, s, "email_hash", phoneMD5), true},
		"nothing of a person":     {leadOf(t, s, "zip", "10001"), false},
		"her phone, foreign mail": {leadOf(t, s, "phone", "2127365000", "email", "joe@example.com"), true},
	} {
		if d.another(jane, c.l) != c.want || d.another(c.l, jane) != c.want {
			t.Errorf("%s: want %v", what, c.want)
		}
	}
	x, y := leadOf(t, s, "email_hash", emailMD5), leadOf(t, s, "email_hash", phoneMD5)
	if !d.another(x, y) || d.another(x, x) ||
		d.another(x, leadOf(t, s, "email_hash", part(t, jane, "email", lead.PartSHA1))) {
		t.Error("two hashes of one kind that differ are two persons; of two kinds nobody knows")
	}
}

func TestQuotesAreKeptWhileTheyLiveAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quoteTable
		q.init()
		q.keep.Store(int64(time.Minute))
		ping := func(c byte) *Ping { return &Ping{what: content{c}} }
		quoted := func(c byte) lead.ID {
			p := ping(c)
			other, id := q.enter(p, time.Now())
			if other != nil {
				t.Fatal("somebody else is under way")
			}
			q.leave(p, time.Now(), inProgress()) // a fault leaves nothing behind
			return id
		}
		take := func(c byte) {
			p := ping(c)
			q.enter(p, time.Now())
			p.reply = Reply{Result: lead.ResultSuccess, LeadID: lead.ID{c}, ExpiresAt: time.Now().Add(time.Minute)}
			q.leave(p, time.Now(), nil)
		}
		take(1)
		time.Sleep(40 * time.Second)
		take(2)
		time.Sleep(19 * time.Second)
		take(3)
		if quoted(1) != (lead.ID{1}) || quoted(2) != (lead.ID{2}) || quoted(3) != (lead.ID{3}) || quoted(4) != noLead {
			t.Error("a live quote is not known")
		}
		time.Sleep(2 * time.Second)
		take(4)
		if quoted(1) != noLead || quoted(2) != (lead.ID{2}) || quoted(3) != (lead.ID{3}) {
			t.Error("after 61 seconds the first quote should be over, and no other")
		}
		time.Sleep(61 * time.Second)
		take(5)
		time.Sleep(61 * time.Second)
		take(6)
		for i := range q.shards {
			if s := &q.shards[i]; len(s.flights) != 0 || len(s.young)+len(s.old) > 3 {
				t.Errorf("shard %d keeps %d flights and %d quotes", i, len(s.flights), len(s.young)+len(s.old))
			}
		}
	})
}

func TestFollowersHearTheFirstPingOrGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Exchange{}
		e.quotes.init()
		one := func() *Ping {
			return &Ping{Source: &Source{ID: "s"}, Vertical: &Vertical{PingDeadline: time.Second}, what: content{7}}
		}
		first := one()
		e.quotes.enter(first, time.Now())
		heard := make(chan Reply, 3)
		faults := make(chan *Fault, 3)
		follow := func() {
			p := one()
			other, _ := e.quotes.enter(p, time.Now())
			if other == nil {
				t.Error("two pings are the first")
				return
			}
			if f := e.await(p, other); f != nil {
				faults <- f
			} else {
				heard <- p.reply
			}
		}
		go follow()
		time.Sleep(900 * time.Millisecond)
		go follow()
		time.Sleep(500 * time.Millisecond) // the first follower has waited 1.4 s
		if f := <-faults; f.Code != "in_progress" {
			t.Errorf("who has waited too long hears %v", f)
		}
		first.reply = Reply{Result: lead.ResultSuccess, LeadID: lead.ID{1}, ExpiresAt: time.Now().Add(time.Minute)}
		e.quotes.leave(first, time.Now(), nil)
		if r := <-heard; r.LeadID != (lead.ID{1}) || e.Stats.source("s").Suppressed.Load() != 1 {
			t.Errorf("heard %+v", r)
		}
		second := one()
		if _, id := e.quotes.enter(second, time.Now()); id != (lead.ID{1}) {
			t.Errorf("the quote is not known: %v", id)
		}
		go follow()
		synctest.Wait()
		e.quotes.leave(second, time.Now(), unavailable(errUnread))
		if f := <-faults; f.Kind != FaultUnavailable {
			t.Errorf("heard %v", f)
		}
	})
}

// A trip whose lead is compared with all sources' leads and one that is compared with its own source's only are not
// under way at once.
func TestScopesExcludeEachOther(t *testing.T) {
	s, d := personSchema(t)
	v := &Vertical{ID: "v", Schema: s, Dedupe: *d}
	v.Dedupe.Window, v.Dedupe.Scope = time.Hour, ScopeVertical
	own := v.Dedupe
	own.Scope = ScopeSource
	all, one := &Source{ID: "all", Verticals: []string{"v"}}, &Source{ID: "one", Verticals: []string{"v"},
		Dedupe: []*Dedupe{&own}}
	e := &Exchange{claims: claims.NewTable[underWay]()}
	who := history.Identity{Person: "jane"}
	for _, order := range [][2]*Source{{all, one}, {one, all}} {
		first, second := e.claims.In(), e.claims.In()
		if f := e.claimPerson(first, order[0], v, &who); f != nil {
			t.Fatal(f)
		}
		if f := e.claimPerson(second, order[1], v, &who); f == nil {
			t.Errorf("%s and %s at once", order[0].ID, order[1].ID)
		}
		first.Release()
		if f := e.claimPerson(second, order[1], v, &who); f != nil {
			t.Errorf("after its end: %v", f)
		}
		second.Release()
	}
}
