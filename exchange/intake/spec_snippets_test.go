// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"clearpost/exchange/intake"
	"clearpost/exchange/intake/posting"
)

// snippetVertical has values that need care in every language.
const snippetVertical = `
id: solar
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: homeowner, type: boolean, required: ping}
  - {name: bill, type: money, required: post}
  - {name: remark, type: enum, values: ["it's \"$x\" \\ ünï 100%"], required: ping}
`

// Each example of a posting spec sells its lead in each language whose interpreter is here.
func TestSnippetsSellTheirLeads(t *testing.T) {
	if testing.Short() {
		t.Skip("interpreters are started by the dozen")
	}
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("verticals/solar.yaml", snippetVertical)
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: "+
		"20}\ntests: true\nallow_get: true\naliases: {\"L'tel\": phone}\n")
	h.restart()
	cfg := &h.cfg.Exchange
	src, v := cfg.Sources[0], cfg.Verticals[0]
	if src.ID != "acme" {
		src = cfg.Sources[1]
	}
	samples := intake.SpecSamples(src, v, cfg, time.Now())
	pingID := regexp.MustCompile(`"ping_id":"([^"]+)"`)
	ran := map[string]int{}
	for _, r := range samples.Requests {
		for _, s := range r.Snippets("http://" + h.addr) {
			run := map[string][]string{"curl": {"sh"}, "Python": {"python3", "-"}, "JavaScript": {"node", "-"},
				"PHP": {"php"}}[s.Language]
			if _, err := exec.LookPath(run[0]); err != nil {
				continue
			}
			ran[s.Language]++
			text := strings.ReplaceAll(s.Text, posting.KeyPlaceholder, "acme-key-0123456789")
			if strings.Contains(text, posting.PingPlaceholder) {
				a := h.tell("POST", "/v1/solar/ping",
					`{"zip":"94110","homeowner":true,"remark":"it's \"$x\" \\ ünï 100%","test":1}`,
					"Content-Type: application/json", keyHeader)
				id := pingID.FindStringSubmatch(a.text)
				if id == nil {
					t.Fatalf("a ping: %+v", a)
				}
				text = strings.ReplaceAll(text, posting.PingPlaceholder, id[1])
			}
			cmd := exec.CommandContext(t.Context(), run[0], run[1:]...)
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "success") || s.Language != "curl" &&
				!strings.Contains(string(out), "200 ") {
				t.Errorf("%s of %s as %s: %v\n%s\n%s", s.Language, r.Call, r.Title, err, out, text)
			}
		}
	}
	for _, language := range []string{"curl", "Python", "JavaScript", "PHP"} {
		if ran[language] == 0 {
			t.Logf("no interpreter of %s here", language)
		}
	}
	if len(ran) == 0 && os.Getenv("CI") == "true" {
		t.Fatal("no interpreter of any language of the examples is installed")
	}
	if len(ran) == 0 {
		t.Skip("no interpreter of any language of the examples is installed")
	}
}
