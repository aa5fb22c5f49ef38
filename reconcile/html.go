// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	_ "embed"
	"html/template"
	"io"
	"time"

	"clearpost/lead"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"class": func(c string) string { return classNames[c] },
	"utc":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	"sign": func(m lead.Money) string {
		if m == 0 {
			return "zero"
		}
		return "money"
	},
}).Parse(pageText))

// PageRows is how many findings a page shows at most: beyond that no browser would be glad of them.
const PageRows = 20_000

// HTML writes a page that needs nothing beside it, with the findings that are given.
func (s *Summary) HTML(w io.Writer, findings []*Told) error {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		zone = time.UTC
	}
	return page.Execute(w, struct {
		*Summary
		FromText, UntilText string
		Findings            []*Told
		More                int64
	}{s, s.From.In(zone).Format(time.DateTime), s.Until.In(zone).Format(time.DateTime), findings,
		max(0, s.ToDo-int64(len(findings)))})
}

// Rowed is the numbers of a finding's rows, for the page.
func (t *Told) Rowed() string { return t.rows() }
