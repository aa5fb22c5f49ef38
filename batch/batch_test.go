// SPDX-License-Identifier: Apache-2.0

package batch_test

import (
	"strings"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/request"
)

func schema(t *testing.T) *lead.Schema {
	t.Helper()
	s, errs := lead.NewSchema("solar", []lead.Field{{Name: "first_name", Type: lead.TypeName},
		{Name: "phone", Type: lead.TypePhone}, {Name: "ssn", Type: lead.TypeSSN, Personal: true}})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

// spec is one that is right.
func spec(change func(*batch.Spec)) *batch.Spec {
	s := &batch.Spec{Name: "leads-{date}-{time}.csv", Send: batch.SendSpec{WaitMin: 60},
		Fields: []request.FieldSpec{{To: "First Name", From: "first_name"}, {To: "Phone", From: "phone"}},
		To:     batch.ToSpec{Folder: &batch.FolderSpec{Path: "/srv/out"}}}
	if change != nil {
		change(s)
	}
	return s
}

func compiled(t *testing.T, change func(*batch.Spec)) *batch.Batch {
	t.Helper()
	b, ds := batch.Compile(spec(change), schema(t), batch.Options{})
	if ds != nil {
		t.Fatal(ds)
	}
	return b
}

func TestMistakesOfASpecAreNamed(t *testing.T) {
	for want, change := range map[string]func(*batch.Spec){
		"format":         func(s *batch.Spec) { s.Format = "pdf" },
		"name":           func(s *batch.Spec) { s.Name = "leads-{date}.csv" },
		"name ":          func(s *batch.Spec) { s.Name = "../{time}.csv" },
		"name  ":         func(s *batch.Spec) { s.Name = "{first_name}-{time}.csv" },
		"fields":         func(s *batch.Spec) { s.Fields = nil },
		"fields ":        func(s *batch.Spec) { s.Fields[0].From = "ssn" },
		"fields[1].to":   func(s *batch.Spec) { s.Fields[1].To = "First Name" },
		"fields[1].in":   func(s *batch.Spec) { s.Fields[1].In = "query" },
		"fields[0].from": func(s *batch.Spec) { s.Fields[0].From = "nobody" },
		"fields[0].value": func(s *batch.Spec) {
			s.Fields[0] = request.FieldSpec{To: "K", Value: wire.Text("${env:K}")}
		},
		"csv.separator":     func(s *batch.Spec) { s.CSV.Separator = "||" },
		"csv.encoding":      func(s *batch.Spec) { s.CSV.Encoding = "ebcdic" },
		"csv":               func(s *batch.Spec) { s.Format, s.CSV.Quotes = "jsonl", "all" },
		"send":              func(s *batch.Spec) { s.Send = batch.SendSpec{Rows: 10} },
		"send.at[0]":        func(s *batch.Spec) { s.Send.At = []string{"7.30"} },
		"send.timezone":     func(s *batch.Spec) { s.Send.Timezone = "EST" },
		"rows_max":          func(s *batch.Spec) { s.RowsMax = 10_001 },
		"lead_age_max_h":    func(s *batch.Spec) { s.LeadAgeMaxH = -1 },
		"to":                func(s *batch.Spec) { s.To = batch.ToSpec{} },
		"to.folder.path":    func(s *batch.Spec) { s.To.Folder.Path = "out" },
		"to.sftp.host_keys": func(s *batch.Spec) { s.To = sftp(func(x *batch.SFTPSpec) { x.HostKeys = nil }) },
		"to.sftp":           func(s *batch.Spec) { s.To = sftp(func(x *batch.SFTPSpec) { x.Password = "" }) },
		"to.sftp.password": func(s *batch.Spec) {
			s.To = sftp(func(x *batch.SFTPSpec) { x.Password = "${env:NONE}" })
		},
		"to.sftp.address":    func(s *batch.Spec) { s.To = sftp(func(x *batch.SFTPSpec) { x.Address = "sftp://h/x" }) },
		"to.sftp.timeout_ms": func(s *batch.Spec) { s.To = sftp(func(x *batch.SFTPSpec) { x.TimeoutMS = -1 }) },
	} {
		b, ds := batch.Compile(spec(change), schema(t), batch.Options{})
		if b != nil || len(ds) != 1 || ds[0].Path != strings.TrimSpace(want) || ds[0].Expected == "" {
			t.Errorf("%s: %v", want, ds)
		}
	}
	if _, ds := batch.Compile(&batch.Spec{To: sftp(nil)}, schema(t), batch.Options{}); len(ds) != 3 {
		t.Errorf("an empty spec: %v", ds)
	}
}

func sftp(change func(*batch.SFTPSpec)) batch.ToSpec {
	s := &batch.SFTPSpec{Address: "sftp.harbor.example", User: "clearpost", Password: "secret",
		HostKeys: []string{"sftp.harbor.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9"}}
	if change != nil {
		change(s)
	}
	return batch.ToSpec{SFTP: s}
}

func TestCSVIsWrittenAsConfigured(t *testing.T) {
	rows := []string{"First+Name=Ann&Phone=2125551234", "Phone=2125550000&First+Name=%22J%22%2C+%C3%A9%E2%82%AC%0A", "",
		"First+Name=%3Dcmd%28%29&Phone=%2B12125551234"}
	for name, c := range map[string]struct {
		change func(*batch.Spec)
		want   string
	}{
		"by default": {nil, "First Name,Phone\r\nAnn,2125551234\r\n" +
			"\"\"\"J\"\", é€\n\",2125550000\r\n,\r\n'=cmd(),+12125551234\r\n"},
		"all quoted, tabs, no header": {func(s *batch.Spec) {
			no := false
			s.CSV = batch.CSVSpec{Separator: "tab", Quotes: "all", Header: &no, LineEnd: "lf", Formulas: "keep"}
		}, "\"Ann\"\t\"2125551234\"\n\"\"\"J\"\", é€\n\"\t\"2125550000\"\n\"\"\t\"\"\n\"=cmd()\"\t\"+12125551234\"\n"},
		"Latin 1": {func(s *batch.Spec) { s.CSV.Encoding, s.CSV.Formulas = "iso-8859-1", "keep" },
			"First Name,Phone\r\nAnn,2125551234\r\n" +
				"\"\"\"J\"\", \xe9?\n\",2125550000\r\n,\r\n=cmd(),+12125551234\r\n"},
		"Windows": {func(s *batch.Spec) { s.CSV.Encoding, s.CSV.Formulas = "windows-1252", "keep" },
			"First Name,Phone\r\nAnn,2125551234\r\n" +
				"\"\"\"J\"\", \xe9\x80\n\",2125550000\r\n,\r\n=cmd(),+12125551234\r\n"},
	} {
		got, err := compiled(t, c.change).Write(rows)
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n%q, %v\nexpected\n%q", name, got, err, c.want)
		}
	}
	got, err := compiled(t, func(s *batch.Spec) { s.CSV.Encoding = "utf-16le" }).Write([]string{"Phone=%F0%9F%98%80"})
	if err != nil || !strings.HasPrefix(string(got), "\xff\xfeF\x00i\x00") || !strings.HasSuffix(string(got),
		",\x00\x3d\xd8\x00\xde\r\x00\n\x00") {
		t.Errorf("UTF-16: %q, %v", got, err)
	}
	if _, err := compiled(t, nil).Write([]string{"%zz"}); err == nil {
		t.Error("a row that is none is written")
	}
}

