// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
	"clearpost/wire"
)

// testSchema has one field of each type beside the canonical ones.
func testSchema(t testing.TB) *lead.Schema {
	s, errs := lead.NewSchema("solar", []lead.Field{
		{Name: "date_of_birth", Type: lead.TypeDate, Personal: true},
		{Name: "age", Type: lead.TypeInteger},
		{Name: "bill", Type: lead.TypeMoney},
		{Name: "rating", Type: lead.TypeDecimal},
		{Name: "own_home", Type: lead.TypeBoolean},
		{Name: "roof", Type: lead.TypeEnum, Values: []string{"Tile", "Flat", "Asphalt Shingle"}},
		{Name: "notes", Type: lead.TypeText},
		{Name: "born", Type: lead.TypeDOB, Personal: true},
		{Name: "credit", Type: lead.TypeRange},
		{Name: "call_at", Type: lead.TypeTime},
		{Name: "sex", Type: lead.TypeGender},
		{Name: "ssn", Type: lead.TypeSSN},
		{Name: "numbers", Type: lead.TypeList, Of: lead.TypePhone},
	})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

func testSecrets(holder string) (string, bool) {
	v, ok := map[string]string{"${env:KEY}": "s3cr&t\"/\\ü", "${file:/run/key}": "from-file",
		"${env:LINES}": "a\r\nX: y", "${env:NUMBER}": "42"}[holder]
	return v, ok
}

var testNow = time.Date(2026, 11, 3, 15, 4, 5, 678_000_000, time.UTC)

func testInputs(l *lead.Lead) *Inputs {
	id, _ := lead.ParseID("018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")
	attempt, _ := lead.ParseID("018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e60")
	return &Inputs{Lead: l, LeadID: id, Attempt: attempt, Token: []byte("tok-1"), Price: 22_500_000, Source: "acme",
		SourceName: "Acme Leads", Vertical: "solar", Sold: 0, Left: 3, Now: testNow}
}

func fillLead(t testing.TB, s *lead.Schema, fields map[string]string) *lead.Lead {
	var l lead.Lead
	l.Reset(s)
	l.SetNow(testNow)
	for name, v := range fields {
		pos, ok := s.Position(name)
		if !ok {
			t.Fatalf("no field %q", name)
		}
		l.Set(pos, []byte(v))
	}
	return &l
}

// TestRequest runs testdata/request: "lead" sets the lead, "spec [ping]" compiles a request and shows its defects,
// "render [redacted] [close] [bare]" renders it.
func TestRequest(t *testing.T) {
	datadriven.Walk(t, "testdata/request", func(t *testing.T, path string) {
		s := testSchema(t)
		l := fillLead(t, s, nil)
		var r *Request
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "lead":
				var m map[string]string
				decode(t, d.Input, &m)
				l = fillLead(t, s, m)
				return ""
			case "spec":
				var spec Spec
				decode(t, d.Input, &spec)
				var defects []lead.Defect
				var names []string
				d.MaybeScanArgs(t, "captures", &names)
				r, defects = Compile(&spec, s, !d.HasArg("ping"), Options{Secrets: testSecrets, Captures: names,
					Legs: d.HasArg("legs")})
				if defects != nil {
					return showDefects(defects)
				}
				addr, name, tls := r.Host()
				return fmt.Sprintf("%s %s tls=%t token=%t\n", addr, name, tls, r.NeedsToken())
			case "render":
				if r == nil {
					t.Fatalf("%s: the spec has defects", d.Pos)
				}
				in := testInputs(l)
				in.Close = d.HasArg("close")
				var bearer, cookies string
				d.MaybeScanArgs(t, "bearer", &bearer)
				d.MaybeScanArgs(t, "cookies", &cookies)
				var captures []string
				d.MaybeScanArgs(t, "captures", &captures)
				for _, c := range captures {
					name, value, _ := strings.Cut(c, ":")
					in.Captures = append(in.Captures, wire.Captured{Name: name, Value: []byte(value)})
				}
				var legs []string // of token, brand and price in units
				d.MaybeScanArgs(t, "legs", &legs)
				for _, text := range legs {
					parts := strings.Split(text, ":")
					price, err := lead.ParseMoney([]byte(parts[2]))
					if err != nil {
						t.Fatal(err)
					}
					in.Legs = append(in.Legs, Leg{[]byte(parts[0]), []byte(parts[1]), price})
				}
				in.Bearer, in.Cookies = []byte(bearer), []byte(cookies)
				if d.HasArg("bare") {
					*in = Inputs{Lead: l}
				}
				render := r.AppendHTTP
				if d.HasArg("redacted") {
					render = r.AppendRedacted
				}
				out, err := render(nil, in)
				if err != nil {
					return err.Error()
				}
				head, body := splitRequest(t, out)
				if strings.Contains(head, "application/json") && !json.Valid(body) {
					t.Errorf("%s: not valid JSON: %s", d.Pos, body)
				}
				if d.HasArg("body") {
					return strings.ReplaceAll(string(body), "\r\n", "\n") + "\n"
				}
				return strings.ReplaceAll(string(out), "\r\n", "\n") + "\n"
			}
			t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			return ""
		})
	})
}

// splitRequest checks the framing of a request and returns head and body.
func splitRequest(t testing.TB, out []byte) (head string, body []byte) {
	t.Helper()
	h, body, ok := bytes.Cut(out, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no blank line: %q", out)
	}
	head = string(h)
	if rest := strings.ReplaceAll(head, "\r\n", ""); strings.ContainsAny(rest, "\r\n") {
		t.Fatalf("a bare line end in the head: %q", head)
	}
	want := fmt.Sprintf("\r\nContent-Length: %d", len(body))
	if strings.HasPrefix(head, "GET ") {
		if len(body) > 0 || strings.Contains(head, "Content-Length") {
			t.Fatalf("a GET with a body: %q", out)
		}
	} else if !strings.HasSuffix(head, want) {
		t.Fatalf("head %q does not end with %q", head, want)
	}
	return head, body
}
