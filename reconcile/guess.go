// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Known is what a guess may ask the ledger's side: what it has under an id or a reference.
type Known interface {
	ByID(lead.ID) ([]Ours, error)
	ByReference(string) ([]Ours, error)
}

// Preview shows how a statement is read.
type Preview struct {
	File    string    `json:"file"`
	Format  string    `json:"format"`
	Mapping *Mapping  `json:"-"`
	YAML    string    `json:"mapping"`
	Columns []Column  `json:"columns"`
	Words   []WordIn  `json:"words,omitempty"`
	From    time.Time `json:"-"` // of the period
	Until   time.Time `json:"-"`
}

// Column is a column of a statement, with what stands in its first rows.
type Column struct {
	Name   string   `json:"name"`
	As     string   `json:"as,omitempty"` // the kind that it is taken for
	Why    string   `json:"why,omitempty"`
	Values []string `json:"values"`
}

// WordIn is a word of the status column.
type WordIn struct {
	Word string `json:"word"`
	Rows int    `json:"rows"`
	As   string `json:"as"` // empty: it is not known
}

// headings are words of the names of columns, by kind, in order of their weight: the first ones say it for sure.
var headings = map[string]string{
	"id": "lead id|leadid|lead_id|attempt id|attempt_id|attempt|click id|clickid|your id|" +
		"your lead id|partner lead id|vendor lead id|publisher id|transaction id|universal id|" +
		"external id|subid|uuid|guid|id",
	"reference": "reference|ref|ref no|ref #|reference number|our id|our ref|confirmation|confirmation id|" +
		"order id|record id|record|buyer lead id|internal id|crm id|case id|case|ticket|" +
		"lead number|lead #|lead no|number|no|#|id",
	"phone": "phone|phone number|phone1|primary phone|home phone|cell|cell phone|mobile|telephone|tel|" +
		"telefon|msisdn|contact number|caller id|day phone",
	"email": "email|e-mail|email address|e-mail address|mail|contact email",
	"time": "sold at|sold on|sale date|purchase date|date sold|accepted at|received|received at|" +
		"date received|delivered|delivery date|lead date|post date|posted|posted at|timestamp|" +
		"date/time|datetime|date time|created|created at|created on|date created|created date|" +
		"date|datum|fecha|time|when|zeit|uhrzeit|time of day|hour",
	"price": "price|lead price|sale price|price paid|amount|amount due|cost|cost per lead|lead cost|" +
		"cpl|charge|charged|amount charged|rate|bid|bid price|fee|payout|revenue|net|net amount|" +
		"total|preis|betrag|importe|value|sum|usd",
	"credit":   "credit|credits|credit amount|refund|refund amount|returned amount|adjustment",
	"currency": "currency|cur|ccy|currency code|währung",
	"status": "status|lead status|disposition|result|outcome|state of lead|final status|decision|" +
		"accepted|sold|type|transaction type|billing status|return status|returned",
}

// headingRank is how well a name fits a kind: 0 not at all; more is better.
func headingRank(kind, name string) int {
	name = strings.ToLower(strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return r == ' ' || r == '_' || r == '.' || r == ':' || r == '\n' || r == '\r'
	}), " "))
	list := strings.Split(headings[kind], "|")
	best := 0
	for i, w := range list {
		w = strings.ReplaceAll(w, "_", " ")
		switch {
		case name == w:
			return 200 - i
		case strings.HasPrefix(name, w+" ") || strings.HasSuffix(name, " "+w) || strings.Contains(name, " "+w+" ") ||
			strings.HasPrefix(name, w+"(") || strings.HasPrefix(name, w+" ("):
			best = max(best, 100-i)
		}
	}
	return best
}

// sample are the first rows of a statement.
type sample struct {
	rows   [][]string
	places []int64
}

// take reads the first rows; it leaves the file where it is then.
func (s *sample) take(f *File) error {
	for len(s.rows) < SampleRows+headerLines {
		cells, place, err := f.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.rows, s.places = append(s.rows, slices.Clone(cells)), append(s.places, place)
	}
	return nil
}

// header finds the row with the names of columns among the first ones: the one in which the most cells are names that
// are known, at least two, or one if the row is alone in having no number in it; -1 if there is none.
func (s *sample) header() int {
	best, most := -1, 0
	for i := 0; i < min(len(s.rows), headerLines); i++ {
		n := 0
		for _, c := range s.rows[i] {
			for kind := range headings {
				if headingRank(kind, c) >= 100 {
					n++
					break
				}
			}
		}
		if n > most && (n >= 2 || len(s.rows[i]) == 1) {
			best, most = i, n
		}
	}
	if best >= 0 {
		return best
	}
	// names that nobody knows: texts only, all different, above rows with numbers
	if len(s.rows) < 2 {
		return -1
	}
	seen := map[string]bool{}
	for _, c := range s.rows[0] {
		if c == "" || strings.ContainsAny(c, "0123456789@") || seen[c] {
			return -1
		}
		seen[c] = true
	}
	return 0
}

