// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A stranger moves in: counts and balances of another system, by files, while the exchange runs.
func TestMovingInByFiles(t *testing.T) {
	dir, _, _, _ := served(t)
	page := filepath.Join(dir, "buyers", "brightroof.yaml")
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "campaigns:", "balance: {credit_limit: 100}\n"+
		"duplicates: [{fields: [phone], days: 90}]\ncampaigns:", 1)
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "reload", "-d", dir)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	counts := file("counts.csv", "cap,count\ncampaign:brightroof-fixed:day,39\n")
	yesterday, long := time.Now().AddDate(0, 0, -1), time.Now().AddDate(0, 0, -91)
	sold := file("sold.csv", "phone,rule,sold_at\n(212) 555-0123,buyer:brightroof:phone,"+
		yesterday.Format(time.RFC3339)+"\n2125550124,buyer:brightroof:phone,"+yesterday.Format(time.DateOnly)+
		"\n2125550125,buyer:brightroof:phone,"+long.Format(time.DateOnly)+"\n")
	var rows strings.Builder
	for i := range 1500 { // more than a request may have elsewhere
		fmt.Fprintf(&rows, "212556%04d,buyer:brightroof:phone,%s\n", i, yesterday.Format(time.RFC3339))
	}
	many := file("many.csv", "phone,rule,sold_at\n"+rows.String())
	balances := file("balances.csv", "buyer,amount,ref\nbrightroof,250.00,open\n")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"import caps " + counts + " --dry-run", 0, "1 of 1 rows would be imported"},
		{"import caps " + counts, 0, "campaign:brightroof-fixed:day"},
		{"import caps " + counts, 0, "0 of 1 rows imported"},
		{"caps brightroof", 0, "campaign:brightroof-fixed:day     39"},
		{"import balances " + balances + " --dry-run", 0, "brightroof: 250.00 (open)"},
		{"import balances " + balances, 0, "1 of 1 rows booked"},
		{"import balances " + balances, 0, "0 of 1 rows booked"},
		{"balance brightroof --add 50 --why wire --ref w9", 0, "brightroof  300.00 USD  100.00  400.00"},
		{"balance brightroof --add 50 --why wire --ref w9", 0, "w9 is booked already"},
		{"balance brightroof --take 12.50 --why back", 0, "brightroof  287.50 USD"},
		{"balance", 0, "brightroof  287.50 USD"},
		{"balance brightroof", 0, "brightroof  net 30 days  -287.50 USD     0.00           -          0      good"},
		{"balance brightroof --json --terms", 0, `"owes_micros": -287500000`},
		{"pay brightroof 1.00 --ref w10", 0, "1 of 1 booked"},
		{"balance brightroof", 0, "brightroof  net 30 days  -288.50 USD"},
		{"balance brightroof --take 1 --why back", 0, "brightroof  287.50 USD"},
		{"books", 0, "buyer:brightroof  -287.50  USD  5 entries  good"},
		{"balance brightrof", 1, `did you mean "brightroof"?`},
		{"balance brightroof --add 5", 1, "expected a buyer and --why"},
		{"balance brightroof --add 0 --why x", 1, "expected an amount above 0"},
		{"import caps " + file("a.csv", "cap,n\nx,1\n"), 1, `no column "count" in the header (cap, n)`},
		{"import caps " + file("b.csv", "cap,count\nbuyer:brightroof:day,1\n"), 1, "no such cap is configured"},
		{"import caps " + file("c.csv", "cap,count\ncampaign:brightroof-fixed:day,1.5\n"), 1, "a number above 0"},
		{"import sold " + sold + " --dry-run", 0, "2 of 3 rows would be imported; 0 known already, 1 sold too"},
		{"import sold " + sold, 0, "2 of 3 rows imported"},
		{"import sold " + sold, 0, "0 of 3 rows imported; 2 known already, 1 sold too long ago"},
		{"import sold " + file("e.csv", "rule,sold_at,phone\nbuyer:x:phone,2026-01-01,1\n"), 1,
			"expected one of buyer:brightroof:phone"},
		{"import sold " + file("f.csv", "rule,sold_at,phone\nbuyer:brightroof:phone,soon,1\n"), 1, "or a date"},
		{"import sold " + file("g.csv", "rule,sold_at,zip\nbuyer:brightroof:phone,2026-01-01,10001\n"), 1,
			"expected values of phone"},
		{"import balances " + file("d.csv", "buyer,amount\nbrightrof,1\n"), 1, "row 2"},
		// nothing of a file with a mistake is booked: mended it is another file
		{"import balances " + file("h.csv", "buyer,amount\nbrightroof,7.00\nbrightroof,7.005\n"), 1, "row 3"},
		{"import balances " + file("i.csv", "buyer,amount\nbrightroof,7.00\nbrightroof,x\n") + " --dry-run", 1,
			"row 3"},
		{"pay --csv " + file("j.csv", "buyer,amount,date\nbrightroof,7.00,\nbrightroof,7.00,2999-01-01\n"), 1, "row 3"},
		{"pay --csv " + file("k.csv", "buyer,amount\nbrightroof,7.00\nnobody,7.00\n"), 1, "Nothing is booked"},
		{"balance brightroof", 0, "brightroof  287.50 USD"},
		{"import balances " + balances + " --dry-run --json", 0, `"changed": false`},
		{"import balances " + balances + " --json", 0, `"balance_micros": 287500000`},
		{"import sold " + many, 0, "1500 of 1500 rows imported"},
	} {
		code, out, errs := clearpost(t, append(strings.Fields(c.args), "-d", dir)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: code %d\n%s%s\nwant %d and %q", c.args, code, out, errs, c.code, c.says)
		}
	}
}
