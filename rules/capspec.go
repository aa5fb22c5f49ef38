// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// CompileCaps makes the caps of an owner; who is "campaign:ID", "buyer:ID", "parent:ID", "source:ID" or
// "vertical:ID". A spec without a zone counts in defaultZone. All mistakes are returned at once, and no caps if there
// is one. The paths of the defects begin with the index. What is told apart by a field, and its values, are for Cap.In
// to look up.
func CompileCaps(who string, specs []CapSpec, defaultZone string) ([]Cap, []lead.Defect) {
	var ds []lead.Defect
	if len(specs) > CapsMax {
		return nil, []lead.Defect{{Value: fmt.Sprint(len(specs), " caps"), Expected: fmt.Sprintf("at most %d caps",
			CapsMax)}}
	}
	out := make([]Cap, 0, len(specs))
	for i := range specs {
		c, bad := compileCap(who, &specs[i], defaultZone)
		if len(bad) == 0 {
			bad = besides(&c, &specs[i], out)
		}
		ds = append(ds, lead.DefectsIn(fmt.Sprintf("[%d]", i), bad)...)
		out = append(out, c)
	}
	if len(ds) > 0 {
		return nil, ds
	}
	return out, nil
}

// besides tells what is wrong with a cap beside the earlier ones of its owner.
func besides(c *Cap, spec *CapSpec, earlier []Cap) []lead.Defect {
	for i := range earlier {
		o := &earlier[i]
		switch {
		case o.Key != c.Key:
		case o.Days == c.Days && c.Days > 0:
			return []lead.Defect{{Path: "last", Value: spec.Last, Expected: "one cap per number of days"}}
		case o.Days == c.Days:
			return []lead.Defect{{Path: "per", Value: spec.Per, Expected: "one cap per " + spec.Per}}
		case o.Window.Zone.String() != c.Window.Zone.String():
			return []lead.Defect{{Path: "zone", Value: c.Window.Zone.String(), Expected: "the zone of the cap per " +
				o.Name() + ", " + o.Window.Zone.String() + ": both count the same days"}}
		}
	}
	return nil
}

// capReader reads one spec.
type capReader struct {
	spec *CapSpec
	who  string // without its id
	Cap
	ds []lead.Defect
}

func (c *capReader) bad(path, value, expected string) {
	c.ds = append(c.ds, lead.Defect{Path: path, Value: value, Expected: expected})
}

func compileCap(who string, spec *CapSpec, zone string) (Cap, []lead.Defect) {
	kind, _, _ := strings.Cut(who, ":")
	c := capReader{spec: spec, who: kind}
	c.window()
	c.counted()
	c.apart()
	c.weekdays()
	c.paced()
	c.Key = who + ":"
	if c.Of != lead.OfAccepted {
		c.Key += c.Of + ":"
	}
	if c.Key += c.Window.Per.String(); c.By != nil {
		c.Key += "/" + c.By.Field
	}
	if spec.Zone != "" {
		zone = spec.Zone
	}
	c.Window.Zone = time.UTC
	if zone == "" && c.Window.Per == Total {
		return c.Cap, c.ds
	}
	loc, err := LoadZone(zone)
	if err != nil {
		c.bad("zone", zone, err.Error())
		return c.Cap, c.ds
	}
	c.Window.Zone = loc
	return c.Cap, c.ds
}

