// SPDX-License-Identifier: Apache-2.0

package paper

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"clearpost/lead"
)

// HTMLLinesMax is how many lines a page has at most: more are no page that a browser shows at ease.
const HTMLLinesMax = 20_000

//go:embed paper.html
var page string

var pageTemplate = template.Must(template.New("paper").Funcs(template.FuncMap{"money": money, "negative": func(
	m lead.Money) bool {
	return m < 0
}, "count": grouped}).Parse(page))

// onPage is a paper as the template shows it.
type onPage struct {
	*Paper
	Table []Row
	Of    string // whom a line's reference is of
}

// HTML writes papers as one page, to be read on a screen, a phone or paper: it loads nothing and has no script.
func HTML(out io.Writer, papers []*Paper) error {
	if err := fits(papers, HTMLLinesMax, "a page of HTML"); err != nil {
		return err
	}
	var all []onPage
	for _, p := range papers {
		one := onPage{Paper: p, Of: "Reference"}
		if p.OfSource() {
			one.Of = "Your id"
		}
		p.Rows(func(r Row) { one.Table = append(one.Table, r) })
		all = append(all, one)
	}
	return pageTemplate.Execute(out, all)
}

// fits tells whether papers have no more lines than a form takes.
func fits(papers []*Paper, most int, form string) error {
	n := 0
	for _, p := range papers {
		n += len(p.Lines)
	}
	if n > most {
		return fmt.Errorf("%s lines: %s takes up to %s; tell the sums alone, or print CSV", grouped(int64(n)), form,
			grouped(int64(most)))
	}
	return nil
}

// Days is when a paper goes from and to, as days in its zone.
func (p *Paper) Days() string {
	return p.Since.In(p.Zone).Format(time.DateOnly) + " – " +
		p.Until.In(p.Zone).Add(-time.Nanosecond).Format(time.DateOnly)
}
