// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// ResponseSpec is where a buyer's files appear that say what became of each row, and how they are read. They appear
// where files are stored: folder, sftp, ftps, s3.
type ResponseSpec struct {
	// folder: absolute; sftp, ftps: on the server; s3: what stands before names, such as out/. Absent: that of `to`
	Folder string `yaml:"folder"`
	// of a file: letters, digits, `-`, `_`, `.`, `*` for any number of signs, `?` for one; none of the campaign's own
	// files may be called so
	Name     string `yaml:"name"`
	EveryMin int    `yaml:"every_min"` // how often is looked whether there is one (15)
	// csv, xlsx, json (an array), jsonl, xml; absent: it is found out
	Format    string              `yaml:"format"`
	Separator string              `yaml:"separator"` // of CSV, as of csv; absent: it is found out
	Encoding  string              `yaml:"encoding"`  // of text, such as windows-1252; absent: it is found out
	Sheet     string              `yaml:"sheet"`     // of a workbook; absent: the one with the most rows
	Row       string              `yaml:"row"`       // of XML: the element of a row; absent: each one right below the first
	Decrypt   DecryptSpec         `yaml:"decrypt"`   // by which key they are read; absent: they are not encrypted
	Columns   ResponseColumnsSpec `yaml:"columns"`   // by their names, without regard to case, or as #3
	// what becomes of a file that was read to its end: keep (the default), move or delete
	Done string `yaml:"done"`
	// move: where to, as `folder` is; it must be there, but for s3, where it ends in /
	DoneFolder string   `yaml:"done_folder"`
	Accepted   []string `yaml:"accepted"` // results that say that the lead is bought, without regard to case
	Refused    []string `yaml:"refused"`  // results that say that it is not
}

// ResponseColumnsSpec names the columns of a response.
type ResponseColumnsSpec struct {
	Lead      string `yaml:"lead"`      // the lead's id: what stands in `fields` as `from: lead_id`
	Result    string `yaml:"result"`    // what became of it
	Reason    string `yaml:"reason"`    // why, in the buyer's words
	Reference string `yaml:"reference"` // what the buyer calls the sale
	Price     string `yaml:"price"`     // of an accepted lead: what is booked in place of the bid
}

// Optional are the columns that not every row has to have.
func (c *ResponseColumnsSpec) Optional() (out []string) {
	for _, name := range []string{c.Reason, c.Reference, c.Price} {
		if name != "" && !strings.HasPrefix(name, "#") {
			out = append(out, strings.TrimSpace(name))
		}
	}
	return out
}

// Response is where response files appear, and what they mean. It never changes.
type Response struct {
	To                                 To // the campaign's own, with their folder in place of its
	Name                               string
	Every                              time.Duration
	Format, Separator, Encoding, Sheet string
	Row                                string
	Done, DoneFolder                   string // what becomes of a file that was read; where to it is moved
	Columns                            ResponseColumnsSpec
	results                            map[string]bool // as they are compared; true: accepted
	keys                               keys
}

// Limits of responses.
const (
	ResponseBytesMax = 32 << 20 // of a file
	ResponseRowsMax  = 100_000  // of a file
	ResponseFilesMax = 10_000   // that are called as response files are
	SaidBytesMax     = 200      // of a result, a reason or a reference: the rest is cut off
	everyDefault     = 15 * time.Minute
	everyMost        = 24 * 60
	resultsMost      = 200
)

// Inbox is where response files appear, while it is open. One goroutine uses it.
type Inbox interface {
	// List lists the files that are called as response files are, in the order of their names.
	List(ctx context.Context, r *Response) ([]Appeared, error)
	// Fetch reads what stands under a name, as far as ResponseBytesMax and one byte more. fs.ErrNotExist: nothing does.
	Fetch(ctx context.Context, name string) ([]byte, error)
	// Aside has what stands under a name stand under another one, of AsideName, in one step: what its buyer writes
	// afterwards is another file. fs.ErrNotExist: there is none. errors.ErrUnsupported: the place has no such step.
	Aside(ctx context.Context, name, as string) error
	// Remove removes one. Of a file that is not there it does nothing. ErrChanged: it is not what was fetched last.
	Remove(ctx context.Context, name string) error
	// Move moves one to a folder, under another name. What stands there under it is the same file. ErrChanged is as of
	// Remove.
	Move(ctx context.Context, name, folder, as string) error
	Close() error
}

