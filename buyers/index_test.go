// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clearpost/lead"
	"clearpost/rules"
)

// testSchema has a field of each type that criteria are put on; some are required at ping, some come with the post.
func testSchema(t testing.TB) *lead.Schema {
	low, high := int64(0), int64(120)
	s, errs := lead.NewSchema("auto", []lead.Field{
		{Name: "state", Required: lead.AtPing},
		{Name: "zip", Required: lead.AtPing},
		{Name: "city"},
		{Name: "age", Type: lead.TypeInteger, Min: &low, Max: &high},
		{Name: "year", Type: lead.TypeInteger, Required: lead.AtPing},
		{Name: "bill", Type: lead.TypeMoney},
		{Name: "dob", Type: lead.TypeDate},
		{Name: "insured", Type: lead.TypeBoolean, Required: lead.AtPing},
		{Name: "gender", Type: lead.TypeEnum, Values: []string{"Female", "Male", "X"}},
		{Name: "make", Type: lead.TypeText},
		{Name: "born", Type: lead.TypeDOB},
		{Name: "credit", Type: lead.TypeRange, Required: lead.AtPing},
		{Name: "sex", Type: lead.TypeGender},
	})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

// someValues are values of each field, right and wrong, as sellers send them.
var someValues = map[string][]string{
	"state":   {"CA", "ca", "Nevada", "TX", "NY", "ON", "nowhere", ""},
	"zip":     {"90210", "90210-1234", "10001", "02134", "K1A 0B1", "abc", ""},
	"city":    {"Reno", "RENO", "Austin", "São Paulo", ""},
	"age":     {"-1", "0", "16", "25", "26", "70", "71", "120", "121", "old", ""},
	"year":    {"1999", "2000", "2015", "2026", ""},
	"bill":    {"0", "79.99", "80", "80.01", "500", "1e3", ""},
	"dob":     {"1990-01-01", "1990-01-02", "2001-12-31", "31/12/2001", ""},
	"insured": {"yes", "0", "perhaps", ""},
	"gender":  {"female", "Male", "x", "none", ""},
	"make":    {"Toyota", "toyota", "Ford", ""},
	"born":    {"2000-02-29", "1990-06-01", "soon", ""},
	"credit":  {"600-650", "720+", "under 600", "good", ""},
	"sex":     {"F", "male", "x", "none", ""},
	"phone":   {"(212) 555-0123", "+1 416 555 0123", "800-555-0123", "1", ""},
	"email":   {"jane@gmail.com", "joe@example.com", "x", ""},
}

// partValues are values that criteria ask of parts, in their order where they have one.
var partValues = map[string][]string{
	"phone.area": {"212", "416", "800"}, "phone.country": {"us", "CA"}, "phone.toll_free": {"true", "no"},
	"phone.extension": {"5"}, "email.free": {"yes"}, "email.domain": {"Gmail.com", "example.com"},
	"zip.prefix": {"902", "100"}, "zip.state": {"CA", "NY"}, "state.country": {"US", "CA"},
	"born.age": {"25", "26", "35", "36"}, "credit.min": {"600", "720"}, "credit.max": {"600", "650", "700"},
}

// dice draws a number from 0 to n-1.
type dice func(n int) int

func drawn(t *rapid.T) dice {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
}

func one[T any](d dice, of ...T) *T { return &of[d(len(of))] }

// anyCriterion draws a test of any kind, or a group of some.
func anyCriterion(d dice, depth int) (spec rules.CriterionSpec) {
	if depth > 0 && d(3) == 0 {
		members := make([]rules.CriterionSpec, 1+d(3))
		alike := d(3) == 0 // of one field
		for i := range members {
			if members[i] = anyCriterion(d, depth-1); alike && members[i].Field != "" {
				members[i] = tableCriterion(d, "age")
			}
		}
		switch d(4) {
		case 0:
			spec.Not = &members[0]
		case 1:
			spec.All = members
		default:
			spec.Any = members
		}
		return spec
	}
	switch d(9) {
	case 0, 1:
		return partCriterion(d)
	case 5:
		return placeCriterion(d)
	case 2:
		return textCriterion(d)
	case 3:
		return factCriterion(d)
	case 4:
		return otherCriterion(d)
	}
	return tableCriterion(d, *one(d, "state", "zip", "city", "age", "year", "bill", "dob", "insured", "gender", "make",
		"sex"))
}

// goodValues are those of someValues that can be listed, and that begin a range.
var goodValues = sync.OnceValue(func() map[string][]string {
	s, out := testSchema(unfailing{}), map[string][]string{}
	for field, values := range someValues {
		pos, _ := s.Position(field)
		for _, v := range values {
			var l lead.Lead
			l.Reset(s)
			if l.Set(pos, []byte(v)); l.Slot(pos).State == lead.Valid {
				out[field] = append(out[field], v)
			}
		}
	}
	return out
})

// tableCriterion draws a list or a range of a field.
func tableCriterion(d dice, field string) rules.CriterionSpec {
	good := goodValues()[field]
	spec := rules.CriterionSpec{Field: field}
	switch field {
	case "age", "year", "bill", "dob":
		if d(2) == 1 {
			break
		}
		i := d(len(good))
		if spec.Min = &good[i]; d(3) == 0 {
			return spec
		}
		if spec.Max = &good[i+d(len(good)-i)]; d(3) == 0 {
			spec.Min = nil
		}
		return spec
	}
	list := make([]string, 1+d(3))
	for i := range list {
		list[i] = good[d(len(good))]
	}
	if d(4) == 0 {
		spec.NotIn = list
	} else {
		spec.In = list
	}
	return spec
}

// unfailing lets testSchema be used where there is no test to fail.
type unfailing struct{ testing.TB }

func (unfailing) Fatal(a ...any) { panic(fmt.Sprint(a...)) }

// zone is that of the buyers here.
var zone = sync.OnceValue(func() *time.Location {
	zone, err := rules.LoadZone("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
})

// someCampaigns draws campaigns of some sets of criteria.
func someCampaigns(d dice, s *lead.Schema, n, sets int) (list []*Campaign) {
	kinds := make([][]rules.Criterion, sets)
	for i := range kinds {
		specs := make([]rules.CriterionSpec, d(5))
		for j := range specs {
			specs[j] = anyCriterion(d, 3)
		}
		var ds []lead.Defect
		if kinds[i], ds = rules.Compile(specs, s, rules.Options{Zone: zone(), Lists: zipsFile}); ds != nil {
			panic(fmt.Sprint(ds))
		}
		if d(8) == 0 {
			kinds[i] = append(kinds[i], rules.NewOwn("own", rhymes(d(4))))
		}
	}
	for i := range n {
		list = append(list, &Campaign{Index: int32(3*i + 1), Criteria: kinds[d(len(kinds))]})
	}
	return list
}

// rhymes is a test that another package has compiled: it goes by the length of the city's name.
type rhymes int

func (n rhymes) Test(f *rules.Facts) rules.Verdict {
	pos, _ := f.Lead.Schema().Position("city")
	return rules.Verdict(1 + (len(f.Lead.Normal(pos))+int(n))%4)
}
func (rhymes) Expected() string            { return "a rhyme" }
func (rhymes) Explain(*rules.Facts) string { return "it does not rhyme" }
func (rhymes) AddUses(*lead.Positions)     {}

// someFacts draws a lead and what is known beside it.
func someFacts(d dice, l *lead.Lead, s *lead.Schema) *rules.Facts {
	now := time.Date(2026, 2, 28, 0, 30, 0, 0, time.UTC).Add(time.Duration(d(100)) * time.Hour)
	l.Reset(s)
	l.SetNow(now)
	for _, name := range slices.Sorted(maps.Keys(someValues)) {
		pos, _ := s.Position(name)
		l.Set(pos, []byte(*one(d, someValues[name]...)))
	}
	return &rules.Facts{Lead: l, Stage: lead.AtPing, Now: now, Source: *one(d, "acme", "fb-1", "fb-2"), Sold: d(3)}
}

// checkIndex holds the index to asking each campaign.
func checkIndex(t rapid.TB, ix *Index, list []*Campaign, f *rules.Facts) {
	t.Helper()
	want := []int32{-7}
	for _, c := range list {
		if ok, _ := c.Test(f); ok {
			want = append(want, c.Index)
		}
	}
	if got := ix.Eligible([]int32{-7}, f); !slices.Equal(got, want) {
		t.Fatalf("eligible %v, asking each gives %v", got, want)
	}
}

func TestIndexAgreesWithAskingEachCampaign(t *testing.T) {
	s := testSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.IntRange(1, 24).Draw(t, "sets")
		n := rapid.SampledFrom([]int{0, 1, 5, 63, 64, 65, 200, 700}).Draw(t, "campaigns")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		list := someCampaigns(r.IntN, s, n, sets)
		if n < 10 {
			list = someCampaigns(drawn(t), s, n, sets) // which can be made smaller
		}
		ix := newIndex(list, s)
		var l lead.Lead
		for range 20 {
			checkIndex(t, ix, list, someFacts(r.IntN, &l, s))
		}
	})
}

