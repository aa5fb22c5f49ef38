// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/ledger"
)

// frozenVertical has a field of each kind of use: in criteria (state, age, which may come from dob), in the ping
// request (zip, email), in the post only (color).
const frozenVertical = `
id: solar
currency: USD
invalid: refuse
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: state}
  - {name: dob, type: dob, personal: true}
  - {name: age, type: integer, derive: dob.age, personal: true}
  - {name: color, type: text}
person_key: [phone]
ping_deadline_ms: 400
post_total_ms: 3000
`

func frozenHouse(t *testing.T, vertical, source string) *house {
	t.Helper()
	h := build(t, "", map[string]string{"b": "criteria: [{field: state, in: [CA, NV]}, {field: age, min: 18}]"},
		script("b", 25*dollar))
	h.write("verticals/solar.yaml", frozenVertical+vertical)
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\n"+
		source)
	h.restart()
	return h
}

const frozenPing = `{"zip":"94110","state":"CA","dob":"1980-05-01","color":"red"}`

func TestPostThatChangesWhatThePriceCameFromIsRefusedAndConsumesNothing(t *testing.T) {
	for _, c := range []struct {
		name, post string
		want       string // field value expected; …
	}{
		{"nothing", `"phone":"2127365000"`, ""},
		{"other spellings", `"phone":"2127365000","zip":94110,"state":"california","dob":"5/1/1980"`, ""},
		{"what nobody has used", `"phone":"2127365000","color":"blue"`, ""},
		{"what was not there", `"phone":"2127365000","email":"jane@example.com"`, ""},
		{"a criterion's field", `"phone":"2127365000","state":"NV"`, "state NV CA, as in the ping"},
		{"the ping request's field", `"phone":"2127365000","zip":"10001"`, "zip 10001 94110, as in the ping"},
		{"an origin of a criterion's field", `"phone":"2127365000","dob":"1970-05-01"`,
			"dob ****01 ****01, as in the ping"},
		{"a derived field itself", `"phone":"2127365000","age":30`, "age **** ****, as in the ping"},
		{"all at once, and what is missing", `"state":"NV","zip":"10001","dob":"1970-05-01"`,
			"state NV CA, as in the ping; zip 10001 94110, as in the ping; dob ****01 ****01, as in the ping; phone "},
		{"a bad value where a good one stands", `"phone":"2127365000","color":"blue","dob":"soon"`, "dob **** "},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := frozenHouse(t, "", "")
			p := h.ping(frozenPing)
			h.expect(p, 200, ledger.ResultSuccess)
			a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,%s}`, p.PingID, c.post))
			if c.want == "" {
				h.expect(a, 200, ledger.ResultSuccess)
				return
			}
			code := "changed_since_ping"
			if !strings.Contains(c.want, "as in the ping") {
				code = "invalid_lead"
			}
			if a.status != 400 || a.Reason != code {
				t.Fatalf("got %d %s", a.status, a.text)
			}
			var said []string
			for _, e := range a.Errors {
				said = append(said, e.Field+" "+e.Value+" "+e.Expected)
			}
			for i, w := range strings.Split(c.want, "; ") {
				if i >= len(said) || !strings.HasPrefix(said[i], w) {
					t.Errorf("errors: %q, want %q", said, c.want)
				}
			}
			if n := len(h.events(p.PingID)); n != 1 || h.farm.Buyer("b").Calls(buyertest.Post) != 0 {
				t.Fatalf("%d events, %d posts", n, h.farm.Buyer("b").Calls(buyertest.Post))
			}
			again := h.post(p.PingID, "2127365000")
			h.expect(again, 200, ledger.ResultSuccess)
			if late := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,%s}`, p.PingID,
				c.post)); late.text != again.text {
				t.Errorf("the answered lead's repeat heard %s, the first answer was %s", late.text, again.text)
			}
		})
	}
}

