// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"encoding/hex"
)

// boundaryPrefix begins the boundary of a multipart body; 32 digits of the attempt's or the lead's id and the number of
// the try follow.
const boundaryPrefix = "clearpost-"

const (
	boundaryBytes = len(boundaryPrefix) + 32 + 2
	boundaryTries = 16
)

// setBoundary makes the boundary from an id that nobody knew when the values were written; a value that has it all the
// same gets the next try.
func (p *pass) setBoundary(try int) {
	id := p.Attempt
	if id.IsZero() {
		id = p.LeadID
	}
	n := copy(p.boundary[:], boundaryPrefix)
	n += hex.Encode(p.boundary[n:], id[:])
	p.boundary[n], p.boundary[n+1] = '-', byte('a'+try)
}

// appendParts writes a multipart body.
func (r *Request) appendParts(dst []byte, p *pass) []byte {
	p.parts = 0
	for i := range r.pairs {
		f := &r.pairs[i]
		at := len(dst)
		dst = append(append(append(dst, "--"...), p.boundary[:]...), "\r\n"...)
		dst = append(dst, f.lead...)
		there := true
		if f.field != nil {
			dst, there = f.field.append(dst, p)
		} else {
			dst = r.appendDocument(dst, p)
		}
		if !there {
			dst = dst[:at]
			continue
		}
		dst = append(dst, '\r', '\n')
		p.parts++
	}
	return append(append(append(dst, "--"...), p.boundary[:]...), "--\r\n"...)
}

// ends tells whether the boundary stands only where it belongs: in the head, before each part and at the end.
func (p *pass) ends(request []byte) bool {
	return bytes.Count(request, p.boundary[:]) == p.parts+2
}
