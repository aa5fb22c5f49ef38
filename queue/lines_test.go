// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// post is lines on a ledger of their own. Its events are adjustments whose subjects name lines, and whose reasons are
// the messages.
type post struct {
	t    *testing.T
	dir  string
	led  *ledger.Ledger
	q    *Lines
	stop func()

	mu   sync.Mutex
	says func(line, body string) Answer // guarded by mu; nil: all is taken
	got  []string                       // guarded by mu: what was taken, as line:body, in order
	all  []string                       // guarded by mu: what was sent
	ids  map[string]string              // guarded by mu: by line:body
}

// lasts is how long a message is sent again.
const lasts = 8 * time.Hour

// posted runs f with the lines in virtual time.
func posted(t *testing.T, names []string, f func(p *post)) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "queue")
	if err != nil {
		dir = t.TempDir()
	}
	defer os.RemoveAll(dir)
	synctest.Test(t, func(t *testing.T) {
		p := &post{t: t, dir: filepath.Join(dir, "ledger"), ids: map[string]string{}}
		p.start(names)
		defer func() { p.stop() }()
		f(p)
	})
}

func (p *post) start(names []string) {
	p.t.Helper()
	log := slog.New(slog.NewTextHandler(p.t.Output(), nil))
	var err error
	if p.led, err = ledger.Open(ledger.Config{Dir: p.dir, Node: "n1", SegmentBytes: 1 << 20, SyncEvery: -1,
		FreeBytesMin: 1, Logger: log}); err != nil {
		p.t.Fatal(err)
	}
	p.q, err = Open(Config{Ledger: p.led, Now: time.Now, Log: log, Send: p.send,
		For: func(string) time.Duration { return lasts },
		Names: func(r ledger.Record) ([]string, error) {
			ev, err := ledger.Decode(r.Bytes)
			return strings.Split(ev.(*ledger.Adjusted).Subject, ","), err
		},
		Make: func(_ string, r ledger.Record) (*Message, error) {
			ev, err := ledger.Decode(r.Bytes)
			return &Message{ID: MessageID(&r), At: time.UnixMicro(r.At), Body: []byte(ev.(*ledger.Adjusted).Why)}, err
		}})
	if err == nil {
		p.q.most = 64
		err = p.q.Want(names)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.q.Run(ctx); close(done) }()
	p.stop = func() {
		p.t.Helper()
		cancel()
		<-done
		if err := p.led.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *post) restart(names ...string) {
	p.t.Helper()
	p.stop()
	p.start(names)
}

func (p *post) send(_ context.Context, line string, m *Message) Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := line + ":" + string(m.Body)
	if was, ok := p.ids[what]; ok && was != m.ID {
		p.t.Errorf("%s had the id %s, and has %s", what, was, m.ID)
	}
	p.ids[what], p.all = m.ID, append(p.all, what)
	a := Answer{Taken: true, Heard: true}
	if p.says != nil {
		a = p.says(line, string(m.Body))
	}
	if a.Taken {
		p.got = append(p.got, what)
	}
	return a
}

// answer has messages answered in this way from now on.
func (p *post) answer(says func(line, body string) Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says = says
}

// tell appends an event for lines.
func (p *post) tell(lines string, whys ...string) {
	p.t.Helper()
	var group []ledger.Event
	for _, why := range whys {
		group = append(group, &ledger.Adjusted{Adjustment: ledger.AdjustPaused, Subject: lines, Why: why,
			Head: ledger.Head{Kind: ledger.KindAdjusted, EventID: ledger.NewID(time.Now()), Node: "n1", At: time.Now(),
				Schema: ledger.SchemaVersion}})
	}
	if err := p.led.Append(group...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) sleep(d time.Duration) {
	pause(p.t.Context(), nil, d)
	synctest.Wait()
}

// took expects what was taken, and forgets it.
func (p *post) took(want ...string) {
	p.t.Helper()
	p.sleep(time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.got, func(a, b string) int { return int(a[0]) - int(b[0]) }) // lines wait for no other
	if !slices.Equal(p.got, want) {
		p.t.Errorf("taken: %v, want %v", p.got, want)
	}
	p.got = nil
}

// sent is how often something was sent, and forgets it.
func (p *post) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.all)
	p.all = nil
	return n
}

func (p *post) status(line string) Status {
	p.t.Helper()
	for _, s := range p.q.Status() {
		if s.Name == line {
			return s
		}
	}
	p.t.Fatalf("no line %s", line)
	return Status{}
}

func refusing(status int) func(string, string) Answer {
	return func(string, string) Answer { return Judge(status, "", time.Now()) }
}

