// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/ledger/report"
)

// A buyer gives leads back by its key, an operator by verbs and a file, while the exchange runs and after.
func TestReturnsByVerbsFilesAndABuyersKey(t *testing.T) {
	if testing.Short() {
		t.Skip("one verb after the other")
	}
	dir, sellers, p, farm := served(t)
	for _, b := range []string{"leadspring", "matchpoint", "sunharvest"} {
		farm.Buyer(b).SetFault(buyertest.Ping, buyertest.FaultClose, 1)
	}
	var sold []report.Lead
	var phones []string
	for i := 0; len(sold) < 4; i++ {
		if i == 100 {
			t.Fatal("of 100 leads not 4 are sold")
		}
		phone := fmt.Sprintf("602-234-0%03d", 100+i)
		resp, err := sendLead(sellers, strings.Replace(sunnyLead, "(602) 234-0199", phone, 1))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result string `json:"result"`
			LeadID string `json:"lead_id"`
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil || answer.Result != "success" {
			continue
		}
		var l report.Lead
		if err := json.Unmarshal([]byte(must(t, "find", "--json", answer.LeadID, "-d", dir)), &l); err != nil ||
			len(l.Attempts) != 1 || l.Attempts[0].Buyer != "brightroof" {
			t.Fatalf("%+v, %v", l, err)
		}
		sold, phones = append(sold, l), append(phones, phone)
	}
	first, second, third, fourth := sold[0], sold[1], sold[2], sold[3]
	ref := func(l report.Lead) string { return l.Attempts[0].Reference }
	send := func(key, body string) (int, string) {
		req, err := http.NewRequest("POST", "http://"+sellers+"/v1/buyers/brightroof/returns", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	body := `{"returns":[{"reference":"` + ref(first) + `","reason":"wrong_number"},{"phone":"` + phones[1] + `",` +
		`"reason":"not_interested"},{"reference":"none","reason":"duplicate"}]}`
	if status, _ := send("demo-key-quotemill", body); status != 401 {
		t.Errorf("a seller's key: %d", status)
	}
	for range 2 {
		status, text := send("demo-brightroof-buyer", body)
		for _, part := range []string{`"result":"returned"`, `"lead_id":"` + first.ID.String(), `"currency":"USD"`,
			`"result":"waiting"`, `"lead_id":"` + second.ID.String(), `"reason":"not_sold"`} {
			if status != 200 || !strings.Contains(text, part) {
				t.Errorf("%d %s: want %s", status, text, part)
			}
		}
	}
	csv := filepath.Join(t.TempDir(), "returns.csv")
	if err := os.WriteFile(csv, []byte("reference,reason,note\n"+ref(third)+",duplicate,had it\n"+ref(first)+
		",wrong_number,\nnothing,duplicate,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	payments, neither := filepath.Join(t.TempDir(), "payments.csv"), filepath.Join(t.TempDir(), "neither.csv")
	for file, text := range map[string]string{payments: "source,buyer,amount,date\nquotemill,,3.00,2026-11-05\n" +
		",brightroof,4.00,\n", neither: "buyer,amount\n,3.00\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	price := first.Attempts[0].Price
	half := (second.Attempts[0].Price / 2).RoundCents()
	steps := []struct {
		args string
		code int
		says string
	}{
		{"returns --state asked", 0, ref(second)},
		{"return --buyer brightroof --csv " + csv, 1, "1 of 3 are refused"},
		{"return --buyer brightroof --csv " + csv, 1, "is already given back (duplicate), another lead is owed for it"},
		{"returns", 0, "had it"},
		{"returns approve brightroof:" + ref(second) + " --why heard", 0, "(not_interested), " + half.String() +
			" credited, "},
		{"returns deny brightroof:" + ref(second) + " --why heard", 1, "no return of this sale waits"},
		{"returns replace brightroof:" + ref(third) + " --with brightroof:" + ref(fourth) + " --why x", 1,
			"sold before"},
		{"return brightroof:" + ref(fourth) + " --reason goodwill --grant", 1, "no reason of the buyer's list"},
		{"return --phone " + phones[3] + " --reason wrong_number --grant --credit 1.00", 0, "1.00 credited, "},
		{"returns revoke " + fourth.ID.String() + " --why oops", 0, "its return is revoked"},
		{"return " + fourth.ID.String() + " --credit 5 --reason wrong_number", 2, "--credit goes with --grant"},
		{"return --reason wrong_number", 2, "expected names, --phone or --csv"},
		{"returns --buyer brightroof --reason wrong_number --state returned", 0, price.String()},
		{"pay brightroof 30.00 --date 2026-11-03 --ref w-1", 0, "1 of 1 booked"},
		{"pay brightroof 30.00 --ref w-1", 0, "0 of 1 booked"},
		{"pay nobody 30.00", 1, "no buyer of this id is configured"},
		{"pay brightroof 30.00 --date 3.11.2026", 1, "expected a day that has come"},
		{"pay brightroof", 1, "expected a buyer or source:ID and an amount, or --csv"},
		{"pay source:quotemill 12.50 --date 2026-11-05 --ref p-1", 0, "1 of 1 booked"},
		{"pay source:quotemill 12.50 --ref p-1", 0, "0 of 1 booked"},
		{"pay source:quotemill 2.50 --back --ref p-2 --why mistake", 0, "1 of 1 booked"},
		{"pay source:brightroof 30.00", 1, "no source of this id is configured"},
		{"pay source:quotemill 1.00 --currency EUR", 1, "expected one of USD"},
		{"pay --csv " + payments, 0, "2 of 2 booked"},
		{"pay --csv " + payments, 0, "0 of 2 booked"},
		{"pay --csv " + neither, 1, "row 2: expected a value in the column buyer or in the column source"},
		{"books", 0, "USD adds up to 0.00"},
		{"statement brightroof --since 1h", 0, "payment w-1 of 2026-11-03"},
		{"statement source:quotemill --since 1h --csv", 0, ",return,-"},
		{"statement source:quotemill --since 1h --csv", 0, ",payment,-12.50,USD,,,,,p-1,,,2026-11-05\n"},
		{"statement source:quotemill --since 1h", 0, "payment p-2  "},
		{"books --hledger", 0, "payout  ; ref: p-1"},
		{"statement brightroof --since 1h --sums", 0, "brightroof from"},
		{"statement brightroof --month " + time.Now().UTC().Format("2006-01") + " --so-far", 0,
			"payment w-1 of 2026-11-03"},
		{"statement nobody --since 1h", 1, "nothing was ever booked"},
		{"statement brightroof", 2, "expected --month, or --since"},
		{"statement brightroof --month 2026-13", 1, "expected a month such as 2026-10"},
		{"statement brightroof --month " + time.Now().UTC().Format("2006-01") + " --so-far", 0, "closing"},
		{"returns --source nobody", 0, "no return is like this"},
		{"sql select+count(*),sum(credit_micros)+from+returns+where+state='returned'", 0, "3"},
	}
	for _, how := range []string{"running", "stopped"} {
		if how == "stopped" {
			p.cmd.Process.Signal(os.Interrupt)
			<-p.ended
			steps = steps[len(steps)-3:]
		}
		for _, c := range steps {
			args := strings.Fields(c.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "+", " ")
			}
			code, out, errs := clearpost(t, append(args, "-d", dir)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("%s: %s: code %d\n%s%s\nwant %d and %q", how, c.args, code, out, errs, c.code, c.says)
			}
		}
	}
	var got admin.Changed
	out := must(t, "return", fourth.ID.String(), "--reason", "wrong_number", "--grant", "--json", "-d", dir)
	if err := json.Unmarshal([]byte(out), &got); err != nil || !got.Changed || got.Event.Return.Clawback == 0 {
		t.Errorf("%s, %v", out, err)
	}
}
