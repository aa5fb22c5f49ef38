// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// findHTML builds the tree of a body and notes what stands at the paths. Any text is an HTML page of some kind, so only
// one that has an element at all is taken for one.
func (a *Answer) findHTML(f *found) bool {
	page, ok := readHTML(f.body)
	if !ok {
		return false
	}
	f.size.measure(page, 1)
	return a.findInHTML(f, page)
}

func (a *Answer) findInHTML(f *found, top *html.Node) bool {
	f.page = top
	buf := appendHTMLInside(nil, top)
	f.text = trimmedPlace(buf, 0, len(buf))
	for i := range a.paths {
		p := &a.paths[i]
		if p.never {
			continue
		}
		if !f.affordCSS(p.shape) {
			return false
		}
		nodes := cascadia.QueryAll(top, p.css)
		buf = a.noteTexts(f, buf, i, len(nodes), func(buf []byte, n int) []byte {
			if p.attr == "" {
				return appendHTMLInside(buf, nodes[n])
			}
			for _, x := range nodes[n].Attr {
				if x.Namespace == "" && x.Key == p.attr {
					return append(buf, x.Val...)
				}
			}
			return buf
		})
	}
	f.body = buf
	return !f.overflows
}

// readHTML builds the tree of a page that has at least one element. It counts the elements first, so that a page made
// of nothing but tags costs no more than a look at it: at most NodesMax elements, and HTMLDepthMax that are open at
// once.
func readHTML(b []byte) (*html.Node, bool) {
	if !utf8.Valid(b) {
		return nil, false
	}
	z := html.NewTokenizer(bytes.NewReader(b))
	z.SetMaxBuf(BytesMax * 2)
	tags := 0
	formats, again := 0, 0 // open elements such as <b>, which a reader of HTML opens again in each block
	var open []string      // the elements that no end tag has closed
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) || tags == 0 {
				return nil, false
			}
			page, err := html.Parse(bytes.NewReader(b))
			return page, err == nil
		case html.StartTagToken:
			name, _ := z.TagName()
			if a := atom.Lookup(name); !isVoid(a) {
				open = append(open, string(name))
				if formatting(a) {
					formats++
				}
			}
			again += formats
			if tags++; tags > NodesMax || len(open) > HTMLDepthMax || again > 4*NodesMax {
				return nil, false
			}
		case html.SelfClosingTagToken:
			if tags++; tags > NodesMax {
				return nil, false
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if formatting(atom.Lookup(name)) && slices.Contains(open, string(name)) {
				formats--
			}
			if i := len(open) - 1; i >= 0 && open[i] == string(name) {
				open = open[:i]
			} else if i = slices.Index(open, string(name)); i >= 0 {
				open = slices.Delete(open, i, i+1)
			}
		}
	}
}

// formatting tells whether an element that is left open goes on in the next block.
func formatting(a atom.Atom) bool {
	switch a {
	case atom.A, atom.B, atom.Big, atom.Code, atom.Em, atom.Font, atom.I, atom.Nobr, atom.S, atom.Small, atom.Strike,
		atom.Strong, atom.Tt, atom.U:
		return true
	}
	return false
}

// isVoid tells whether an element has no end tag.
func isVoid(a atom.Atom) bool {
	switch a {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link, atom.Meta,
		atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// appendHTMLText appends the text beneath a node that a reader sees, with one space for each run of space and between
// blocks.
func appendHTMLText(buf []byte, n *html.Node) []byte {
	switch {
	case n.Type == html.TextNode:
		for _, c := range []byte(n.Data) {
			if !isSpace(c) {
				buf = append(buf, c)
			} else if len(buf) > 0 && buf[len(buf)-1] != ' ' {
				buf = append(buf, ' ')
			}
		}
		return buf
	case n.Type == html.ElementNode && unseen(n.DataAtom):
		return buf
	}
	buf = appendHTMLInside(buf, n)
	if n.Type == html.ElementNode && !inline(n.DataAtom) {
		buf = append(buf, ' ')
	}
	return buf
}

func appendHTMLInside(buf []byte, n *html.Node) []byte {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		buf = appendHTMLText(buf, k)
	}
	return buf
}

func unseen(a atom.Atom) bool {
	return a == atom.Script || a == atom.Style || a == atom.Template || a == atom.Noscript || a == atom.Title ||
		a == atom.Head
}

func inline(a atom.Atom) bool {
	switch a {
	case atom.A, atom.B, atom.I, atom.U, atom.S, atom.Em, atom.Strong, atom.Span, atom.Small, atom.Font, atom.Code,
		atom.Sup, atom.Sub, atom.Mark:
		return true
	}
	return false
}
