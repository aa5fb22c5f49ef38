// SPDX-License-Identifier: Apache-2.0

package carrier_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"clearpost/batch"
	"clearpost/batch/carrier"
	"clearpost/lead"
	"clearpost/wire/request"
)

// response is one that is right, of files in a folder.
func response(t *testing.T, dir string, change func(*batch.ResponseSpec)) *batch.Response {
	t.Helper()
	r := &batch.ResponseSpec{Name: "result-*", Columns: batch.ResponseColumnsSpec{Lead: "Lead", Result: "Status",
		Reason: "Why", Reference: "Theirs", Price: "Paid"}, Accepted: []string{"ok"}, Refused: []string{"bad"}}
	if change != nil {
		change(r)
	}
	schema, errs := lead.NewSchema("solar", []lead.Field{{Name: "phone", Type: lead.TypePhone}})
	if errs != nil {
		t.Fatal(errs)
	}
	b, ds := batch.Compile(&batch.Spec{Name: "{id}.csv", Send: batch.SendSpec{WaitMin: 1},
		Fields: []request.FieldSpec{{To: "Lead", From: "lead_id"}}, Response: r,
		To: batch.ToSpec{Folder: &batch.FolderSpec{Path: dir}}}, schema, batch.Options{})
	if ds != nil {
		t.Fatal(ds)
	}
	return b.Response
}

// told are rows as text, a line each.
func told(rows []batch.ResponseRow) string {
	var b strings.Builder
	for _, r := range rows {
		price := ""
		if r.Price != nil {
			price = r.Price.String() + r.Currency
		}
		fmt.Fprintf(&b, "%d %s|%s|%s|%s|%s|%s\n", r.Line, r.Lead, r.Result, r.Reason, r.Reference, price, r.Bad)
	}
	return b.String()
}

func workbook(t *testing.T) string {
	t.Helper()
	f := excelize.NewFile()
	for i, row := range [][]any{{"Harbor's results"}, {"LEAD", "Status", "Theirs", "Paid", "Why"},
		{"a", "ok", "r1", "12.50", ""}, {"b", "bad", "", "", "dup"}} {
		try(t, "write a row", f.SetSheetRow("Sheet1", fmt.Sprint("A", i+1), &row))
	}
	var b bytes.Buffer
	try(t, "write the workbook", f.Write(&b))
	return b.String()
}

