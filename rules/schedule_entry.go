// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// dayRule is one entry of a schedule: the days that it speaks of, and in `open` their hours.
type dayRule struct {
	at       string // where it stands: open[0]; empty for what holds where nothing is said
	text     string // as written, with single spaces
	dates    []dateRange
	holidays holidays
	federal  bool  // us_federal_holidays
	week     uint8 // days of the week, a bit each; Sunday is the first
	hours    []hours
}

// dateRange is from a day to another one, both included; days count from 1970.
type dateRange struct{ from, to int64 }

// hours are from a minute of a day (included) to another one (excluded), which may be one of the next day's: above
// 1440.
type hours struct{ from, to int }

const (
	minutesOfDay = 1440
	everyDay     = 1<<7 - 1
)

var wholeDay = []hours{{0, minutesOfDay}}

// weekWords are the words for days of the week.
var weekWords = func() map[string]uint8 {
	words := map[string]uint8{"daily": everyDay, "weekdays": everyDay &^ (1 << time.Saturday) &^ (1 << time.Sunday),
		"weekends": 1<<time.Saturday | 1<<time.Sunday, "tues": 1 << time.Tuesday, "weds": 1 << time.Wednesday,
		"thur": 1 << time.Thursday, "thurs": 1 << time.Thursday}
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := strings.ToLower(d.String())
		words[name], words[name[:3]] = 1<<d, 1<<d
	}
	return words
}()

// dayWords are all words for days, for messages.
var dayWords = func() []string {
	words := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun", "weekdays", "weekends", "daily", federalName}
	for i := range holidayTable {
		words = append(words, holidayTable[i].name)
	}
	return words
}()

const (
	daysExpected = "days such as mon-fri, sat, weekends, " + federalName + ", thanksgiving or 2026-12-24"
	// what stands behind days in `open`
	hoursExpected = "hours such as 08:00-20:00 or 8am-8pm; over midnight: 20:00-02:00; the whole day: 00:00-24:00"
)

var (
	signs     = strings.NewReplacer("–", "-", "—", "-", ",", " ")
	joined    = regexp.MustCompile(`\s*-\s*`)
	toWord    = regexp.MustCompile(`\s+to\s+`)
	halfDay   = regexp.MustCompile(`(\d)\s+([ap]m\b)`)
	datesForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:-(\d{4}-\d{2}-\d{2}))?$`)
	clockForm = regexp.MustCompile(`^(\d{1,2})(?::(\d{2}))?(am|pm)?$`)
)

// parseDays reads an entry. Paths of defects are empty: they are about the entry, and name the word that is wrong.
func parseDays(text string, withHours bool) (r dayRule, ds []lead.Defect) {
	r.text = strings.Join(strings.Fields(text), " ")
	bad := func(value, expected string) { ds = append(ds, lead.Defect{Value: value, Expected: expected}) }
	if len(r.text) > ScheduleEntryBytesMax {
		r.text = ""
		bad("", fmt.Sprintf("at most %d bytes", ScheduleEntryBytesMax))
		return r, ds
	}
	for _, word := range dayWordsOf(strings.ToLower(r.text)) {
		switch {
		case datesForm.MatchString(word):
			if why := r.addDates(word); why != "" {
				bad(word, why)
			}
		case word[0] >= '0' && word[0] <= '9':
			h, why := parseHours(word)
			switch {
			case !withHours:
				bad(word, "whole days: hours stand in `open`; a date with hours there stands above `closed`")
			case why != "":
				bad(word, why)
			default:
				r.hours = append(r.hours, h)
			}
			continue
		default:
			if why := r.addWord(word); why != "" {
				bad(word, why)
			}
		}
		if len(r.hours) > 0 {
			bad(word, "days first, then their hours; other days are an entry of their own")
		}
	}
	none := len(r.dates) == 0 && r.holidays == 0 && !r.federal && r.week == 0
	switch {
	case len(ds) > 0:
	case none && (len(r.hours) == 0 || !withHours):
		bad(r.text, daysExpected)
	case none:
		r.week = everyDay
	}
	if withHours && len(r.hours) == 0 {
		r.hours = wholeDay
	}
	return r, ds
}

// dayWordsOf splits an entry in lower case into words: a range is one, however it is spaced.
func dayWordsOf(text string) []string {
	text = signs.Replace(text)
	if strings.Contains(text, " to ") {
		text = toWord.ReplaceAllString(text, "-")
	}
	if strings.Contains(text, " -") || strings.Contains(text, "- ") {
		text = joined.ReplaceAllString(text, "-")
	}
	if strings.Contains(text, "m") {
		text = halfDay.ReplaceAllString(text, "$1$2")
	}
	return strings.Fields(text)
}

// addDates takes a date or a range of dates.
func (r *dayRule) addDates(word string) (why string) {
	m := datesForm.FindStringSubmatch(word)
	var d dateRange
	if d.from, why = parseDate(m[1]); why != "" {
		return why
	}
	if d.to = d.from; m[2] != "" {
		if d.to, why = parseDate(m[2]); why != "" {
			return why
		}
	}
	if d.to < d.from || d.to-d.from >= ScheduleDatesMax {
		return fmt.Sprintf("a range of 1 to %d days, the earlier date first", ScheduleDatesMax)
	}
	r.dates = append(r.dates, d)
	return ""
}

// addWord takes a word for days.
func (r *dayRule) addWord(word string) (why string) {
	first, last, ranged := strings.Cut(word, "-")
	from, ok := weekWords[first]
	switch {
	case ok && !ranged:
		r.week |= from
		return ""
	case ok:
		to, ok := weekWords[last]
		if !ok || from&(from-1) != 0 || to&(to-1) != 0 {
			return "a range from one day of the week to another, such as mon-fri"
		}
		for d := from; ; d = d<<1&everyDay | d>>6 {
			if r.week |= d; d == to {
				return ""
			}
		}
	case word == federalName:
		r.federal = true
		return ""
	}
	if i := holidayNamed(word); i >= 0 {
		r.holidays |= 1 << i
		return ""
	}
	near := holidayMeant[word]
	if near == "" {
		near = lead.Nearest(word, dayWords)
	}
	if near != "" {
		return daysExpected + ": did you mean " + strconv.Quote(near) + "?"
	}
	return daysExpected
}

// clock is a time of day, and whether it was written with am or pm.
type clock struct {
	minute int
	half   bool
}

// parseClock reads 08:00, 8:00, 8am, 8:30pm and 24:00.
func parseClock(text string) (c clock, ok bool) {
	m := clockForm.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] == "" {
		return c, false
	}
	hour, _ := strconv.Atoi(m[1])
	minute := 0
	if m[2] != "" {
		minute, _ = strconv.Atoi(m[2])
	}
	if c.half = m[3] != ""; c.half {
		if hour < 1 || hour > 12 {
			return c, false
		}
		if hour %= 12; m[3] == "pm" {
			hour += 12
		}
	}
	c.minute = hour*60 + minute
	return c, minute < 60 && c.minute <= minutesOfDay
}

// parseHours reads from-to.
func parseHours(word string) (h hours, why string) {
	first, last, _ := strings.Cut(word, "-")
	from, ok := parseClock(first)
	to, ok2 := parseClock(last)
	if !ok || !ok2 || from.half != to.half || from.minute == minutesOfDay {
		return h, hoursExpected
	}
	h = hours{from.minute, to.minute}
	if h.from == h.to {
		return h, "an end that is not the beginning; the whole day is 00:00-24:00"
	}
	if h.to < h.from {
		h.to += minutesOfDay
	}
	return h, ""
}
