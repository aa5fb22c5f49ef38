// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/intake/posting"
	"clearpost/lead"
)

// Spec makes the posting spec of a source and one of its verticals. bodyBytesMax is what the door takes.
func Spec(src *exchange.Source, v *exchange.Vertical, bodyBytesMax int) *posting.Document {
	d := &posting.Document{Source: src.ID, SourceName: src.Name, Vertical: v.ID, VerticalName: v.Name,
		Currency: v.Currency, Profile: src.Profile, Reasons: reasonTable, Statuses: statusTable,
		Terms: terms(src, v, bodyBytesMax)}
	d.Calls = calls(src, v)
	d.Auth = []string{"the header Authorization: Bearer KEY", "the header X-Api-Key: KEY", "the field key of the lead"}
	if p := profiles[src.Profile]; p != nil {
		d.Auth = append(d.Auth, "in calls of the profile: "+p.place)
	}
	own := ownNames(src, v.Schema)
	for pos := range v.Schema.Fields {
		d.Fields = append(d.Fields, specField(src, v.Schema, pos, own))
	}
	for _, r := range v.Schema.Rules() {
		d.Rules = append(d.Rules, ruleText(&r))
	}
	if len(src.Origins) > 0 {
		d.Terms = append(d.Terms, posting.Named{Name: "scripts in browsers", Says: "from pages of " +
			strings.Join(src.Origins, ", ") +
			"; others are answered 403. A key that stands in a page is known to whoever opens it"})
	}
	d.Tests = tests(src, v)
	for _, n := range apiNames {
		if !src.Tests && strings.HasPrefix(n.Name, "test") {
			continue
		}
		n.Also = own[target{own: n.Name, pos: -1}]
		d.Names = append(d.Names, n)
	}
	return d
}

// apiNames are the names that the API uses itself.
var apiNames = []posting.Name{
	{Name: "key", Where: "all", Says: "your key, if it is in no header"},
	{Name: "ping_id", Where: "post", Says: "from the answer to the ping"},
	{Name: "seller_lead_id", Where: "all",
		Says: "your own id of the lead, up to 128 visible ASCII characters: kept, and given back in every answer"},
	{Name: "min_price", Where: "ping, leads", Says: "the least that you want to be paid, such as 12.50"},
	{Name: "max_wait_ms", Where: "all",
		Says: "how long you want to wait for the answer: 1 to 600000 milliseconds"},
	{Name: "format", Where: "all", Says: "json or xml: how you want to be answered"},
	{Name: "test", Where: "all", Says: "marks a test lead, which is not sold"},
	{Name: "test_result", Where: "all", Says: "marks a test lead and asks for its result"},
	{Name: "debug", Where: "all", Says: "true: the answer tells what became of the fields"},
	{Name: "redirect_url", Where: "post, leads", Says: "forms only: where the person's browser goes after the answer"},
}

// ownNames lists the names of a source's own, and of its profile, by what they mean, in their order.
func ownNames(src *exchange.Source, s *lead.Schema) map[target][]string {
	out := map[target][]string{}
	seen := map[string]bool{}
	for _, m := range []map[string]string{src.Aliases, profiles[src.Profile].names()} {
		for _, theirs := range slices.Sorted(maps.Keys(m)) {
			t, ok := meaning(s, m[theirs])
			if key := NameKey(theirs); ok && !seen[key] {
				seen[key] = true
				out[t] = append(out[t], theirs)
			}
		}
	}
	return out
}

