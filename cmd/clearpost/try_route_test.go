// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/config"
)

const (
	waterfall = "../../examples/plans/waterfall"
	offices   = "../../examples/hours"
)

// priced are the example of a waterfall with list prices, but for one who quotes.
func priced(t *testing.T, prices map[string]string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "conf")
	if err := os.CopyFS(dir, os.DirFS(waterfall)); err != nil {
		t.Fatal(err)
	}
	for id, price := range prices {
		name := filepath.Join(dir, "buyers", id+".yaml")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, "    price: "+price+"\n"...)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// file writes a file of the test.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func holds(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in\n%s", w, out)
		}
	}
}

func TestTryRouteOfALead(t *testing.T) {
	if _, err := config.Load(waterfall, nil); err != nil {
		t.Fatal(err)
	}
	one := file(t, "lead.json", `{"zip": "10001", "shoe_size": 42}`)
	code, out, errOut := clearpost(t, "try", "route", one, "-d", waterfall, "--bid", "beacon=40", "--bid",
		"harbor=35.50", "--bid", "meadow=30", "--bid", "valley=12")
	if code != exitOK || !strings.Contains(errOut, "shoe_size: no field of vertical solar") {
		t.Errorf("exit %d, %s", code, errOut)
	}
	holds(t, out, "quoted 84.40 USD: beacon and harbor and meadow pay 105.50\n",
		"1 would be asked for a price", "winner          bid 40.00 rank 1 in tier few",
		"backup          bid 12.00 rank 4 in tier many — tier few sells the lead before tier many",
		"summit (summit-co)  would_be_asked  — it is asked for its price")
	out = must(t, "try", "route", one, "-d", waterfall, "--json", "--bid", "beacon=60", "--bids",
		file(t, "bids.txt", "# last month's\nharbor,35\n\nmeadow=30\n"))
	var got struct {
		Result  string   `json:"result"`
		Payout  int64    `json:"payout_micros"`
		Winners []string `json:"winners"`
		Story   []struct {
			Campaign string `json:"campaign"`
			ShortBy  int64  `json:"short_by_micros"`
		} `json:"campaigns"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Result != "success" || got.Payout != 48_000_000 ||
		len(got.Winners) != 1 || len(got.Story) != 5 {
		t.Errorf("%v: %s", err, out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{one, "-d", waterfall, "--bid", "becon=4"}, `did you mean "beacon"`},
		{[]string{one, "-d", waterfall, "--bid", "beacon=x"}, "expected CAMPAIGN=PRICE"},
		{[]string{one, "-d", waterfall, "--source", "nobody"}, `no source "nobody"`},
		{[]string{one, "-d", "../../examples"}, "--source and --vertical leave"},
	} {
		if code, _, errOut := clearpost(t, append([]string{"try", "route"}, c.args...)...); code != exitFailed ||
			!strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, code, errOut)
		}
	}
	for _, args := range [][]string{{}, {one, "--csv", one}, {one, "--time-column", "x"}} {
		if code, _, errOut := clearpost(t, append([]string{"try", "route"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, code, errOut)
		}
	}
}

// A buyer who keeps office hours is told as closed on a Saturday.
func TestTryRouteAtATime(t *testing.T) {
	cfg, err := config.Load(offices, nil)
	if err != nil {
		t.Fatal(err)
	}
	one := file(t, "lead.json", `{"zip": "33101", "state": "FL", "age": "30", "phone": "3052345678"}`)
	id := cfg.Exchange.Book.Campaigns[0].ID
	for at, want := range map[string]string{"2026-11-25T15:00:00Z": "closed: ", "2026-11-28T15:00:00Z": "closed: "} {
		out := must(t, "try", "route", one, "-d", offices, "--at", at, "--bid", id+"=20")
		if open := at == "2026-11-25T15:00:00Z"; open == strings.Contains(out, want) {
			t.Errorf("at %s:\n%s", at, out)
		}
	}
}

func TestTryRouteOfAFile(t *testing.T) {
	dir := priced(t, map[string]string{"beacon": "30.00", "harbor": "20.00", "meadow": "12.00", "summit": "11.00"})
	leads := "\ufeffZIP;received_at;colour\r\n10001;2026-11-20T10:00:00Z;red\r\n\"10002\";2026-11-20;blue\r\n" +
		"nowhere;2026-11-20;red\r\n10003;last week;red\r\n"
	csv := file(t, "leads.csv", leads)
	out := must(t, "try", "route", "--csv", csv, "--time-column", "received_at", "-d", dir)
	holds(t, out, "4 leads of acme for solar, 1 of them unreadable (line 5: \"last week\": expected a time",
		"columns that nobody knows: colour\n",
		"quoted    2 (66.7 %): revenue 60.00, payout 48.00, margin 12.00 USD\n", "no quote  invalid_lead 1\n",
		"beacon    2     60.00    0          0               -\n",
		"valley    0     0.00     0          2               -\n")
	// a change: beacon leaves
	less := priced(t, map[string]string{"harbor": "20.00", "meadow": "12.00", "summit": "11.00"})
	if err := os.Remove(filepath.Join(less, "buyers", "beacon.yaml")); err != nil {
		t.Fatal(err)
	}
	out = must(t, "try", "route", "--csv", csv, "--time-column", "received_at", "-d", less, "--against", dir)
	holds(t, out, "the change: 2 leads are won by others or for another payout; ", "revenue +26.00, payout +20.80, "+
		"quoted +0\n", "beacon    0       2     -60.00\n", "harbor    2       0     +40.00\n")
	var got routedTable
	out = must(t, "try", "route", "--csv", csv, "--time-column", "received_at", "-d", less, "--against", dir, "--json")
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Rows != 4 || got.Unreadable != 1 ||
		got.Changed != 2 || got.Against == nil || got.Against.Revenue != 60_000_000 ||
		got.Totals.Revenue != 86_000_000 || len(got.Moved) != 4 || got.Against.NoQuote["invalid_lead"] != 1 {
		t.Errorf("%v: %s", err, out)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "the file is empty"},
		"no column": {"zip\n10001\n", `no column "received_at": there are zip`},
		"open quotes": {"zip,received_at\n\"" + strings.Repeat("x", csvRowMax+1<<20),
			"a quotation mark that does not end"},
	} {
		code, _, errOut := clearpost(t, "try", "route", "--csv", file(t, "x.csv", c.text), "--time-column",
			"received_at", "-d", dir)
		if code != exitFailed || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: exit %d, %s", name, code, errOut)
		}
	}
}
