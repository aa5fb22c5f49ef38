// SPDX-License-Identifier: Apache-2.0

package paper

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"

	"clearpost/lead"
)

// PDFLinesMax is how many lines a PDF has at most, some thousand pages.
const PDFLinesMax = 50_000

// Measures of a page, A4, in millimetres.
const (
	pageWidth, pageHeight = 210.0, 297.0
	left, right, top      = 17.0, 17.0, 16.0
	bottom                = 20.0 // below the last line of the table: the footer
	rowHeight             = 5.1
	inside                = pageWidth - left - right
)

// columns of the table: how wide they are, and where their text stands.
var columns = [...]struct {
	name  string
	width float64
	align string
}{{"Time", 26, "L"}, {"", 38, "L"}, {"Reference", 25, "L"}, {"Lead", 50, "L"}, {"Amount", 18, "R"}, {"Balance", 19,
	"R"}}

type color [3]int

var (
	ink  = color{28, 36, 48}
	soft = color{91, 102, 117}
	blue = color{47, 111, 179}
	red  = color{179, 64, 47}
	rule = color{221, 226, 232}
	pale = color{244, 247, 250}
)

// sheet is a paper being drawn.
type sheet struct {
	*fpdf.Fpdf
	paper  *Paper
	y      float64    // where the next row of the table begins
	stands lead.Money // on the account after the row before
	first  bool       // of a paper: the page
}

// PDF writes papers as one document, each from a page of its own: A4, with what stands on the account carried from page
// to page. Signs beyond Latin, Greek and Cyrillic become question marks.
func PDF(out io.Writer, papers []*Paper) error {
	if err := fits(papers, PDFLinesMax, "a PDF"); err != nil {
		return err
	}
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes("go", "", goregular.TTF)
	pdf.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	pdf.SetMargins(left, top, right)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCatalogSort(true)
	pdf.SetCreator("Clearpost", true)
	s := &sheet{Fpdf: pdf}
	for _, p := range papers {
		at := p.IssuedAt
		if at.IsZero() {
			at = p.Until
		}
		pdf.SetCreationDate(at.UTC())
		pdf.SetModificationDate(at.UTC())
		pdf.SetTitle(strings.TrimSpace(p.Title()+" "+p.Number), true)
		if p.From != nil {
			pdf.SetAuthor(p.From.Name, true)
		}
		s.draw(p)
	}
	pages := pdf.PageCount()
	for i := range pages { // now that it is known how many there are
		pdf.SetPage(i + 1)
		s.say(left, pageHeight-11, inside, "R", 7.5, "", soft, fmt.Sprintf("page %d of %d", i+1, pages))
	}
	return pdf.Output(out)
}

// draw draws one paper.
func (s *sheet) draw(p *Paper) {
	s.paper, s.first, s.stands = p, true, p.Opening
	s.page()
	y := s.head()
	y = s.parties(y + 9)
	if y = s.notes(y + 5); len(p.Lines) > 0 {
		s.y = y + 3
		s.columnHeads()
		p.Rows(s.row)
		s.pay(s.y + 6)
		return
	}
	if p.LinesN > 0 {
		s.say(left, y, inside, "L", 8.5, "", soft,
			"The "+grouped(p.LinesN)+" lines of it are told apart from this page.")
		y += 6
	}
	s.pay(y + 4)
}

// say writes one line of text, cut where there is no room for it.
func (s *sheet) say(x, y, w float64, align string, size float64, style string, c color, text string) {
	s.SetFont("go", style, size)
	s.SetTextColor(c[0], c[1], c[2])
	text = s.within(printed(text), w)
	s.SetXY(x, y)
	s.CellFormat(w, size*0.45, text, "", 0, align+"T", false, 0, "")
}

