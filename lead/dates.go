// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"time"
)

// date takes 1984-03-22 and 3/22/1984 (month first), from the year 1800 on.
func (l *Lead) date(s *Slot, raw []byte) bool {
	var y, m, d int64
	var ok1, ok2, ok3 bool
	if len(raw) == 10 && raw[4] == '-' && raw[7] == '-' {
		y, ok1 = parseInt(raw[:4])
		m, ok2 = parseInt(raw[5:7])
		d, ok3 = parseInt(raw[8:])
	} else {
		i, j := bytes.IndexByte(raw, '/'), bytes.LastIndexByte(raw, '/')
		if i < 1 || i > 2 || j-i < 2 || j-i > 3 || len(raw)-j != 5 {
			return false
		}
		m, ok1 = parseInt(raw[:i])
		d, ok2 = parseInt(raw[i+1 : j])
		y, ok3 = parseInt(raw[j+1:])
	}
	if !ok1 || !ok2 || !ok3 || y < 1800 || m < 1 || m > 12 || d < 1 {
		return false
	}
	t := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(d) {
		return false
	}
	s.Num = t.Unix() / 86400
	var b [10]byte
	s.normal = l.put(t.AppendFormat(b[:0], time.DateOnly))
	return true
}

var datetimeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "01/02/2006 15:04:05"}

// datetime takes RFC 3339 and a few plain forms, which are read as UTC; normal is RFC 3339 in UTC.
func (l *Lead) datetime(s *Slot, raw []byte) bool {
	for _, layout := range datetimeLayouts {
		t, err := time.Parse(layout, asString(raw))
		if err != nil {
			continue
		}
		// The year is judged in UTC: that is how the normal text has it.
		if t = t.UTC(); t.Year() < 1800 || t.Year() > 9998 {
			return false
		}
		s.Num = t.UnixMicro()
		var b [40]byte
		s.normal = l.put(t.AppendFormat(b[:0], time.RFC3339Nano))
		return true
	}
	return false
}