func calls(src *exchange.Source, v *exchange.Vertical) []posting.Call {
	methods := []string{"POST"}
	if src.AllowGet {
		methods = append(methods, "GET")
	}
	var out []posting.Call
	for _, c := range profileCalls[src.Profile] {
		c.Path = strings.NewReplacer("{vertical}", v.ID, "{source}", src.ID).Replace(c.Path)
		c.Methods, c.Profile = methods, true
		out = append(out, c)
	}
	at := "/v1/" + v.ID
	return append(out,
		posting.Call{ID: "ping", Methods: methods, Path: at + "/ping",
			Says: "asks what a lead is worth: a quote, or why there is none"},
		posting.Call{ID: "post", Methods: methods, Path: at + "/post", Says: "sells a pinged lead"},
		posting.Call{ID: "leads", Methods: methods, Path: at + "/leads", Says: "one shot: asks and sells in one call"},
		posting.Call{ID: "status", Methods: []string{"GET"}, Path: "/v1/leads/{id}",
			Says: "what has become of a lead of yours"},
		posting.Call{ID: "search", Methods: []string{"GET"}, Path: "/v1/leads?seller_lead_id=ID",
			Says: "the leads to which you gave this id, newest first"})
}

// profileCalls are the calls in the words of each profile.
var profileCalls = map[string][]posting.Call{
	"leadconduit": {
		{ID: "ping", Path: "/flows/{vertical}/sources/{source}/ping",
			Says: "asks what a lead is worth. Your key may stand in place of your id in the path"},
		{ID: "post", Path: "/flows/{vertical}/sources/{source}/submit", Says: "with lead_id: sells a pinged lead"},
		{ID: "leads", Path: "/flows/{vertical}/sources/{source}/submit",
			Says: "without lead_id: asks and sells in one call"},
	},
	"boberdoo": {
		{ID: "ping", Path: "/boberdoo/{vertical}", Says: "with Mode=ping: asks what a lead is worth"},
		{ID: "post", Path: "/boberdoo/{vertical}", Says: "with Mode=post and Lead_ID: sells a pinged lead"},
		{ID: "leads", Path: "/boberdoo/{vertical}", Says: "with Mode=full: asks and sells in one call"},
	},
	"leadspedia": {
		{ID: "ping", Path: "/leadspedia/{vertical}/ping.do", Says: "asks what a lead is worth"},
		{ID: "post", Path: "/leadspedia/{vertical}/post.do", Says: "with lp_ping_id: sells a pinged lead"},
		{ID: "leads", Path: "/leadspedia/{vertical}/post.do", Says: "without lp_ping_id: asks and sells in one call"},
	},
}

func specField(src *exchange.Source, s *lead.Schema, pos int, own map[target][]string) posting.Field {
	f := &s.Fields[pos]
	out := posting.Field{Name: f.Name, Also: f.Aliases, Own: own[target{pos: pos}], Type: f.Type.String(),
		Says: says(s, f, src), Default: f.Default, Derived: f.Derive, Personal: f.Personal}
	if len(out.Own) > 0 {
		out.InJSON = plainName(out.Own[0])
	}
	if f.Of != lead.TypeNone {
		out.Of = f.Of.String()
	}
	switch {
	case f.Required&lead.AtPing != 0:
		out.Required = posting.AtPing
	case f.Required&lead.AtPost != 0:
		out.Required = posting.AtPost
	}
	if f.Min != nil {
		out.Min = f.BoundText(*f.Min)
	}
	if f.Max != nil {
		out.Max = f.BoundText(*f.Max)
	}
	for _, v := range f.Values {
		var also []string
		for _, word := range slices.Sorted(maps.Keys(f.Synonyms)) {
			if lower(f.Synonyms[word]) == lower(v) {
				also = append(also, word)
			}
		}
		out.Values = append(out.Values, posting.Value{Value: v, Also: also})
	}
	words := src.Values[f.Name]
	for _, theirs := range slices.Sorted(maps.Keys(words)) {
		addWord(&out, words[theirs], theirs)
	}
	return out
}

// addWord puts a source's own word beside the value that it stands for.
func addWord(f *posting.Field, ours, theirs string) {
	if ours == "" {
		ours = "(not sent)"
	}
	for _, list := range [][]posting.Value{f.Values, f.Words} {
		for i := range list {
			if lower(list[i].Value) == lower(ours) {
				list[i].Also = append(list[i].Also, theirs)
				return
			}
		}
	}
	f.Words = append(f.Words, posting.Value{Value: ours, Also: []string{theirs}})
}

