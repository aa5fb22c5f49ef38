// SPDX-License-Identifier: Apache-2.0

package request

// template is a text with expressions in it, compiled to slots.
type template struct{ pieces []piece }

// piece is a text, or an expression.
type piece struct {
	lit  constant
	expr *expression
}

// expression is a value and the filters that it goes through, in order.
type expression struct {
	source
	filters []filter
}

// append writes the template, each expression in an encoding and the texts between them as they are. A missing value
// writes nothing; it tells false if there are expressions and all of them are missing.
func (t *template) append(dst []byte, p *pass, enc encoding) ([]byte, bool) {
	some, asked := false, false
	for i := range t.pieces {
		e := t.pieces[i].expr
		if e == nil {
			dst = t.pieces[i].lit.append(dst, p.redact)
			continue
		}
		asked = true
		mark := len(dst)
		var ok bool
		if dst, ok = e.append(dst, p); ok {
			some = true
			dst = encodeTail(dst, mark, enc)
		}
	}
	return dst, some || !asked
}

func (e *expression) append(dst []byte, p *pass) ([]byte, bool) {
	mark := len(dst)
	dst, ok := e.source.append(dst, p)
	if e.from == fromBody && len(dst) == mark && len(e.filters) > 0 && e.filters[0].op == opHash {
		dst, ok = e.filters[0].append(dst, nil, p) // an empty body is one: its hash is signed
		return runFilters(dst, mark, ok, e.filters[1:], p)
	}
	return runFilters(dst, mark, ok, e.filters, p)
}

// runFilters puts what stands behind the mark through filters, in place. An empty text is missing: every filter but
// default leaves it so, and what is missing in the end writes nothing.
func runFilters(dst []byte, mark int, ok bool, filters []filter, p *pass) ([]byte, bool) {
	ok = ok && len(dst) > mark
	for i := range filters {
		f := &filters[i]
		if !ok {
			if f.op == opDefault {
				dst, ok = f.stand(dst[:mark], p)
				ok = ok && len(dst) > mark
			}
			continue
		}
		if f.op == opDefault {
			continue
		}
		end := len(dst)
		dst, ok = f.append(dst, dst[mark:end], p)
		n := copy(dst[mark:], dst[end:])
		dst = dst[:mark+n]
		ok = ok && n > 0
		if n > ExpressionBytesMax || mark+n-p.start > 2*BytesMax {
			p.over = true
			return dst[:mark], false
		}
	}
	if !ok {
		return dst[:mark], false
	}
	return dst, true
}
