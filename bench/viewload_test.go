// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// Of the load beside a view.
const (
	viewRounds = 5
	viewLoad   = 30 * time.Second // of the one by which it is seen how far the view falls behind
	lookEvery  = 250 * time.Millisecond
	viewConns  = 64
)

// viewed is an exchange whose view for reports is looked at.
type viewed struct {
	*exchange
	stop chan struct{} // nil: it is not looked at
	done sync.WaitGroup
	seen lags
}

// lags are how far a view was behind, as seen every quarter of a second.
type lags struct {
	Seen      int
	Max, Sum  float64 // events
	Late, All time.Duration
}

// viewReading is what a node has used, and of it its view, and how far that is behind.
type viewReading struct {
	reading
	View   time.Duration
	Behind float64
}

func newViewed(s set) (role, error) {
	r, err := newExchange(s)
	if err != nil {
		return nil, err
	}
	return &viewed{exchange: r.(*exchange)}, nil
}

func (v *viewed) do(c command) (any, error) {
	switch c.Do {
	case "watch":
		v.stop, v.seen = make(chan struct{}), lags{}
		v.done.Go(func() { v.watch(v.stop) })
		return nil, nil
	case "watched":
		close(v.stop)
		v.done.Wait()
		return v.seen, nil
	case "view":
		var out viewReading
		var err error
		out.Behind, out.View, err = v.look()
		out.reading = read()
		return out, err
	}
	return v.exchange.do(c)
}

// look reads the node's own metrics.
func (v *viewed) look() (behind float64, cpu time.Duration, err error) {
	req, err := http.NewRequest("GET", "http://"+v.node.AdminAddr+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+v.node.Token())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		return 0, 0, errors.New("the node's metrics: " + resp.Status)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == `clearpost_ledger_lag_events{of="report"}`:
			behind = n
		case name == "clearpost_report_cpu_seconds_total":
			cpu = time.Duration(n * float64(time.Second))
		}
	}
	return behind, cpu, nil
}

// watch looks how far the view is behind: in events, and for how long the ledger has had the first of them.
func (v *viewed) watch(stop chan struct{}) {
	type mark struct {
		at   time.Time
		last uint64
	}
	var marks []mark
	for every := time.NewTicker(lookEvery); ; {
		select {
		case <-stop:
			every.Stop()
			return
		case <-every.C:
		}
		marks = append(marks, mark{time.Now(), v.node.Ledger.LastSeq()})
		behind, _, err := v.look()
		if err != nil {
			continue // the exchange is being stopped
		}
		upTo := v.node.Ledger.LastSeq() - uint64(behind)
		for len(marks) > 1 && marks[0].last <= upTo {
			marks = marks[1:]
		}
		s := &v.seen
		s.Seen, s.Sum, s.Max = s.Seen+1, s.Sum+behind, max(s.Max, behind)
		if behind > 0 {
			late := time.Since(marks[0].at)
			s.Late, s.All = max(s.Late, late), s.All+late
		}
	}
}

// viewUsed is what a node has used in one round, a ping.
type viewUsed struct {
	rate, cpu, mallocs float64
	view               float64 // of cpu
	// of the view, until it had what came in the round
	viewAll, mallocsAll float64
}