// One line that is down keeps none of the others, and loses nothing, over a restart.
func TestALineThatIsDownKeepsNoOther(t *testing.T) {
	posted(t, []string{"a", "b"}, func(p *post) {
		p.answer(func(line, _ string) Answer { return Answer{Taken: line == "b", Why: "unreachable"} })
		p.tell("a,b", "1")
		p.tell("a", "2")
		p.tell("b", "3")
		p.took("b:1", "b:3")
		p.sleep(20 * time.Minute)
		if s := p.status("a"); s.Waiting != 2 || s.Tries < 4 || s.Why != "unreachable" || s.Since == nil ||
			p.q.Next() != 1 {
			t.Errorf("a: %+v, needs %d", s, p.q.Next())
		}
		p.restart("a", "b")
		p.tell("a", "4")
		p.answer(nil)
		p.sleep(time.Minute)
		p.took("a:1", "a:2", "a:4")
		if s := p.status("a"); s.Sent != 3 || s.Waiting != 0 || s.Tries != 0 || p.status("b").Sent != 2 {
			t.Errorf("a: %+v", s)
		}
		if s := p.sent(); s > 12 {
			t.Errorf("%d were sent", s)
		}
	})
}

// A crash may have something sent twice, under the same id, and nothing lost.
func TestWhatWasSentBeforeACrashComesUnderItsID(t *testing.T) {
	posted(t, []string{"a"}, func(p *post) {
		p.tell("a", "1", "2")
		p.took("a:1", "a:2")
		places, err := p.led.Fold(foldName)
		if err != nil {
			t.Fatal(err)
		}
		p.sleep(time.Minute)
		p.stop()
		if err := os.WriteFile(filepath.Join(p.dir, "fold-"+foldName), places, 0o644); err != nil {
			t.Fatal(err)
		}
		p.start([]string{"a"})
		p.took("a:1", "a:2")
		p.restart("a")
		p.took()
	})
}

// More waits than a line has in memory: nothing is lost, nothing comes twice, all in order, also what comes meanwhile.
func TestMoreThanALineHasInMemory(t *testing.T) {
	posted(t, []string{"a", "b"}, func(p *post) {
		p.answer(refusing(503))
		var want []string
		next := func(n int) {
			var whys []string
			for range n {
				whys = append(whys, fmt.Sprint(len(want)))
				want = append(want, fmt.Sprint("a:", len(want)))
			}
			p.tell("a", whys...)
		}
		for range 8 {
			next(32)
		}
		p.sleep(time.Minute)
		if s := p.status("a"); s.Waiting != 64 || !s.More {
			t.Errorf("%+v", s)
		}
		n := 0
		p.answer(func(string, string) Answer {
			if n++; n%50 == 0 {
				go next(1)
				pause(p.t.Context(), nil, time.Millisecond)
			}
			return Answer{Taken: true}
		})
		p.sleep(time.Hour)
		p.took(want...)
		if s := p.status("a"); s.Waiting != 0 || s.More || s.Next != uint64(len(want)+1) {
			t.Errorf("%+v", s)
		}
	})
}

// What an endpoint says of a message ends it; what it says of all of them is its own fault, and nothing is given up.
func TestRefusedMessages(t *testing.T) {
	posted(t, []string{"a"}, func(p *post) {
		p.answer(func(_, body string) Answer {
			if body == "bad" {
				return Judge(422, "", time.Now())
			}
			return Answer{Taken: true}
		})
		p.tell("a", "1", "bad", "2")
		p.took("a:1", "a:2")
		if s := p.status("a"); s.Dead != 1 || s.Tries != 0 || s.Broken {
			t.Errorf("%+v", s)
		}
		p.answer(refusing(400))
		p.tell("a", "3", "4", "5", "6", "7", "8")
		p.took()
		if s := p.status("a"); s.Dead != breakAfter || !s.Broken || s.Waiting != 2 || s.Why != "HTTP status 400" {
			t.Errorf("%+v", s)
		}
		p.sent()
		p.sleep(6 * time.Hour)
		if n := p.sent(); n < 8 || n > 16 { // the head, and what is behind it
			t.Errorf("a broken endpoint was sent %d messages in six hours", n)
		}
		p.answer(nil)
		p.sleep(2 * time.Hour)
		p.took("a:7", "a:8")
		if s := p.status("a"); s.Dead != breakAfter || s.Broken {
			t.Errorf("%+v", s)
		}
		for _, status := range []int{401, 404, 408, 429, 500, 502, 301} {
			p.answer(refusing(status))
			p.tell("a", fmt.Sprint(status))
			p.took()
			p.answer(nil)
			p.sleep(10 * time.Second)
			p.took(fmt.Sprint("a:", status))
		}
	})
}

// A message that the endpoint fails on, and no other, does not stand in the way of others for days.
func TestAMessageThatFailsAlone(t *testing.T) {
	posted(t, []string{"a"}, func(p *post) {
		p.answer(func(_, body string) Answer {
			if body == "poison" {
				return Judge(500, "", time.Now())
			}
			return Answer{Taken: true}
		})
		p.tell("a", "1", "poison", "2", "3")
		p.sleep(10 * time.Minute)
		p.took("a:1")
		p.sleep(2 * time.Hour)
		p.took("a:2", "a:3")
		dead, _ := p.q.Dead("a", 0, 10)
		if len(dead) != 1 || dead[0].Why != "HTTP status 500, while others are taken" {
			t.Errorf("dead: %+v", dead)
		}
		p.answer(nil)
		if n, ok, err := p.q.Replay("a", ""); n != 1 || !ok || err != nil {
			t.Error(n, ok, err)
		}
		p.took("a:poison")
	})
}