// below are the rows below the header, without those that are no rows.
func (s *sample) below(head int) (out [][]string) {
	for _, r := range s.rows[head+1:] {
		again, totals := head >= 0, slices.ContainsFunc(r, totalWords.MatchString)
		for i := range r {
			again = again && i < len(s.rows[head]) && r[i] == s.rows[head][i]
		}
		if !again && !totals {
			out = append(out, r)
		}
	}
	return out
}

// at is which row stands on a line.
func (s *sample) at(place int) int {
	for i, p := range s.places {
		if p == int64(place) {
			return i
		}
	}
	return -1
}

// guesser guesses what a mapping does not say.
type guesser struct {
	m      *Mapping
	known  Known
	names  []string
	rows   [][]string
	why    []string
	as     []string
	ours   []*Ours // of each row of the sample, where its id or reference is known
	since  time.Time
	until  time.Time
	format string
}

// Guess makes of a mapping one that says all that is needed, by the first rows of a statement. The file is read; it has
// to be opened again after. since and until are the period, by which the order of dates may be told; known may be nil.
func Guess(f *File, given *Mapping, known Known, since, until time.Time) (*Preview, *Reader, error) {
	m := *given
	m.Format, m.Encoding, m.Separator, m.Sheet = f.Format, f.Encoding, f.Separator, f.Sheet
	var s sample
	if err := s.take(f); err != nil {
		return nil, nil, err
	}
	if len(s.rows) == 0 {
		return nil, nil, fmt.Errorf("%s: no row is in it", f.Name)
	}
	head, err := s.headerBy(f, &m)
	if err != nil {
		return nil, nil, err
	}
	var header []string
	if head >= 0 {
		header = s.rows[head]
	}
	g := &guesser{m: &m, known: known, rows: s.below(head), since: since, until: until, format: f.Format}
	columns := len(header)
	for _, r := range g.rows {
		columns = max(columns, len(r))
	}
	if len(g.rows) == 0 {
		return nil, nil, fmt.Errorf("%s: no row stands below the names of the columns", f.Name)
	}
	g.names = columnNames(header, columns)
	g.why, g.as = make([]string, columns), make([]string, columns)
	if err := g.all(); err != nil {
		return g.preview(f), nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	r, err := NewReader(&m, header, columns, f.From1904)
	if err != nil {
		return g.preview(f), nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	p := g.preview(f)
	p.words(g, r)
	return p, r, nil
}

// headerBy finds the header, by the mapping where it says which line has it.
func (s *sample) headerBy(f *File, m *Mapping) (int, error) {
	head := -1
	switch {
	case f.Format == JSON || f.Format == Lines:
		m.Header = nil
		return 0, nil
	case m.Header != nil && *m.Header > 0:
		if head = s.at(*m.Header); head < 0 {
			return 0, fmt.Errorf("%s:%d: header: expected the names of the columns in this line", f.Name, *m.Header)
		}
	case m.Header == nil:
		head = s.header()
	}
	line := 0
	if head >= 0 {
		line = int(s.places[head])
	}
	m.Header = &line
	return head, nil
}

// all guesses everything: first the columns by which rows are known, then, by what is known of these rows, the rest.
func (g *guesser) all() error {
	c := &g.m.Columns
	given := !c.none()
	if given {
		for _, k := range c.columnsOf() {
			for _, name := range *k.names {
				if i := (&Reader{names: g.names}).column(name); i >= 0 {
					g.take(i, k.kind, "by the mapping")
				}
			}
		}
	} else if err := g.keys(); err != nil {
		return err
	}
	g.lookUp()
	if g.m.Decimals == "" {
		if err := g.decimals(); err != nil {
			return err
		}
	}
	if !given {
		if err := g.times(); err != nil {
			return err
		}
		g.prices()
		g.others()
	}
	if g.m.Dates == "" && len(c.Time) > 0 {
		return g.order()
	}
	return nil
}

func (g *guesser) take(i int, kind, why string) {
	if g.as[i] == "" {
		g.as[i], g.why[i] = kind, why
	}
}

// set names the one column of a kind.
func (g *guesser) set(to *rules.Texts, i int, kind, why string) {
	name := g.names[i]
	if !strings.HasPrefix(name, "#") && strings.Count(strings.ToLower(strings.Join(g.names, "\n")+"\n"),
		strings.ToLower(name)+"\n") > 1 && g.twice(name) {
		name = fmt.Sprint("#", i+1)
	}
	*to = append(*to, name)
	g.take(i, kind, why)
}

func (g *guesser) twice(name string) bool {
	n := 0
	for _, other := range g.names {
		if strings.EqualFold(other, name) {
			n++
		}
	}
	return n > 1
}

// share counts the cells of a column that are not empty, and of them those that fit.
func (g *guesser) share(i int, fits func(string) bool) (fit, filled int) {
	for _, r := range g.rows {
		if i < len(r) && r[i] != "" {
			filled++
			if fits(r[i]) {
				fit++
			}
		}
	}
	return fit, filled
}

// best is the free column of the highest score above 0, and the one after it.
func (g *guesser) best(score func(i int) int) (best, second int, top, next int) {
	best, second = -1, -1
	for i := range g.names {
		if g.as[i] != "" {
			continue
		}
		switch n := score(i); {
		case n > top:
			best, second, top, next = i, best, n, top
		case n > next:
			second, next = i, n
		}
	}
	return best, second, top, next
}

func isEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && strings.LastIndexByte(s, '.') > at && !strings.ContainsAny(s, " ,;")
}

// isPhone tells of what looks like a phone number: 10 to 15 digits with the signs that stand between them.
func isPhone(s string) bool {
	n := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			n++
		case strings.ContainsRune(" +-().x/", r):
		default:
			return false
		}
	}
	return n >= 10 && n <= 15 && !strings.Contains(s, ":")
}

