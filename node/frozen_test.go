// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
	"testing"

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