// ErrChanged is the error of an Inbox where a place can tell that a file is another one by now: nothing was done.
var ErrChanged = errors.New("it has changed since it was read")

// Appeared is a response file, as it stands at this moment.
type Appeared struct {
	Name    string // as its buyer has called it
	As      string // it stands aside under this name; "": under its own
	Bytes   int64
	Changed time.Time // by the clock of whoever has it: good for comparing with itself
}

// Stands is the name under which it stands.
func (a *Appeared) Stands() string { return cmp.Or(a.As, a.Name) }

// asideMark is how names of files end that stand aside: no pattern takes them.
const asideMark = ".taken" + PartialSuffix

// AsideName is what a file is called that stands aside since a time: later ones of a name stand behind earlier ones.
func AsideName(name string, since time.Time) string {
	return fmt.Sprintf("%s.%016x%s", name, since.UnixMicro(), asideMark)
}

// AsideOf tells how the file of an AsideName was called.
func AsideOf(as string) (name string, ok bool) {
	rest, ok := strings.CutSuffix(as, asideMark)
	i := len(rest) - 17
	if !ok || i <= 0 || rest[i] != '.' || strings.Trim(rest[i+1:], "0123456789abcdef") != "" {
		return "", false
	}
	return rest[:i], true
}

// ResponseRow is a row of a response.
type ResponseRow struct {
	Line                            int64 // or its number in a workbook or a list of objects, from 1
	Lead, Result, Reason, Reference string
	Price                           *lead.Money // nil: it has none
	Currency                        string      // that stands beside the price
	Bad                             string      // what is wrong with the row: nothing can be made of it
}

// What becomes of a response file that was read.
const (
	DoneKeep   = "keep"
	DoneMove   = "move"
	DoneDelete = "delete"
)

// DoneName is what a file of a content is called where it is moved to: the same name may stand there from before.
func DoneName(name, sha256 string) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "-" + sha256[:12] + ext
}

// Says tells what a result means.
func (r *Response) Says(result string) (accepted, known bool) {
	accepted, known = r.results[folded(result)]
	return accepted, known
}

// Results lists what may stand for a result, for messages.
func (r *Response) Results() string {
	var out []string
	for w := range r.results {
		out = append(out, w)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// Matches tells whether a file of this name is one of a response. Names that could lead elsewhere are none.
func (r *Response) Matches(name string) bool { return matches(r.Name, name) }

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, PartialSuffix) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '/' || r == '\\' || r == 0x7f })
}

