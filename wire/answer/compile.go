// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clearpost/lead"
	"clearpost/wire"
)

type compiler struct {
	spec    *Spec
	out     *Answer
	auto    bool            // one of several formats of the spec
	leg     bool            // the paths begin at a leg
	usable  map[string]bool // auto: whether the path at this place of the spec is one of any format
	numbers map[string]int  // a path's canonical text → its number
	defects []lead.Defect
}

// Compile compiles a spec; post says that it reads answers to posts. All mistakes are returned at once, with
// paths relative to the spec; the Answer is nil if there is any.
func Compile(spec *Spec, post bool) (*Answer, []lead.Defect) {
	if spec.Format == "auto" {
		return compileAuto(spec, post)
	}
	c := newCompiler(spec, post)
	if n := slices.Index(formatNames[:], spec.Format); n >= 0 {
		c.out.format = format(n)
	} else if spec.Format != "" {
		c.bad("format", spec.Format, "one of json, xml, html, form, text, auto")
	}
	c.compile()
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return c.out, nil
}

func newCompiler(spec *Spec, post bool) *compiler {
	return &compiler{spec: spec, numbers: map[string]int{}, out: &Answer{post: post, root: newKeyNode(keyStep{})}}
}

// compileAuto compiles the spec for each format: a path of another format finds nothing.
func compileAuto(spec *Spec, post bool) (*Answer, []lead.Defect) {
	out := &Answer{auto: &[formats]*Answer{}}
	var defects []lead.Defect
	usable := map[string]bool{}
	for n := range formats {
		c := newCompiler(spec, post)
		c.auto, c.usable, c.out.format = true, usable, n
		c.compile()
		out.auto[n] = c.out
		for _, d := range c.defects {
			if !slices.Contains(defects, d) {
				defects = append(defects, d)
			}
		}
	}
	for at, ok := range usable {
		if !ok {
			defects = append(defects, lead.Defect{Path: at,
				Expected: "a path of a format: dotted for JSON, an XPath from / on, a name for forms, " +
					"or one with json:, xpath:, css:, form:, text: or re: before it"})
		}
	}
	if len(defects) > 0 {
		slices.SortStableFunc(defects, func(a, b lead.Defect) int { return strings.Compare(a.Path, b.Path) })
		return nil, defects
	}
	first := out.auto[0]
	out.post, out.price, out.token, out.legs, out.captures = post, first.price, first.token, first.legs,
		first.captures
	return out, nil
}

func (c *compiler) bad(path, value, format string, args ...any) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: fmt.Sprintf(format, args...)})
}

func (c *compiler) compile() {
	c.compileInside()
	c.compileRules()
	price, token := weightDecisive, weightDecisive
	if c.out.post {
		price, token = weightPrice, weightNone
	}
	c.out.price = c.value("price", "price", c.spec.Price, price)
	c.out.token = c.value("token", "token", c.spec.Token, token)
	c.out.reference = c.value("reference", "reference", c.spec.Reference, weightNone)
	c.out.reason = c.value("reason", "reason", c.spec.Reason, weightNone)
	if c.out.reason == nil && (c.out.format == formatText || c.out.format == formatHTML) {
		c.out.reason = &value{whole: true}
	}
	c.out.redirect = c.value("redirect", "redirect", c.spec.Redirect, weightNone)
	c.out.expires = c.value("expires", "expires", c.spec.Expires, weightNone)
	c.compileLegs()
	c.compileCaptures()
	if c.out.post && c.spec.Expires != nil {
		c.bad("expires", "", "expires in answers to pings only")
	}
	c.compileReasons()
	c.compileTypes()
	c.compileUnclear()
	if len(c.out.paths) > PathsMax {
		c.bad("", strconv.Itoa(len(c.out.paths))+" paths", "at most %d different paths", PathsMax)
	}
}