// keys finds the columns by which rows are known.
func (g *guesser) keys() error {
	c := &g.m.Columns
	hits := func(look func(string) ([]Ours, error)) func(int) int {
		return func(i int) int {
			n, seen := 0, 0
			for _, r := range g.rows[:min(len(g.rows), 200)] {
				if i >= len(r) || r[i] == "" {
					continue
				}
				if seen++; n == 0 && seen > 60 {
					return 0
				}
				if o, err := look(r[i]); err == nil && len(o) > 0 {
					n++
				}
			}
			if n*20 < seen { // chance
				return 0
			}
			return n
		}
	}
	if g.known != nil {
		if i, _, n, _ := g.best(hits(func(s string) ([]Ours, error) {
			id, ok := readID(s)
			if !ok {
				return nil, nil
			}
			return g.known.ByID(id)
		})); i >= 0 {
			g.set(&c.ID, i, "id", fmt.Sprintf("%d of its values are ids of ours", n))
		}
		if i, second, n, next := g.best(hits(g.known.ByReference)); i >= 0 {
			if next == n && headingRank("reference", g.names[second]) > headingRank("reference", g.names[i]) {
				i = second
			}
			g.set(&c.Reference, i, "reference", fmt.Sprintf("%d of its values are references of ours", n))
		}
	}
	return g.byLooks()
}

// byLooks finds, of the columns by which rows are known, those that nothing of ours has told.
func (g *guesser) byLooks() error {
	c := &g.m.Columns
	looks := func(kind string, fits func(string) bool) func(int) int {
		return func(i int) int {
			fit, filled := g.share(i, fits)
			if filled == 0 || fit*2 < filled {
				return 0
			}
			return 1 + headingRank(kind, g.names[i])
		}
	}
	if i, _, _, _ := g.best(looks("email", isEmail)); i >= 0 {
		g.set(&c.Email, i, "email", "it has addresses")
	}
	if i, _, n, _ := g.best(looks("phone", isPhone)); i >= 0 && (n > 1 || g.formatted(i)) {
		g.set(&c.Phone, i, "phone", "it has phone numbers")
	}
	if len(c.ID) == 0 {
		if i, _, n, _ := g.best(looks("id", func(s string) bool { _, ok := readID(s); return ok })); i >= 0 && n > 1 {
			g.set(&c.ID, i, "id", "by its name, and it has ids")
		}
	}
	if len(c.Reference) == 0 {
		i, second, n, next := g.best(func(i int) int {
			if dates, filled := g.share(i, func(s string) bool { return strings.ContainsAny(s, "$€:") }); dates*2 >
				filled {
				return 0
			}
			return headingRank("reference", g.names[i])
		})
		if i >= 0 && n >= 100 {
			if next == n {
				return g.two("reference", i, second)
			}
			g.set(&c.Reference, i, "reference", "by its name")
		}
	}
	return nil
}

// formatted tells of phone numbers that are written as such, so that they are no numbers of anything else.
func (g *guesser) formatted(i int) bool {
	fit, filled := g.share(i, func(s string) bool { return strings.ContainsAny(s, "+-() ") })
	return fit*2 > filled
}

func (g *guesser) two(kind string, a, b int) error {
	return fmt.Errorf("%w whether %q or %q is %s: say so under columns of a mapping", ErrAmbiguous, g.names[a],
		g.names[b], kind)
}

// lookUp finds what is ours of each row of the sample.
func (g *guesser) lookUp() {
	g.ours = make([]*Ours, len(g.rows))
	if g.known == nil {
		return
	}
	r := &Reader{names: g.names}
	cell := func(names rules.Texts, row []string) string {
		for _, n := range names {
			if i := r.column(n); i >= 0 && i < len(row) && row[i] != "" {
				return row[i]
			}
		}
		return ""
	}
	for i, row := range g.rows[:min(len(g.rows), 300)] {
		var found []Ours
		if id, ok := readID(cell(g.m.Columns.ID, row)); ok {
			found, _ = g.known.ByID(id) // a guess goes on without
		}
		if ref := cell(g.m.Columns.Reference, row); len(found) == 0 && ref != "" {
			found, _ = g.known.ByReference(ref)
		}
		if len(found) == 1 {
			g.ours[i] = &found[0]
		}
	}
}
