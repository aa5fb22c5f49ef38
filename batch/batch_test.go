// SPDX-License-Identifier: Apache-2.0

package batch_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/request"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/xuri/excelize/v2"
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

		"response":                func(s *batch.Spec) { s.Fields = s.Fields[:2] },
		"response ":               func(s *batch.Spec) { s.To = mailTo },
		"response.folder":         func(s *batch.Spec) { s.Response.Folder = "../in" },
		"response.name":           func(s *batch.Spec) { s.Response.Name = "*" },
		"response.name ":          func(s *batch.Spec) { s.Response.Name = "leads-*.csv" },
		"response.name  ":         func(s *batch.Spec) { s.Response.Name = "in/*.csv" },
		"response.every_min":      func(s *batch.Spec) { s.Response.EveryMin = -1 },
		"response.format":         func(s *batch.Spec) { s.Response.Format = "pdf" },
		"response.columns.lead":   func(s *batch.Spec) { s.Response.Columns.Lead = "" },
		"response.columns.result": func(s *batch.Spec) { s.Response.Columns.Result = "" },
		"response.accepted":       func(s *batch.Spec) { s.Response.Accepted = nil },
		"response.refused[1]":     func(s *batch.Spec) { s.Response.Refused = []string{"dupe", " ok "} },
		"response.refused":        func(s *batch.Spec) { s.Response.Refused = nil },
	} {
		with := spec(func(s *batch.Spec) { s.Response, s.Fields = answers(), append(s.Fields, leadID) })
		change(with)
		if len(with.Response.Accepted) > 0 && !strings.HasPrefix(want, "response") {
			with.Response = nil
		}
		b, ds := batch.Compile(with, schema(t), batch.Options{})
		if b != nil || len(ds) != 1 || ds[0].Path != strings.TrimSpace(want) || ds[0].Expected == "" {
			t.Errorf("%s: %v", want, ds)
		}
	}
	if _, ds := batch.Compile(&batch.Spec{To: sftp(nil)}, schema(t), batch.Options{}); len(ds) != 3 {
		t.Errorf("an empty spec: %v", ds)
	}
}

var (
	leadID = request.FieldSpec{To: "Lead", From: "lead_id"}
	mailTo = batch.ToSpec{Mail: &batch.MailSpec{Server: "smtp.exchange.example", From: "a@exchange.example",
		To: []string{"b@harbor.example"}, Subject: "Leads"}}
)

// answers is a response that is right.
func answers() *batch.ResponseSpec {
	return &batch.ResponseSpec{Name: "result-*.csv", Columns: batch.ResponseColumnsSpec{Lead: "Lead", Result: "Result"},
		Accepted: []string{"OK"}, Refused: []string{"Bad  Lead", ""}}
}