// viewBeside loads a node with a view and one without in turns, and then the one with it for longer.
func (h *house) viewBeside(b *testing.B, with, without string) {
	nodes := []*process{start(b, "viewed", set{Dir: with}), start(b, "viewed", set{Dir: without})}
	used := make([][]viewUsed, len(nodes))
	h.catchUp(b, nodes[0])
	for range viewRounds {
		for i, s := range nodes {
			used[i] = append(used[i], h.viewRound(b, s))
		}
	}
	h.tellUsed(used)
	var before, after viewReading
	nodes[0].tell(b, command{Do: "view"}, &before)
	nodes[0].tell(b, command{Do: "watch"}, nil)
	got := h.try(b, nodes[0], viewConns, viewLoad, 0)
	nodes[0].tell(b, command{Do: "view"}, &after)
	var seen lags
	nodes[0].tell(b, command{Do: "watched"}, &seen)
	n := float64(max(seen.Seen, 1))
	fmt.Printf("%.0f pings a second for %s (%d were not answered with a quote): the view is behind %.0f events at "+
		"most, %.0f on average; by %.1f s at most, %.1f s on average. It takes %.1f %% of the node's processor "+
		"time, %.1f %% of one core\n", float64(got.Pings)/got.Elapsed.Seconds(), got.Elapsed.Round(time.Second),
		got.Failures, seen.Max, seen.Sum/n, seen.Late.Seconds(), seen.All.Seconds()/n,
		100*float64(after.View-before.View)/float64(after.since(before.reading).CPU),
		100*float64(after.View-before.View)/float64(got.Elapsed))
	took, all := h.catchUp(b, nodes[0])
	fmt.Printf("then it has the %.0f events that it was behind in %.1f s: it took %.1f µs of a processor a ping in "+
		"all\n", after.Behind, took.Seconds(), float64((all.View-before.View).Microseconds())/float64(got.Pings))
	fmt.Printf("\nthe node with the view, where the time goes\n%s", h.viewStages(b, nodes[0]))
}

// viewStages loads the node with the view under a CPU profile.
func (h *house) viewStages(b *testing.B, s *process) string {
	h.servers = []*process{s}
	return h.stages(b, workload{conns: viewConns})
}

// catchUp waits until a node's view has all that its ledger has.
func (h *house) catchUp(b *testing.B, s *process) (time.Duration, viewReading) {
	begin := time.Now()
	for {
		var r viewReading
		s.tell(b, command{Do: "view"}, &r)
		if r.Behind == 0 {
			return time.Since(begin), r
		}
		<-time.After(lookEvery)
	}
}

// viewRound loads a node, and then waits until its view has what came.
func (h *house) viewRound(b *testing.B, s *process) viewUsed {
	h.try(b, s, viewConns, warmUp, 0)
	h.catchUp(b, s)
	var before, after viewReading
	s.tell(b, command{Do: "view"}, &before)
	got := h.try(b, s, viewConns, 2*oneLoad, 0)
	s.tell(b, command{Do: "view"}, &after)
	if got.Pings == 0 || got.Failures > got.Pings/100 {
		b.Fatalf("%d of %d pings failed, such as: %s", got.Failures, got.Pings, got.Example)
	}
	_, all := h.catchUp(b, s)
	d, n := after.since(before.reading), float64(got.Pings)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / n }
	return viewUsed{rate: n / got.Elapsed.Seconds(), cpu: us(d.CPU), mallocs: float64(d.Mallocs) / n,
		view: us(after.View - before.View), viewAll: us(all.View - before.View),
		mallocsAll: float64(all.since(before.reading).Mallocs) / n}
}

// tellUsed says what the nodes have used, each figure the median of the rounds.
func (h *house) tellUsed(used [][]viewUsed) {
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "the node\tpings/s\tCPU µs/ping\tof it the view\t%\tallocs/ping\tthe view, until it has them\t"+
		"allocs/ping until then\t\n")
	for i, name := range []string{"with a view", "without"} {
		at := func(of func(viewUsed) float64) float64 { return middle(used[i], of) }
		cpu, view := at(func(u viewUsed) float64 { return u.cpu }), at(func(u viewUsed) float64 { return u.view })
		fmt.Fprintf(t, "%s\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name,
			at(func(u viewUsed) float64 { return u.rate }), cpu, view, 100*view/cpu,
			at(func(u viewUsed) float64 { return u.mallocs }), at(func(u viewUsed) float64 { return u.viewAll }),
			at(func(u viewUsed) float64 { return u.mallocsAll }))
	}
	t.Flush()
	fmt.Printf("\n%s\n", out.String())
}
