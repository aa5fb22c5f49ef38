// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"clearpost/exchange"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
)

// collector gathers the exchange's atomics when somebody asks; the trip itself touches no label.
type collector struct {
	ex    *exchange.Exchange
	led   *ledger.Ledger
	hooks Hooks
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("clearpost_"+name, help, labels, nil)
}

var (
	descPings  = desc("pings_total", "Pings and one-shot auctions answered, by result.", "result")
	descPosts  = desc("posts_total", "Posts settled, by result.", "result")
	descTests  = desc("test_leads_total", "Pings and one-shot leads that were tests; they count nowhere else.")
	descPanics = desc("panics_total",
		"Mistakes of Clearpost itself that ended what they struck, and not the process: the log has each with its "+
			"stack.")
	descExprErrors = desc("expression_errors_total",
		"Expressions of criteria that could not be judged, since a value was missing for good, not valid, or a number "+
			"could not be reckoned: the campaign did not get the lead.")
	descMoney = desc("money_units_total", "Booked money in currency units: revenue from buyers, payout to sources.",
		"kind")
	descCorrected = desc("corrected_money_units_total",
		"By how much corrections, other bookings and returns changed booked money since, in currency units, more or "+
			"less.",
		"kind", "change")
	descSuppress = desc("suppressed_pings_total",
		"Pings answered with the quote of an earlier or simultaneous one that had sent the same, by source.", "source")
	descRepeated = desc("repeated_leads_total",
		"Pings, posts and one-shot leads refused as repeats of an earlier lead of their person, by source.", "source")
	descStatus   = desc("http_answers_total", "Answers to sellers by HTTP status.", "status")
	descDuration = desc("ping_seconds",
		"Time of a ping: own is without buyers and disk, whole is what the seller waits.", "part")
	descCampaign = desc("campaign_total",
		"What campaigns did: asked, bid, won, posted, accepted, rejected, unknown, late, errors, cap_skips, "+
			"closed_early, pause_skips, closed_skips, slow_skips, unchosen_skips, throttle_skips, breaker_skips (one "+
			"that only simulates counts what it would have skipped), auth_skips, backups, status_calls, resends, "+
			"cleared_up.",
		"campaign", "buyer", "what")
	descRevenue = desc("campaign_revenue_units_total", "Booked revenue of a campaign in currency units.", "campaign",
		"buyer")
	descBreaker = desc("campaign_breaker",
		"State of a campaign's breaker: 0 closed, 1 probing, 2 refusing; simulates says that it refuses nothing.",
		"campaign", "buyer", "simulates")
	descCap    = desc("cap_used", "What a cap has counted in its window of now; budgets in currency units.", "cap")
	descCapMax = desc("cap_limit", "Limit of a cap; of budgets in currency units.", "cap")
	descEvents = desc("ledger_events_total", "Events made durable since the start.")
	descSeq    = desc("ledger_seq", "Sequence number of the last event, and up to which the views (applied) and "+
		"Kafka (shipped) have them.", "stage")
	descShipErr = desc("ledger_ship_errors_total", "Failed deliveries to Kafka, each tried again.")
	descUnship  = desc("ledger_unshippable_total", "Events that Kafka does not take.")
	descLatency = desc("campaign_ping_seconds",
		"Time of a campaign's answers to pings, from the start of writing; "+
			"those that came too late are not among them.", "campaign", "buyer")
	descUsual = desc("campaign_usual_seconds",
		"Usual time of a campaign's answers to pings, about the median of late, once a few have told.", "campaign",
		"buyer")
	descWorth = desc("campaign_ping_worth_units",
		"What a ping of a campaign is expected to bring, in currency units, where most_asked chooses by it.",
		"campaign", "buyer")
	descEarly = desc("auctions_closed_early_total",
		"Auctions that ended while buyers were silent who could not win any more (close_early).")
	descSaved = desc("auction_seconds_saved_total",
		"Time by which they ended sooner: until those buyers would have answered, as usual, or the time was up.")
	descTiersSpared = desc("tiers_spared_total",
		"Tiers of plans with ask: tier_by_tier that were not asked, since an earlier one took the lead.")
	descConns = desc("buyer_connections",
		"Pooled connections to a buyer: open, of them idle; and calls in flight, late ones included.", "buyer", "state")
	descNetwork = desc("buyer_network_total",
		"What happened on the way to a buyer: calls, answers, dials, dial_errors, handshakes (TLS), resumed (of them "+
			"by a session ticket), retries (pings whose kept connection had ended), discarded (idle connections "+
			"found ended), late, late_answers, late_dropped.", "buyer", "what")
	descOpen = desc("unresolved",
		"Attempts without a known outcome: in flight, pursued by their campaign's policy, or waiting for a person.")
	descLag = desc("ledger_lag_events", "Events that the views (views), Kafka (kafka) or "+
		"what find and report read (report) do not have yet.", "of")
	descLog  = desc("ledger_log_bytes", "Size of the log's files.")
	descHeld = desc("ledger_held_bytes",
		"Of them what retention_days or log_mb_max would drop, and who needs it does not let go; 0: nothing.")
	descApart = desc("ledger_unreadable_total",
		"Records that could not be read since the start, and were set apart.")
	descClock   = desc("clock_jumps_total", "Times that the wall clock, or an event's time, was not believed.")
	descBuild   = desc("build_info", "1, with what runs here.", "version", "revision", "go")
	descUp      = desc("available", "1 while leads are taken.")
	descReloads = desc("config_reloads_total",
		"Times that the configuration's directory was read again, by result: applied, unchanged, refused.", "result")
	descReloadOK = desc("config_last_reload_ok",
		"0 if the directory's last reading was refused: what runs is not what stands there.")
	descConfigAt = desc("config_applied_seconds", "Unix time at which the configuration in force was applied.")
)