// The same over a million pairs of a lead and a campaign.
func TestIndexAgreesOnAMillionPairs(t *testing.T) {
	books := 20
	if testing.Short() {
		books = 1
	}
	s := testSchema(t)
	r := rand.New(rand.NewPCG(2026, 8))
	passed, pairs := 0, 0
	var l lead.Lead
	for range books {
		list := someCampaigns(r.IntN, s, 500, 500)
		ix := newIndex(list, s)
		for range 100 {
			f := someFacts(r.IntN, &l, s)
			checkIndex(t, ix, list, f)
			passed += len(ix.Eligible(nil, f))
			pairs += len(list)
		}
	}
	if passed*20 < pairs || passed*20 > 19*pairs {
		t.Errorf("%d of %d pairs are eligible: that proves little", passed, pairs)
	}
}

func TestTestNamesTheFirstUnmetCriterion(t *testing.T) {
	s := testSchema(t)
	min25 := "25"
	criteria, ds := rules.Compile([]rules.CriterionSpec{
		{Field: "state", In: []string{"CA", "AZ"}}, {Field: "age", Min: &min25},
		{Field: "gender", NotIn: []string{"X"}}}, s, rules.Options{})
	if ds != nil {
		t.Fatal(ds)
	}
	c := &Campaign{Criteria: criteria}
	var l lead.Lead
	set := func(state, age, gender string) {
		l.Reset(s)
		for name, v := range map[string]string{"state": state, "age": age, "gender": gender} {
			pos, _ := s.Position(name)
			l.Set(pos, []byte(v))
		}
	}
	for _, test := range []struct {
		state, age, gender string
		stage              lead.Stage
		unmet              int
		why                []string
	}{
		{"CA", "25", "Male", lead.AtPing, -1, nil},
		{"CA", "", "", lead.AtPing, -1, nil},
		{"CA", "", "x", lead.AtPost, 1, []string{"age is missing, expected at least 25",
			"gender is X, expected none of X"}},
		{"NV", "24", "Male", lead.AtPing, 0, []string{"state is NV, expected one of CA, AZ",
			"age is 24, expected at least 25"}},
	} {
		set(test.state, test.age, test.gender)
		f := rules.Facts{Lead: &l, Stage: test.stage}
		if ok, unmet := c.Test(&f); ok != (test.unmet < 0) || unmet != test.unmet {
			t.Errorf("%+v: Test gives %v, %d", test, ok, unmet)
		}
		if why := c.Why(&f); !slices.Equal(why, test.why) {
			t.Errorf("%+v: Why gives %q", test, why)
		}
	}
}

