// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
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

func drawPartCriterion(t *rapid.T) rules.CriterionSpec {
	field := rapid.SampledFrom(slices.Sorted(maps.Keys(partValues))).Draw(t, "part")
	values := partValues[field]
	spec := rules.CriterionSpec{Field: field}
	if (strings.HasPrefix(field, "born") || strings.HasPrefix(field, "credit")) && rapid.Bool().Draw(t, "range") {
		i := rapid.IntRange(0, len(values)-1).Draw(t, "min")
		if spec.Min = &values[i]; rapid.Bool().Draw(t, "both") {
			spec.Max = &values[rapid.IntRange(i, len(values)-1).Draw(t, "max")]
		}
		return spec
	}
	if rapid.IntRange(0, 3).Draw(t, "not") == 0 {
		spec.NotIn = values[:1]
	} else {
		spec.In = values[:rapid.IntRange(1, len(values)).Draw(t, "list")]
	}
	return spec
}

func drawCriterion(t *rapid.T) rules.CriterionSpec {
	if rapid.IntRange(0, 2).Draw(t, "of a part") == 0 {
		return drawPartCriterion(t)
	}
	field := rapid.SampledFrom([]string{"state", "zip", "city", "age", "year", "bill", "dob", "insured", "gender",
		"make", "sex"}).Draw(t, "field")
	var good []string
	s := testSchema(unfailing{})
	pos, _ := s.Position(field)
	for _, v := range someValues[field] {
		var l lead.Lead
		l.Reset(s)
		l.Set(pos, []byte(v))
		if l.Slot(pos).State == lead.Valid {
			good = append(good, v)
		}
	}
	spec := rules.CriterionSpec{Field: field}
	if s.Fields[pos].Type.Numeric() && rapid.Bool().Draw(t, "range") {
		i := rapid.IntRange(0, len(good)-1).Draw(t, "min")
		j := rapid.IntRange(i, len(good)-1).Draw(t, "max")
		switch rapid.IntRange(0, 2).Draw(t, "ends") {
		case 0:
			spec.Min = &good[i]
		case 1:
			spec.Max = &good[j]
		default:
			spec.Min, spec.Max = &good[i], &good[j]
		}
		return spec
	}
	list := rapid.SliceOfN(rapid.SampledFrom(good), 1, 3).Draw(t, "list")
	if rapid.IntRange(0, 3).Draw(t, "not") == 0 {
		spec.NotIn = list
	} else {
		spec.In = list
	}
	return spec
}

// unfailing lets testSchema be used where there is no test to fail.
type unfailing struct{ testing.TB }

func (unfailing) Fatal(a ...any) { panic(fmt.Sprint(a...)) }

func TestIndexAgreesWithAskingEachCampaign(t *testing.T) {
	s := testSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 5, 63, 64, 65, 200, 700}).Draw(t, "campaigns")
		kinds := make([][]rules.Criterion, rapid.IntRange(1, 24).Draw(t, "kinds"))
		for i := range kinds {
			specs := make([]rules.CriterionSpec, rapid.IntRange(0, 4).Draw(t, "criteria"))
			for j := range specs {
				specs[j] = drawCriterion(t)
			}
			var ds []lead.Defect
			if kinds[i], ds = rules.Compile(specs, s, rules.Options{}); ds != nil {
				t.Fatal(ds)
			}
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var list []*Campaign
		for i := range n {
			list = append(list, &Campaign{Index: int32(3*i + 1), Criteria: kinds[r.IntN(len(kinds))]})
		}
		ix := newIndex(list, s)
		for range 20 {
			var l lead.Lead
			l.Reset(s)
			l.SetNow(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC))
			for name, values := range someValues {
				pos, _ := s.Position(name)
				l.Set(pos, []byte(values[r.IntN(len(values))]))
			}
			f := rules.Facts{Lead: &l, Stage: lead.AtPing}
			want := []int32{-7}
			for _, c := range list {
				if ok, _ := c.Test(&f); ok {
					want = append(want, c.Index)
				}
			}
			if got := ix.Eligible([]int32{-7}, &f); !slices.Equal(got, want) {
				t.Fatalf("eligible %v, asking each gives %v", got, want)
			}
		}
	})
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
// year range, so that about 15 of 10,000, and of 100 about 1, want the lead that goes with it.
func market(t testing.TB, n int) (*Index, *rules.Facts) {
	s := testSchema(t)
	r := rand.New(rand.NewPCG(7, 11))
	states := stateCodes()[:51]
	var list []*Campaign
	for i := range n {
		var specs []rules.CriterionSpec
		in := make([]string, 2)
		for k := range in {
			in[k] = states[r.IntN(len(states))]
		}
		specs = append(specs, rules.CriterionSpec{Field: "state", In: in})
		if i%4 == 0 {
			zips := make([]string, 200)
			for k := range zips {
				zips[k] = fmt.Sprintf("%05d", 501+r.IntN(1000))
			}
			specs = append(specs, rules.CriterionSpec{Field: "zip", In: zips})
		}
		between := func(field string, least, span int) {
			lo := least + r.IntN(span)
			a, b := strconv.Itoa(lo), strconv.Itoa(lo+span/2)
			specs = append(specs, rules.CriterionSpec{Field: field, Min: &a, Max: &b})
		}
		between("age", 18, 40)
		between("year", 1990, 36)
		if i%3 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "insured", In: []string{"yes"}})
		}
		if i%2 == 0 {
			specs = append(specs, rules.CriterionSpec{Field: "gender", NotIn: []string{"X"}})
		}
		criteria, ds := rules.Compile(specs, s, rules.Options{})
		if ds != nil {
			t.Fatal(ds)
		}
		list = append(list, &Campaign{Index: int32(i), Criteria: criteria})
	}
	l := new(lead.Lead)
	l.Reset(s)
	for name, v := range map[string]string{"state": "CA", "zip": "00777", "age": "34", "year": "2004", "insured": "no",
		"gender": "female", "make": "Toyota", "city": "Reno"} {
		pos, _ := s.Position(name)
		l.Set(pos, []byte(v))
	}
	return newIndex(list, s), &rules.Facts{Lead: l, Stage: lead.AtPing}
}

func TestEligibleAllocatesNothing(t *testing.T) {
	ix, f := market(t, 1000)
	dst := make([]int32, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { dst = ix.Eligible(dst[:0], f) }); n != 0 {
		t.Errorf("%v allocations a lead", n)
	}
	if len(dst) == 0 {
		t.Error("no campaign wants the lead: the test proves nothing")
	}
}

func BenchmarkEligible(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			ix, f := market(b, n)
			dst := make([]int32, 0, n)
			b.ReportAllocs()
			for b.Loop() {
				dst = ix.Eligible(dst[:0], f)
			}
			b.ReportMetric(float64(len(dst)), "eligible")
		})
	}
}
