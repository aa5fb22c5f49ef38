// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/rules"
)

const dollar = lead.Money(1e6)

// desk receives notices, or does not.
type desk struct {
	mu   sync.Mutex
	away bool     // guarded by mu
	got  []string // guarded by mu
}

func (d *desk) leave(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *desk) take(_ context.Context, p *Receiver, n *Notice) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return errors.New("nobody is there")
	}
	d.got = append(d.got, fmt.Sprintf("%s %s %s: %s", p.ID, n.Kind, n.Rule, n.Text))
	return nil
}

func (d *desk) want(t testing.TB, lines ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.got, lines) {
		t.Errorf("told %q,\nwant %q", d.got, lines)
	}
}

// watch has alerts of a running exchange go on, and gives what ends them.
func watch(x *exchangetest.Rig, cfg *Config, d *desk) (w *Watch, stop func()) {
	w = Open(Sources{Exchange: x.Exchange, Ledger: x.Ledger}, cfg, "n1", slog.New(slog.DiscardHandler))
	w.send = d.take
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { w.Run(ctx); close(over) }()
	return w, func() { cancel(); <-over }
}

func prepaid() exchangetest.Setup {
	s := exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 10 * dollar, Fixed: true}}}
	credit := lead.Money(0)
	s.Buyer = func(b *buyers.BuyerSpec) { b.Balance = &buyers.BalanceSpec{Credit: &credit} }
	return s
}

func put(x *exchangetest.Rig, buyer string, amount lead.Money, ref string) {
	x.T.Helper()
	if _, err := x.Exchange.Book(exchange.Deposit{Buyer: buyer, Amount: amount, Ref: ref, Why: "wire"}); err != nil {
		x.T.Fatal(err)
	}
}

// TestALowBalanceIsToldOnce: through restarts, a receiver that is away, and until it is filled again.
func TestALowBalanceIsToldOnce(t *testing.T) {
	cfg := &Config{Receivers: []Receiver{{ID: "desk"}}, Rules: []Rule{{ID: "low", On: OnBalance, Below: 25 * dollar,
		Over: true}}}
	exchangetest.Run(t, prepaid(), func(x *exchangetest.Rig) {
		d := &desk{}
		put(x, "a-co", 30*dollar, "1")
		_, stop := watch(x, cfg, d)
		x.Sleep(time.Minute)
		d.want(x.T)
		d.leave(true)
		x.LeadNow(exchangetest.Values{"zip": "10001"}, nil)
		x.Sleep(time.Minute)
		stop()
		x.Restart()
		d.want(x.T)
		w, stop := watch(x, cfg, d)
		x.Sleep(time.Minute)
		if st := w.Status(); len(st.Causes) != 1 || st.Receivers[0].Waiting != 1 || st.Receivers[0].Why == "" {
			x.T.Errorf("while nobody is there: %+v", st)
		}
		d.leave(false)
		x.Sleep(2 * time.Hour)
		low := "low: a-co may buy for 20.00 USD more: balance 20.00, credit 0.00"
		d.want(x.T, "desk began "+low)
		stop()
		x.Restart()
		_, stop = watch(x, cfg, d)
		x.Sleep(time.Hour)
		d.want(x.T, "desk began "+low)
		put(x, "a-co", 100*dollar, "2")
		x.Sleep(10 * time.Minute)
		d.want(x.T, "desk began "+low, "desk over "+low)
		stop()
	})
}