// value compiles where a value stands; at is its place in the spec, kind what it is.
func (c *compiler) value(at, kind string, s *ValueSpec, w weight) *value {
	if s == nil {
		return nil
	}
	v := &value{optional: s.Optional, join: s.Join}
	c.valueKeys(v, at, kind, s)
	switch {
	case s.Join != nil && kind != "reason":
		c.bad(at+".join", *s.Join, "join for the reason only")
	case s.Join != nil && len(*s.Join) > 16:
		c.bad(at+".join", *s.Join, "at most 16 bytes between the reasons")
	}
	if s.Optional && kind != "token" && kind != "capture" {
		c.bad(at+".optional", "true", "optional for the token and for captured values only")
	}
	if s.Path == "" && len(s.Paths) == 0 && kind == "reason" && (c.out.format == formatText ||
		c.out.format == formatHTML) {
		v.whole = true
		return v
	}
	v.paths = c.candidates(at, s.Path, s.Paths, w)
	for _, p := range v.paths {
		if p < 0 {
			continue
		}
		c.out.paths[p].valued = c.out.paths[p].valued || w != weightNone
		if s.Join != nil {
			c.out.paths[p].join = s.Join
		}
	}
	return v
}

// valueKeys compiles the keys of a value that belong to one kind only.
func (c *compiler) valueKeys(v *value, at, kind string, s *ValueSpec) {
	switch kind {
	case "price":
		c.moneyKeys(v, at, s)
		return
	case "expires":
		v.unit = timeUnit(max(slices.Index(timeUnitNames[:], s.Unit), 0))
		if s.Unit != "" && timeUnitNames[v.unit] != s.Unit {
			c.bad(at+".unit", s.Unit, "one of %s", strings.Join(timeUnitNames[:], ", "))
		}
	default:
		if s.Unit != "" {
			c.bad(at+".unit", s.Unit, "no unit: only a price and expires have one")
		}
	}
	if s.Fallback != nil {
		c.bad(at+".fallback", s.Fallback.Text, "no fallback: only the price of a post has one")
	}
	for _, k := range []struct{ name, value string }{{"currency", s.Currency}, {"decimal", s.Decimal}, {"zero", s.Zero},
		{"missing", s.Missing}} {
		if k.value != "" {
			c.bad(at+"."+k.name, k.value, "no %s: only a price has one", k.name)
		}
	}
}

func (c *compiler) moneyKeys(v *value, at string, s *ValueSpec) {
	switch s.Unit {
	case "", "units":
	case "cents":
		v.money.cents = true
	default:
		c.bad(at+".unit", s.Unit, "units or cents")
	}
	switch s.Decimal {
	case "", "point":
	case "comma":
		v.money.comma = true
	default:
		c.bad(at+".decimal", s.Decimal, "point or comma")
	}
	code := s.Currency
	if code == "" {
		code = "USD"
	}
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		c.bad(at+".currency", code, "a currency's code such as USD")
	}
	v.money.signs = append(slices.Clone(currencySigns[code]), code)
	c.fallback(v, at, s.Fallback)
	policies := []string{"refuse", "no_bid", "use_fixed"}
	for _, k := range []struct {
		name, value string
		to          *policy
	}{{"zero", s.Zero, &v.zero}, {"missing", s.Missing, &v.missing}} {
		n := slices.Index(policies, k.value)
		switch {
		case k.value == "":
		case n < 0:
			c.bad(at+"."+k.name, k.value, "one of %s", strings.Join(policies, ", "))
		case c.out.post || at != "price":
			c.bad(at+"."+k.name, k.value,
				"no %s: it is for the price of a ping; an accepted post is a sale whatever its price", k.name)
		default:
			*k.to = policy(n)
		}
	}
}

// fallback compiles the price of a post whose accepting answer has none.
func (c *compiler) fallback(v *value, at string, s *wire.Scalar) {
	if s == nil {
		return
	}
	m, err := lead.ParseMoney([]byte(s.Text))
	switch {
	case !c.out.post || at != "price":
		c.bad(at+".fallback", s.Text, "no fallback: it is for the price of a post; a ping has missing and zero")
	case err != nil || m <= 0 || m > lead.PriceMax || m%lead.Cent != 0:
		c.bad(at+".fallback", s.Text, "a positive amount in whole cents, at most %s", lead.PriceMax)
	}
	v.fallback = m
}

