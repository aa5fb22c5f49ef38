// SPDX-License-Identifier: Apache-2.0

package batch

import "time"

// Due tells whether a file is to be formed of what waits, and if not, when to look again: whenever more has come, and
// at that time at the latest (zero: not by time).
func (s *Send) Due(waiting int, oldest, now time.Time) (due bool, next time.Time) {
	if waiting == 0 {
		return false, time.Time{}
	}
	if s.Rows > 0 && waiting >= s.Rows {
		return true, time.Time{}
	}
	if s.Wait > 0 {
		next = oldest.Add(s.Wait)
	}
	if len(s.At) > 0 {
		if at := s.after(oldest); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return !next.IsZero() && !now.Before(next), next
}

// after is the first of the times of day after a time. One that a change to summer time leaves out comes by as much
// later as the clock is put forward.
func (s *Send) after(t time.Time) time.Time {
	t = t.In(s.Zone)
	for day := 0; ; day++ {
		for _, m := range s.At {
			at := time.Date(t.Year(), t.Month(), t.Day()+day, m/60, m%60, 0, 0, s.Zone)
			if at.Hour()*60+at.Minute() != m { // there is no such time on this day
				midnight := time.Date(t.Year(), t.Month(), t.Day()+day, 0, 0, 0, 0, s.Zone)
				at = midnight.Add(time.Duration(m) * time.Minute)
			}
			if at.After(t) {
				return at
			}
		}
	}
}
