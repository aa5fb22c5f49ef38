// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// Row is one row of a statement. Money is in millionths.
type Row struct {
	Place     int64 // its line, or its number
	ID        lead.ID
	Reference string
	Phone     string
	Email     string
	Time      Span       // From is zero where no time stands there
	Amount    lead.Money // what they owe by it; below zero it is a credit
	Priced    bool       // an amount stands there
	Says      Says
}

// Reader makes rows of the cells of a statement.
type Reader struct {
	m        *Mapping
	names    []string // of the columns
	cols     map[string][]int
	dates    Dates
	decimals Decimals
	words    map[string]Says
	currency string

	header   []string
	Totals   []Total // lines of totals, which are no rows: the first ones, and the last
	Skipped  int64   // lines of totals and headers in all
	Foreign  int64   // rows of another currency, which were left out
	ForeignM map[string]lead.Money
}

// Total is what a line of totals says.
type Total struct {
	Place  int64
	Amount lead.Money
	Known  bool // an amount could be read
}

const totalsMax = 40

// names of columns that are not named are #1, #2 and so on; one that comes again has its number behind it.
func columnNames(header []string, columns int) []string {
	out := make([]string, max(columns, len(header)))
	seen := map[string]int{}
	for i := range out {
		if i < len(header) && header[i] != "" {
			name := strings.Join(strings.Fields(header[i]), " ")
			if seen[strings.ToLower(name)]++; seen[strings.ToLower(name)] > 1 {
				name = fmt.Sprintf("%s (%d)", name, seen[strings.ToLower(name)])
			}
			out[i] = name
			continue
		}
		out[i] = "#" + strconv.Itoa(i+1)
	}
	return out
}

// NewReader makes a reader of the rows below a header, by a mapping that says all that is needed.
func NewReader(m *Mapping, header []string, columns int, from1904 bool) (*Reader, error) {
	r := &Reader{m: m, names: columnNames(header, columns), cols: map[string][]int{}, header: header,
		currency: strings.ToUpper(m.Currency), ForeignM: map[string]lead.Money{}}
	for _, k := range m.Columns.columnsOf() {
		for _, name := range *k.names {
			i := r.column(name)
			if i < 0 {
				return nil, fmt.Errorf("columns.%s: there is no column %q: expected one of %s", k.kind, name,
					strings.Join(r.names, ", "))
			}
			r.cols[k.kind] = append(r.cols[k.kind], i)
		}
	}
	if r.cols["id"] == nil && r.cols["reference"] == nil && r.cols["phone"] == nil && r.cols["email"] == nil &&
		(r.cols["time"] == nil || r.cols["price"] == nil) {
		return nil, errors.New("columns: expected id, reference, phone or email, or time and price: " +
			"by something rows have to be known")
	}
	zone := time.UTC
	if m.Zone != "" {
		var err error
		if zone, err = time.LoadLocation(m.Zone); err != nil {
			return nil, fmt.Errorf("zone: %w", err)
		}
	}
	r.dates = Dates{Order: m.Dates, Zone: zone, From1904: from1904}
	if r.dates.Order == "" {
		r.dates.Order = "YMD"
	}
	if r.decimals = '.'; m.Decimals == "," {
		r.decimals = ','
	}
	var err error
	r.words, err = m.Words.table()
	return r, err
}

// Next is the next row of a file; io.EOF ends it. An error with the name of a column leaves the reader at the next row.
func (r *Reader) Next(f *File) (Row, error) {
	for {
		cells, place, err := f.Next()
		if err != nil {
			return Row{}, err
		}
		if r.m.Header != nil && place <= int64(*r.m.Header) || place == 0 {
			continue
		}
		row, ok, err := r.Read(cells, place)
		var at *PlaceError
		if errors.As(err, &at) {
			at.File = f.Name
		}
		if ok || err != nil {
			return row, err
		}
	}
}