func (c *compiler) compileReasons() {
	if len(c.spec.Reasons) > ReasonsMax {
		c.bad("reasons", strconv.Itoa(len(c.spec.Reasons)), "at most %d reasons", ReasonsMax)
		return
	}
	if len(c.spec.Reasons) > 0 && c.out.reason == nil {
		c.bad("reasons", "", "a reason (path) in whose text they are looked for")
	}
	for i := range c.spec.Reasons {
		s := &c.spec.Reasons[i]
		r := reason{rule: "reasons[" + strconv.Itoa(i) + "]"}
		r.refusal = c.reasonRefusal(r.rule, s)
		given := 0
		for _, t := range []string{s.Match, s.Equals, s.Regex} {
			if t != "" {
				given++
			}
		}
		if given > 1 {
			c.bad(r.rule, "", "one of match, equals, regex")
		}
		if len(s.Match) > wire.PathBytesMax || given == 0 {
			c.bad(r.rule+".match", s.Match, "words of 1 to %d bytes", wire.PathBytesMax)
		}
		if len(s.Equals) > wire.PathBytesMax {
			c.bad(r.rule+".equals", s.Equals, "words of 1 to %d bytes", wire.PathBytesMax)
		}
		if s.Regex != "" {
			r.regex = c.regex(r.rule+".regex", s.Regex, true)
		}
		r.match, r.equals = foldASCII(s.Match), strings.Trim(s.Equals, " \t\r\n")
		c.out.reasons = append(c.out.reasons, r)
	}
}

// reasonRefusal is the refusal of a reason: by its name, or the first that the seller hears by the published reason.
func (c *compiler) reasonRefusal(at string, s *ReasonSpec) lead.Refusal {
	if s.Published == "" {
		no, known := lead.RefusalByName(s.Refusal)
		if !known || !no.ByBuyer() {
			c.bad(at+".refusal", s.Refusal, "one of %s", buyerRefusals(false))
		}
		return no
	}
	if s.Refusal != "" {
		c.bad(at+".published", s.Published, "refusal or published, not both")
	}
	var names []string
	for _, i := range lead.Refusals() {
		if !i.Number.ByBuyer() {
			break
		}
		if i.Published == s.Published && i.Number != lead.NoBid {
			return i.Number
		}
		if !slices.Contains(names, i.Published) && i.Number != lead.NoBid {
			names = append(names, i.Published)
		}
	}
	c.bad(at+".published", s.Published, "one of %s", strings.Join(names, ", "))
	return lead.NoRefusal
}

func buyerRefusals(invalid bool) string {
	var names []string
	for _, i := range lead.Refusals() {
		if i.Number.ByBuyer() && (!invalid || i.Number.Outcome() == lead.Invalid) {
			names = append(names, i.Name)
		}
	}
	return strings.Join(names, ", ")
}

func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func (c *compiler) compileTypes() {
	if len(c.spec.ContentTypes) > ContentTypesMax {
		c.bad("content_types", strconv.Itoa(len(c.spec.ContentTypes)), "at most %d content types", ContentTypesMax)
	}
	for i, t := range c.spec.ContentTypes {
		kind, sub, ok := strings.Cut(t, "/")
		if !ok || !wire.HeaderName(kind) || !wire.HeaderName(sub) {
			c.bad(fmt.Sprintf("content_types[%d]", i), t, "a type such as application/json, without parameters")
		}
	}
	c.out.types = c.spec.ContentTypes
}

// compileUnclear compiles what becomes of a post's answer that is no clear no.
func (c *compiler) compileUnclear() {
	c.out.notTaken = c.statusList("not_taken", c.spec.NotTaken)
	for i, s := range c.out.notTaken {
		if s.from < 300 {
			c.bad(fmt.Sprintf("not_taken[%d]", i), c.spec.NotTaken[i].Text,
				"an HTTP status from 300 to 599: a 2xx is a matter of the rules")
		}
	}
	switch c.spec.Unclear {
	case "", "unknown":
	case "rejected":
		c.out.unclearIsNo = true
	default:
		c.bad("unclear", c.spec.Unclear, "unknown or rejected")
	}
	if !c.out.post && len(c.spec.NotTaken) > 0 {
		c.bad("not_taken", c.spec.NotTaken[0].Text, "not_taken in answers to posts only")
	}
	if !c.out.post && c.spec.Unclear != "" {
		c.bad("unclear", c.spec.Unclear, "unclear in answers to posts only")
	}
}
