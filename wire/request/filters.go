// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strconv"

	"clearpost/lead"
)

// typeSet is a set of types, a bit each.
type typeSet uint64

func typesOf(ts ...lead.Type) (set typeSet) {
	for _, t := range ts {
		set |= 1 << t
	}
	return set
}

var (
	takesText = typesOf(lead.TypeText, lead.TypeName, lead.TypeStreet, lead.TypeCity, lead.TypeEmail, lead.TypeState,
		lead.TypePostalCode, lead.TypeIP, lead.TypeURL, lead.TypeEnum, lead.TypeGender, lead.TypeCertificate,
		lead.TypeHash)
	takesMoment = typesOf(lead.TypeDate, lead.TypeDOB, lead.TypeDateTime, lead.TypeTime)
	takesNumber = typesOf(lead.TypeInteger, lead.TypeDecimal, lead.TypeMoney)
	takesOne    = takesText | takesMoment | takesNumber | typesOf(lead.TypePhone, lead.TypeBoolean, lead.TypeRange,
		lead.TypeSSN)
	takesAll = takesOne | typesOf(lead.TypeList)
)

// filterDef is a filter as it is written.
type filterDef struct {
	name     string
	usage    string
	takes    typeSet
	wants    string // takes in words
	min, max int    // arguments
	build    func(ch *chain, args []token) string
}

const (
	wantsText = "text"
	wantsOne  = "a single value"
)

var filterDefs []filterDef

func init() {
	plain := func(op filterOp) func(*chain, []token) string {
		return func(ch *chain, _ []token) string {
			ch.add(filter{op: op})
			return ""
		}
	}
	filterDefs = []filterDef{
		{"upper", "upper", takesText, wantsText, 0, 0, plain(opUpper)},
		{"lower", "lower", takesText, wantsText, 0, 0, plain(opLower)},
		{"title", "title", takesText, wantsText, 0, 0, plain(opTitle)},
		{"trim", "trim", takesText, wantsText, 0, 0, plain(opTrim)},
		{"ascii", "ascii", takesText, wantsText, 0, 0, plain(opASCII)},
		{"substring", "substring 0 3 (from, and how many signs; from -4: the last four)", takesOne, wantsOne, 1, 2,
			buildSubstring},
		{"replace", `replace "-" ""`, takesOne, wantsOne, 2, 2, buildReplace},
		{"digits", "digits", takesOne, wantsOne, 0, 0, buildDigits},
		{"phone", `phone "(###) ###-####"`, takesText | typesOf(lead.TypePhone), "a phone number or text", 1, 1,
			buildPhone},
		{"state", "state name (or code)", takesText, "a state or text", 1, 1, buildState},
		{"date", `date "MM/DD/YYYY hh:mm A" America/New_York`, takesMoment, "a date, a time or now", 1, 2, buildDate},
		{"number", "number decimal2", takesNumber | takesText, "a number or text", 1, 1, buildNumber},
		{"format", "format F, with a format that the value's type has", takesAll, "a field's value", 1, 2, buildFormat},
		{"md5", "md5 (of a phone number: digits10, digits11 or e164; then hex or base64)", takesOne, wantsOne, 0, 2,
			buildHash(algoMD5)},
		{"sha1", "sha1 (as md5)", takesOne, wantsOne, 0, 2, buildHash(algoSHA1)},
		{"sha256", "sha256 (as md5)", takesOne, wantsOne, 0, 2, buildHash(algoSHA256)},
		{"sha512", "sha512 (as md5)", takesOne, wantsOne, 0, 2, buildHash(algoSHA512)},
		{"hmac", `hmac sha256 "${env:KEY}" (then as md5)`, takesOne, wantsOne, 2, 4, buildMAC},
		{"base64", "base64 (or base64 url)", takesOne, wantsOne, 0, 1, buildBase64},
		{"url", "url", takesOne, wantsOne, 0, 0, plain(opURL)},
		{"json", "json", takesOne, wantsOne, 0, 0, plain(opJSON)},
		{"xml", "xml", takesOne, wantsOne, 0, 0, plain(opXML)},
		{"default", `default "none" (a text in quotes or a number; a bare word is another value)`, takesAll,
			"any value", 1, 1, buildDefault},
		{"join", `join ", "`, typesOf(lead.TypeList), "a list", 1, 1, buildList(listJoined)},
		{"first", "first", typesOf(lead.TypeList), "a list", 0, 0, buildList(listFirst)},
		{"last", "last", typesOf(lead.TypeList), "a list", 0, 0, buildList(listLast)},
		{"map", `map "own" "O" "rent" "R" "other" (values and what they become in pairs; a last one for all others)`,
			takesOne, wantsOne, 2, 2*MapEntriesMax + 1, buildMap},
	}
}

func findFilter(name string) *filterDef {
	for i := range filterDefs {
		if filterDefs[i].name == name {
			return &filterDefs[i]
		}
	}
	return nil
}

func filterNames() []string {
	var out []string
	for i := range filterDefs {
		out = append(out, filterDefs[i].name)
	}
	return out
}

// own tells whether the value still has its own type and form, so that a format of that type applies.
func (ch *chain) own() bool { return !ch.taken && ch.typ != lead.TypeNone }

// shape gives the value a format of its own type.
func (ch *chain) shape(format, zone string) string {
	f, err := compileFormat(format, ch.typ)
	if err != nil {
		return err.Error()
	}
	if problem := f.in(zone, ch.typ); problem != "" {
		return problem
	}
	ch.e.format = f
	ch.endTyped()
	return ""
}