// An endpoint that is gone for good lets messages wait no longer than their time, and is not stormed.
func TestAnEndpointThatIsGone(t *testing.T) {
	posted(t, []string{"a"}, func(p *post) {
		p.answer(func(string, string) Answer { return Answer{Why: "unreachable"} })
		p.tell("a", "1", "2", "3")
		p.sleep(4 * time.Hour)
		p.tell("a", "4")
		p.sent()
		p.sleep(6 * time.Hour)
		if s := p.status("a"); s.Dead != 3 || s.Waiting != 1 || p.q.Next() != 4 {
			t.Errorf("%+v", s)
		}
		if n := p.sent(); n < 5 || n > 8 {
			t.Errorf("%d tries in six hours", n)
		}
		dead, _ := p.q.Dead("a", 1, 1)
		if len(dead) != 1 || dead[0].Seq != 2 ||
			dead[0].Why != "its time was over while nothing was taken: unreachable" {
			t.Errorf("dead: %+v", dead)
		}
		if n, _, err := p.q.Drop("a", dead[0].ID); n != 1 || err != nil {
			t.Error(n, err)
		}
		p.answer(nil)
		p.took()
		p.q.Replay("a", "") // nobody waits for the hour to be over
		p.took("a:1", "a:3", "a:4")
		p.restart("a")
		if s := p.status("a"); s.Dead != 0 || s.Again != 0 || s.Sent != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// What is replayed is tried as long as something new, and stands in nobody's way.
func TestAReplayThatIsNotTaken(t *testing.T) {
	posted(t, []string{"a"}, func(p *post) {
		p.answer(refusing(400))
		p.tell("a", "1")
		p.took()
		p.sleep(lasts + time.Hour)
		p.answer(refusing(503))
		if n, _, err := p.q.Replay("a", ""); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		p.tell("a", "2")
		p.sleep(lasts - 2*time.Hour)
		p.restart("a")
		if s := p.status("a"); s.Again != 1 || s.Dead != 0 {
			t.Errorf("%+v", s)
		}
		p.sleep(time.Minute)
		p.answer(nil)
		p.sleep(time.Hour)
		p.took("a:1", "a:2")
	})
}

// A line that is taken out and comes back begins at the ledger's end, and so does one that is new.
func TestALineThatComesBack(t *testing.T) {
	posted(t, []string{"a", "b"}, func(p *post) {
		p.answer(func(line, body string) Answer {
			return Answer{Taken: line == "b" || body > "4", Why: "unreachable"}
		})
		p.tell("a,b", "1")
		p.took("b:1")
		if err := p.q.Want([]string{"b"}); err != nil {
			t.Fatal(err)
		}
		p.tell("a,b,c", "2")
		p.took("b:2")
		if err := p.q.Want([]string{"a", "b", "c"}); err != nil {
			t.Fatal(err)
		}
		p.tell("a,c", "5")
		p.took("a:5", "c:5")
		p.restart("b")
		p.tell("a,b", "6")
		p.took("b:6")
		p.restart("a", "b")
		p.tell("a,b", "7")
		p.took("a:7", "b:7")
		if err := p.q.Want(nil); err != nil {
			t.Fatal(err)
		}
		p.tell("a", "8")
		p.took()
		if err := p.q.Want([]string{"a"}); err != nil {
			t.Fatal(err)
		}
		p.tell("a", "9")
		p.took("a:9")
	})
}

// Of dead messages the last ones are listed, and the others counted.
func TestDeadMessagesAreBounded(t *testing.T) {
	x := &line{q: &Lines{cfg: Config{Log: slog.New(slog.DiscardHandler), Now: time.Now},
		changed: make(chan struct{}, 1)}}
	for i := range uint64(DeadMax + 7) {
		x.bury(job{seq: i}, &Message{ID: fmt.Sprint(i), Lead: lead.ID{1}}, "no")
	}
	if s := x.status(); s.Dead != DeadMax || s.Lost != 7 || x.dead[0].Seq != 7 {
		t.Errorf("%+v, first %+v", s, x.dead[0])
	}
}

// Retry-After stands above the line's own delays, within bounds.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 3, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "120": 2 * time.Minute,
		"Tue, 03 Nov 2026 15:10:00 GMT": 10 * time.Minute, "Tue, 03 Nov 2026 14:10:00 GMT": 0, "soon": 0, "-5": 0} {
		if got := Judge(429, text, now); got.After != want || got.Taken || got.Never || !got.Heard {
			t.Errorf("%q: %+v", text, got)
		}
	}
	for _, c := range []struct{ after, least, most time.Duration }{{0, 4 * time.Second, 6 * time.Second},
		{time.Hour, time.Hour, time.Hour}, {100 * time.Hour, afterMax, afterMax}} {
		if d := delay(1, c.after); d < c.least || d > c.most {
			t.Errorf("after %v: %v", c.after, d)
		}
	}
}