// market makes n campaigns as they are met: each in a few states or a few hundred ZIP codes, most with an age and a
// year range, and half of them with something that no row of the index tells: groups over several fields, the source,
// dates by their age, texts. Some 30 of 10,000 want the lead that goes with it.
func market(t testing.TB, n int) ([]*Campaign, *rules.Facts) {
	s := testSchema(t)
	r := rand.New(rand.NewPCG(7, 11))
	state, _ := s.Position("state")
	states := rules.Keys(&s.Fields[state])[:51]
	in := func(n int) (out []string) {
		for range n {
			out = append(out, states[r.IntN(len(states))])
		}
		return out
	}
	zips := func(n int) (out []string) {
		for range n {
			out = append(out, fmt.Sprintf("%05d", 501+r.IntN(1000)))
		}
		return out
	}
	between := func(field string, least, span int) rules.CriterionSpec {
		lo := least + r.IntN(span)
		a, b := strconv.Itoa(lo), strconv.Itoa(lo+span/2)
		return rules.CriterionSpec{Field: field, Min: &a, Max: &b}
	}
	long := "20 years"
	var list []*Campaign
	for i := range n {
		specs := []rules.CriterionSpec{between("age", 18, 40), between("year", 1990, 36)}
		switch i % 10 {
		case 0, 1: // here or there, by two fields
			specs = append(specs, rules.CriterionSpec{Any: []rules.CriterionSpec{{Field: "state", In: in(1)},
				{Field: "zip", In: zips(50)}}})
		case 2: // other ages in other states
			specs[0] = rules.CriterionSpec{Any: []rules.CriterionSpec{
				{All: []rules.CriterionSpec{{Field: "state", In: in(2)}, between("age", 18, 20)}},
				{All: []rules.CriterionSpec{{Field: "state", In: in(2)}, between("age", 38, 20)}}}}
		case 3: // the young and the old
			specs[0] = rules.CriterionSpec{Any: []rules.CriterionSpec{between("age", 18, 15), between("age", 50, 15)}}
			specs = append(specs, rules.CriterionSpec{Field: "state", In: in(2)})
		default:
			specs = append(specs, rules.CriterionSpec{Field: "state", In: in(2)})
		}
		if i%4 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "zip", In: zips(200)})
		}
		if i%3 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "insured", In: []string{"yes"}})
		}
		if i%2 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "gender", NotIn: []string{"X"}})
		}
		if i%7 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "source", NotIn: []string{"fb-1", "fb-2"}})
		}
		if i%11 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "dob", OlderThan: &long})
		}
		if i%13 == 0 {
			specs = append(specs, rules.CriterionSpec{Not: &rules.CriterionSpec{Field: "city",
				Contains: rules.Texts{"new"}}})
		}
		criteria, ds := rules.Compile(specs, s, rules.Options{Zone: zone()})
		if ds != nil {
			t.Fatal(ds)
		}
		list = append(list, &Campaign{Index: int32(i), Criteria: criteria})
	}
	l := new(lead.Lead)
	l.Reset(s)
	for name, v := range map[string]string{"state": "CA", "zip": "00777", "age": "34", "year": "2004", "insured": "no",
		"gender": "female", "make": "Toyota", "city": "Reno", "dob": "1992-01-01"} {
		pos, _ := s.Position(name)
		l.Set(pos, []byte(v))
	}
	return list, &rules.Facts{Lead: l, Stage: lead.AtPing, Now: time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC),
		Source: "acme"}
}

