// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"net/http"
	"time"
)

// Limits of the cookies of one answer that are kept. What is beyond them is dropped, whole cookies at a time.
const (
	CookiesMax     = 16
	CookieBytesMax = 2048 // of all of them as the value of a Cookie header
)

// cookies appends what the answer sets, in its order, as the value of a Cookie header. Of a name that is set twice the
// last one counts; one that cannot be read, or that is set to have ended already, is none.
func (a *reading) cookies(dst []byte) []byte {
	type cookie struct{ name, value string }
	var set []cookie
	now := time.Now()
	for _, line := range a.head.Cookies() { // the whole header line's value
		c, err := http.ParseSetCookie(string(line))
		if err != nil || len(c.Name)+len(c.Value) > CookieBytesMax || bytes.ContainsAny([]byte(c.Value), ";,\r\n\x00") {
			continue
		}
		kept := set[:0]
		for _, o := range set {
			if o.name != c.Name {
				kept = append(kept, o)
			}
		}
		set = kept
		if over := c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && !c.Expires.After(now); !over &&
			len(set) < CookiesMax {
			set = append(set, cookie{c.Name, c.Value})
		}
	}
	for _, c := range set {
		if len(dst)+len(c.name)+len(c.value)+3 > CookieBytesMax {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, "; "...)
		}
		dst = append(append(append(dst, c.name...), '='), c.value...)
	}
	return dst
}