// in sets the zone of a format of time.
func (f *format) in(zone string, t lead.Type) string {
	if zone == "" {
		return ""
	}
	if t != lead.TypeDateTime {
		return "no zone: only a datetime and now have one"
	}
	loc, err := lead.LoadZone(zone)
	if err != nil {
		return err.Error()
	}
	f.zone = loc
	return ""
}

func buildSubstring(ch *chain, args []token) string {
	f := filter{op: opSubstring, has: len(args) == 2}
	var err error
	if f.n, err = strconv.Atoi(args[0].text); err != nil || f.n < -ExpressionBytesMax || f.n > ExpressionBytesMax {
		return fmt.Sprintf("a whole number, not %q", args[0].text)
	}
	if f.has {
		if f.m, err = strconv.Atoi(args[1].text); err != nil || f.m < 1 || f.m > ExpressionBytesMax {
			return fmt.Sprintf("a whole number from 1, not %q", args[1].text)
		}
	}
	ch.add(f)
	return ""
}

func buildReplace(ch *chain, args []token) string {
	f := filter{op: opReplace}
	var problem string
	if f.old, problem = ch.constant(args[0]); problem != "" {
		return problem
	}
	if f.new, problem = ch.constant(args[1]); problem != "" {
		return problem
	}
	if len(f.old.plain) == 0 || len(f.old.redacted) == 0 {
		return "a text to look for that is not empty"
	}
	ch.add(f)
	return ""
}

// buildDigits: those of a phone number are its ten national ones.
func buildDigits(ch *chain, _ []token) string {
	if ch.own() && ch.typ == lead.TypePhone {
		return ch.shape("digits10", "")
	}
	ch.add(filter{op: opDigits})
	return ""
}

func buildPhone(ch *chain, args []token) string {
	if ch.own() && ch.typ == lead.TypePhone {
		return ch.shape(args[0].text, "")
	}
	f, err := compileFormat(args[0].text, lead.TypePhone)
	if err != nil {
		return err.Error()
	}
	ch.add(filter{op: opPhone, format: f})
	return ""
}

func buildState(ch *chain, args []token) string {
	f, err := compileFormat(args[0].text, lead.TypeState)
	if err != nil {
		return err.Error()
	}
	if ch.own() && ch.typ == lead.TypeState && f.kind != formatNone {
		ch.e.format = f
		ch.endTyped()
		return ""
	}
	ch.add(filter{op: opState, format: f})
	return ""
}

func buildDate(ch *chain, args []token) string {
	zone := ""
	if len(args) == 2 {
		zone = args[1].text
	}
	return ch.shape(args[0].text, zone)
}

func buildNumber(ch *chain, args []token) string {
	if ch.own() && takesNumber>>ch.typ&1 == 1 {
		return ch.shape(args[0].text, "")
	}
	f, ok := numberFormat(args[0].text)
	if !ok {
		return numberFormats
	}
	ch.add(filter{op: opNumber, format: f})
	if f.kind.number() {
		ch.typ = lead.TypeDecimal
	}
	return ""
}

// buildFormat is the long form of a field's format.
func buildFormat(ch *chain, args []token) string {
	if !ch.own() {
		return "format directly behind the value"
	}
	if ch.typ == lead.TypeState {
		if len(args) == 2 {
			return "no zone: only a datetime and now have one"
		}
		return buildState(ch, args)
	}
	return buildDate(ch, args)
}

func buildBase64(ch *chain, args []token) string {
	f := filter{op: opBase64, digest: digestBase64}
	if len(args) == 1 {
		if args[0].text != "url" {
			return fmt.Sprintf("url or nothing, not %q", args[0].text)
		}
		f.digest = digestBase64URL
	}
	ch.add(f)
	return ""
}

// buildDefault keeps a list one text: what follows does not see whether the value was there.
func buildDefault(ch *chain, args []token) string {
	f := filter{op: opDefault}
	if _, err := strconv.ParseFloat(args[0].text, 64); args[0].kind == tokenWord && err != nil {
		other := &expression{}
		var problem string
		if other.source, problem = ch.c.source(args[0].text, ch.extra); problem != "" {
			return "a text in quotes, or a value: " + problem
		}
		(&chain{e: other}).finish()
		f.other = &other.source
	} else {
		var problem string
		if f.new, problem = ch.constant(args[0]); problem != "" {
			return problem
		}
	}
	ch.add(f)
	return ""
}

func buildList(show listShow) func(*chain, []token) string {
	return func(ch *chain, args []token) string {
		ch.e.list = show
		if len(args) == 1 {
			ch.e.sep = args[0].text
		}
		ch.taken, ch.typ = true, lead.TypeText
		return ""
	}
}

func buildMap(ch *chain, args []token) string {
	f := filter{op: opMap, mapping: map[string]*constant{}, has: len(args)%2 == 1}
	for len(args) > 1 {
		key := args[0].text
		if ch.own() && ch.e.from == fromSlot {
			var expected string
			if key, expected = ch.c.mapKey(&ch.e.source, key); expected != "" {
				return fmt.Sprintf("%s, not %q", expected, args[0].text)
			}
		}
		if f.mapping[key] != nil {
			return fmt.Sprintf("each value once: %q is there already", key)
		}
		to, problem := ch.constant(args[1])
		if problem != "" {
			return problem
		}
		f.mapping[key] = &to
		args = args[2:]
	}
	if f.has {
		var problem string
		if f.new, problem = ch.constant(args[0]); problem != "" {
			return problem
		}
	}
	if ch.own() && ch.e.from == fromSlot {
		ch.c.out.maps = append(ch.c.out.maps, mapUse{at: ch.at, source: &ch.e.source, mapping: f.mapping, expr: ch.e})
	}
	ch.add(f)
	return ""
}