// within cuts a text to a width.
func (s *sheet) within(text string, w float64) string {
	if s.GetStringWidth(text) <= w-1 {
		return text
	}
	r := []rune(text)
	lo, hi := 0, len(r)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if s.GetStringWidth(string(r[:mid])+"…") <= w-1 {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return string(r[:lo]) + "…"
}

func (s *sheet) lineAt(y, width float64, c color) {
	s.SetDrawColor(c[0], c[1], c[2])
	s.SetLineWidth(width)
	s.Line(left, y, pageWidth-right, y)
}

// page begins one, with its footer.
func (s *sheet) page() {
	s.AddPage()
	s.lineAt(pageHeight-14, 0.2, rule)
	p := s.paper
	text := p.Account
	if p.Number != "" {
		text = p.Number + "  ·  " + text
	}
	s.say(left, pageHeight-11, inside*0.8, "L", 7.5, "", soft, text+"  ·  "+p.Days()+" ("+p.Zone.String()+")")
}

// head draws who issues it and what it is, and returns where it ends.
func (s *sheet) head() float64 {
	p := s.paper
	s.SetFillColor(blue[0], blue[1], blue[2])
	s.Rect(left, top, inside, 1.1, "F")
	y := top + 7
	from := s.address(left, y, inside*0.55, p.From, 11)
	half := left + inside*0.5
	s.say(half, y-1.5, inside*0.5, "R", 20, "", ink, p.Title())
	y += 11
	for _, f := range p.Facts() {
		s.say(half, y, inside*0.5-61, "R", 8.5, "", soft, f[0])
		s.say(pageWidth-right-60, y, 60, "R", 8.5, "B", ink, f[1])
		y += 4.6
	}
	return max(y, from)
}

// address draws a company and returns where it ends.
func (s *sheet) address(x, y, w float64, p *lead.Party, size float64) float64 {
	if p == nil {
		return y
	}
	s.say(x, y, w, "L", size, "B", ink, p.Name)
	y += size*0.45 + 1.2
	lines := append([]string(nil), p.Address...)
	for _, more := range []string{p.TaxID, p.Email} {
		if more != "" {
			lines = append(lines, more)
		}
	}
	for _, l := range lines {
		s.say(x, y, w, "L", 8.5, "", soft, l)
		y += 4.2
	}
	return y
}

// parties draws whose account it is, and the sums beside.
func (s *sheet) parties(y float64) float64 {
	p := s.paper
	label, to := "Billed to", p.To
	if p.OfSource() {
		label = "Payable to"
	}
	if to == nil {
		to = &lead.Party{Name: p.Name()}
	}
	s.say(left, y, inside/2, "L", 7.5, "", soft, label)
	end := s.address(left, y+4.2, inside*0.48, to, 10)
	sums := p.Sums()
	x, w := left+inside*0.5, inside*0.5
	s.SetFillColor(pale[0], pale[1], pale[2])
	s.Rect(x, y, w, float64(len(sums))*6+5.5, "F")
	at := y + 2.6
	for _, sum := range sums {
		style, size, c := "", 9.0, ink
		if sum.Strong {
			style = "B"
			s.SetDrawColor(201, 210, 220)
			s.SetLineWidth(0.25)
			s.Line(x+4, at-0.8, x+w-4, at-0.8)
		}
		if sum.Total {
			size, c = 11, blue
			at += 0.6
		}
		s.say(x+4, at, w*0.55, "L", size, style, c, sum.Name)
		s.say(x+w-4-w*0.4, at, w*0.4, "R", size, style, c, money(sum.Amount))
		at += 6
	}
	return max(end, at+2)
}

// notes draws what has to be said, and returns where that ends.
func (s *sheet) notes(y float64) float64 {
	notes := s.paper.Notes()
	for i, n := range notes {
		if i == notesMax {
			n = fmt.Sprintf("and %d more", len(notes)-i)
		}
		s.say(left, y, inside, "L", 8.5, "", soft, n)
		if y += 4.4; i == notesMax {
			break
		}
	}
	return y
}

// notesMax is how many notes a first page has room for.
const notesMax = 12

func (s *sheet) columnHeads() {
	x := left
	for i, c := range columns {
		name := c.name
		if i == 2 && s.paper.OfSource() {
			name = "Your id"
		}
		s.say(x, s.y, c.width, c.align, 8, "B", soft, name)
		x += c.width
	}
	s.y += 4.6
	s.lineAt(s.y, 0.5, rule)
	s.y += 1.2
	s.first = false
}

// carry ends a page and begins the next one, with what stands on the account.
func (s *sheet) carry() {
	s.carried("carried forward")
	s.page()
	s.y = top
	s.columnHeads()
	s.carried("brought forward")
}

func (s *sheet) carried(text string) {
	last := columns[len(columns)-1]
	s.say(left, s.y, inside-last.width, "L", 8, "B", ink, text)
	s.say(pageWidth-right-last.width-10, s.y, last.width+10, "R", 8, "B", ink, money(s.stands))
	s.y += rowHeight
	s.lineAt(s.y-1, 0.2, rule)
}

// row draws one line of the table.
func (s *sheet) row(r Row) {
	if s.y+2*rowHeight > pageHeight-bottom {
		s.carry()
	}
	x := left
	for i, text := range [...]string{r.At, r.What, r.Reference, r.Lead, money(r.Amount), money(r.Balance)} {
		c, size, col := columns[i], 8.0, ink
		switch {
		case i == 0, i == 5:
			col = soft
		case i == 3:
			size, col = 6.6, soft
		case i == 4 && r.Amount < 0:
			col = red
		}
		y := s.y
		if i == 3 {
			y += 0.4
		}
		s.say(x, y, c.width, c.align, size, "", col, text)
		x += c.width
	}
	s.stands = r.Balance
	s.y += rowHeight
	s.lineAt(s.y-1, 0.1, rule)
}

// pay draws how a buyer pays, whole on one page.
func (s *sheet) pay(y float64) {
	p := s.paper
	if p.OfSource() || p.From == nil || len(p.From.PayTo) == 0 {
		return
	}
	if y+6+4.4*float64(len(p.From.PayTo)) > pageHeight-bottom {
		s.page()
		y = top
	}
	s.say(left, y, inside, "L", 7.5, "", soft, "How to pay")
	y += 4.4
	for _, l := range p.From.PayTo {
		s.say(left, y, inside, "L", 9, "", ink, l)
		y += 4.4
	}
}

// glyphs tells which signs the font has.
var glyphs = sync.OnceValue(func() *sfnt.Font {
	f, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		panic("paper: its font: " + err.Error()) // it is part of the program
	}
	return f
})

// printed is a text without signs that the font does not have.
func printed(text string) string {
	var b sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if r < 0x7f && r >= 0x20 {
			return r
		}
		if i, err := glyphs().GlyphIndex(&b, r); err != nil || i == 0 {
			return '?'
		}
		return r
	}, text)
}