// money tells what was booked, and what corrections changed of it.
func money(s *exchange.Stats, count func(*prometheus.Desc, float64, ...string)) {
	count(descMoney, units(s.RevenueMicros.Load()), "revenue")
	count(descMoney, units(s.PayoutMicros.Load()), "payout")
	count(descCorrected, units(s.RevenueMore.Load()), "revenue", "more")
	count(descCorrected, units(s.RevenueLess.Load()), "revenue", "less")
	count(descCorrected, units(s.PayoutMore.Load()), "payout", "more")
	count(descCorrected, units(s.PayoutLess.Load()), "payout", "less")
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descPings, descPosts, descTests, descPanics, descExprErrors,
		descMoney, descCorrected, descSuppress, descRepeated,
		descStatus, descDuration, descCampaign, descRevenue, descBreaker, descCap, descCapMax, descEvents, descSeq,
		descShipErr, descUnship, descUp, descReloads, descReloadOK, descConfigAt, descLatency, descConns, descNetwork,
		descOpen, descLag, descLog, descHeld, descApart, descClock, descBuild, descShed, descInFlight,
		descPlaces, descPace,
		descSellerConns, descMemory, descUsual, descWorth, descEarly, descSaved, descTiersSpared,
		descLearned, descHookSent, descHookDead, descHookTry, descHookLost, descHookBehind, descViewBytes, descViewOK,
		descViewCPU, descViewMissed, descFilesFormed, descFilesStored, descFileRows, descFilesFailed, descFileWaiting,
		descFilesOpen, descFileTries, descFileOldest, descReplies, descReplyRows, descRepliesBad,
		descAlertCauses, descAlertSent, descAlertFailed, descAlertWait, descQueue, descQueueOldest} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := &c.ex.Stats
	count(descPings, float64(s.Quotes.Load()), lead.ResultSuccess)
	count(descPings, float64(s.NoBids.Load()), lead.ResultFailure)
	count(descPosts, float64(s.Sold.Load()), lead.ResultSuccess)
	count(descPosts, float64(s.Unsold.Load()), lead.ResultFailure)
	count(descPosts, float64(s.Pending.Load()), lead.ResultPending)
	count(descEarly, float64(s.ClosedEarly.Load()))
	count(descSaved, float64(s.SavedMicros.Load())/1e6)
	count(descTiersSpared, float64(s.TiersSpared.Load()))
	count(descTests, float64(s.Tests.Load()))
	count(descPanics, float64(s.Panics.Load()))
	count(descExprErrors, float64(s.ExpressionErrors.Load()))
	money(s, count)
	s.Sources(func(id string, t *exchange.SourceTally) {
		count(descSuppress, float64(t.Suppressed.Load()), id)
		count(descRepeated, float64(t.Repeated.Load()), id)
	})
	durations(ch, &s.Own, "own")
	durations(ch, &s.Whole, "whole")
	c.hooks.Statuses(func(status int, n int64) { count(descStatus, float64(n), strconv.Itoa(status)) })
	for _, l := range c.ex.Campaigns() {
		for _, x := range counts(l) {
			count(descCampaign, float64(x.n), l.ID, l.Buyer.ID, x.what)
		}
		count(descRevenue, units(l.RevenueMicros.Load()), l.ID, l.Buyer.ID)
		if n, seconds, below := l.Latency.Read(); n > 0 {
			ch <- prometheus.MustNewConstHistogram(descLatency, n, seconds, below, l.ID, l.Buyer.ID)
		}
		if usual := l.Usual(); usual > 0 {
			gauge(descUsual, usual.Seconds(), l.ID, l.Buyer.ID)
		}
		if worth := l.Worth(); worth > 0 {
			gauge(descWorth, units(int64(worth)), l.ID, l.Buyer.ID)
		}
		if state, simulates, ok := l.Breaker(); ok {
			gauge(descBreaker, float64(state), l.ID, l.Buyer.ID, strconv.FormatBool(simulates))
		}
	}
	c.collectLearned(gauge)
	c.collectHooks(count, gauge)
	c.collectAlerts(count, gauge)
	c.collectFiles(count, gauge)
	c.collectQueue(gauge)
	c.collectNetwork(count, gauge)
	c.collectCaps(gauge)
	c.collectLoad(count, gauge)
	c.collectLedger(count, gauge)
	gauge(descBuild, 1, build.version, build.revision, build.goVersion)
	up := 0.0
	if c.ex.Available() == nil {
		up = 1
	}
	gauge(descUp, up)
	cfg, ok := c.hooks.Config(), 1.0
	for _, result := range []string{Applied, Unchanged, Refused} {
		count(descReloads, float64(cfg.Reloads[result]), result)
	}
	if cfg.Last != nil && cfg.Last.Result == Refused {
		ok = 0
	}
	gauge(descReloadOK, ok)
	gauge(descConfigAt, float64(cfg.Since.UnixMilli())/1000)
}

