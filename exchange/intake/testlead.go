// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"

	"github.com/tidwall/gjson"

	"clearpost/exchange"
	"clearpost/lead"
)

// flag is a name that can make a lead a test, or asks for a debug reply, by how its value is read.
type flag uint8

const (
	noFlag     flag = iota
	testFlags       // set: a test
	modeFlag        // 0: a test, 1: none
	resultFlag      // a result, and so a test
	debugFlag
)

// flagBytesMax is the length of the longest flag.
const flagBytesMax = len("test_result")

// flagOf tells what a name that the vertical does not know means, in any case, and with dashes or spaces for
// underscores.
func flagOf(name string) flag {
	if len(name) > flagBytesMax {
		return noFlag
	}
	var b [flagBytesMax]byte
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '-' || c == ' ':
			c = '_'
		}
		b[i] = c
	}
	switch string(b[:len(name)]) {
	case "test", "test_lead", "testlead", "lp_test", "testmode", "test_mode", "is_test", "istest":
		return testFlags
	case "lead_mode", "leadmode":
		return modeFlag
	case "test_result", "testresult":
		return resultFlag
	case "debug":
		return debugFlag
	}
	return noFlag
}

// flag takes a flag. The name is one of those that flagOf knows, or stands for one.
func (v *envelope) flag(f flag, name string, val gjson.Result) {
	said := strings.TrimSpace(single(sole(val)))
	switch f {
	case debugFlag:
		v.debug = v.debug || !saysNo(said)
		return
	case modeFlag:
		switch lower(said) {
		case "", "null", "1", "live", "production":
			return
		case "0", "test":
		default:
			v.bad(cut(name), "", "0 for a test, 1 for a real lead")
			return
		}
	case resultFlag:
		if said == "" || said == "null" {
			return
		}
		want, err := lead.ParseTestResult(said)
		if err != nil {
			v.bad(cut(name), "", "one of "+strings.Join(lead.TestResultNames(), ", "))
		}
		v.test.Want = want
	default:
		if saysNo(said) {
			return
		}
	}
	if !v.test.On {
		v.test.On, v.test.Field = true, cut(strings.Clone(name))
	}
}

// saysNo tells whether a flag is not set. Whatever is no clear no is a yes: a test is never taken for a real lead.
func saysNo(value string) bool {
	switch lower(value) {
	case "", "0", "false", "f", "no", "n", "off", "none", "null", "live", "production":
		return true
	}
	return false
}

// nestedFlag is the flag that stands in an object or element, by the end of its dotted name. There a name may mean
// something else: only a clear word for a test makes it a flag, so that a seller who puts the whole lead into an object
// does not sell its tests.
func nestedFlag(name string, val gjson.Result) flag {
	f, said := flagOf(name), lower(strings.TrimSpace(single(sole(val))))
	sure := false
	switch f {
	case testFlags:
		sure = said == "1" || said == "true" || said == "yes" || said == "y" || said == "on" || said == "test"
	case modeFlag:
		sure = said == "0" || said == "test"
	case resultFlag:
		want, err := lead.ParseTestResult(said)
		sure = err == nil && want != lead.TestAny
	}
	if !sure {
		return noFlag
	}
	return f
}

// flagsInURL takes the test flags of a query string of which nothing else is part of the lead.
func (r *request) flagsInURL() {
	if !r.urlSpeaks() {
		return
	}
	for name, val := range r.ctx.QueryArgs().All() {
		if f := flagOf(text(name)); f != noFlag && f != debugFlag {
			r.env.flag(f, string(name), word(string(val)))
		}
	}
}

// urlSpeaks tells whether there is such a query string, with a flag in it.
func (r *request) urlSpeaks() bool {
	if len(r.in.query) > 0 || len(r.ctx.URI().QueryString()) == 0 {
		return false
	}
	for name := range r.ctx.QueryArgs().All() {
		if f := flagOf(text(name)); f != noFlag && f != debugFlag {
			return true
		}
	}
	return false
}

// magic makes a lead a test by its postal code.
func (v *envelope) magic(rules *exchange.TestRules, l *lead.Lead) {
	if len(rules.ZIPs) == 0 || l.Slot(rules.ZIP).State != lead.Valid {
		return
	}
	want, ok := rules.ZIPs[string(l.Normal(rules.ZIP))]
	if !ok {
		return
	}
	if !v.test.On {
		v.test.On, v.test.Field = true, l.Schema().Fields[rules.ZIP].Name
	}
	if v.test.Want == lead.TestAny {
		v.test.Want = want
	}
}

// allow refuses a test of a source that may send none, so that it is not sold as a real lead.
func (v *envelope) allow(src *exchange.Source) {
	if v.test.On && !src.Tests {
		v.bad(v.test.Field, "", "no test lead: this account may not send tests")
	}
}
