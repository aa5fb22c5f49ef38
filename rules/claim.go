// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"slices"
	"sync"
	"time"

	"clearpost/lead"
)

// asked names what criteria ask about.
type asked struct {
	about Subject
	pos   int
	part  lead.Part
	zone  *time.Location // of days and times
}

// subject names what a criterion asks about.
func (c *Criterion) subject() asked {
	a := asked{about: c.About, pos: c.Pos, part: c.Part}
	if c.About >= OfTime && c.more != nil {
		a.zone = c.more.zone
	}
	return a
}

// The states that a field may be in when a post is judged. Bad is that of a value that was left out too.
const (
	mayBeValid uint8 = 1 << iota
	mayBeMissing
	mayBeBad
)

// claim is what criteria together leave of one subject. It says no more than what is proved: what it leaves may still
// be nothing.
type claim struct {
	states   uint8
	numeric  bool
	spans    [][2]int64 // of numbers
	finite   bool       // all values that are left are listed
	listed   []string   // keys, sorted
	except   []string   // where not finite: keys that are out, sorted
	ageLeast int64      // of a date, in seconds before now: it is more than this
	ageMost  int64      // and not more than this
}

// newClaim is what may be asked of a subject at all.
func newClaim(c *Criterion) claim {
	out := claim{states: mayBeValid, ageLeast: math.MinInt64, ageMost: math.MaxInt64}
	typ := c.field.Type
	if c.Part != lead.PartNone {
		typ = c.Part.Type()
	}
	if out.numeric = typ.Numeric(); out.numeric {
		out.spans = [][2]int64{limits(c)}
	} else if values := c.universe(); values != nil {
		out.finite, out.listed = true, values
	}
	return out
}

// statesOf are those in which a lead's field may be that gets as far as a post.
func statesOf(f *lead.Field) uint8 {
	states := mayBeValid
	if f.Required == 0 && f.Default == "" {
		states |= mayBeMissing
		if f.Invalid > lead.InvalidRefuse {
			states |= mayBeBad
		}
	}
	return states
}

// partLimits are the numbers that parts may be.
var partLimits = map[lead.Part][2]int64{lead.PartMonth: {1, 12}, lead.PartDay: {1, 31}, lead.PartHour: {0, 23},
	lead.PartMinute: {0, 59}, lead.PartCount: {0, lead.ListElementsMax}}

// limits are the numbers that a subject may be.
func limits(c *Criterion) [2]int64 {
	out := [2]int64{math.MinInt64, math.MaxInt64}
	if c.Part != lead.PartNone {
		if l, ok := partLimits[c.Part]; ok {
			return l
		}
		return out
	}
	if c.field.Type == lead.TypeTime {
		out = [2]int64{0, 24*60*60 - 1}
	}
	if c.field.Min != nil {
		out[0] = max(out[0], *c.field.Min)
	}
	if c.field.Max != nil {
		out[1] = min(out[1], *c.field.Max)
	}
	return out
}

// universe are the keys of all values that a subject may have, sorted; nil where they are too many.
func (c *Criterion) universe() []string {
	if c.Part != lead.PartNone {
		if c.Part.Type() == lead.TypeBoolean {
			return []string{"false", "true"}
		}
		return nil
	}
	return slices.Sorted(slices.Values(Keys(c.field)))
}

// Keys lists the keys of a field's values by Slot.Num, where that is a small index; nil of other types.
func Keys(f *lead.Field) []string {
	switch f.Type {
	case lead.TypeBoolean:
		return []string{"false", "true"}
	case lead.TypeEnum:
		return f.Values
	case lead.TypeState:
		return stateCodes()
	case lead.TypeGender:
		return lead.Genders()
	}
	return nil
}

// stateCodes lists the codes of all states in the order of their indexes.
var stateCodes = sync.OnceValue(func() []string {
	byIndex := map[int64]string{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if i, ok := lead.StateByText(string(a) + string(b)); ok {
				byIndex[i] = string(a) + string(b)
			}
		}
	}
	out := make([]string, len(byIndex))
	for i, code := range byIndex {
		out[i] = code
	}
	return out
})

// narrow takes out what a test, or its opposite, does not leave. It never changes a list in place.
func (k *claim) narrow(c *Criterion, opposite bool) {
	list := c.Kind == List && !opposite || c.Kind == NotList && opposite
	switch c.Kind {
	case List, NotList:
		switch {
		case k.numeric && !list && c.field.Type == lead.TypeDateTime: // texts tell more of a time than its number does
		case k.numeric:
			k.spans = both(k.spans, points(c.more.nums, list))
		case list && k.finite:
			k.listed = slices.DeleteFunc(slices.Clone(k.listed), func(v string) bool { return !has(c.Values, v) })
		case list:
			k.finite = true
			k.listed = slices.DeleteFunc(slices.Clone(c.Values), func(v string) bool { return has(k.except, v) })
		case k.finite:
			k.listed = slices.DeleteFunc(slices.Clone(k.listed), func(v string) bool { return has(c.Values, v) })
		default:
			k.except = slices.Sorted(slices.Values(slices.Concat(k.except, c.Values)))
		}
	case Range:
		spans := [][2]int64{{c.Min, c.Max}}
		if opposite {
			spans = outside(c.Min, c.Max)
		}
		k.spans = both(k.spans, spans)
	case Prefix, Suffix, Contains:
		if k.finite {
			k.listed = slices.DeleteFunc(slices.Clone(k.listed), func(v string) bool {
				return (c.ofText([]byte(v)) == holds) == opposite
			})
		}
	case Within, Older:
		least, most := c.more.ago.bounds()
		switch older := c.Kind == Older; {
		case older && !opposite:
			k.ageLeast = max(k.ageLeast, least)
		case !older && !opposite:
			k.ageMost = min(k.ageMost, most)
		}
	}
}

func has(sorted []string, v string) bool {
	_, ok := slices.BinarySearch(sorted, v)
	return ok
}

// empty tells whether nothing is left.
func (k *claim) empty() bool {
	return k.states == 0 || k.numeric && len(k.spans) == 0 || k.finite && len(k.listed) == 0 || k.ageMost <= k.ageLeast
}

// points are numbers, which ascend, as spans, or all others.
func points(nums []int64, in bool) (out [][2]int64) {
	from := int64(math.MinInt64) // what is not covered yet
	for _, n := range nums {
		switch {
		case in:
			out = append(out, [2]int64{n, n})
		case from < n:
			out = append(out, [2]int64{from, n - 1})
		}
		if from = n; n < math.MaxInt64 {
			from++
		}
	}
	if !in && (len(nums) == 0 || nums[len(nums)-1] != math.MaxInt64) {
		out = append(out, [2]int64{from, math.MaxInt64})
	}
	return out
}

// both are the numbers that two lists of spans have in common; both ascend.
func both(a, b [][2]int64) (out [][2]int64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if lo, hi := max(a[i][0], b[j][0]), min(a[i][1], b[j][1]); lo <= hi {
			out = append(out, [2]int64{lo, hi})
		}
		if a[i][1] < b[j][1] {
			i++
		} else {
			j++
		}
	}
	return out
}
