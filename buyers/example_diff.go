// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
	"github.com/goccy/go-json"
)

// Diff shows how a text differs from what was expected: lines with - are expected, those with + are there; then the
// first place that differs, marked, where the texts are single lines. JSON, XML and forms are laid out a member a line
// first, unless that hides the difference. Equal texts have none.
func Diff(want, got string) string {
	if want == got {
		return ""
	}
	a, b := Pretty(want), Pretty(got)
	if a == b {
		a, b = want, got
	}
	var out strings.Builder
	if strings.Contains(a+b, "\n") {
		out.WriteString(udiff.Unified("expected", "actual", endLine(a), endLine(b)))
	}
	if strings.Contains(want+got, "\n") {
		return out.String() // laid out in lines already
	}
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	for at > 0 && at < len(want) && !utf8.RuneStart(want[at]) {
		at--
	}
	fmt.Fprintf(&out, "the first difference is at byte %d:\n", at)
	before := window(want[:at], true)
	fmt.Fprintf(&out, "  expected: %s%s\n", before, window(want[at:], false))
	fmt.Fprintf(&out, "  actual:   %s%s\n", before, window(got[at:], false))
	fmt.Fprintf(&out, "            %s^\n", strings.Repeat(" ", utf8.RuneCountInString(before)))
	return out.String()
}

func endLine(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

// windowMax is how many characters are shown on each side of a difference.
const windowMax = 48

// window is the end, or the beginning, of a text in one line; control characters are written as escapes.
func window(s string, end bool) string {
	r := []rune(s)
	cut := len(r) > windowMax
	switch {
	case cut && end:
		r = r[len(r)-windowMax:]
	case cut:
		r = r[:windowMax]
	}
	q := strings.ReplaceAll(fmt.Sprintf("%q", string(r)), `\"`, `"`)
	q = q[1 : len(q)-1]
	switch {
	case cut && end:
		return "…" + q
	case cut:
		return q + "…"
	}
	return q
}

// Pretty lays out JSON, XML and forms with a member a line; any other text stays as it is.
func Pretty(s string) string {
	t := strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(t, "{"), strings.HasPrefix(t, "["):
		var b bytes.Buffer
		if json.Indent(&b, []byte(t), "", "  ") == nil {
			return b.String()
		}
	case strings.HasPrefix(t, "<"):
		return strings.ReplaceAll(s, "><", ">\n<")
	case strings.Contains(t, "=") && !strings.ContainsAny(t, " \n{<"):
		return strings.NewReplacer("&", "\n&", "?", "\n?").Replace(s)
	}
	return s
}
