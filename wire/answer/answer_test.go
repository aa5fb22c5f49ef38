// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

// TestAnswer runs testdata/answer: "spec [ping]" compiles a spec and shows its defects, "read [status=N] [type=T]
// [torn]" reads a body.
func TestAnswer(t *testing.T) {
	datadriven.Walk(t, "testdata/answer", func(t *testing.T, path string) {
		var a *Answer
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "spec":
				var spec Spec
				decode(t, d.Input, &spec)
				var defects []lead.Defect
				a, defects = Compile(&spec, !d.HasArg("ping"))
				if defects != nil {
					return showDefects(defects)
				}
				return fmt.Sprintf("price=%t token=%t\n", a.GivesPrice(), a.GivesToken())
			case "read":
				status, contentType := 200, "text/html; charset=utf-8"
				d.MaybeScanArgs(t, "status", &status)
				d.MaybeScanArgs(t, "type", &contentType)
				read := a.ReadWhole
				if d.HasArg("torn") {
					read = a.Read
				}
				body := []byte(d.Input)
				if d.HasArg("quoted") {
					if err := json.Unmarshal(body, new(string)); err != nil {
						t.Fatalf("%s: %v", d.Pos, err)
					}
					var s string
					_ = json.Unmarshal(body, &s)
					body = []byte(s)
				}
				out := showReceipt(read(status, []byte(contentType), body))
				if d.HasArg("explain") {
					out += a.Explain(status, []byte(contentType), body) + "\n"
				}
				return out
			}
			t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			return ""
		})
	})
}

func showReceipt(r Receipt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r.Outcome)
	if r.Refusal != lead.NoRefusal {
		fmt.Fprintf(&b, " %s", r.Refusal)
	}
	fmt.Fprintf(&b, " by %s", r.Rule)
	if r.HasPrice {
		fmt.Fprintf(&b, " price=%s", r.Price)
	}
	for _, v := range []struct {
		name string
		text []byte
	}{{"token", r.Token}, {"reference", r.Reference}, {"reason", r.Reason}, {"redirect", r.Redirect}} {
		if v.text != nil {
			fmt.Fprintf(&b, " %s=%q", v.name, v.text)
		}
	}
	if r.ExpiresIn > 0 {
		fmt.Fprintf(&b, " expires=%s", r.ExpiresIn)
	}
	if !r.ExpiresAt.IsZero() {
		fmt.Fprintf(&b, " expires=%s", r.ExpiresAt.Format(time.RFC3339))
	}
	for _, c := range r.Captures {
		fmt.Fprintf(&b, " %s=%q", c.Name, c.Value)
	}
	for _, l := range r.Legs {
		fmt.Fprintf(&b, " leg=%s/%d/%q/%q", l.Price, l.MaxSold, l.Brand, l.Token)
	}
	for _, l := range r.Ends {
		fmt.Fprintf(&b, " end=%s/%s/%q/%q/%q", l.Outcome, l.Price, l.Token, l.Reference, l.Reason)
	}
	return b.String() + "\n"
}
