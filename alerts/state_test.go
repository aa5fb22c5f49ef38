// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/rules"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday

// story is a state under one configuration: what is so minute by minute, and what is told.
type story struct {
	cfg  Config
	s    *State
	now  time.Time
	told []string
}

func (y *story) look(facts ...Fact) {
	y.s.step(&y.cfg, facts, y.now)
	for _, w := range y.s.Waiting {
		n := w.Notice
		line := fmt.Sprintf("%s %s: %s %s/%s", y.now.Format("Mon 15:04"), w.To, n.Kind, n.Rule, n.Subject)
		if !n.Until.IsZero() {
			line += " " + n.Since.Format("15:04") + "-" + n.Until.Format("15:04")
		}
		y.told = append(y.told, line)
	}
	y.s.Waiting = nil
}

// pass lets minutes pass with the same facts, a look a minute.
func (y *story) pass(minutes int, facts ...Fact) {
	for range minutes {
		y.now = y.now.Add(time.Minute)
		y.look(facts...)
	}
}

func (y *story) want(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := strings.Join(y.told, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

func of(r Rule) *story {
	r.ID = "r"
	return &story{cfg: Config{Receivers: []Receiver{{ID: "desk"}}, Rules: []Rule{r}}, s: newState(), now: noon}
}

func down(subject string) Fact {
	return Fact{On: OnBuyerDown, Subject: subject, Of: []string{subject}, Count: 1}
}

func TestACauseIsToldOnce(t *testing.T) {
	y := of(Rule{On: OnBuyerDown, Count: 1, For: 3 * time.Minute, Over: true})
	y.look(down("a"))
	y.pass(30, down("a"))
	y.pass(4) // it comes back before it is over
	y.pass(10, down("a"))
	y.pass(10)
	y.want(t, "Mon 12:03 desk: began r/a", "Mon 12:50 desk: over r/a 12:00-12:45")
}

func TestWhatIsOverBeforeItsTimeIsNothing(t *testing.T) {
	y := of(Rule{On: OnBuyerDown, Count: 1, For: 10 * time.Minute, Over: true})
	y.pass(9, down("a"))
	y.pass(20)
	y.pass(9, down("a"))
	y.pass(20)
	y.want(t)
	if len(y.s.Causes) != 0 {
		t.Errorf("%d causes are left", len(y.s.Causes))
	}
}

// TestSinceItIsKnown: a buyer that has failed for long when it is first seen, as after a restart, is told of at once.
func TestSinceItIsKnown(t *testing.T) {
	y := of(Rule{On: OnBuyerDown, Count: 1, For: 10 * time.Minute})
	f := down("a")
	f.Since = noon.Add(-time.Hour)
	y.look(f)
	y.want(t, "Mon 12:00 desk: began r/a")
}

func TestToldAgainWhileItLasts(t *testing.T) {
	y := of(Rule{On: OnBuyerDown, Count: 1, Again: time.Hour})
	y.look(down("a"))
	y.pass(125, down("a"), down("b"))
	y.want(t, "Mon 12:00 desk: began r/a", "Mon 12:01 desk: began r/b", "Mon 13:00 desk: still r/a",
		"Mon 13:01 desk: still r/b", "Mon 14:00 desk: still r/a", "Mon 14:01 desk: still r/b")
}

func TestOutOfHours(t *testing.T) {
	hours, ds := rules.CompileSchedule(&rules.ScheduleSpec{Open: []string{"mon-sun 07:00-12:10"}}, "UTC")
	if ds != nil {
		t.Fatal(ds)
	}
	y := of(Rule{On: OnBuyerDown, Count: 1, Over: true})
	y.cfg.Rules = append(y.cfg.Rules, Rule{ID: "urgent", On: OnBuyerDown, Count: 1, Of: []string{"b"}, Urgent: true})
	y.cfg.Hours = hours
	y.look(down("a"))
	y.pass(20, down("a"))            // a: told at noon
	y.pass(60, down("b"))            // a is over, b begins: by the urgent rule it is told
	y.pass(60, down("b"), down("c")) // c lasts
	y.pass(24*60, down("c"))         // until the morning, when b is long over
	y.want(t, "Mon 12:00 desk: began r/a", "Mon 12:21 desk: began urgent/b",
		"Tue 07:00 desk: began r/c", "Tue 07:00 desk: over r/a 12:00-12:21", "Tue 07:00 desk: was r/b 12:21-14:21")
}

// TestAWindowIsACause: a cap is told once a window, and its end without a word.
func TestAWindowIsACause(t *testing.T) {
	y := of(Rule{On: OnCap, Percent: 90})
	full := func(hour string, percent int) Fact {
		return Fact{On: OnCap, Subject: "buyer:b:hour until " + hour, Of: []string{"b"}, Percent: percent}
	}
	y.look(full("13", 89))
	y.pass(20, full("13", 90))
	y.pass(20, full("13", 100))
	y.pass(20, full("14", 95))
	y.want(t, "Mon 12:01 desk: began r/buyer:b:hour until 13", "Mon 12:41 desk: began r/buyer:b:hour until 14")
	if len(y.s.Causes) != 1 {
		t.Errorf("%d causes are kept, want that of this window", len(y.s.Causes))
	}
}

func TestAttemptsThatWaitTooLong(t *testing.T) {
	y := of(Rule{On: OnUnresolved, Count: 2, For: time.Hour})
	f := Fact{On: OnUnresolved, Subject: "c", Since: noon.Add(-55 * time.Minute), Text: "%d attempts wait",
		Times: []time.Time{noon.Add(-55 * time.Minute), noon.Add(-50 * time.Minute), noon}}
	y.look(f)
	y.pass(12, f)
	y.want(t, "Mon 12:10 desk: began r/c")
	if text := y.s.Causes["r\x00c"].Text; text != "2 attempts wait" {
		t.Error(text)
	}
}

func TestWhoIsTold(t *testing.T) {
	y := of(Rule{On: OnBalance, Below: 500e6, Of: []string{"b"}, To: []string{"pager"}})
	y.cfg.Receivers = append(y.cfg.Receivers, Receiver{ID: "pager"})
	y.look(Fact{On: OnBalance, Subject: "a", Of: []string{"a"}, Amount: 1}, Fact{On: OnBalance, Subject: "b",
		Of: []string{"b"}, Amount: 500e6}) // as much is not below it
	y.pass(1, Fact{On: OnBalance, Subject: "b", Of: []string{"b"}, Amount: 500e6 - 1})
	y.want(t, "Mon 12:01 pager: began r/b")
}

// TestARuleThatIsNoMore: its causes are forgotten without a word.
func TestARuleThatIsNoMore(t *testing.T) {
	y := of(Rule{On: OnBuyerDown, Count: 1, Over: true})
	y.look(down("a"))
	y.cfg.Rules[0].ID = "another"
	y.pass(10, down("a"))
	y.want(t, "Mon 12:00 desk: began r/a", "Mon 12:01 desk: began another/a")
}

func TestNoMoreThanSoManyWait(t *testing.T) {
	y := of(Rule{On: OnBuyerDown, Count: 1})
	var facts []Fact
	for i := range causesMax + 5 {
		facts = append(facts, down(fmt.Sprint(i)))
	}
	_, lost := y.s.step(&y.cfg, facts, y.now)
	if len(y.s.Waiting) != waitingMax || len(y.s.Causes) != causesMax || lost != causesMax-waitingMax+5 {
		t.Errorf("%d wait, %d causes, %d lost", len(y.s.Waiting), len(y.s.Causes), lost)
	}
	if last := y.s.Waiting[waitingMax-1].Notice.Subject; last != fmt.Sprint(causesMax-1) {
		t.Errorf("the newest is %s", last)
	}
}

// TestAcceptance follows a campaign that accepts four of ten for days and then one of ten.
func TestAcceptance(t *testing.T) {
	c := &counts{}
	now, yes, no := noon.Add(-10*24*time.Hour), int64(0), int64(0)
	for now.Before(noon.Add(-2 * time.Hour)) {
		yes, no, now = yes+4, no+6, now.Add(time.Hour)
		c.add(yes, no, now)
	}
	now, yes, no = noon.Add(-time.Hour), 0, 0 // the process was started again
	for range 3 {
		yes, no, now = yes+1, no+9, now.Add(30*time.Minute)
		c.add(yes, no, now)
	}
	recent, past := c.split(now)
	less, ok := drop(recent, past)
	if !ok || less != 75 || recent.percent() != 10 || past.percent() != 40 || recent.all() != 30 {
		t.Errorf("%d %% less, %v: %+v after %+v", less, ok, recent, past)
	}
	if len(c.Hours) > hoursMax || len(c.Days) > daysMax || past.all() < 10*24*7 {
		t.Errorf("%d hours, %d days, %d posts", len(c.Hours), len(c.Days), past.all())
	}
	c.add(yes, no, now.Add(3*time.Hour))
	if recent, past := c.split(now.Add(3 * time.Hour)); recent.all() != 0 {
		t.Errorf("three hours later there are %d posts of late", recent.all())
	} else if _, ok := drop(recent, past); ok {
		t.Error("no post is a drop")
	}
	few := &counts{}
	few.add(50, 49, noon.Add(-5*time.Hour))
	few.add(50, 99, noon)
	if _, ok := drop(few.split(noon)); ok {
		t.Error("99 posts tell what is usual")
	}
}
