// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"clearpost/config"
	"clearpost/exchange/admin"
	"clearpost/rules"
)

// reloads is what became of the node's configuration.
type reloads struct {
	one  sync.Mutex // held by the reload that runs
	mu   sync.Mutex // guards what follows
	told admin.ConfigStatus
}

func (r *reloads) status() admin.ConfigStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.told
	out.Reloads = maps.Clone(r.told.Reloads)
	return out
}

func (r *reloads) tell(a *admin.Reload) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told.Reloads[a.Result]++
	r.told.Last = a
	if a.Result == admin.Applied {
		r.told.Hash, r.told.Since = a.Config, a.At
	}
}

// Reload reads the configuration's directory again. If all in it is right it is in force, when Reload returns, for
// every request that comes from then on; those under way end on what they began with. Else nothing has changed and the
// answer says why. by is who asked, one of admin.ByCommand, BySignal, ByWatch. It may be called by any goroutine
// between Start and Stop; they take turns.
func (n *Node) Reload(by string) (out admin.Reload) {
	n.reloads.one.Lock()
	defer n.reloads.one.Unlock()
	defer func() {
		if r := recover(); r != nil {
			n.log.Error("reload panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			out = admin.Reload{Result: admin.Refused, Error: "an error of the exchange: its log says more"}
		}
		out.At, out.By, out.Config = n.Exchange.Now(), by, n.cfg.Hash
		n.reloads.tell(&out)
		n.logReload(&out)
	}()
	return n.reload()
}

func (n *Node) reload() admin.Reload {
	next, err := n.cfg.Again()
	var bad *config.Error
	switch {
	case errors.As(err, &bad):
		out := admin.Reload{Result: admin.Refused, Error: count(len(bad.Problems), "problem")}
		out.Problems = append(out.Problems, bad.Problems...)
		return out
	case err != nil:
		return admin.Reload{Result: admin.Refused, Error: err.Error()}
	case n.cfg.Same(next):
		return admin.Reload{Result: admin.Unchanged}
	}
	if fixed := n.cfg.Fixed(next); len(fixed) > 0 {
		return admin.Reload{Result: admin.Refused, Restart: fixed, Error: "needs a restart: " +
			strings.Join(fixed, ", ")}
	}
	if err := next.Examples.Err(); err != nil && !next.SkipExamples {
		return refuseExamples(next.Examples.Failures)
	}
	if err := n.apply(next); err != nil {
		return admin.Reload{Result: admin.Refused, Error: err.Error()}
	}
	return admin.Reload{Result: admin.Applied}
}

func refuseExamples(failures []config.ExampleFailure) admin.Reload {
	out := admin.Reload{Result: admin.Refused, Error: count(len(failures), "expectation") +
		" of campaigns' examples not met"}
	for i := range failures {
		p := failures[i].Problem()
		p.Excerpt = strings.TrimRight(failures[i].Diff, "\n")
		out.Problems = append(out.Problems, p)
	}
	return out
}

// apply does what can fail first, and swaps then.
func (n *Node) apply(next *config.Config) error {
	if err := n.keep(next); err != nil {
		return err
	}
	if err := keepSpecs(next, n.Exchange.Now()); err != nil {
		return err
	}
	n.Ledger.KeepAtLeast(max(quotesLast(next), returnsLast(next)))
	n.Ledger.CountAtLeast(countTogether(next))
	view, err := n.Exchange.Reload(next.Exchange)
	if err != nil {
		return err
	}
	n.Intake.Use(view)
	n.alerts.Use(next.Alerts)
	n.cfg = next
	next.DropFiles()
	return nil
}

// countTogether is how far back caps look whose days count together, whoever has them, and two days more.
func countTogether(c *config.Config) time.Duration {
	days := 0
	look := func(caps []rules.Cap) {
		for i := range caps {
			days = max(days, caps[i].Days+2)
		}
	}
	for _, b := range c.Exchange.Book.Buyers {
		if b.Returns != nil && b.Returns.Limit != nil { // what was sold at the beginning of a month may come back late
			days = max(days, int(b.Returns.Longest().Hours()/24)+34)
		}
	}
	for _, p := range c.Exchange.Book.Campaigns {
		look(p.Caps)
	}
	for i := range c.Exchange.Parents {
		look(c.Exchange.Parents[i].Caps)
	}
	for _, s := range c.Exchange.Sources {
		look(s.Caps)
	}
	for _, v := range c.Exchange.Verticals {
		look(v.Caps)
	}
	return time.Duration(days) * 24 * time.Hour
}

// quotesLast is for how long a quote must find its ping in the ledger: as long as it lasts, and an hour more.
func quotesLast(c *config.Config) (d time.Duration) {
	for _, v := range c.Exchange.Verticals {
		d = max(d, v.PingTTL+time.Hour)
	}
	return d
}

func (n *Node) logReload(r *admin.Reload) {
	switch {
	case r.Result == admin.Unchanged && r.By == admin.ByWatch:
		return // editors touch much
	case r.Result != admin.Refused:
		n.log.Info("configuration "+r.Result, "config", r.Config, "by", r.By)
		return
	}
	n.log.Error("configuration refused: the one before stays in force", "config", r.Config, "by", r.By, "err", r.Error)
	for i, p := range r.Problems {
		if i == problemsLogged {
			n.log.Error("more problems: clearpost check lists all", "left", len(r.Problems)-i)
			break
		}
		at := p.File
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
		}
		n.log.Error("configuration problem", "at", at, "problem", p.Message)
	}
}

// problemsLogged bounds what one refusal writes into the log.
const problemsLogged = 20

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// returnsLast is how long events have to be kept for leads to be given back.
func returnsLast(c *config.Config) (longest time.Duration) {
	for _, b := range c.Exchange.Book.Buyers {
		if b.Returns != nil {
			longest = max(longest, b.Returns.Longest())
		}
	}
	return longest
}