func folded(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// response compiles it. It stands behind `to`.
func (c *compiler) response() {
	s := c.spec.Response
	if s == nil {
		return
	}
	out := &Response{To: c.out.To, Name: s.Name, Every: everyDefault, Format: s.Format, Separator: s.Separator,
		Encoding: s.Encoding, Sheet: s.Sheet, Row: s.Row, Columns: s.Columns, results: map[string]bool{}}
	own := c.inbox(out, s.Folder)
	bare := strings.NewReplacer("*", "", "?", "").Replace(s.Name)
	switch {
	case s.Name == "" || bare == "" || strings.ContainsFunc(bare, func(r rune) bool { return !nameSign(r) }):
		c.bad("response.name", s.Name, "what response files are called: letters, digits, `-`, `_`, `.`, `*` and `?`")
	case own && c.out.Name != "" && matches(s.Name, c.out.filled(c.out.Name, "a", "b", lead.ID{}, 1, time.Time{})):
		c.bad("response.name", s.Name, "a pattern that the campaign's own files do not have, or another `folder`")
	}
	if s.EveryMin < 0 || s.EveryMin > everyMost {
		c.bad("response.every_min", fmt.Sprint(s.EveryMin), fmt.Sprintf("1 to %d minutes", everyMost))
	} else if s.EveryMin > 0 {
		out.Every = time.Duration(s.EveryMin) * time.Minute
	}
	if s.Format != "" && !slices.Contains([]string{"csv", "xlsx", "json", "jsonl", "xml"}, s.Format) {
		c.bad("response.format", s.Format, "csv, xlsx, json, jsonl or xml")
	}
	if s.Row != "" && s.Format != "xml" {
		c.bad("response.row", s.Row, "nothing here: the format is not xml")
	}
	c.decrypt(out, &s.Decrypt)
	c.done(out, s)
	c.given("response.columns.lead", s.Columns.Lead, "the column with the lead's id")
	c.given("response.columns.result", s.Columns.Result, "the column that says what became of the lead")
	c.results(out, s)
	if !c.sendsID() {
		c.bad("response", "", "a field `from: lead_id` in `fields`: by it rows of the response find their leads")
	}
	c.out.Response = out
}

// done compiles what becomes of files that were read. It stands behind inbox.
func (c *compiler) done(out *Response, s *ResponseSpec) {
	switch out.Done, out.DoneFolder = s.Done, s.DoneFolder; s.Done {
	case "":
		out.Done = DoneKeep
	case DoneKeep, DoneDelete, DoneMove:
	default:
		c.bad("response.done", s.Done, "keep, move or delete")
	}
	if out.Done != DoneMove {
		if s.DoneFolder != "" {
			c.bad("response.done_folder", s.DoneFolder, "nothing here: files are not moved")
		}
		return
	}
	at, expected := "", ""
	switch t := &out.To; {
	case t.Folder != nil:
		at = t.Folder.Path
		if !filepath.IsAbs(s.DoneFolder) || filepath.Clean(s.DoneFolder) != s.DoneFolder {
			expected = "an absolute path without `..` and `//`, of the same file system"
		}
	case t.SFTP != nil:
		at = t.SFTP.Folder
	case t.FTPS != nil:
		at = t.FTPS.Folder
	case t.S3 != nil:
		at = t.S3.Prefix
		if strings.HasPrefix(s.DoneFolder, "/") || !strings.HasSuffix(s.DoneFolder, "/") {
			expected = "what stands before names, such as out/read/"
		}
	}
	switch {
	case s.DoneFolder == "" || strings.ContainsAny(s.DoneFolder, "\r\n\x00"):
		expected = "a folder to which files are moved that were read"
	case path.Clean(s.DoneFolder) == path.Clean(at):
		expected = "another folder than the one in which response files appear"
	}
	if expected != "" {
		c.bad("response.done_folder", s.DoneFolder, expected)
	}
}

// sendsID tells whether rows have the lead's id.
func (c *compiler) sendsID() bool {
	for _, f := range c.spec.Fields {
		if f.From == "lead_id" {
			return true
		}
	}
	return false
}

func (c *compiler) results(out *Response, s *ResponseSpec) {
	for _, list := range []struct {
		at       string
		words    []string
		accepted bool
	}{{"response.accepted", s.Accepted, true}, {"response.refused", s.Refused, false}} {
		if len(list.words) == 0 || len(list.words) > resultsMost {
			c.bad(list.at, fmt.Sprint(len(list.words), " results"), fmt.Sprintf("1 to %d: a result that stands in "+
				"neither list changes nothing, and is reported", resultsMost))
		}
		for i, w := range list.words {
			if was, ok := out.results[folded(w)]; ok && was != list.accepted {
				c.bad(fmt.Sprintf("%s[%d]", list.at, i), w, "a result that does not mean the other, too")
			}
			out.results[folded(w)] = list.accepted
		}
	}
}

// inbox has the place of response files be where they appear. own tells whether files are stored there, too.
func (c *compiler) inbox(out *Response, folder string) (own bool) {
	t := &out.To
	if strings.ContainsAny(folder, "\r\n\x00") {
		c.bad("response.folder", folder, "a path without line ends")
	}
	set := func(to *string) {
		if own = folder == "" || folder == *to; folder != "" {
			*to = folder
		}
	}
	switch {
	case t.Folder != nil:
		if folder != "" && (!filepath.IsAbs(folder) || filepath.Clean(folder) != folder) {
			c.bad("response.folder", folder, "an absolute path without `..` and `//`")
		}
		at := *t.Folder
		set(&at.Path)
		t.Folder = &at
	case t.SFTP != nil:
		at := *t.SFTP
		set(&at.Folder)
		t.SFTP = &at
	case t.FTPS != nil:
		at := *t.FTPS
		set(&at.Folder)
		t.FTPS = &at
	case t.S3 != nil:
		at := *t.S3
		set(&at.Prefix)
		t.S3 = &at
	case t.HTTP != nil || t.Mail != nil:
		c.bad("response", "", "nothing here: response files are read from folder, sftp, ftps and s3")
	}
	return own
}