// counted reads what is counted, and how much of it is allowed.
func (c *capReader) counted() {
	spec := c.spec
	if spec.Spend != nil {
		c.Of, c.Limit.Most = lead.OfSpend, int64(*spec.Spend)
		if *spec.Spend < lead.Cent {
			c.bad("spend", spec.Spend.String(), "an amount of money of 0.01 at least (to buy nothing, pause)")
		}
		if spec.Limit != 0 {
			c.bad("limit", fmt.Sprint(spec.Limit), "`limit` or `spend`, not both")
		}
		if spec.Counts != "" {
			c.bad("counts", spec.Counts, "`counts` or `spend`, not both")
		}
		return
	}
	what := "accepted leads"
	switch spec.Counts {
	case "", "accepted":
	case lead.OfAttempts, lead.OfPings:
		c.Of, what = spec.Counts, spec.Counts
	case lead.OfSpend:
		if c.Of = lead.OfSpend; spec.By == "" || len(spec.Values) == 0 {
			c.bad("counts", spec.Counts, "`spend: 5000.00` in place of `counts` and `limit`")
		}
	default:
		c.bad("counts", spec.Counts, "one of accepted, attempts and pings; or `spend: 5000.00` in its place")
	}
	listed := spec.Limit == 0 && len(spec.Values) > 0
	if c.Limit.Most = spec.Limit; !listed && (spec.Limit < 1 || spec.Limit > CapLimitMax) {
		c.bad("limit", fmt.Sprint(spec.Limit), fmt.Sprintf("1 to %d %s (to buy none, pause)", CapLimitMax, what))
	}
	if spec.Limit != 0 && c.Of == lead.OfSpend {
		c.bad("limit", fmt.Sprint(spec.Limit), "`spend: 5000.00`")
	}
}

// amount is a limit of single days or values: from 0, whole where it is no money.
func (c *capReader) amount(path string, m lead.Money) int64 {
	switch {
	case c.Of == lead.OfSpend && m < 0:
		c.bad(path, m.String(), "an amount of money, 0 or more")
	case c.Of == lead.OfSpend:
		return int64(m)
	case m < 0 || m%lead.Unit != 0:
		c.bad(path, m.String(), fmt.Sprintf("0 to %d", CapLimitMax))
	}
	return int64(m / lead.Unit)
}

// apart reads by what the counts are told apart.
func (c *capReader) apart() {
	spec := c.spec
	if spec.By == "" {
		if len(spec.Values) > 0 {
			c.bad("values", "", "`by`, the field whose values they are")
		}
		return
	}
	c.By = &By{Kind: ByField, Field: spec.By, Others: spec.Limit != 0 || spec.Spend != nil}
	switch spec.By {
	case "source":
		c.By.Kind = BySource
	case "buyer":
		c.By.Kind = ByBuyer
	case "campaign":
		c.By.Kind = ByCampaign
	}
	if owner := c.who; c.By.Kind.String() == owner || c.By.Kind >= ByBuyer && owner != "source" && owner != "vertical" {
		c.bad("by", spec.By, "a field of the vertical, source, or, of sources and verticals, buyer or campaign")
	}
	if c.Of == lead.OfPings && (c.who == "source" || c.who == "vertical") && c.By.Kind >= ByBuyer {
		c.bad("by", spec.By, "a field of the vertical or source: the leads that come in have no "+spec.By+" yet")
	}
	if len(spec.Values) > ByValuesMax {
		c.bad("values", fmt.Sprint(len(spec.Values), " values"), fmt.Sprintf("at most %d", ByValuesMax))
		return
	}
	for _, v := range slices.Sorted(maps.Keys(spec.Values)) {
		if c.By.Values == nil {
			c.By.Values = map[string]Limit{}
		}
		c.By.Values[v] = Limit{Most: c.amount("values."+v, spec.Values[v])}
	}
}

// String is how a file names the kind, where it is no field.
func (k ByKind) String() string { return [...]string{"field", "source", "buyer", "campaign"}[k] }

// paced reads how what is allowed is spread over a window.
func (c *capReader) paced() {
	spec := c.spec
	switch {
	case spec.Pace == "" && spec.Burst != nil:
		c.bad("burst", spec.Burst.String(), "`pace: even`, of which it is a part")
	case spec.Pace == "":
	case spec.Pace != "even":
		c.bad("pace", spec.Pace, "even")
	case c.Days > 0 || c.Window.Per == Total || c.Window.Per == Minute:
		c.bad("pace", spec.Pace, "a cap per hour, day, week or month")
	default:
		c.Pace = &Pace{Burst: 1}
		if c.Of == lead.OfSpend {
			c.Pace.Burst = int64(lead.Unit)
		}
		if spec.Burst != nil {
			if c.Pace.Burst = c.amount("burst", *spec.Burst); c.Pace.Burst < 1 {
				c.bad("burst", spec.Burst.String(), "more than 0: without it nothing could begin")
			}
		}
	}
}