// says tells what a field takes.
func says(s *lead.Schema, f *lead.Field, src *exchange.Source) string {
	text := f.Form()
	if f.Type == lead.TypeEnum {
		text = "one of the values"
	}
	more := notations[f.Type]
	switch f.Type {
	case lead.TypeDate, lead.TypeDOB:
		more = dates[dayFirst(s, src)]
	case lead.TypeDateTime:
		if src.Zone != nil {
			more = "with a zone or in " + src.Zone.String() +
				"; also as a browser writes it, and seconds or milliseconds since 1970"
		}
	case lead.TypePhone:
		more = "without a calling code it is a number of " + s.Region()
	}
	if more != "" {
		text += "; " + more
	}
	if f.MaxBytes > 0 {
		text += fmt.Sprintf("; at most %d bytes", f.MaxBytes)
	}
	if f.Required == 0 && f.Invalid == lead.InvalidRefuse {
		text += "; the lead is refused where a value does not fit"
	}
	return text
}

func ruleText(r *lead.Rule) string {
	list := func(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
	from := "the post"
	if r.Stage == lead.AtPing {
		from = "the ping"
	}
	switch {
	case len(r.Together) > 0:
		return list(r.Together) + " belong together: a postal code in another state is refused"
	case len(r.Any) > 0:
		return "one at least of " + list(r.Any) + " has a value, from " + from + " on"
	case len(r.Order) > 0:
		return fmt.Sprintf("`%s` is not above `%s`", r.Order[0], r.Order[1])
	case len(r.Values) == 0:
		return fmt.Sprintf("%s: required from %s on where `%s` has a value", list(r.Require), from, r.When)
	}
	return fmt.Sprintf("%s: required from %s on where `%s` is %s", list(r.Require), from, r.When,
		strings.Join(r.Values, " or "))
}

// terms are what holds for the source's requests beside their fields.
func terms(src *exchange.Source, v *exchange.Vertical, bodyBytesMax int) []posting.Named {
	rate := "not limited by your account"
	if src.RatePerSecond > 0 {
		rate = fmt.Sprintf("%g requests a second on average, %d at once; more is answered 429 with Retry-After",
			src.RatePerSecond, max(src.Burst, 1))
	}
	wait := v.PostTotal
	if src.MaxWait > 0 {
		wait = src.MaxWait
	}
	sold := "to one buyer at most"
	if limit := src.SellLimit(v); limit > 1 {
		sold = fmt.Sprintf("to %d buyers at most; the price is the sum of what they pay you", limit)
	}
	out := []posting.Named{
		{Name: "price", Says: "in " + v.Currency},
		{Name: "a lead is sold", Says: sold},
		{Name: "a quote stands", Says: span(v.PingTTL) + "; a post after that is answered 410"},
		{Name: "a ping is answered", Says: "within " + span(v.PingDeadline) +
			" and the time of the network; sooner with max_wait_ms"},
		{Name: "a post is answered", Says: "within " + span(wait) +
			"; what takes longer is pending. max_wait_ms says otherwise"},
		{Name: "rate", Says: rate},
		{Name: "body", Says: fmt.Sprintf("at most %d bytes, packed and unpacked; gzip and deflate are undone",
			bodyBytesMax)},
		{Name: "lead", Says: fmt.Sprintf(
			"at most %d names, of %d bytes each with those that they stand in; a value has at most %d bytes, where "+
				"its field does not say otherwise", PairsMax, PathBytesMax, lead.ValueBytesMax)},
		{Name: "a value that does not fit",
			Says: "refuses the lead where its field is required or says so; elsewhere it is left out, and a debug " +
				"reply names it. Spaces and signs that " +
				"nobody sees around a value count as nothing, and so do words such as N/A, null and - in fields that " +
				"are " +
				"no text"},
		{Name: "Idempotency-Key", Says: "a header of up to 200 visible ASCII characters that names a request of " +
			"yours: the same key with the same call and body gets the " +
			"first answer. Send one with every request that you may repeat"},
		{Name: "the same ping_id again", Says: "gets the first answer and sells nothing twice"},
	}
	change := src.OnChange
	if change == exchange.OnChangeUnset {
		change = v.OnChange
	}
	changed := "are refused with 400 changed_since_ping, and nothing is consumed"
	if change == exchange.OnChangeKeep {
		changed = "are not used: the ping's stand"
	}
	out = append(out, posting.Named{Name: "other values in a post",
		Says: "than in its ping, for fields that the price came from, " + changed})
	return append(out, repeats(src, v)...)
}

// repeats tells what becomes of somebody who comes twice.
func repeats(src *exchange.Source, v *exchange.Vertical) (out []posting.Named) {
	d := src.DedupeOf(v)
	if len(d.Key) == 0 {
		return nil
	}
	var names []string
	for _, k := range d.Key {
		name := v.Schema.Fields[k.Pos].Name
		if k.Hash >= 0 {
			name += " (or its MD5, SHA-1 or SHA-256 in " + v.Schema.Fields[k.Hash].Name + ")"
		}
		names = append(names, name)
	}
	who := strings.Join(names, " and ")
	out = append(out, posting.Named{Name: "another person in a post", Says: "another " + who +
		" than its ping had: refused with 409 other_person"})
	if d.Window <= 0 {
		return out
	}
	if !d.OwnAuctions {
		out = append(out, posting.Named{Name: "the same ping again",
			Says: "the same values, seller_lead_id and min_price with the same " + who +
				", without an Idempotency-Key: the first one's ping_id, price and expiry, " +
				"as long as they can be posted"})
	}
	out = append(out, posting.Named{Name: "the same one-shot lead again", Says: "the same values with the same " + who +
		" within " + span(d.Window) + ": the first answer"})
	says := map[exchange.Refuse]string{exchange.RefuseSold: "is sold or pending",
		exchange.RefuseReceived: "was received"}[d.Refuse]
	if says == "" {
		return out
	}
	return append(out, posting.Named{Name: "the same person again", Says: "another lead with the same " + who +
		" within " + span(d.Window) + " of one that " + says +
		": a failure with the reason duplicate"})
}

// testResults are what the results that a test may ask for mean.
var testResults = map[lead.TestResult]string{
	lead.TestSold: "a quote; the post is a success", lead.TestRejected: "a quote; the post fails with rejected",
	lead.TestDuplicate: "a quote; the post fails with duplicate",
	lead.TestInvalid:   "a quote; the post fails with invalid_data", lead.TestNoBids: "the ping fails with no_bids",
	lead.TestPending: "a quote; the post is pending and stays so",
}

// tests are the ways to mark a test lead; none where the source may send no tests.
func tests(src *exchange.Source, v *exchange.Vertical) []posting.Named {
	if !src.Tests {
		return nil
	}
	out := []posting.Named{
		{Name: "`test`, `Test_Lead`, `lp_test`, `testMode` or `is_test`",
			Says: "a test, unless it is 0, false, f, no, n, off, none, live, production or empty"},
		{Name: "`lead_mode`", Says: "a test where it is 0 or test"},
	}
	for _, name := range lead.TestResultNames() {
		r, _ := lead.ParseTestResult(name)
		out = append(out, posting.Named{Name: "`test_result` is `" + name + "`", Says: testResults[r]})
	}
	for _, zip := range slices.Sorted(maps.Keys(v.Tests.ZIPs)) {
		out = append(out, posting.Named{Name: fmt.Sprintf("`%s` is `%s`", v.Schema.Fields[v.Tests.ZIP].Name, zip),
			Says: testResults[v.Tests.ZIPs[zip]]})
	}
	return append(out, posting.Named{Name: "answers",
		Says: "have `test` true; nothing is sold, nobody owes anything, and it is nobody's duplicate. A test ping " +
			"stays a test"})
}

// span writes a duration as people say it.
func span(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= u.of && d%u.of == 0 {
			if n := d / u.of; n != 1 {
				return fmt.Sprintf("%d %ss", n, u.name)
			}
			return "1 " + u.name
		}
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