func TestChangedValuesAreKeptWhereTheOperatorWantsIt(t *testing.T) {
	for _, c := range []struct{ name, vertical, source, want string }{
		{"vertical", "on_change: keep\n", "", ledger.ResultSuccess},
		{"source", "", "on_change: keep\n", ledger.ResultSuccess},
		{"source against vertical", "on_change: keep\n", "on_change: refuse\n", "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := frozenHouse(t, c.vertical, c.source)
			p := h.ping(frozenPing)
			a := h.call("POST", "/v1/solar/post",
				fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","state":"NV","color":"blue"}`, p.PingID))
			if a.Result != c.want {
				t.Fatalf("answer: %s", a.text)
			}
			if c.want != ledger.ResultSuccess {
				return
			}
			ev := last[*ledger.Posting](h, p.PingID)
			slices.Sort(ev.Post.Changed)
			if !slices.Equal(ev.Post.Changed, []string{"color", "state"}) {
				t.Errorf("changed: %v", ev.Post.Changed)
			}
			if a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365001","dob":"x"}`,
				h.ping(frozenPing).PingID)); a.status != 400 {
				t.Errorf("a bad value: %s", a.text)
			}
		})
	}
}

func TestOnlyThoseWhoBidDecideWhatThePriceCameFrom(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar), script("silent", 40*dollar))
	h.write("buyers/silent.yaml", fmt.Sprintf(campaignYAML, "silent", "http://"+h.farm.Addr(),
		"criteria: [{field: color, in: [red]}]"))
	h.write("verticals/solar.yaml", frozenVertical)
	h.restart()
	h.admin("POST", "/v1/pause", map[string]string{"subject": "silent", "why": "test"}, nil)
	p := h.ping(frozenPing)
	h.expect(h.call("POST", "/v1/solar/post",
		fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","color":"blue","state":"NV"}`, p.PingID)), 200,
		ledger.ResultSuccess)
	h.admin("POST", "/v1/resume", map[string]string{"subject": "silent", "why": "test"}, nil)
	p = h.ping(frozenPing)
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365001","color":"blue","state":"NV"}`,
		p.PingID))
	if a.status != 400 || len(a.Errors) != 1 || a.Errors[0].Field != "color" {
		t.Errorf("got %s", a.text)
	}
}

func TestProfilesSayInTheirWordsWhatWasChanged(t *testing.T) {
	for profile, c := range map[string]struct{ ping, post, status, id string }{
		"leadconduit": {"/flows/solar/sources/acme-key-0123456789/ping?zip=94110&state=CA&age=44",
			"/flows/solar/sources/acme-key-0123456789/submit?lead_id=%s", `400 {"outcome":"error"`, `"id":"`},
		"boberdoo": {"/boberdoo/solar?Key=acme-key-0123456789&Mode=ping&Format=json&zip=94110&state=CA&age=44",
			"/boberdoo/solar?Key=acme-key-0123456789&Mode=post&Format=json&Lead_ID=%s",
			`200 {"response":{"status":"Error"`, `"lead_id":"`},
		"leadspedia": {"/leadspedia/solar/ping.do?lp_campaign_key=acme-key-0123456789&zip=94110&state=CA&age=44",
			"/leadspedia/solar/post.do?lp_campaign_key=acme-key-0123456789&lp_ping_id=%s", `200 {"result":"failed"`,
			`"ping_id":"`},
	} {
		h := frozenHouse(t, "", "profile: "+profile+"\n")
		p := h.call("POST", c.ping, "", "Authorization", "Content-Type")
		_, id, _ := strings.Cut(p.text, c.id)
		id, _, _ = strings.Cut(id, `"`)
		a := h.call("POST", fmt.Sprintf(c.post, id)+"&phone=2127365000&state=NV", "", "Authorization", "Content-Type")
		said := fmt.Sprintf("%d %s", a.status, a.text)
		if !strings.HasPrefix(said, c.status) || !strings.Contains(said, `state \"NV\": expected CA, as in the ping`) {
			t.Errorf("%s: %s, after %s", profile, said, p.text)
		}
		a = h.call("POST", fmt.Sprintf(c.post, id)+"&phone=2127365000", "", "Authorization", "Content-Type")
		if last[*ledger.Settled](h, id).Result != ledger.ResultSuccess {
			t.Errorf("%s: %s", profile, a.text)
		}
	}
}