func TestEligibleAllocatesNothing(t *testing.T) {
	list, f := market(t, 1000)
	ix := newIndex(list, testSchema(t))
	dst := make([]int32, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { dst = ix.Eligible(dst[:0], f) }); n != 0 {
		t.Errorf("%v allocations a lead", n)
	}
	if len(dst) == 0 {
		t.Error("no campaign wants the lead: the test proves nothing")
	}
}

// Rows of thousands of campaigns are made of others, and forks of few are judged instead: the answers stay the same.
func TestIndexOfAMarketAgrees(t *testing.T) {
	s := testSchema(t)
	r := rand.New(rand.NewPCG(3, 5))
	list, _ := market(t, 5000)
	list = append(list, someCampaigns(r.IntN, s, 50, 50)...)
	for i, c := range list {
		c.Index = int32(i)
	}
	ix := newIndex(list, s)
	if len(ix.forks) == 0 || len(ix.forks) == forksMax {
		t.Errorf("%d forks: some of them should be judged instead", len(ix.forks))
	}
	var l lead.Lead
	for range 20 {
		f := someFacts(r.IntN, &l, s)
		for name, least := range map[string]int{"age": 18, "year": 1990, "zip": 501} {
			pos, _ := s.Position(name)
			l.Set(pos, fmt.Appendf(nil, "%05d", least+r.IntN(36)))
		}
		checkIndex(t, ix, list, f)
	}
}

