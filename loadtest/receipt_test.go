// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/loadtest/audit"
)

// TestReceiptsFitTheAuditor holds the lines that the farm writes to what the auditor reads: they share no type.
func TestReceiptsFitTheAuditor(t *testing.T) {
	var lines bytes.Buffer
	s := buyertest.Script{ID: "sunco", Lead: "lead", Post: buyertest.Rule{Yes: 1, Min: 12 * lead.Unit,
		Max: 12 * lead.Unit}}
	farm, err := buyertest.New(buyertest.Config{Books: &lines, Buyers: []buyertest.Script{s}})
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, body := range []string{`{"lead":"L1"}`, `{}`} {
		resp, err := c.Post(farm.URL("sunco", buyertest.Post), "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
	}
	if err := farm.Close(); err != nil {
		t.Fatal(err)
	}
	var got []audit.Receipt
	if err := audit.JSONLines[audit.Receipt](&lines)(func(r audit.Receipt) error {
		got = append(got, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := farm.Buyer("sunco").Book.Receipts()
	if len(got) != 2 || len(want) != 2 {
		t.Fatalf("%d lines, %d receipts", len(got), len(want))
	}
	for i, r := range want {
		g := got[i]
		if g.Buyer != r.Buyer || g.Lead != r.Lead || g.Accepted != r.Accepted || g.Reference != r.Reference ||
			g.Price != int64(r.Price) || !g.At.Equal(r.At) {
			t.Errorf("wrote %+v, read %+v", r, g)
		}
	}
	if !got[0].Accepted || got[0].Price != 12_000_000 || got[0].Reference == "" || got[1].Accepted {
		t.Errorf("%+v", got)
	}
}
