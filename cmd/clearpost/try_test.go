// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/examples"
)

func TestTryFieldReadsLines(t *testing.T) {
	var out bytes.Buffer
	c := tryFieldCmd{Type: "dob", Value: []string{"3/22/84", "-", "x"}, JSON: true, At: "2026-02-28", Region: "US",
		Of: "text"}
	if err := c.Run(&env{in: strings.NewReader("2/29/04\n\n2026-03-01\r\n"), out: &out}); err != nil {
		t.Fatal(err)
	}
	want := `{"input":"3/22/84","normal":"1984-03-22","valid":true,"reason":"","parts":{"age":41,"year":1984,"month":3,"day":22}}
{"input":"2/29/04","normal":"2004-02-29","valid":true,"reason":"","parts":{"age":21,"year":2004,"month":2,"day":29}}
{"input":"","normal":"","valid":true,"reason":"missing","parts":{}}
{"input":"2026-03-01","normal":"","valid":false,"reason":"it lies in the future","parts":{}}
{"input":"x","normal":"","valid":false,"reason":"expected a date of birth such as 1984-03-22","parts":{}}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTryFieldOptions(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"phone", "020 7946 0958", "--region", "gb"}, `"+442079460958"  country=GB`},
		{[]string{"date", "3/4/2026", "--day-first"}, `"2026-04-03"`},
		{[]string{"enum", "GEICO", "--values", "Geico,Allstate"}, `"Geico"`},
		{[]string{"list", "1,2", "--of", "integer"}, `"[\"1\",\"2\"]"  count=2`},
		{[]string{"ssn", "536221234"}, `"***-**-1234" → "***-**-1234"  last4=1234`},
		{[]string{"money", "--", "-$5"}, `"-5.00"`},
	} {
		if out := must(t, append([]string{"try", "field"}, c.args...)...); !strings.Contains(out, c.want) ||
			strings.Contains(out, "536") {
			t.Errorf("%v: %s", c.args, out)
		}
	}
	for _, args := range [][]string{{"colour", "red"}, {"enum", "x"}, {"phone", "1", "--region", "XX"},
		{"dob", "x", "--at", "noon"}, {"list", "x", "--of", "things"}} {
		if code, _, errOut := clearpost(t, append([]string{"try", "field"}, args...)...); code != exitFailed ||
			errOut == "" {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}

func TestTryLead(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "lead.json")
	body := `{"zip":"90210-1234","dob":"3/22/84","phone":"555","colour":"red","vehicle_year":2019,"first_name":null,"email":["x"],"max_wait_ms":0}`
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out := must(t, "try", "lead", "--vertical", "auto", "-d", dir, "--at", "2026-02-28", file)
	for _, want := range []string{`zip: "90210-1234" → "90210"  country=US  state=CA`,
		`dob: "3/22/84" → "1984-03-22"  age=41`, `age: "41" → "41"  (not sent)`,
		"phone: \"555\" → not valid: it has too few digits\n", `"colour": the vertical has no such field`, "email: ",
		"ping: currently_insured: expected a value", "max_wait_ms: expected"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var got struct {
		Fields []struct {
			Field, Raw, Normal, Reason string
			Valid, Made                bool
			Parts                      map[string]any
		}
		Unknown []string
		Ping    []struct{ Field, Expected string } `json:"ping_problems"`
	}
	out = must(t, "try", "lead", "--vertical", "auto", "--source", "bluekite", "-d", dir, "--json", "--at",
		"2026-02-28", file)
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Unknown) != 1 || len(got.Ping) < 4 {
		t.Errorf("%v\n%s", err, out)
	}
	made := 0
	for _, f := range got.Fields {
		if f.Made {
			made++
		}
	}
	if made != 2 { // age from dob, state from zip
		t.Errorf("%d fields were made\n%s", made, out)
	}
	for _, args := range [][]string{{"--vertical", "roofs"}, {"--vertical", "auto", "--source", "nobody"},
		{"--vertical", "auto", "--source", "sunpath"}} {
		if code, _, errOut := clearpost(t, append([]string{"try", "lead", "-d", dir, file},
			args...)...); code != exitFailed || errOut == "" {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}

func TestTryLeadReadsEveryDialect(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	source := "id: partner\nkeys: [partner-key-1]\nverticals: [auto]\nprofile: boberdoo\naliases: {Geburt: " +
		"dob}\nvalues: {gender: {weiblich: F}}\n"
	if err := os.WriteFile(filepath.Join(dir, "sources", "partner.yaml"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	const form = "Zip=90210&Geburt=3%2F22%2F84&gender=weiblich&city=Sa%F1ta&Mode=ping&colour=red"
	if _, err := z.Write([]byte(form)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	want := ""
	for _, c := range []struct{ body, typ string }{
		{`{"Request":{"Zip":"90210","Geburt":"3/22/84","gender":"weiblich","city":"Sañta","Mode":"ping","colour":"red"}}`, ""},
		{"Zip=90210&Geburt=3%2F22%2F84&gender=weiblich&city=Sa%C3%B1ta&Mode=ping&colour=red", ""},
		{"<?xml version=\"1.0\" " +
			"encoding=\"iso-8859-1\"?><l><Zip>90210</Zip><p><Geburt>3/22/84</Geburt><gender>weiblich</gender></p>" +
			"<city>Sa\xf1ta</city><Mode>ping</Mode><colour>red</colour></l>", ""},
		{"--b1\r\nContent-Disposition: form-data; name=\"Zip\"\r\n\r\n90210\r\n--b1\r\nContent-Disposition: " +
			"form-data; name=\"Geburt\"\r\n\r\n3/22/84\r\n--b1\r\n" +
			"Content-Disposition: form-data; name=\"gender\"\r\n\r\nweiblich\r\n--b1\r\nContent-Disposition: " +
			"form-data; name=\"city\"\r\n\r\nSañta\r\n--b1\r\n" +
			"Content-Disposition: form-data; name=\"colour\"\r\n\r\nred\r\n--b1--\r\n", ""},
		{gz.String(), "application/x-www-form-urlencoded; charset=iso-8859-1"},
	} {
		file := filepath.Join(dir, "lead")
		if err := os.WriteFile(file, []byte(c.body), 0o600); err != nil {
			t.Fatal(err)
		}
		out := must(t, "try", "lead", "--vertical", "auto", "--source", "partner", "-d", dir, "--at", "2026-02-28",
			"--type", c.typ, file)
		_, out, _ = strings.Cut(out, "\n") // as what it was read
		if want == "" {
			want = out
		}
		for _, line := range []string{`dob: "3/22/84" → "1984-03-22"`, `gender: "F" → "F"`, `city: "Sañta"`,
			`"colour": the vertical`} {
			if out != want || !strings.Contains(out, line) || strings.Contains(out, `"Mode"`) {
				t.Errorf("%s\n%q gives\n%s", line, c.body, out)
				break
			}
		}
	}
	for _, body := range []string{"[1]", "<a", "a=%zz", "\x1f\x8bxx"} {
		file := filepath.Join(dir, "lead")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errOut := clearpost(t, "try", "lead", "--vertical", "auto", "-d", dir,
			file); code != exitFailed || errOut == "" || out != "" {
			t.Errorf("%q: exit %d, %q, %q", body, code, out, errOut)
		}
	}
}

// A value that begins with a minus sign is a value, wherever the flags stand.
func TestTryFieldTakesNegatives(t *testing.T) {
	for in, want := range map[string]string{
		"try field decimal -1.5 2":                  "try field -- decimal -1.5 2",
		"try field integer -5 --json":               "try field --json -- integer -5",
		"try field range -5":                        "try field -- range -5",
		"try field phone - --region GB":             "try field phone - --region GB",
		"try field integer -- -5":                   "try field integer -- -5",
		"try field phone -5 --region GB 7":          "try field --region GB -- phone -5 7",
		"try lead -5":                               "try lead -5",
		"try field enum a --values=x --at=2026-01-": "try field enum a --values=x --at=2026-01-",
	} {
		if got := strings.Join(withNegatives(strings.Fields(in)), " "); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