// collectLedger collects how the ledger fares.
func (c *collector) collectLedger(count, gauge func(*prometheus.Desc, float64, ...string)) {
	st := c.led.Stats()
	count(descEvents, float64(st.Appended))
	gauge(descSeq, float64(st.LastSeq), "last")
	gauge(descSeq, float64(st.Applied), "applied")
	gauge(descSeq, float64(st.Shipped), "shipped")
	count(descShipErr, float64(st.ShipErrors))
	count(descUnship, float64(st.Unshippable))
	gauge(descLag, float64(st.LastSeq-min(st.Applied, st.LastSeq)), "views")
	gauge(descLag, float64(st.LagEvents), "kafka")
	c.collectView(count, gauge)
	gauge(descLog, float64(st.LogBytes))
	held := 0.0
	if h := c.led.Held(); h != nil {
		held = float64(h.Bytes)
	}
	gauge(descHeld, held)
	count(descApart, float64(st.Unreadable))
	count(descClock, float64(st.ClockJumps))
	if open, err := c.led.Unresolved(); err == nil {
		gauge(descOpen, float64(len(open)))
	}
}

// collectNetwork collects what happens on the way to buyers.
func (c *collector) collectNetwork(count, gauge func(*prometheus.Desc, float64, ...string)) {
	c.ex.Connections(func(buyer string, s exchange.Network) {
		gauge(descConns, float64(s.Conns), buyer, "open")
		gauge(descConns, float64(s.Idle), buyer, "idle")
		gauge(descConns, float64(s.InFlight), buyer, "in_flight")
		for what, n := range map[string]uint64{"calls": s.Calls, "answers": s.Answers, "dials": s.Dials,
			"dial_errors": s.DialErrors, "handshakes": s.Handshakes, "resumed": s.Resumed, "retries": s.Retries,
			"discarded": s.Discarded, "late": s.Late, "late_answers": s.LateAnswers, "late_dropped": s.LateDropped} {
			count(descNetwork, float64(n), buyer, what)
		}
	})
}

// build is what this program is.
var build = func() (b struct{ version, revision, goVersion string }) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.version, b.goVersion = info.Main.Version, info.GoVersion
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.revision = s.Value
		}
	}
	return b
}()

