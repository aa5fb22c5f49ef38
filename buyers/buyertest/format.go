// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"net/url"
	"strconv"
	"time"

	"clearpost/lead"
)

// FormatJSON is flat JSON: {"status":"accepted","price":22.50,"token":"…"} or {"status":"rejected","reason":"…"}. A
// post's acceptance has "reference" in place of the token; a refused duplicate tells when, and the earlier reference.
func FormatJSON(a *Answer, r *Request, d *Decision) {
	if !d.Yes {
		a.Body = appendText(append(a.Body, `{"status":"rejected","reason":`...), Words(d))
		if d.Reference != "" {
			a.Body = appendText(append(a.Body, `,"reference":`...), d.Reference)
		}
		a.Body = append(a.Body, '}')
		return
	}
	a.Body = d.Price.Append(append(a.Body, `{"status":"accepted","price":`...))
	if r.Endpoint == Ping {
		a.Body = appendText(append(a.Body, `,"token":`...), d.Token)
	} else {
		a.Body = appendText(append(a.Body, `,"reference":`...), d.Reference)
	}
	a.Body = append(a.Body, '}')
}

// FormatForm is a form-encoded body: status=ok&price=22.50&id=….
func FormatForm(a *Answer, r *Request, d *Decision) {
	a.Type = "application/x-www-form-urlencoded"
	if !d.Yes {
		a.Body = append(append(a.Body, "status=no&reason="...), url.QueryEscape(Words(d))...)
		return
	}
	a.Body = d.Price.Append(append(a.Body, "status=ok&price="...))
	id := d.Reference
	if r.Endpoint == Ping {
		id = d.Token
	}
	a.Body = append(append(a.Body, "&id="...), url.QueryEscape(id)...)
}

// FormatText is one line of text: "ACCEPTED 22.50 <id>" or "REJECTED <words>".
func FormatText(a *Answer, r *Request, d *Decision) {
	a.Type = "text/plain"
	if !d.Yes {
		a.Body = append(append(a.Body, "REJECTED "...), Words(d)...)
		return
	}
	a.Body = d.Price.Append(append(a.Body, "ACCEPTED "...))
	id := d.Reference
	if r.Endpoint == Ping {
		id = d.Token
	}
	a.Body = append(append(a.Body, ' '), id...)
}

// Words is the reason as plain words for a format that has none of its own; a duplicate tells when it came first.
func Words(d *Decision) string {
	if d.Reason == ReasonDuplicate && !d.Since.IsZero() {
		return "Lead previously received " + d.Since.UTC().Format(time.DateOnly)
	}
	return d.Reason
}

// appendText writes a JSON string of text that the farm has made itself or was sent.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// cents writes a price as whole cents.
func cents(dst []byte, p lead.Money) []byte { return strconv.AppendInt(dst, int64(p/lead.Cent), 10) }