func TestResponsesOfEveryFormatAreRead(t *testing.T) {
	want := "a|ok||r1|12.50|\nb|bad|dup|||\n"
	for name, text := range map[string]string{
		"csv":       "Lead,Status,Why,Theirs,Paid\r\na,ok,,r1,$12.50\r\n\r\nb,bad,dup,,\r\n",
		"semicolon": "Paid;lead;STATUS;Why;Theirs\n12.50;a;ok;;r1\n;b;bad;dup\n",
		"utf-16":    "\xff\xfe" + wide("Lead\tStatus\tWhy\tTheirs\tPaid\na\tok\t\tr1\t12.50\nb\tbad\tdup\t\t\n"),
		"jsonl":     `{"Lead":"a","Status":"ok","Theirs":"r1","Paid":12.50}` + "\n" + `{"Lead":"b","Status":"bad","Why":"dup"}` + "\n",
		"xlsx":      workbook(t),
		"xml": `<?xml version="1.0" encoding="UTF-8"?><!-- Harbor --><Results>` +
			`<R Lead="a"><Status> ok </Status><Theirs>r1</Theirs><Paid>12.50</Paid></R>` +
			"\n<R Lead=\"b\"><Status><![CDATA[bad]]></Status><why>dup</why></R></Results>\n",
	} {
		rows, err := newFiles(t).Rows(response(t, t.TempDir(), func(r *batch.ResponseSpec) {
			if name == "xml" {
				r.Columns.Lead = "@lead"
			}
		}), "result-"+name, []byte(text))
		got := ""
		for line := range strings.Lines(told(rows)) {
			_, row, _ := strings.Cut(line, " ")
			got += row
		}
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	numbered := response(t, t.TempDir(), func(r *batch.ResponseSpec) {
		r.Columns = batch.ResponseColumnsSpec{Lead: "#2", Result: "#1", Price: "#3"}
	})
	rows, err := newFiles(t).Rows(numbered, "result-n", []byte("ok,a,many\nbad\n"))
	if got := told(rows); err != nil || !strings.HasPrefix(got, "1 a|ok||||the price: expected an amount") ||
		!strings.HasSuffix(got, "\n2 |bad||||\n") {
		t.Errorf("by numbers: %v\n%s", err, got)
	}
}

// Of objects and elements only some say why, and what was paid: even where none of the first thousand does.
func TestWhatIsOptionalMayStandAnywhere(t *testing.T) {
	objects, elements := "", "<file><sent>2026</sent><rows>"
	for i := range 1100 {
		objects += fmt.Sprintf(`{"Lead":"%d","Status":"ok"}`+"\n", i)
		elements += fmt.Sprintf("<row><Lead>%d</Lead><x><Status>ok</Status></x></row>", i)
	}
	objects += `{"Lead":"x","Status":"ok","PAID":"9.99"}` + "\n"
	elements += "<row><Lead>x</Lead><x><Status>ok</Status></x><paid>9.99</paid></row></rows></file>"
	for name, text := range map[string]string{"jsonl": objects, "xml": elements} {
		r := response(t, t.TempDir(), func(r *batch.ResponseSpec) {
			if r.Format = name; name == "xml" {
				r.Row, r.Columns.Result = "row", "x.status"
			}
		})
		rows, err := newFiles(t).Rows(r, "result-1", []byte(text))
		if err != nil || len(rows) != 1101 {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		last := rows[1100]
		if last.Lead != "x" || last.Result != "ok" || last.Price == nil || last.Price.String() != "9.99" {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

// wide is a text in UTF-16.
func wide(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString(s[i:i+1] + "\x00")
	}
	return b.String()
}

// A file that cannot be read to its end gives no row, and says where.
func TestResponsesAreReadWholeOrNotAtAll(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for want, text := range map[string]string{
		`result-a: expected a line with the columns "Lead", "Status", "Why", "Theirs", "Paid"`: "Lead;Status\na;ok\n",
		"a row of more than 1048576 bytes":      "Lead,Status,Why,Theirs,Paid\na,ok,,,\nb,\"" + long + "\n",
		"result-a: line 2: a text does not end": `{"Lead":"a","Status":"ok","Why":"","Theirs":"","Paid":""}` + "\n" + `{"Lead":"b","Sta`,
		"result-a: ":                            "",
		"PDF":                                   "%PDF-1.7\n",
		"result-a: line 2: XML: ":               "<a><r><Lead>a</Lead><Status>ok</Status></r><r><Lead>b</Le",
		`result-a: expected a line with the columns "Lead", "Status"`: "<a><r><Lead>a</Lead></r></a>",
		"each of them a row": "<?xml version='1.0'?><a/>",
	} {
		dir := t.TempDir()
		files, err := carrier.New(dir)
		try(t, "open the spool", err)
		rows, err := files.Rows(response(t, t.TempDir(), nil), "result-a", []byte(text))
		if rows != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, rows, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: %v is left there", want, left)
		}
	}
}

// inboxOf looks at a place as an exchange does.
func inboxOf(t *testing.T, r *batch.Response) (names []string, first string) {
	t.Helper()
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	list, err := box.List(t.Context(), r)
	try(t, "list", err)
	for i, a := range list {
		text, err := box.Fetch(t.Context(), a.Name)
		try(t, "fetch", err)
		if a.Bytes != int64(len(text)) || a.Changed.IsZero() {
			t.Errorf("%+v has %d bytes", a, len(text))
		}
		if names = append(names, a.Name); i == 0 {
			first = string(text)
		}
	}
	return names, first
}

// testInbox puts files where they appear, and wants to see those that are called as responses are. They can be removed,
// and moved to done, which is the folder read in dir: once more, too.
func testInbox(t *testing.T, dir string, r *batch.Response, done string) {
	t.Helper()
	for _, name := range []string{"result-2", "result-1", "leads.csv", "result-3.part", ".result-4"} {
		try(t, "write", os.WriteFile(filepath.Join(dir, name), []byte("text of "+name), 0o644))
	}
	try(t, "make a folder", os.MkdirAll(filepath.Join(dir, "result-5"), 0o755))
	names, first := inboxOf(t, r)
	if fmt.Sprint(names) != "[result-1 result-2]" || first != "text of result-1" {
		t.Errorf("%v, %q", names, first)
	}
	read := filepath.Join(dir, "read")
	try(t, "make a folder", os.MkdirAll(read, 0o755))
	try(t, "let others write", os.Chmod(read, 0o777))
	clean(t, read)
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	for range 2 {
		try(t, "write", os.WriteFile(filepath.Join(dir, "result-1"), []byte("text of result-1"), 0o644))
		try(t, "move", box.Move(t.Context(), "result-1", done, "result-1.read"))
		try(t, "remove", box.Remove(t.Context(), "result-2"))
	}
	if b, err := os.ReadFile(filepath.Join(read, "result-1.read")); err != nil || string(b) != "text of result-1" {
		t.Errorf("moved: %q, %v", b, err)
	}
	if err := box.Move(t.Context(), "result-1", done, "result-1.read"); err == nil {
		t.Error("what is not there was moved")
	}
	testAside(t, dir, r, box, done)
	if names, _ := inboxOf(t, r); names != nil {
		t.Errorf("left: %v", names)
	}
}

// testAside puts files aside that are written over meanwhile, where the place knows how.
func testAside(t *testing.T, dir string, r *batch.Response, box batch.Inbox, done string) {
	t.Helper()
	put := func(text string) { try(t, "write", os.WriteFile(filepath.Join(dir, "result-1"), []byte(text), 0o644)) }
	put("first")
	if _, err := box.Fetch(t.Context(), "result-1"); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	as := batch.AsideName("result-1", at)
	if err := box.Aside(t.Context(), "result-1", as); errors.Is(err, errors.ErrUnsupported) {
		try(t, "remove", box.Remove(t.Context(), "result-1"))
		return
	} else if err != nil {
		t.Fatal(err)
	}
	put("second")
	later := batch.AsideName("result-1", at.Add(time.Second))
	try(t, "put another one aside", box.Aside(t.Context(), "result-1", later))
	put("third")
	list, err := box.List(t.Context(), r)
	try(t, "list", err)
	got := ""
	for _, a := range list {
		text, err := box.Fetch(t.Context(), a.Stands())
		try(t, "fetch", err)
		got += a.Name + " " + string(text) + "\n"
	}
	if got != "result-1 first\nresult-1 second\nresult-1 third\n" {
		t.Errorf("aside:\n%s", got)
	}
	if err := box.Aside(t.Context(), "result-9", batch.AsideName("result-9", at)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is put aside: %v", err)
	}
	try(t, "remove", box.Remove(t.Context(), as))
	try(t, "move", box.Move(t.Context(), later, done, "result-1.later"))
	try(t, "remove", box.Remove(t.Context(), "result-1"))
}

func TestNamesOfWhatStandsAside(t *testing.T) {
	as := batch.AsideName("result-1.csv", time.UnixMicro(0x5f1))
	if as != "result-1.csv.00000000000005f1.taken.part" {
		t.Error(as)
	}
	if name, ok := batch.AsideOf(as); name != "result-1.csv" || !ok {
		t.Error(name, ok)
	}
	for _, other := range []string{"result-1.csv", ".00000000000005f1.taken.part", "a.taken.part", ".taken.part",
		"a.00000000000005g1.taken.part", "a-00000000000005f1.taken.part", "a.00000000000005f1.part"} {
		if name, ok := batch.AsideOf(other); ok {
			t.Errorf("%s is taken for %s", other, name)
		}
	}
}

func TestResponsesAppearInAFolder(t *testing.T) {
	dir := t.TempDir()
	try(t, "link", os.Symlink("/etc/passwd", filepath.Join(dir, "result-0")))
	testInbox(t, dir, response(t, dir, nil), filepath.Join(dir, "read"))
	if _, err := newFiles(t).Inbox(t.Context(), response(t, dir+"/none", nil)); err == nil {
		t.Error("a folder that is not there is opened")
	}
}
