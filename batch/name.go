// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"path"
	"strings"
	"time"

	"clearpost/lead"
)

// placeholders of names. Nothing of a lead is among them: names are seen by whoever may list a directory, and stand in
// logs.
var placeholders = []string{"{campaign}", "{buyer}", "{date}", "{time}", "{id}", "{rows}"}

// checkName tells what was expected of a name, "" if it is right.
func checkName(name string) string {
	bare := name
	for _, p := range placeholders {
		bare = strings.ReplaceAll(bare, p, "")
	}
	for _, ch := range bare {
		if !nameSign(ch) {
			return "letters, digits, `-`, `_` and `.`, and " + strings.Join(placeholders, ", ")
		}
	}
	switch {
	case !strings.Contains(name, "{id}") && !strings.Contains(name, "{time}"):
		return "{time} or {id} in it, so that no two files have one name"
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, PartialSuffix):
		return "a name that does not begin with `.` and does not end in " + PartialSuffix
	case len(name) > NameBytesMax:
		return fmt.Sprintf("at most %d bytes", NameBytesMax)
	}
	return ""
}

func nameSign(ch rune) bool {
	return ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' ||
		strings.ContainsRune("-_.", ch)
}

// Clash is what two campaigns have alike whose files may have one name in one place: then one would wait until the
// other is taken away, or be written over it. "" where that cannot be.
func (b *Batch) Clash(campaign, buyer string) string {
	var at []string
	switch t := &b.To; {
	case strings.Contains(b.Name, "{id}"):
		return ""
	case t.Folder != nil:
		at = []string{t.Folder.Path}
	case t.SFTP != nil:
		at = []string{t.SFTP.Address, t.SFTP.User, path.Clean(t.SFTP.Folder)}
	case t.FTPS != nil:
		at = []string{t.FTPS.Address, t.FTPS.User, path.Clean(t.FTPS.Folder)}
	case t.S3 != nil:
		at = []string{t.S3.Host, t.S3.Bucket, t.S3.Prefix}
	case t.HTTP != nil && strings.Contains(t.HTTP.URL, "{name}"):
		at = []string{t.HTTP.URL}
	default: // e-mails and uploads without names stand beside each other
		return ""
	}
	return fmt.Sprintf("%s %q %q", b.To.Kind(), at, b.filled(b.Name, campaign, buyer, lead.ID{}, 1, time.Time{}))
}

// Letter fills in what an e-mail says of a file that was formed at a time, where it goes by e-mail.
func (b *Batch) Letter(f *File, campaign, buyer string, at time.Time) {
	if m := b.To.Mail; m != nil {
		fill := func(text string) string {
			return strings.ReplaceAll(b.filled(text, campaign, buyer, f.ID, f.Rows, at), "{name}", f.Name)
		}
		f.Subject, f.Text = fill(m.Subject), fill(m.Text)
	}
}

// NameOf is what a file is called that is formed at a time.
func (b *Batch) NameOf(campaign, buyer string, id lead.ID, rows int, at time.Time) string {
	return b.filled(b.Name, campaign, buyer, id, rows, at)
}

func (b *Batch) filled(text, campaign, buyer string, id lead.ID, rows int, at time.Time) string {
	at = at.In(b.Send.Zone)
	return strings.NewReplacer("{campaign}", campaign, "{buyer}", buyer, "{id}", id.String(), "{rows}",
		fmt.Sprint(rows), "{date}", at.Format("20060102"), "{time}", at.Format("150405")).Replace(text)
}
