// SPDX-License-Identifier: Apache-2.0

package alerts

import "time"

// counts is how many posts of a campaign were accepted, and refused, by hour; what is older than a day by day.
type counts struct {
	Hours []count `json:"hours,omitempty"` // in order of time
	Days  []count `json:"days,omitempty"`

	seen [2]int64 // of the campaign's tallies, at the last look
	look bool
}

type count struct {
	At int64 `json:"at"` // the hour or the day, by UTC: Unix seconds of its beginning
	OK int64 `json:"ok"`
	No int64 `json:"no"`
}

const (
	hour     = int64(time.Hour / time.Second)
	day      = 24 * hour
	hoursMax = 24
	daysMax  = 8
)

// add takes over a campaign's tallies, which begin at 0 with each start of the process.
func (c *counts) add(ok, no int64, now time.Time) {
	was := c.seen
	if c.seen = [2]int64{ok, no}; !c.look || ok < was[0] || no < was[1] {
		was = [2]int64{}
	}
	c.look = true
	if ok == was[0] && no == was[1] {
		return
	}
	c.Hours = into(c.Hours, count{now.Unix() - now.Unix()%hour, ok - was[0], no - was[1]})
	for len(c.Hours) > hoursMax {
		old := c.Hours[0]
		c.Hours = c.Hours[1:]
		old.At -= old.At % day
		c.Days = into(c.Days, old)
	}
	for len(c.Days) > daysMax {
		c.Days = c.Days[1:]
	}
}

// into adds a count to the last of a list, or behind it.
func into(list []count, c count) []count {
	if n := len(list); n > 0 && list[n-1].At >= c.At {
		list[n-1].OK += c.OK
		list[n-1].No += c.No
		return list
	}
	return append(list, c)
}

// pastLeast is how many posts a campaign must have had before, so that they tell what is usual.
const pastLeast = 100

// split gives what was in this hour and the one before, and in the week before that.
func (c *counts) split(now time.Time) (recent, past count) {
	from := now.Unix() - now.Unix()%hour - hour
	for _, list := range [][]count{c.Hours, c.Days} {
		for _, x := range list {
			switch {
			case x.At >= from:
				recent.OK, recent.No = recent.OK+x.OK, recent.No+x.No
			case x.At >= from-daysMax*day:
				past.OK, past.No = past.OK+x.OK, past.No+x.No
			}
		}
	}
	return recent, past
}

func (c count) all() int64 { return c.OK + c.No }

// percent is how many of a hundred were accepted.
func (c count) percent() int { return int(100 * c.OK / max(c.all(), 1)) }

// drop tells by how many percent less is accepted than was before, as a part of all posts. ok is false where too few
// came before to tell.
func drop(recent, past count) (percent int, ok bool) {
	if recent.all() == 0 || past.all() < pastLeast || past.OK == 0 {
		return 0, false
	}
	// 1 - (recent.OK/recent.all) / (past.OK/past.all)
	return int(max(100-100*recent.OK*past.all()/(recent.all()*past.OK), 0)), true
}