// window reads the keys that tell when a cap counts anew, but for the zone.
func (c *capReader) window() {
	spec, bad := c.spec, c.bad
	switch {
	case spec.Last != "" && spec.Per != "":
		bad("last", spec.Last, "`per` or `last`, not both")
	case spec.Last != "":
		text, ok := strings.CutSuffix(spec.Last, " days")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 2 || n > CapDaysMax {
			bad("last", spec.Last, fmt.Sprintf("a number of days, such as `30 days`, from 2 to %d", CapDaysMax))
			n = 2
		}
		c.Window.Per, c.Days = Day, n
	default:
		for p := Minute; p <= Total; p++ {
			if spec.Per == p.String() {
				c.Window.Per = p
			}
		}
		if c.Window.Per == 0 {
			bad("per", spec.Per, "one of "+strings.Join(perNames[Minute:], ", ")+", or `last: 30 days` in its place")
		}
	}
	if spec.WeekStarts == "" {
		return
	}
	day, ok := weekdayNamed(spec.WeekStarts)
	switch {
	case !ok:
		bad("week_starts", spec.WeekStarts, "a day of the week, such as sun")
	case c.Window.Per != Week:
		bad("week_starts", spec.WeekStarts, "a cap per week")
	}
	c.Window.WeekFrom = uint8(day+6) % 7
}

// weekdays reads the limits of single days of the week.
func (c *capReader) weekdays() {
	spec := c.spec.Weekdays
	if len(spec) == 0 {
		return
	}
	if per := c.Window.Per; c.Days > 0 || per != 0 && per != Minute && per != Hour && per != Day {
		c.bad("weekdays", "", "a cap per minute, hour or day: others last longer than a day of the week")
		return
	}
	var by [7]int64
	for i := range by {
		by[i] = c.Limit.Most
	}
	before := len(c.ds)
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		day, ok := weekdayNamed(name)
		if !ok {
			c.bad("weekdays."+name, spec[name].String(), "mon, tue, wed, thu, fri, sat or sun")
			continue
		}
		by[day] = c.amount("weekdays."+name, spec[name])
	}
	c.Limit.Weekdays = &by
	if c.Limit.Highest() == 0 && before == len(c.ds) {
		c.bad("weekdays", "", "a limit above 0 on at least one day (to buy none, pause)")
	}
}

// In is the cap as it counts leads of a schema: by the position of its field there, and by its values as that field
// reads them.
func (c Cap) In(s *lead.Schema) (Cap, []lead.Defect) {
	if c.By == nil || c.By.Kind != ByField {
		return c, nil
	}
	of, by := c.By, *c.By
	c.By = &by
	pos, part, ok := s.Resolve(by.Field)
	switch {
	case !ok:
		return c, []lead.Defect{{Path: "by", Value: by.Field, Expected: unknownField(by.Field, s)}}
	case part != lead.PartNone:
		return c, []lead.Defect{{Path: "by", Value: by.Field, Expected: "a field, not a part of one"}}
	}
	f := &s.Fields[pos]
	if f.Personal || f.Type == lead.TypeRange || f.Type == lead.TypeList {
		return c, []lead.Defect{{Path: "by", Value: by.Field, Expected: "a field with one value that is not " +
			"personal: counts stand in metrics and in events"}}
	}
	var ds []lead.Defect
	by.Pos, by.Values = pos, nil
	scratch := &lead.Lead{}
	for _, v := range slices.Sorted(maps.Keys(of.Values)) {
		scratch.Reset(s)
		if scratch.Set(pos, []byte(v)); scratch.Slot(pos).State != lead.Valid {
			ds = append(ds, lead.Defect{Path: "values." + v, Value: v, Expected: "a value of " + by.Field})
			continue
		}
		if by.Values == nil {
			by.Values = map[string]Limit{}
		}
		by.Values[string(AppendKey(nil, scratch, pos))] = of.Values[v]
	}
	return c, ds
}

// weekdayNamed is the day of a name such as mon.
func weekdayNamed(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(name, d.String()[:3]) {
			return d, true
		}
	}
	return 0, false
}