// Notes puts into a summary what was no row.
func (r *Reader) Notes(s *Summary) {
	s.Skipped, s.Foreign = r.Skipped, r.Foreign
	if r.Foreign > 0 {
		s.Others = r.ForeignM
	}
	for _, t := range r.Totals {
		sum := TotalSum{Line: t.Place}
		if t.Known {
			sum.Amount = &t.Amount
		}
		s.Totals = append(s.Totals, sum)
	}
}

// column finds a column by its name or number, -1 if there is none.
func (r *Reader) column(name string) int {
	name = strings.Join(strings.Fields(name), " ")
	if i := slices.IndexFunc(r.names, func(n string) bool { return strings.EqualFold(n, name) }); i >= 0 {
		return i
	}
	number, ok := strings.CutPrefix(name, "#")
	if n, err := strconv.Atoi(number); ok && err == nil && n >= 1 && n <= len(r.names) {
		return n - 1
	}
	return -1
}

// cell is the first cell of a kind that is not empty, and its column.
func (r *Reader) cell(kind string, cells []string) (string, int) {
	for _, i := range r.cols[kind] {
		if i < len(cells) && cells[i] != "" {
			return cells[i], i
		}
	}
	return "", -1
}

// columnErr says of which column something is wrong.
func (r *Reader) columnErr(place int64, col int, text string, err error) error {
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return &PlaceError{Place: place, Column: r.names[col], Err: fmt.Errorf("%q: %w", text, err)}
}

// Read makes a row of cells. ok is false for what is no row: a header again, a line of totals, another currency.
func (r *Reader) Read(cells []string, place int64) (row Row, ok bool, err error) {
	if r.isHeader(cells) {
		r.Skipped++
		return row, false, nil
	}
	row.Place = place
	id, _ := r.cell("id", cells)
	row.ID, _ = readID(id)
	row.Reference, _ = r.cell("reference", cells)
	row.Phone, _ = r.cell("phone", cells)
	row.Email, _ = r.cell("email", cells)
	untimed := r.time(cells, &row)
	if row.Time.From.IsZero() && r.isTotal(cells, &row) {
		r.Skipped++
		r.total(cells, place)
		return row, false, nil
	}
	if untimed != nil {
		return row, false, untimed
	}
	if text, col := r.cell("status", cells); col >= 0 {
		says, known := r.words[word(text)]
		if !known {
			return row, false, r.columnErr(place, col, text, errors.New("expected a word whose meaning is known: "+
				"put it under owed, returned, refused, test or duplicate of the mapping's words"))
		}
		row.Says = says
	}
	foreign, err := r.amount(cells, &row)
	if err != nil || foreign {
		return row, false, err
	}
	return row, true, nil
}

func (r *Reader) isHeader(cells []string) bool {
	if len(r.header) == 0 || len(cells) < len(r.header) {
		return false
	}
	for i, h := range r.header {
		if cells[i] != h {
			return false
		}
	}
	return true
}

// totalWords begin lines that are no rows.
var totalWords = regexp.MustCompile(`(?i)^\W*(grand[ -]?|sub[ -]?|page[ -]?|running[ -]?)?(totals?|sum|summe|gesamt|count|` +
	`records?|rows?|balance due|amount due|итого)\b`)

// isTotal tells whether cells without a time are a line of totals: none of what tells leads apart stands there, but a
// word for totals, or amounts and nothing else.
func (r *Reader) isTotal(cells []string, row *Row) bool {
	if !row.ID.IsZero() {
		return false
	}
	worded, others := false, 0
	for _, c := range cells {
		switch dot, comma := looksLike(c); {
		case c == "":
		case totalWords.MatchString(c):
			worded = true
		case !dot && !comma:
			others++
		}
	}
	named := 0
	for _, s := range []string{row.Reference, row.Phone, row.Email} {
		if s != "" && !totalWords.MatchString(s) {
			named++
		}
	}
	if id, _ := r.cell("id", cells); id != "" && !totalWords.MatchString(id) {
		named++
	}
	if worded {
		return named == 0 || others == 0 && row.Phone == "" && row.Email == ""
	}
	return named == 0 && others == 0
}

