// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-json"
)

// Problem is one mistake in a configuration. Line and Column count from 1, columns in characters; both are 0 where the
// problem is with a whole file or folder.
type Problem struct {
	File    string `json:"file"` // path in the configuration's directory, with slashes; "." is the directory itself
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"` // where in the file's values, such as campaigns[0].criteria[1].field
	Message string `json:"message"`
	Excerpt string `json:"excerpt,omitempty"` // the line and a caret below the column
}

// String is the problem as compilers print theirs, with the excerpt below.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	b.WriteString(p.Message)
	if p.Excerpt != "" {
		for _, line := range strings.Split(p.Excerpt, "\n") {
			b.WriteString("\n    ")
			b.WriteString(line)
		}
	}
	return b.String()
}

// Error is every problem of a configuration, in the order of files, lines and columns.
type Error struct {
	Problems []Problem `json:"problems"`
}

// Error lists all problems, each with its place and an excerpt, and counts them.
func (e *Error) Error() string {
	var b strings.Builder
	for _, p := range e.Problems {
		b.WriteString(p.String())
		b.WriteByte('\n')
	}
	if n := len(e.Problems); n == 1 {
		b.WriteString("1 problem")
	} else {
		fmt.Fprintf(&b, "%d problems", n)
	}
	return b.String()
}

// JSON is the error as one JSON object: {"problems": […]}.
func (e *Error) JSON() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		return []byte(`{"problems":[]}`) // cannot be: the type holds only text and numbers
	}
	return b
}

// ProblemsMax is how many problems are reported at once.
const ProblemsMax = 1000

// Problems gathers problems. One place with one message is one problem, however many ways lead to it.
type Problems struct {
	list []Problem
	seen map[Problem]bool
	more int
}

// Add takes a problem in.
func (l *Problems) Add(p Problem) {
	if l.seen == nil {
		l.seen = map[Problem]bool{}
	}
	key := p
	key.Path = ""
	if l.seen[key] {
		return
	}
	if len(l.list) == ProblemsMax {
		l.more++
		return
	}
	l.seen[key] = true
	l.list = append(l.list, p)
}

// Count is how many problems there are, those that are not shown included.
func (l *Problems) Count() int { return len(l.list) + l.more }

// Err is nil if there is no problem, and else an *Error with all of them in order.
func (l *Problems) Err() error {
	if len(l.list) == 0 {
		return nil
	}
	sort.SliceStable(l.list, func(i, j int) bool {
		a, b := &l.list[i], &l.list[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	if l.more > 0 {
		l.list = append(l.list, Problem{File: ".", Message: fmt.Sprintf("%d more problems are not shown", l.more)})
	}
	return &Error{l.list}
}

// ExcerptWidth is how many characters of a line are shown.
const ExcerptWidth = 100

// excerpt shows the line with a caret below the column. Where hide is set, what stands from the column on is left out.
func (f *File) excerpt(line, column int, hide bool) string {
	if line < 1 {
		return ""
	}
	text, ok := f.line(line)
	if !ok {
		return ""
	}
	runes := []rune(masked(text))
	at := min(max(column-1, 0), len(runes))
	if hide {
		runes = append(runes[:at:at], '…')
	}
	from := 0
	if len(runes) > ExcerptWidth && at > ExcerptWidth*3/4 {
		from = at - ExcerptWidth/2
	}
	to := min(len(runes), from+ExcerptWidth)
	var b, caret strings.Builder
	for i := from; i < to; i++ {
		switch r := runes[i]; {
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x20 || r == 0x7f || r == utf8.RuneError:
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	for i := from; i < at; i++ {
		caret.WriteByte(' ')
	}
	return b.String() + "\n" + caret.String() + "^"
}

// secretValue finds, in a line, a value whose key says that it is a secret; one that says where the secret stands is
// none.
var secretValue = regexp.MustCompile(
	`(?i)(?:secret|passw(?:or)?d|\bpass|\bkey|api_?key|authorization)["']?\s*:\s*["']?([^\s"'{}\[\],$][^"'{}\[\],]*)`)

// secretList finds a list of secrets, and what signs webhooks wherever it stands.
var secretList = regexp.MustCompile(`(?i)(?:secrets["']?\s*:\s*\[|\bwhsec_)([^\]\s,"'}$][^\]}$]*)`)

// masked is a line with its secrets hidden, of the same length.
func masked(line string) string {
	line = secretList.ReplaceAllStringFunc(line, func(s string) string {
		at := secretList.FindStringSubmatchIndex(s)[2]
		return s[:at] + strings.Repeat("*", utf8.RuneCountInString(s[at:]))
	})
	return secretValue.ReplaceAllStringFunc(line, func(s string) string {
		at := secretValue.FindStringSubmatchIndex(s)[2]
		if v := s[at:]; strings.HasPrefix(v, "env:") || strings.HasPrefix(v, "file:") {
			return s
		}
		return s[:at] + strings.Repeat("*", utf8.RuneCountInString(s[at:]))
	})
}

// line is the text of a line, counted from 1, without its end.
func (f *File) line(n int) (string, bool) {
	if f.lines == nil {
		f.lines = strings.Split(string(f.Text), "\n")
	}
	if n > len(f.lines) {
		return "", false
	}
	return strings.TrimSuffix(f.lines[n-1], "\r"), true
}
