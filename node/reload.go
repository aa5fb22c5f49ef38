// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"clearpost/exchange/admin"
	"clearpost/ledger"
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
	next, err := n.cfg.again()
	var bad *ConfigError
	switch {
	case errors.As(err, &bad):
		out := admin.Reload{Result: admin.Refused, Error: count(len(bad.Problems), "problem")}
		for _, p := range bad.Problems {
			out.Problems = append(out.Problems, admin.Problem(p))
		}
		return out
	case err != nil:
		return admin.Reload{Result: admin.Refused, Error: err.Error()}
	case next.Hash == n.cfg.Hash && next.secrets == n.cfg.secrets:
		return admin.Reload{Result: admin.Unchanged}
	}
	if fixed := n.cfg.fixed(next); len(fixed) > 0 {
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

func refuseExamples(failures []ExampleFailure) admin.Reload {
	out := admin.Reload{Result: admin.Refused, Error: count(len(failures), "expectation") +
		" of campaigns' examples not met"}
	for i := range failures {
		p := failures[i].problem()
		p.Excerpt = strings.TrimRight(failures[i].Diff, "\n")
		out.Problems = append(out.Problems, admin.Problem(p))
	}
	return out
}

// apply does what can fail first, and swaps then.
func (n *Node) apply(next *Config) error {
	if err := n.Ledger.KeepConfig(next.Hash, next.Files); err != nil {
		return fmt.Errorf("keep the configuration beside the ledger: %w", err)
	}
	if err := keepSpecs(next, n.Exchange.Now()); err != nil {
		return err
	}
	n.Ledger.KeepAtLeast(quotesLast(next))
	view, err := n.Exchange.Reload(next.Exchange)
	if err != nil {
		return err
	}
	n.Intake.Use(view)
	n.cfg = next
	next.settle()
	return nil
}

// again reads the configuration from where it came from. What changes while it is read is read once more.
func (c *Config) again() (*Config, error) {
	for range readsMax {
		next, err := loadAfter(c.Dir, c.opt, c.pages)
		if err != nil {
			return nil, err
		}
		now := newLoader(c.Dir, c.opt)
		if now.readAll(); hashFiles(now.files) == next.read {
			next.Clock, next.SkipExamples = c.Clock, c.SkipExamples
			next.goOn(c)
			return next, nil
		}
	}
	return nil, errors.New("the files change while they are read: reload when they are complete")
}

// readsMax is how often a configuration is read that changes meanwhile.
const readsMax = 5

// goOn takes over what is in force from the start on, which its caller may have set otherwise than the files say.
func (c *Config) goOn(from *Config) {
	c.Exchange.Node, c.DataDir, c.Listen, c.AdminListen, c.AdminToken = from.Exchange.Node, from.DataDir, from.Listen,
		from.AdminListen, from.AdminToken
	c.TLS, c.AdminTLS, c.Proxies = from.TLS, from.AdminTLS, from.Proxies
	c.Kafka, c.Limits, c.SpecURL, c.SpecSecret = from.Kafka, from.Limits, from.SpecURL, from.SpecSecret
}

// fixed lists the keys of clearpost.yaml that say something else than they did: all of it is in force from the start
// on.
func (c *Config) fixed(next *Config) []string {
	c, next = c.asRead, next.asRead
	var out []string
	for _, k := range []struct {
		key      string
		was, now any
	}{
		{"node", c.Exchange.Node, next.Exchange.Node},
		{"data_dir", c.DataDir, next.DataDir},
		{"listen", c.Listen, next.Listen},
		{"admin.listen", c.AdminListen, next.AdminListen},
		{"admin.token", c.AdminToken, next.AdminToken},
		{"tls", c.TLS, next.TLS},
		{"admin.tls", c.AdminTLS, next.AdminTLS},
		{"trusted_proxies and proxy_header", c.Proxies, next.Proxies},
		{"kafka", withoutTLS(c.Kafka), withoutTLS(next.Kafka)},
		{"kafka.tls", c.KafkaTLS, next.KafkaTLS},
		{"limits", c.Limits, next.Limits},
		{"specs", [2]string{c.SpecURL, c.SpecSecret}, [2]string{next.SpecURL, next.SpecSecret}},
	} {
		if !reflect.DeepEqual(k.was, k.now) {
			out = append(out, k.key)
		}
	}
	return out
}

// withoutTLS is what can be compared of how Kafka is spoken to.
func withoutTLS(k *ledger.KafkaConfig) *ledger.KafkaConfig {
	if k == nil {
		return nil
	}
	out := *k
	out.TLS = nil
	return &out
}

// quotesLast is for how long a quote must find its ping in the ledger: as long as it lasts, and an hour more.
func quotesLast(c *Config) (d time.Duration) {
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
