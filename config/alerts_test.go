// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"clearpost/alerts"
)

const alertSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The page of the how-to is taken as it stands there.
func TestAlertsOfTheHowTo(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/get-alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile("(?s)```yaml\n(alerts:.*?)```").FindSubmatch(text)
	if page == nil {
		t.Fatal("no page")
	}
	env := func(name string) (string, bool) {
		return map[string]string{"ALERT_SECRET": alertSecret, "SMTP_PASSWORD": "pass word"}[name], true
	}
	cfg, err := Load(writeConfig(t, change{"clearpost.yaml", "", string(page[1])}), env)
	if err != nil {
		t.Fatal(err)
	}
	a := cfg.Alerts
	night := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC) // half past ten in New York
	if open, _ := a.Hours.At(night); open {
		t.Error("it is told at night")
	}
	if len(a.Receivers) != 3 || len(a.Receivers[0].Webhook.Secrets) != 1 ||
		a.Receivers[2].Mail.Password != "pass word" || a.Receivers[2].Mail.Port != 587 ||
		len(a.Receivers[1].Command) != 3 {
		t.Errorf("%+v", a.Receivers)
	}
	for i, want := range []alerts.Rule{
		{ID: "low-balance", On: "balance", Below: 500e6, Over: true},
		{ID: "caps", On: "cap", Percent: 90, To: []string{"desk"}},
		{ID: "refusing", On: "acceptance", Percent: 40, Count: 50, Over: true},
		{ID: "open-attempts", On: "unresolved", For: time.Hour, Again: 24 * time.Hour, Count: 1, Over: true},
		{ID: "down", On: "buyer_down", For: 5 * time.Minute, Urgent: true, Over: true, To: []string{"pager"}},
		{ID: "kafka", On: "shipping", Count: 10000, For: 5 * time.Minute, Over: true},
		{ID: "closed", On: "unavailable", Urgent: true, For: time.Minute, Over: true},
	} {
		got := a.Rules[i]
		if got.ID != want.ID || got.On != want.On || got.Below != want.Below || got.For != want.For ||
			got.Again != want.Again || got.Over != want.Over || got.Urgent != want.Urgent ||
			len(got.To) != len(want.To) || want.Percent > 0 && got.Percent != want.Percent ||
			want.Count > 0 && got.Count != want.Count {
			t.Errorf("rule %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestAlertsThatAreWrong(t *testing.T) {
	const desk = "receivers: [{id: desk, command: [/bin/true]}]"
	to := func(way string) string { return "receivers: [{id: d" + way + "}], rules: [{id: a, on: view}]" }
	mail := func(m string) string { return to(", mail: {" + m + "}") }
	rule := func(r string) string { return desk + ", rules: [{" + r + "}]" }
	for page, want := range map[string]string{
		"receivers: [], rules: []":                                       "expected 1 to 20",
		desk:                                                             "expected 1 to 200",
		rule("id: a, on: balanse, below: 5"):                             `did you mean "balance"?`,
		rule("id: a, on: balance"):                                       "expected an amount above 0",
		rule("id: a, on: balance, below: -5"):                            "expected an amount above 0",
		rule("id: a, on: cap, below: 5"):                                 "no such key in a rule on cap",
		rule("id: a, on: cap, percent: 49"):                              "50",
		rule("id: a, on: cap, count: 5"):                                 "no such key in a rule on cap",
		rule("id: a, on: reload, of: [nobody]"):                          `"nobody": expected the id of a buyer`,
		rule("id: a, on: reload, to: [pager]"):                           `"pager": expected the id of a receiver`,
		rule("id: a, on: reload, to: [desk, desk]"):                      "expected each receiver once",
		rule("id: a b, on: reload"):                                      `"a b": expected`,
		rule("id: a, on: reload}, {id: a, on: view"):                     "expected each id once",
		rule("id: a, on: reload, minutes: -1"):                           `"-1": expected`,
		to(""):                                                           "expected one of webhook, command and mail",
		to(", command: [page]"):                                          "expected a program by its whole path",
		to(", command: [/p], mail: {host: h, from: a@b.c, to: [a@b.c]}"): "expected one of webhook, command and mail",
		mail("host: h, from: nobody, to: [a@b.c]"):                       `"nobody": expected an address`,
		mail("host: h, from: a@b.c, to: []"):                             "1 to 20 addresses",
		mail("from: a@b.c, to: [a@b.c]"):                                 "expected the name of a mail server",
		mail("host: h, username: u, from: a@b.c, to: [a@b.c]"):           "username and password, or neither",
		mail("host: h, tls: ssl, from: a@b.c, to: [a@b.c]"):              `"ssl": expected starttls`,
		to(", webhook: {url: 'https://h.example/'}"):                     "expected 1 to 4",
	} {
		_, err := Load(writeConfig(t, change{"clearpost.yaml", "", "alerts: {" + page + "}\n"}), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: no %q in %v", page, want, err)
		}
	}
}
