// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/ledger"
)

// profileVertical is a vertical whose leads may have a certificate.
const profileVertical = `
id: solar
currency: USD
invalid: refuse
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: age, type: integer, min: 18, max: 120}
  - {name: trustedform_cert_url, type: url}
  - {name: test_lead, type: text}
person_key: [phone]
test_zips: {"00001": accepted, "00002": rejected, "00003": pending, "00004": no_bids}
dedupe_hours: %d
ping_deadline_ms: 400
post_total_ms: 3000
`

const profileSource = "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\nallow_get: " +
	"true\nprofile: "

// profileHouse has one buyer, who serves all ZIP codes but 90001.
func profileHouse(t *testing.T, profile string, dedupeHours int) *house {
	h := build(t, "", map[string]string{"b": "criteria: [{field: zip, not_in: [90001]}]"}, script("b", 25*dollar))
	h.write("verticals/solar.yaml", fmt.Sprintf(profileVertical, dedupeHours))
	h.write("sources/acme.yaml", profileSource+profile+"\n")
	h.restart()
	return h
}

var (
	anID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	aTime  = regexp.MustCompile(`20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:.]+Z`)
	aCited = regexp.MustCompile(`\$[0-9]+`)
)

// conversation stands ids for themselves: $1 is the first that an answer named.
type conversation struct {
	h   *house
	ids []string
}

// say makes the request that the text tells: its first line, headers, a blank line, the body.
func (c *conversation) say(text string) string {
	text = aCited.ReplaceAllStringFunc(text, func(s string) string {
		n := 0
		if _, err := fmt.Sscanf(s, "$%d", &n); err != nil || n < 1 || n > len(c.ids) {
			c.h.t.Fatalf("no answer has named %s", s)
		}
		return c.ids[n-1]
	})
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	a := c.h.tell(method, path, strings.TrimSpace(body), lines[1:]...)
	said := anID.ReplaceAllStringFunc(a.text, func(id string) string {
		for i, known := range c.ids {
			if known == id {
				return fmt.Sprintf("$%d", i+1)
			}
		}
		c.ids = append(c.ids, id)
		return fmt.Sprintf("$%d", len(c.ids))
	})
	return fmt.Sprintf("%d %s\n%s\n", a.status, a.header.Get("Content-Type"), aTime.ReplaceAllString(said, "TIME"))
}