func BenchmarkEligible(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			list, f := market(b, n)
			ix := newIndex(list, testSchema(b))
			dst := make([]int32, 0, n)
			b.ReportAllocs()
			runtime.GC()
			start := processorTime(b)
			for b.Loop() {
				dst = ix.Eligible(dst[:0], f)
			}
			b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(len(dst)), "eligible")
		})
	}
}

// processorTime is what this process has used: other processes do not count, as they do in the time of the clock.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkIndexBuild(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			list, _ := market(b, n)
			s := testSchema(b)
			var before, after runtime.MemStats
			var ix *Index
			for b.Loop() {
				b.StopTimer()
				ix = nil
				runtime.GC()
				runtime.ReadMemStats(&before)
				b.StartTimer()
				ix = newIndex(list, s)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/campaign")
			runtime.KeepAlive(ix)
			runtime.KeepAlive(list)
		})
	}
}

// indexBytesMax is what the index may take of memory for a campaign, besides its criteria, whose ranges nobody shares.
const indexBytesMax = 2 << 10

// Each campaign has ends of its own, thousands in all: what is kept grows with the campaigns, not with their square.
func TestThousandsOfRangeEndsTakeLittleMemory(t *testing.T) {
	s := testSchema(t)
	bill, _ := s.Position("bill")
	bytes := map[int]float64{}
	for _, n := range []int{5000, 20_000} {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		list := make([]*Campaign, n)
		for i := range list {
			lo := fmt.Sprintf("%d.%02d", i, i%100)
			hi := fmt.Sprintf("%d.%02d", i+1+r.IntN(n), r.IntN(100))
			cs, ds := rules.Compile([]rules.CriterionSpec{{Field: "bill", Min: &lo, Max: &hi}}, s, rules.Options{})
			if ds != nil {
				t.Fatal(ds)
			}
			list[i] = &Campaign{Index: int32(i), ID: strconv.Itoa(i), Criteria: cs}
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ix := newIndex(list, s)
		runtime.GC()
		runtime.ReadMemStats(&after)
		bytes[n] = float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
		if bytes[n] > indexBytesMax {
			t.Errorf("%d campaigns: %.0f bytes each, want at most %d", n, bytes[n], indexBytesMax)
		}
		var l lead.Lead
		for range 20 {
			f := someFacts(r.IntN, &l, s)
			l.Set(bill, fmt.Appendf(nil, "%d.%02d", r.IntN(2*n), r.IntN(100)))
			checkIndex(t, ix, list, f)
		}
		runtime.KeepAlive(list)
	}
	if bytes[20_000] > 3*bytes[5000] {
		t.Errorf("four times as many take %.0f bytes each, and not about %.0f", bytes[20_000], bytes[5000])
	}
	t.Logf("bytes a campaign: %v", bytes)
}