func TestLinesOfJSONAreRows(t *testing.T) {
	b := compiled(t, func(s *batch.Spec) { s.Format, s.Fields[0].To = "jsonl", "person.name" })
	if got, err := b.Write([]string{`{"a":1}`, `{"b":2}`}); err != nil || string(got) != "{\"a\":1}\n{\"b\":2}\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := b.Write([]string{"{\n}"}); err == nil {
		t.Error("a line end within a row is written")
	}
}

func TestFilesAreDueByNumberWaitAndTimeOfDay(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		out, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	s := compiled(t, func(s *batch.Spec) {
		s.Send = batch.SendSpec{Rows: 3, WaitMin: 600, At: []string{"16:00", "02:30"}, Timezone: "America/New_York"}
	}).Send
	for _, c := range []struct {
		waiting     int
		oldest, now string
		due         bool
		next        string
	}{
		{0, "2026-03-07 20:00", "2026-03-09 20:00", false, ""},
		{3, "2026-03-06 20:00", "2026-03-06 20:00", true, ""},
		{2, "2026-03-06 20:00", "2026-03-07 02:29", false, "2026-03-07 02:30"},
		{2, "2026-03-06 20:00", "2026-03-07 02:30", true, "2026-03-07 02:30"},
		{2, "2026-03-07 20:00", "2026-03-08 01:59", false, "2026-03-08 03:30"}, // the clock is put forward at two
		{2, "2026-03-07 17:00", "2026-03-08 03:00", false, "2026-03-08 03:30"},
		{1, "2026-03-09 03:00", "2026-03-09 12:59", false, "2026-03-09 13:00"}, // it has waited for ten hours
	} {
		due, next := s.Due(c.waiting, at(c.oldest), at(c.now))
		want := time.Time{}
		if c.next != "" {
			want = at(c.next)
		}
		if due != c.due || !next.Equal(want) {
			t.Errorf("%+v: %v, %v", c, due, next.In(zone))
		}
	}
}
