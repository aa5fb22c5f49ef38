// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clearpost/exchange"
)

// writeAll writes the files of a configuration.
func writeAll(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Each page of criteria in these documents is taken as it stands there.
func TestCriteriaOfTheDocumentsAreTaken(t *testing.T) {
	var text []byte
	for _, file := range []string{"how-to/choose-leads.md", "reference/expressions.md"} {
		b, err := os.ReadFile("../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	pages := regexp.MustCompile("(?s)```yaml\n(    criteria:\n.*?)```").FindAllSubmatch(text, -1)
	if len(pages) < 5 {
		t.Fatalf("%d pages found", len(pages))
	}
	for _, p := range pages {
		files := map[string]string{}
		for file, text := range map[string]string{"clearpost.yaml": "node: n1\n",
			"verticals/solar.yaml": "id: solar\nfields:\n  - {name: monthly_bill, type: money}\n" +
				"  - {name: utility, type: text}\n  - {name: dob, type: dob}\n",
			"sources/leadmart.yaml": "id: leadmart\nkeys: [acme-key-0123456789]\nverticals: [solar]\n",
			"buyers/b.yaml": "id: b\ntimezone: America/New_York\ncampaigns:\n  - id: b-main\n    vertical: solar\n" +
				"    price: 25\n" + string(p[1]) + "    post:\n      request: {url: \"https://b.example/post\"}\n" +
				"      answer: {success: [{path: ok, equals: true}]}\n",
			"lists/zips.txt": "78704\n", "lists/do_not_call.txt": strings.Repeat("0a", 32) + "\n"} {
			if name := strings.TrimPrefix(file, "lists/"); name != file && !strings.Contains(string(p[1]), name) {
				continue // a file that nothing names is a mistake
			}
			files[file] = text
		}
		dir := writeAll(t, files)
		if _, err := Load(dir, nil); err != nil {
			t.Errorf("%s\n%v", strings.TrimSpace(string(p[1])), err)
		}
	}
}

// Each page of the document on leads that wait is taken, under a campaign.
func TestPagesOfWaitingLeadsAreTaken(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/let-leads-wait-for-a-buyer.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := regexp.MustCompile("(?s)```yaml\n(    defer:.*?)```").FindAllSubmatch(text, -1)
	if len(pages) < 4 {
		t.Fatalf("%d pages found", len(pages))
	}
	const price = "    price: 0010.50\n"
	for _, p := range pages {
		cfg, err := Load(writeConfig(t, change{"buyers/one.yaml", price, price + string(p[1])}), nil)
		if err != nil {
			t.Errorf("%s\n%v", p[1], err)
		} else if cfg.Exchange.Book.Campaigns[0].Defer == nil {
			t.Errorf("%s\ndoes nothing", p[1])
		}
	}
}

// So is each plan, and each economy.
func TestPlansOfTheHowToAreTaken(t *testing.T) {
	for file, least := range map[string]int{"choose-who-gets-it.md": 5, "ask-fewer-buyers.md": 4} {
		text, err := os.ReadFile("../docs/how-to/" + file)
		if err != nil {
			t.Fatal(err)
		}
		pages := regexp.MustCompile("(?s)```yaml\n((?:plan|economy):\n.*?)```").FindAllSubmatch(text, -1)
		if len(pages) < least {
			t.Fatalf("%s: %d pages found", file, len(pages))
		}
		for _, p := range pages {
			cfg, err := loadPlan(t, string(p[1]), change{"buyers/agencies.yaml", "", strings.Replace(planBuyers(
				"agency-a", "agency-b +labels: [west, premium]", "agency-c +role: overflow"), "id: many",
				"id: agencies", 1)})
			if err != nil {
				t.Errorf("%s\n%v", strings.TrimSpace(string(p[1])), err)
			} else if v := cfg.Exchange.Verticals[0]; v.Plan.Routing == nil && v.Economy == (exchange.Economy{}) {
				t.Errorf("%s\ndoes nothing", strings.TrimSpace(string(p[1])))
			}
		}
	}
}

// And what stands about prices and margins, wherever it may stand.
func TestPricesOfTheHowToAreTaken(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/set-prices-and-margins.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(pages) != 5 {
		t.Fatalf("%d pages found", len(pages))
	}
	const one, acme = "buyers/one.yaml", "sources/acme.yaml"
	price, margin := "    price: 0010.50\n", "margin: {percent: 12.5}\n"
	for i, change := range []func(page string) change{
		func(page string) change {
			return change{one, price, strings.NewReplacer("lead.state", "lead.gender", `"CA"`,
				`"F"`, "{field: state, in: [CA, TX, FL]}", "{field: gender, in: [M]}").Replace(page)}
		},
		func(page string) change { return change{one, price, page + quotesInPing} },
		func(page string) change { return change{one, "id: one\n", "id: one\n" + page} },
		func(page string) change { return change{acme, margin, page} },
		func(page string) change { return change{acme, margin, page} },
	} {
		page := string(pages[i][1])
		if _, err := Load(writeConfig(t, change(page)), nil); err != nil {
			t.Errorf("%s\n%v", page, err)
		}
	}
}

// What stands there of other files is taken, too: pages of buyers and sources, and of what a vertical has besides.
func TestPagesOfTheHowToAreTaken(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/choose-who-gets-it.md")
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadFile("../docs/how-to/sell-what-is-left.md")
	if err != nil {
		t.Fatal(err)
	}
	agencies := change{"buyers/agencies.yaml", "", strings.Replace(planBuyers("agency-a"), "id: many", "id: agencies",
		1)}
	blocks := regexp.MustCompile("(?s)```text\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	remediation := regexp.MustCompile("(?s)```yaml\n(remediation:\n  url:.*?)```")
	blocks = append(blocks, remediation.FindAllStringSubmatch(string(left), -1)...)
	if len(blocks) != 6 {
		t.Fatalf("%d blocks found", len(blocks))
	}
	for _, b := range blocks {
		block := b[1]
		changes := []change{agencies}
		switch key, rest, _ := strings.Cut(block, "\n"); {
		case key == "campaigns:":
			changes = append(changes, change{"buyers/page.yaml", "", "id: page\n" + block +
				"    vertical: auto\n    price: 10\n    post: {request: {url: \"https://m.example/p\"}, " +
				"answer: {success: [{path: ok, equals: true}]}}\n"})
			if strings.Contains(block, "phoenix.txt") {
				changes = append(changes, change{"lists/phoenix.txt", "", "85004\n"})
			}
		case key == "plans:", strings.HasPrefix(key, "exclusions: ["):
			changes = append(changes, change{"sources/acme.yaml", "", block})
		case strings.HasPrefix(key, "exclusions: "):
			const auto = "verticals/auto.yaml"
			changes = append(changes, change{auto, "fields:\n", rest}, change{auto, "", key + "\n"})
		case key == "remediation:":
			block = strings.NewReplacer("${env:UNSOLD_SECRET}", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").Replace(block)
			changes = append(changes, change{"verticals/auto.yaml", "", block})
		default:
			t.Fatalf("nobody knows where this belongs:\n%s", block)
		}
		if _, err := Load(writeConfig(t, changes...), nil); err != nil {
			t.Errorf("%s\n%v", block, err)
		}
	}
}

// So is each cap, account and duplicate rule.
func TestCapsOfTheDocumentsAreTaken(t *testing.T) {
	n := 0
	for _, file := range []string{"how-to/set-caps-and-budgets.md", "how-to/take-nobody-twice.md",
		"reference/buyers.md"} {
		text, err := os.ReadFile("../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		page := regexp.MustCompile("(?s)```yaml\n((?:caps|balance|duplicates):.*?)```")
		for _, p := range page.FindAllSubmatch(text, -1) {
			n++
			dir := writeAll(t, map[string]string{"clearpost.yaml": "node: n1\n", "verticals/solar.yaml": "id: solar\n",
				"sources/leadmart.yaml": "id: leadmart\nkeys: [acme-key-0123456789]\nverticals: [solar]\n",
				"buyers/b.yaml": "id: b\ntimezone: America/New_York\n" + string(p[1]) + "campaigns:\n  - id: b-main\n" +
					"    vertical: solar\n    price: 25\n    post:\n" +
					"      request: {url: \"https://b.example/post\"}\n" +
					"      answer: {success: [{path: ok, equals: true}]}\n"})
			if _, err := Load(dir, nil); err != nil {
				t.Errorf("%s\n%s\n%v", file, p[1], err)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d pages found", n)
	}
}

// So is the buyer whose leads go into files.
func TestBuyerOfFilesOfTheDocumentsIsTaken(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/deliver-a-file.md")
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile("(?s)```yaml\n(id: harbor\n.*?)```").FindSubmatch(text)
	if page == nil {
		t.Fatal("no page")
	}
	files := map[string]string{"clearpost.yaml": "node: n1\n", "verticals/solar.yaml": "id: solar\n",
		"sources/leadmart.yaml": "id: leadmart\nkeys: [acme-key-0123456789]\nverticals: [solar]\n",
		"buyers/harbor.yaml":    string(page[1]), "secrets/harbor.key": "unset"}
	cfg, err := Load(writeAll(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := cfg.Exchange.Book.Campaign("harbor-file").Batch
	if b.To.SFTP.Key != "unset" || b.To.SFTP.Address != "sftp.harbor.example:22" || b.Send.Rows != 100 ||
		b.Send.Zone.String() != "America/New_York" || len(b.Columns) != 6 {
		t.Errorf("%+v, %+v", b, b.To.SFTP)
	}
	others := regexp.MustCompile("(?s)```yaml\n(to: .*?)```").FindSubmatch(text)
	if others == nil {
		t.Fatal("no other ways")
	}
	own, rest, _ := strings.Cut(string(page[1]), "      to:\n")
	for i, way := range strings.Split(string(others[1]), "---\n") {
		way = regexp.MustCompile(`\$\{env:\w+\}`).ReplaceAllString(way, "secret")
		way = strings.ReplaceAll(strings.TrimSpace(way), "\n", "\n      ")
		files["buyers/harbor.yaml"] = own + "      " + way + "\n"
		delete(files, "secrets/harbor.key")
		if _, err := Load(writeAll(t, files), nil); err != nil || rest == "" || i > 4 {
			t.Errorf("%s\n%v", way, err)
		}
	}
	files["secrets/harbor.key"] = "unset"
	files["buyers/harbor.yaml"] = strings.Replace(string(page[1]), "    batch:\n", "    post:\n      request: {url: "+
		"\"https://h.example/\"}\n      answer: {success: [{path: ok, equals: true}]}\n    batch:\n", 1)
	_, err = Load(writeAll(t, files), nil)
	if err == nil || !strings.Contains(err.Error(), "nothing here: a campaign with") {
		t.Errorf("a campaign with post and batch: %v", err)
	}
}