// Every profile's conversations, as they stand in testdata: the requests, and what a node says to them.
func TestConversations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/profiles/*")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d conversations, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			h := profileHouse(t, filepath.Base(file), 24)
			c := &conversation{h: h}
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				h.t = t
				switch d.Cmd {
				case "say":
					return c.say(d.Input)
				case "silence": // the buyer takes the next lead and does not answer
					h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
					return ""
				case "permit": // from now on the source may send tests
					h.write("sources/acme.yaml", profileSource+filepath.Base(file)+"\ntests: true\n")
					h.restart()
					return ""
				}
				t.Fatalf("unknown command %s", d.Cmd)
				return ""
			})
		})
	}
}

// One lead by every profile is the same lead and the same sale.
func TestOneLeadByEveryProfile(t *testing.T) {
	t.Parallel()
	first := ""
	for _, c := range []struct{ profile, ping, post, full, body, id string }{
		{"clearpost", "/v1/solar/ping", "/v1/solar/post", "/v1/solar/leads",
			"first_name=Jane&phone=212-736-5000&zip=10001&trustedform_cert_url=https://cert.example/a", "ping_id="},
		{"leadconduit", "/flows/solar/sources/acme-key-0123456789/ping",
			"/flows/solar/sources/acme-key-0123456789/submit", "/flows/solar/sources/acme-key-0123456789/submit",
			"first_name=Jane&phone_1=212-736-5000&postal_code=10001&xxTrustedFormCertUrl=https://cert.example/a",
			"lead_id="}, {"boberdoo", "/boberdoo/solar?Mode=ping", "/boberdoo/solar?Mode=post",
			"/boberdoo/solar?Mode=full",
			"Key=acme-key-0123456789&API_Action=pingPostLead&TYPE=31&First_Name=Jane" +
				"&Primary_Phone=212-736-5000&Zip=10001&TrustedForm_Cert_URL=https://cert.example/a", "Lead_ID="},
		{"leadspedia", "/leadspedia/solar/ping.do", "/leadspedia/solar/post.do", "/leadspedia/solar/post.do",
			"lp_campaign_id=5&lp_campaign_key=acme-key-0123456789&first_name=Jane" +
				"&phone_home=212-736-5000&zip_code=10001&trustedform_cert_url=https://cert.example/a", "lp_ping_id="},
	} {
		t.Run(c.profile, func(t *testing.T) {
			h := profileHouse(t, c.profile, 0)
			headers := []string{formType}
			if c.profile == "clearpost" {
				headers = append(headers, keyHeader)
			}
			leads := map[string]string{}
			for _, call := range []string{"ping", "full", "query"} {
				var a said
				switch call {
				case "ping":
					a = h.tell("POST", c.ping, c.body, headers...)
				case "full":
					a = h.tell("POST", c.full, c.body, headers...)
				case "query":
					sep := "?"
					if strings.Contains(c.full, "?") {
						sep = "&"
					}
					a = h.tell("GET", c.full+sep+c.body, "", headers[1:]...)
				}
				id := anID.FindString(a.text)
				if id == "" || !strings.Contains(a.text, "20.00") {
					t.Fatalf("%s: %+v", call, a)
				}
				leads[call] = id
			}
			if a := h.tell("POST", c.post, c.body+"&"+c.id+leads["ping"], headers...); !strings.Contains(a.text,
				"20.00") {
				t.Fatalf("post: %+v", a)
			}
			for call, id := range leads {
				if first == "" {
					first = h.canonical(id)
				}
				if got := h.canonical(id); got != first {
					t.Errorf("%s: got %s\nwant %s", call, got, first)
				}
				sale := last[*ledger.Posted](h, id)
				if sale.Price != 25*dollar || sale.Payout != 20*dollar || sale.Buyer != "b" {
					t.Errorf("%s: sale %+v", call, sale)
				}
			}
		})
	}
}

func TestProfilesAreForTheirSources(t *testing.T) {
	h := profileHouse(t, "boberdoo", 24)
	for path, want := range map[string]string{
		"/leadspedia/solar/ping.do?lp_campaign_key=acme-key-0123456789":    `{"result":"failed","msg":"this account does not have the profile leadspedia"}`,
		"/flows/solar/sources/acme-key-0123456789/ping":                    `{"outcome":"error","reason":"this account does not have the profile leadconduit"}`,
		"/leadspedia/solar/post.do?lp_campaign_key=nobody&lp_response=XML": "<result>failed</result>",
	} {
		if a := h.tell("POST", path, "{}", jsonType); !strings.Contains(a.text, want) {
			t.Errorf("%s: %+v", path, a)
		}
	}
	for _, path := range []string{"/flows/solar/sources/x/bid", "/leadspedia/solar/x.do", "/boberdoo",
		"/boberdoo/solar/x", "/flows/solar/x/y/ping"} {
		if a := h.tell("POST", path, "{}", jsonType); a.status != 404 || !strings.Contains(a.text, `"not_found"`) {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := h.ping(`{"zip":"10001"}`); a.status != 200 || a.Result != lead.ResultSuccess {
		t.Errorf("our own calls: %s", a.text)
	}
}

// What is to be sent again later is called no failure: it may be the repeat of a lead that was sold.
func TestWhatIsToBeSentAgainIsNoFailure(t *testing.T) {
	for profile, path := range map[string]string{"leadconduit": "/flows/solar/sources/acme-key-0123456789/submit?",
		"boberdoo":   "/boberdoo/solar?Mode=full&Key=acme-key-0123456789&",
		"leadspedia": "/leadspedia/solar/post.do?lp_campaign_key=acme-key-0123456789&"} {
		h := profileHouse(t, profile, 0)
		h.pause("acme", true)
		a := h.tell("POST", path+"zip=10001&first_name=Jane&phone=212-736-5000", "", formType)
		if a.status != 503 || !strings.Contains(strings.ToLower(a.text), "error") ||
			strings.Contains(a.text, "failed") || strings.Contains(a.text, "failure") ||
			strings.Contains(a.text, "Unmatched") {
			t.Errorf("%s: %d %s", profile, a.status, a.text)
		}
	}
}