// NetworkStatus is what happened on the way to a buyer since its campaigns were configured.
type NetworkStatus struct {
	Buyer      string `json:"buyer"`
	Open       int    `json:"open"` // pooled connections
	Idle       int    `json:"idle"` // of them
	InFlight   int64  `json:"in_flight"`
	Calls      uint64 `json:"calls"`
	Dials      uint64 `json:"dials"`
	DialErrors uint64 `json:"dial_errors"`
	Handshakes uint64 `json:"handshakes"` // TLS
	Resumed    uint64 `json:"resumed"`    // of them by a session ticket
	Late       uint64 `json:"late"`
}

type named struct {
	what string
	n    int64
}

func counts(l *exchange.LiveCampaign) []named {
	return []named{{"asked", l.Asked.Load()}, {"bid", l.Bids.Load()}, {"won", l.Won.Load()},
		{"posted", l.Posted.Load()}, {"accepted", l.Accepted.Load()}, {"rejected", l.Rejected.Load()},
		{"unknown", l.Unknown.Load()}, {"late", l.Late.Load()}, {"errors", l.Errors.Load()},
		{"cap_skips", l.CapSkips.Load()}, {"pause_skips", l.PauseSkips.Load()},
		{"closed_skips", l.ClosedSkips.Load()}, {"closed_early", l.ClosedEarly.Load()},
		{"slow_skips", l.SlowSkips.Load()},
		{"unchosen_skips", l.UnchosenSkips.Load()},
		{"throttle_skips", l.ThrottleSkips.Load()}, {"breaker_skips", l.BreakerSkips.Load()},
		{"auth_skips", l.AuthSkips.Load()}, {"backups", l.Backups.Load()}, {"status_calls", l.StatusCalls.Load()},
		{"resends", l.Resends.Load()}, {"cleared_up", l.ClearedUp.Load()}}
}

func units(micros int64) float64 { return float64(micros) / float64(lead.Unit) }

var bounds = []time.Duration{100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second}

func durations(ch chan<- prometheus.Metric, h *exchange.Histogram, part string) {
	n, sum := h.Sum()
	below := h.Below(bounds, nil)
	buckets := make(map[float64]uint64, len(bounds))
	for i, b := range bounds {
		buckets[b.Seconds()] = below[i]
	}
	ch <- prometheus.MustNewConstHistogram(descDuration, uint64(n), sum.Seconds(), buckets, part)
}

// Status is a summary of a running exchange.
type Status struct {
	Pings   int64 `json:"pings"`
	Quotes  int64 `json:"quotes"`
	Posts   int64 `json:"posts"`
	Sold    int64 `json:"sold"`
	Unsold  int64 `json:"unsold"`
	Pending int64 `json:"pending"`
	Tests   int64 `json:"tests"` // test leads, which count nowhere else
	// with what corrections have changed, less what returns took off, as Today has them; made since the start
	Revenue   lead.Money       `json:"revenue_micros"`
	Payout    lead.Money       `json:"payout_micros"`
	OwnUS     Quantiles        `json:"own_us"`
	WholeUS   Quantiles        `json:"whole_us"`
	Ledger    LedgerStatus     `json:"ledger"`
	Sources   []SourceStatus   `json:"sources"`
	Campaigns []CampaignStatus `json:"campaigns"`
	Caps      []CapUse         `json:"caps"`
	Config    ConfigStatus     `json:"config"`
	Memory    MemoryStatus     `json:"memory"`
	Network   []NetworkStatus  `json:"network"`
	Load      *LoadStatus      `json:"load,omitempty"`    // of the sellers' door; absent where no node runs
	Since     time.Time        `json:"since"`             // when what is counted since the start began
	Offline   bool             `json:"offline,omitempty"` // no node runs: a verb has opened what it left
	Today     *Today           `json:"today,omitempty"`   // of the ledger
}

// SourceStatus is what a source's leads have come to without an auction, since the start.
type SourceStatus struct {
	Source     string `json:"source"`
	Suppressed int64  `json:"suppressed"`       // pings that got the quote of another
	Repeated   int64  `json:"repeated"`         // repeats of an earlier lead of their person
	Hours      string `json:"closed,omitempty"` // why its leads are not taken now, and when they will be
}

