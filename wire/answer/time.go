// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"strconv"
	"time"
)

// timeUnit is how a buyer writes until when its bid stands.
type timeUnit uint8

const (
	unitAuto timeUnit = iota // by what stands there
	unitSeconds
	unitMinutes
	unitUnix
	unitUnixMS
	unitTime
	timeUnits // how many there are
)

var timeUnitNames = [timeUnits]string{"auto", "seconds", "minutes", "unix", "unix_ms", "time"}

// timeLayouts are the times that are read; one without a zone is UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999", time.RFC1123, time.RFC1123Z}

// expiryIn is how long the bid stands, or until when; both are zero if the buyer does not say, or nothing that could be
// read.
func (a *Answer) expiryIn(f *found) (time.Duration, time.Time) {
	p := f.first(a.expires)
	if p.kind != foundString && p.kind != foundNumber {
		return 0, time.Time{}
	}
	var buf [64]byte
	return parseExpiry(trim(f.value(buf[:0], p)), a.expires.unit)
}

func parseExpiry(b []byte, unit timeUnit) (time.Duration, time.Time) {
	if len(b) == 0 || len(b) > 40 {
		return 0, time.Time{}
	}
	whole := b
	if i := bytes.IndexByte(b, '.'); i > 0 && allDigits(b[i+1:]) {
		whole = b[:i]
	}
	if !allDigits(whole) {
		if unit != unitAuto && unit != unitTime {
			return 0, time.Time{}
		}
		return 0, parseTime(string(b))
	}
	n, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil {
		return 0, time.Time{}
	}
	if unit == unitAuto {
		switch {
		case n < 1e9:
			unit = unitSeconds
		case n < 1e11:
			unit = unitUnix
		default:
			unit = unitUnixMS
		}
	}
	const most = ExpiresDaysMax * 24 * 60 * 60
	switch {
	case unit == unitSeconds && n <= most:
		return time.Duration(n) * time.Second, time.Time{}
	case unit == unitMinutes && n <= most/60:
		return time.Duration(n) * time.Minute, time.Time{}
	case unit == unitUnix && n < 1e11:
		return 0, time.Unix(n, 0).UTC()
	case unit == unitUnixMS && n < 1e14:
		return 0, time.UnixMilli(n).UTC()
	}
	return 0, time.Time{}
}

func parseTime(s string) time.Time {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// redirectIn is the URL for the consumer; nil if there is none, or one that is not to be passed on: other schemes than
// http and https, names and passwords, signs that do not belong into a URL, more than RedirectBytesMax.
func (a *Answer) redirectIn(f *found) []byte {
	p := f.first(a.redirect)
	if p.kind != foundString {
		return nil
	}
	u := trim(f.decode(nil, p))
	rest, ok := cutFold(u, "https://")
	if !ok {
		rest, ok = cutFold(u, "http://")
	}
	if !ok || len(u) > RedirectBytesMax || !clean(u) || bytes.ContainsAny(u, " \"<>\\^`{|}") {
		return nil
	}
	host := rest
	if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	if len(host) == 0 || host[0] == ':' || bytes.IndexByte(host, '@') >= 0 {
		return nil
	}
	return u
}

func cutFold(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || !equalFold(b[:len(prefix)], prefix) {
		return nil, false
	}
	return b[len(prefix):], true
}