// total takes what a line of totals says.
func (r *Reader) total(cells []string, place int64) {
	if len(r.Totals) >= totalsMax {
		r.Totals = r.Totals[:totalsMax-1] // the last one is of the whole
	}
	t := Total{Place: place}
	text, col := r.cell("price", cells)
	for _, c := range cells {
		if _, after, ok := strings.Cut(c, ":"); ok && col < 0 && after != "" { // in one cell with its word
			text, col = after, 0
		}
	}
	if col >= 0 {
		m, _, err := ReadMoney(text, r.decimals)
		t.Amount, t.Known = m, err == nil
	}
	r.Totals = append(r.Totals, t)
}

// time reads the columns of time, which are put together.
func (r *Reader) time(cells []string, row *Row) error {
	var parts []string
	col := -1
	for _, i := range r.cols["time"] {
		if i < len(cells) && cells[i] != "" {
			parts = append(parts, cells[i])
			if col < 0 {
				col = i
			}
		}
	}
	if len(parts) == 0 {
		return nil
	}
	text := strings.Join(parts, " ")
	if len(parts) == 2 && strings.HasPrefix(parts[1], "0.") { // a day and a part of one, in a workbook
		text = parts[0] + parts[1][1:]
	}
	var err error
	if row.Time, err = r.dates.Read(text); err != nil {
		return r.columnErr(row.Place, col, text, fmt.Errorf("%w (dates: %s)", err, r.dates.Order))
	}
	return nil
}

// amount reads what is owed. foreign: the row is of another currency.
func (r *Reader) amount(cells []string, row *Row) (foreign bool, err error) {
	code, at := r.cell("currency", cells)
	switch upper := strings.ToUpper(code); {
	case code == "$":
		code = ""
	case code != "" && !isCurrency(upper):
		return false, r.columnErr(row.Place, at, code, errors.New("expected the code of a currency, such as USD"))
	default:
		code = upper
	}
	text, col := r.cell("price", cells)
	if col >= 0 && !dash(text) {
		m, by, err := ReadMoney(text, r.decimals)
		if err != nil {
			return false, r.columnErr(row.Place, col, text, err)
		}
		row.Amount, row.Priced = m, true
		if code == "" {
			code = by
		}
	} else if col >= 0 || r.cols["price"] != nil {
		row.Priced = true // nothing is owed
	}
	if text, col := r.cell("credit", cells); col >= 0 && !dash(text) {
		m, _, err := ReadMoney(text, r.decimals)
		if err != nil {
			return false, r.columnErr(row.Place, col, text, err)
		}
		row.Amount -= max(m, -m)
		row.Priced = true
	}
	if code != "" && r.currency != "" && code != r.currency {
		r.Foreign++
		r.ForeignM[code] += row.Amount
		return true, nil
	}
	if row.Amount > 0 {
		switch row.Says {
		case SaysReturned:
			if row.Amount = -row.Amount; r.m.Returned != "credit" {
				row.Amount = 0
			}
		case SaysRefused, SaysTest, SaysDuplicate:
			row.Amount = 0
		}
	}
	return false, nil
}

// dash tells of a cell with a sign for nothing.
func dash(s string) bool {
	switch strings.ToLower(s) {
	case "-", "–", "—", "n/a", "na", "null", "none", "$-", "$ -", "nil":
		return true
	}
	return false
}

// readID reads an id of ours in whatever form: with dashes or without, in capitals, in braces.
func readID(s string) (lead.ID, bool) {
	hex := make([]byte, 0, 32)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			hex = append(hex, c)
		case c >= 'A' && c <= 'F':
			hex = append(hex, c+'a'-'A')
		case c == '-' || c == '{' || c == '}' || c == ' ':
		default:
			return lead.ID{}, false
		}
		if len(hex) > 32 {
			return lead.ID{}, false
		}
	}
	if len(hex) != 32 {
		return lead.ID{}, false
	}
	h := string(hex)
	id, err := lead.ParseID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
	return id, err == nil
}