func TestResultsAndNamesOfResponses(t *testing.T) {
	r := compiled(t, func(s *batch.Spec) { s.Response, s.Fields = answers(), append(s.Fields, leadID) }).Response
	for word, want := range map[string][2]bool{"ok": {true, true}, " Ok": {true, true}, "bad lead": {false, true},
		"": {false, true}, "okay": {false, false}} {
		if accepted, known := r.Says(word); accepted != want[0] || known != want[1] {
			t.Errorf("%q: %v, %v", word, accepted, known)
		}
	}
	for name, want := range map[string]bool{"result-1.csv": true, "result-.csv": true, "Result-1.csv": false,
		"result-1.csv.part": false, "result-/../../x.csv": false, "result-a\n.csv": false, "xresult-1.csv": false} {
		if got := r.Matches(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	if r.Every != 15*time.Minute || r.To.Folder.Path != "/srv/out" {
		t.Errorf("%+v", r)
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

func TestXMLAndXLSXHoldTheRows(t *testing.T) {
	b := compiled(t, func(s *batch.Spec) {
		s.Format, s.XML.Row, s.Fields[0].To, s.Name = "xml", "person", "name.first", "{id}.xml"
	})
	got, err := b.Write([]string{"<person><a>1 &amp; 2</a></person>", "<person/>"})
	want := "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<leads>\n<person><a>1 &amp; 2</a></person>\n<person/>\n" +
		"</leads>\n"
	if err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	b = compiled(t, func(s *batch.Spec) { s.Format, s.Name = "xlsx", "{id}.xlsx" })
	if got, err = b.Write([]string{"First+Name=%3Dcmd%28%29&Phone=0012", "Phone=2"}); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows("Sheet1")
	if err != nil || len(rows) != 3 || rows[0][0] != "First Name" || rows[1][0] != "=cmd()" || rows[1][1] != "0012" ||
		rows[2][1] != "2" {
		t.Errorf("%q, %v", rows, err)
	}
	if formula, err := f.GetCellFormula("Sheet1", "A2"); err != nil || formula != "" {
		t.Errorf("a formula: %q, %v", formula, err)
	}
}

func TestFilesAreEncryptedForTheirBuyer(t *testing.T) {
	text := []byte("Lead,Phone\r\n1,2125551234\r\n")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	coded, err := compiled(t, func(s *batch.Spec) { s.Encrypt.Age = []string{id.Recipient().String()} }).Encrypt(text)
	if err != nil || bytes.Contains(coded, []byte("2125551234")) {
		t.Fatalf("%q, %v", coded, err)
	}
	r, err := age.Decrypt(bytes.NewReader(coded), id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
		t.Errorf("age: %q, %v", got, err)
	}
	key, err := openpgp.NewEntity("Harbor", "", "desk@harbor.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	public, private := armored(t, openpgp.PublicKeyType, key.Serialize), armored(t, openpgp.PrivateKeyType,
		func(w io.Writer) error { return key.SerializePrivate(w, nil) })
	if coded, err = compiled(t, func(s *batch.Spec) { s.Encrypt.PGP = public }).Encrypt(text); err != nil {
		t.Fatal(err)
	}
	m, err := openpgp.ReadMessage(bytes.NewReader(coded), openpgp.EntityList{key}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(m.UnverifiedBody); err != nil || !bytes.Equal(got, text) {
		t.Errorf("OpenPGP: %q, %v", got, err)
	}
	for path, change := range map[string]func(*batch.Spec){
		"encrypt": func(s *batch.Spec) {
			s.Encrypt = batch.EncryptSpec{Age: []string{id.Recipient().String()}, PGP: public}
		},
		"encrypt.age[0]": func(s *batch.Spec) { s.Encrypt.Age = []string{id.String()} },
		"encrypt.pgp":    func(s *batch.Spec) { s.Encrypt.PGP = private },
		"encrypt.pgp ":   func(s *batch.Spec) { s.Encrypt.PGP = "harbor.asc" },
		"xml":            func(s *batch.Spec) { s.XML.Root = "leads" },
		"xml.row":        func(s *batch.Spec) { s.Format, s.XML.Row, s.Fields = "xml", "a b", s.Fields[1:] },
	} {
		_, ds := batch.Compile(spec(change), schema(t), batch.Options{})
		if len(ds) == 0 || ds[0].Path != strings.TrimSpace(path) || strings.Contains(ds[0].Value, "AGE-SECRET") {
			t.Errorf("%s: %v", path, ds)
		}
	}
}

// What a buyer encrypts for us is read by our key, and nothing else is.
func TestResponsesAreDecrypted(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key, err := openpgp.NewEntity("Exchange", "", "leads@exchange.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	public := armored(t, openpgp.PublicKeyType, key.Serialize)
	secret := func(w io.Writer) error { return key.SerializePrivateWithoutSigning(w, nil) }
	private := armored(t, openpgp.PrivateKeyType, secret)
	if err := key.EncryptPrivateKeys([]byte("open"), nil); err != nil {
		t.Fatal(err)
	}
	locked := armored(t, openpgp.PrivateKeyType, secret)
	text := []byte("Lead,Result\n")
	with := func(d batch.DecryptSpec) func(*batch.Spec) {
		return func(s *batch.Spec) {
			s.Fields = append(s.Fields, request.FieldSpec{To: "Their id", From: "lead_id"})
			s.Response = &batch.ResponseSpec{Name: "result-*", Decrypt: d, Accepted: []string{"ok"},
				Refused: []string{"bad"}, Columns: batch.ResponseColumnsSpec{Lead: "Lead", Result: "Result"}}
		}
	}
	for name, x := range map[string]struct {
		by batch.DecryptSpec
		to batch.EncryptSpec
	}{
		"age": {batch.DecryptSpec{Age: "# ours\n" + id.String()},
			batch.EncryptSpec{Age: []string{id.Recipient().String()}}},
		"pgp":    {batch.DecryptSpec{PGP: private}, batch.EncryptSpec{PGP: public}},
		"locked": {batch.DecryptSpec{PGP: locked, Passphrase: "open"}, batch.EncryptSpec{PGP: public}},
	} {
		r := compiled(t, with(x.by)).Response
		coded, err := compiled(t, func(s *batch.Spec) { s.Encrypt = x.to }).Encrypt(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Decrypt(coded); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		inText := string(pem.EncodeToMemory(&pem.Block{Type: "AGE ENCRYPTED FILE", Bytes: coded}))
		if name != "age" {
			inText = armored(t, "PGP MESSAGE", func(w io.Writer) error { _, err := w.Write(coded); return err })
		}
		if got, err := r.Decrypt([]byte(inText)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s in text: %q, %v", name, got, err)
		}
		coded[len(coded)-3] ^= 1
		for what, b := range map[string][]byte{"altered": coded, "plain": text, "torn": coded[:len(coded)-20],
			"none": nil} {
			if got, err := r.Decrypt(b); err == nil {
				t.Errorf("%s, %s: read as %q", name, what, got)
			}
		}
	}
	for path, by := range map[string]batch.DecryptSpec{
		"response.decrypt":            {Age: id.String(), PGP: private},
		"response.decrypt.age":        {Age: id.Recipient().String()},
		"response.decrypt.pgp":        {PGP: public},
		"response.decrypt.passphrase": {PGP: locked, Passphrase: "another"},
	} {
		_, ds := batch.Compile(spec(with(by)), schema(t), batch.Options{})
		if len(ds) != 1 || ds[0].Path != path || ds[0].Value != "" {
			t.Errorf("%s: %v", path, ds)
		}
	}
	for path, change := range map[string]func(r *batch.ResponseSpec){
		"response.done":         func(r *batch.ResponseSpec) { r.Done = "burn" },
		"response.done_folder":  func(r *batch.ResponseSpec) { r.DoneFolder = "/srv/read" },
		"response.done_folder ": func(r *batch.ResponseSpec) { r.Done = "move" },
		"response.row":          func(r *batch.ResponseSpec) { r.Row = "lead" },
		"response.done_folder  ": func(r *batch.ResponseSpec) {
			r.Folder, r.Done, r.DoneFolder = "/srv/out", "move", "/srv/out"
		},
	} {
		_, ds := batch.Compile(spec(func(s *batch.Spec) {
			with(batch.DecryptSpec{})(s)
			change(s.Response)
		}), schema(t), batch.Options{})
		if len(ds) != 1 || ds[0].Path != strings.TrimSpace(path) {
			t.Errorf("%s: %v", path, ds)
		}
	}
	gone := batch.Options{Secrets: func(string) (string, bool) { return "", true }}
	b, ds := batch.Compile(spec(with(batch.DecryptSpec{Age: "${file:none}"})), schema(t), gone)
	if ds != nil {
		t.Fatal(ds)
	}
	if got, err := b.Response.Decrypt(text); err == nil {
		t.Errorf("without the key: %q", got)
	}
}

func armored(t *testing.T, kind string, write func(io.Writer) error) string {
	t.Helper()
	var out strings.Builder
	w, err := armor.Encode(&out, kind, nil)
	if err == nil {
		err = errors.Join(write(w), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// What a server is, and what it is told, is checked when it is read.
func TestMistakesOfPlacesAreNamed(t *testing.T) {
	ftps := batch.FTPSSpec{Address: "ftp.harbor.example", User: "u", Password: "p"}
	s3 := batch.S3Spec{Endpoint: "https://s3.example", Bucket: "leads", AccessKey: "a", SecretKey: "s"}
	put := batch.HTTPSpec{URL: "https://harbor.example/in/{name}"}
	mail := batch.MailSpec{Server: "mx.example", From: "a@x.example", To: []string{"b@y.example"},
		Subject: "Leads {date}"}
	for _, right := range []batch.ToSpec{{FTPS: &ftps}, {S3: &s3}, {HTTP: &put}, {Mail: &mail}} {
		if _, ds := batch.Compile(spec(func(s *batch.Spec) { s.To = right }), schema(t), batch.Options{}); ds != nil {
			t.Errorf("%v", ds)
		}
	}
	ftp := func(change func(*batch.FTPSSpec)) batch.ToSpec { x := ftps; change(&x); return batch.ToSpec{FTPS: &x} }
	bucket := func(change func(*batch.S3Spec)) batch.ToSpec { x := s3; change(&x); return batch.ToSpec{S3: &x} }
	web := func(change func(*batch.HTTPSpec)) batch.ToSpec { x := put; change(&x); return batch.ToSpec{HTTP: &x} }
	post := func(change func(*batch.MailSpec)) batch.ToSpec { x := mail; change(&x); return batch.ToSpec{Mail: &x} }
	for path, to := range map[string]batch.ToSpec{
		"to":                 {FTPS: &ftps, S3: &s3},
		"to.ftps.password":   ftp(func(x *batch.FTPSSpec) { x.Password = "" }),
		"to.ftps.ca":         ftp(func(x *batch.FTPSSpec) { x.CA = "-----BEGIN x" }),
		"to.s3.endpoint":     bucket(func(x *batch.S3Spec) { x.Endpoint = "http://s3.example" }),
		"to.s3.bucket":       bucket(func(x *batch.S3Spec) { x.Bucket = "Leads" }),
		"to.s3.secret_key":   bucket(func(x *batch.S3Spec) { x.SecretKey = "" }),
		"to.http.url":        web(func(x *batch.HTTPSpec) { x.URL = "https://harbor.example/in" }),
		"to.http.method":     web(func(x *batch.HTTPSpec) { x.Method = "GET" }),
		"to.http.headers.X":  web(func(x *batch.HTTPSpec) { x.Headers = map[string]string{"X": "a\nb"} }),
		"to.files_stay":      {HTTP: &put, FilesStay: true},
		"to.mail.tls":        post(func(x *batch.MailSpec) { x.TLS = "none" }),
		"to.mail.user":       post(func(x *batch.MailSpec) { x.User = "u" }),
		"to.mail.to":         post(func(x *batch.MailSpec) { x.To = nil }),
		"to.mail.to[0]":      post(func(x *batch.MailSpec) { x.To = []string{"b\nBcc: c"} }),
		"to.mail.from":       post(func(x *batch.MailSpec) { x.From = "nobody" }),
		"to.mail.subject":    post(func(x *batch.MailSpec) { x.Subject = "a\nb" }),
		"to.mail.timeout_ms": post(func(x *batch.MailSpec) { x.TimeoutMS = -5 }),
	} {
		_, ds := batch.Compile(spec(func(s *batch.Spec) { s.To = to }), schema(t), batch.Options{})
		if len(ds) != 1 || ds[0].Path != path {
			t.Errorf("%s: %v", path, ds)
		}
	}
}