// LedgerStatus is the state of the ledger. Seqs are numbers of events.
type LedgerStatus struct {
	Appended    uint64 `json:"appended"` // events since the start
	LastSeq     uint64 `json:"last_seq"`
	AppliedSeq  uint64 `json:"applied_seq"`
	ShippedSeq  uint64 `json:"shipped_seq"`
	ShipErrors  uint64 `json:"ship_errors"`
	Unshippable uint64 `json:"unshippable"`
	LogBytes    int64  `json:"log_bytes"`
	FreeBytes   uint64 `json:"free_bytes"`
	// what retention would drop and is still needed; absent: nothing
	Held *ledger.Held `json:"held,omitempty"`
}

// Quantiles of a duration in microseconds.
type Quantiles struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
}

// CampaignStatus is what one campaign did since the start.
type CampaignStatus struct {
	Campaign string           `json:"campaign"`
	Buyer    string           `json:"buyer"`
	Counts   map[string]int64 `json:"counts"`
	Revenue  lead.Money       `json:"revenue_micros"` // as its sales were booked first
	// closed, probing or refusing; with " (simulated)" where it refuses nothing; empty: none
	Breaker string `json:"breaker,omitempty"`
	Token   string `json:"token_problem,omitempty"` // why it has no access token
	Hours   string `json:"closed,omitempty"`        // by which schedule it is closed now, and when that opens
}

func breakerText(l *exchange.LiveCampaign) string {
	state, simulates, ok := l.Breaker()
	if !ok {
		return ""
	}
	text := [...]string{limits.BreakerClosed: "closed", limits.BreakerProbing: "probing",
		limits.BreakerRefusing: "refusing"}[state]
	if simulates {
		text += " (simulated)"
	}
	return text
}

func (s *Server) status() Status {
	out := Summary(s.ex, s.led)
	out.Config, out.Memory = s.hooks.Config(), memoryNow(s.hooks.Memory)
	if s.hooks.Load != nil && !s.hooks.Offline {
		l := s.hooks.Load()
		out.Load = &l
	}
	out.Since, out.Offline = s.since, s.hooks.Offline
	out.Today = s.today.read(s.led, s.ex.Now())
	return out
}

// Summary reads the state of an exchange, without its configuration's. The numbers are read one after another.
func Summary(ex *exchange.Exchange, led *ledger.Ledger) Status {
	st := &ex.Stats
	q := func(h *exchange.Histogram) Quantiles {
		return Quantiles{h.Quantile(.5).Microseconds(), h.Quantile(.95).Microseconds(), h.Quantile(.99).Microseconds()}
	}
	out := Status{Pings: st.Pings.Load(), Quotes: st.Quotes.Load(), Posts: st.Posts.Load(), Sold: st.Sold.Load(),
		Unsold: st.Unsold.Load(), Pending: st.Pending.Load(), Tests: st.Tests.Load(),
		OwnUS: q(&st.Own), WholeUS: q(&st.Whole), Caps: capUses(ex, capValuesMost)}
	out.Revenue, out.Payout = st.Money()
	l := led.Stats()
	ex.Connections(func(buyer string, n exchange.Network) {
		out.Network = append(out.Network, NetworkStatus{buyer, n.Conns, n.Idle, n.InFlight, n.Calls, n.Dials,
			n.DialErrors, n.Handshakes, n.Resumed, n.Late})
	})
	out.Ledger = LedgerStatus{l.Appended, l.LastSeq, l.Applied, l.Shipped, l.ShipErrors, l.Unshippable, l.LogBytes,
		l.FreeBytes, led.Held()}
	for _, l := range ex.Campaigns() {
		c := CampaignStatus{Campaign: l.ID, Buyer: l.Buyer.ID, Counts: map[string]int64{},
			Revenue: lead.Money(l.RevenueMicros.Load()), Breaker: breakerText(l), Token: l.TokenProblem(),
			Hours: l.Hours(ex.Now())}
		for _, x := range counts(l) {
			c.Counts[x.what] = x.n
		}
		out.Campaigns = append(out.Campaigns, c)
	}
	st.Sources(func(id string, t *exchange.SourceTally) {
		out.Sources = append(out.Sources, SourceStatus{id, t.Suppressed.Load(), t.Repeated.Load(),
			ex.SourceHours(id, ex.Now())})
	})
	slices.SortFunc(out.Sources, func(a, b SourceStatus) int { return strings.Compare(a.Source, b.Source) })
	return out
}