// TestANoticeIsGivenUp: when its receiver's time is over.
func TestANoticeIsGivenUp(t *testing.T) {
	cfg := &Config{Receivers: []Receiver{{ID: "desk", Webhook: &queue.Endpoint{For: 5 * time.Hour}}, {ID: "pager"}},
		Rules: []Rule{{ID: "low", On: OnBalance, Below: 25 * dollar, To: []string{"desk"}}}}
	exchangetest.Run(t, prepaid(), func(x *exchangetest.Rig) {
		d := &desk{away: true}
		w := Open(Sources{Exchange: x.Exchange, Ledger: x.Ledger}, cfg, "n1", slog.New(slog.DiscardHandler))
		w.send = d.take
		put(x, "a-co", dollar, "1")
		w.Look()
		for i := range 8 {
			w.Send(context.Background())
			synctest.Wait()
			if n := w.Status().Receivers[0].Waiting; n != 1 && i < 5 {
				x.T.Fatalf("%d wait after %d hours", n, i)
			}
			x.Sleep(time.Hour)
		}
		if st := w.Status(); st.Receivers[0].Waiting != 0 || st.Receivers[0].Failed < 5 || st.Receivers[1].Failed != 0 {
			x.T.Errorf("%+v", st.Receivers)
		}
	})
}

// TestFactsOfARunningExchange: a rule of each kind that an exchange in a bubble can give cause for is broken by what
// has happened, and only by that.
func TestFactsOfARunningExchange(t *testing.T) {
	s := prepaid()
	zone := "Etc/UTC"
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Caps = append(c.Caps, rules.CapSpec{Per: "day", Limit: 2, Zone: zone})
	}
	s.Campaigns = append(s.Campaigns, exchangetest.Campaign{ID: "torn", Price: 50 * dollar, Fixed: true,
		Post: exchangetest.Always(exchangetest.Torn("{"))})
	exchangetest.Run(t, s, func(x *exchangetest.Rig) {
		src := Sources{Exchange: x.Exchange, Ledger: x.Ledger, Refused: func() (string, time.Time) {
			return "3 problems", x.Exchange.Now()
		}}
		kinds := map[string]bool{}
		for _, k := range Kinds {
			kinds[k] = true
		}
		look := func(want ...string) {
			x.T.Helper()
			facts, err := src.look(kinds, map[string]*counts{}, x.Exchange.Now())
			if err != nil {
				x.T.Fatal(err)
			}
			var got []string
			for i := range facts {
				for _, k := range Kinds {
					r := Rule{On: k, Below: 20 * dollar, Percent: 100, Count: 1}
					if n, ok := r.Breaks(&facts[i], x.Exchange.Now()); ok {
						got = append(got, k+" "+facts[i].Subject+": "+facts[i].text(n))
					}
				}
			}
			if !slices.Equal(got, want) {
				x.T.Errorf("got %q,\nwant %q", got, want)
			}
		}
		put(x, "a-co", 30*dollar, "1")
		refused := "reload configuration: the configuration's directory is refused, and the one before stays in " +
			"force: 3 problems"
		empty := "balance torn-co: torn-co may buy for 0.00 USD more: balance 0.00, credit 0.00"
		look(empty, refused)
		for i := range 2 {
			x.LeadNow(exchangetest.Values{"zip": "10001", "phone": fmt.Sprintf("212555010%d", i)}, nil)
		}
		low := "balance a-co: a-co may buy for 10.00 USD more: balance 10.00, credit 0.00"
		full := "cap campaign:a:day until 2000-01-02T00:00:00Z: campaign:a:day: 2 of 2 taken (100 %), until " +
			"2000-01-02 00:00 UTC"
		look(low, empty, full, refused)
		put(x, "torn-co", 100*dollar, "2")
		x.LeadNow(exchangetest.Values{"zip": "10001", "phone": "2125550110"}, nil)
		open := "unresolved torn: 1 attempts of campaign torn wait for an outcome: clearpost unresolved lists them"
		look(low, full, open, refused)
		if _, err := x.Exchange.Stands("a-co", &ledger.Standing{Is: ledger.PaysSlowly, Due: "2000-01-01", Days: 3,
			Day: "2000-01-04", Overdue: 5 * dollar}); err != nil {
			x.T.Fatal(err)
		}
		look(low, full, open, refused,
			"overdue a-co is slow: a-co is slow: 5.00 overdue, the oldest since 2000-01-01, 3 days on 2000-01-04")
	})
}
