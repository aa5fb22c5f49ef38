// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"clearpost/auction"
	"clearpost/auction/value"
	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
)

// node builds what stands in clearpost.yaml.
func (l *loader) node(cfg *Config) {
	var spec nodeSpec
	var f *tree.File
	for _, g := range l.files {
		if g.Name == nodeFile && g.Root != nil {
			f = g
		}
	}
	if f == nil {
		return
	}
	f.Decode(&l.problems, &spec)
	cfg.Exchange.Node = cmp.Or(spec.Node, "n1")
	if !buyers.ValidID(cfg.Exchange.Node) {
		l.bad(f, "node", spec.Node, buyers.IDRule)
	}
	cfg.DataDir = cmp.Or(spec.DataDir, DataDirDefault)
	if !filepath.IsAbs(cfg.DataDir) {
		cfg.DataDir = filepath.Join(l.dir, cfg.DataDir)
	}
	cfg.Listen = l.address(f, "listen", cmp.Or(spec.Listen, "127.0.0.1:8080"))
	cfg.AdminListen = l.address(f, "admin.listen", cmp.Or(spec.Admin.Listen, "127.0.0.1:8081"))
	if cfg.Listen != "" && cfg.Listen == cfg.AdminListen && !strings.HasSuffix(cfg.Listen, ":0") {
		l.bad(f, "admin.listen", cfg.AdminListen, "another address than listen: the admin API has its own port")
	}
	cfg.TLS, cfg.AdminTLS = l.tls(f, "tls", spec.TLS), l.tls(f, "admin.tls", spec.Admin.TLS)
	cfg.Proxies = l.proxies(f, &spec)
	if token, ok := l.expand(f, "admin.token", spec.Admin.Token); ok && token != "" {
		cfg.AdminToken = token
		if why := badKey(token); why != "" {
			l.badSecret(f, "admin.token", why)
		}
	}
	l.kafka(f, spec.Kafka, cfg)
	l.specs(f, &spec.Specs, cfg)
	l.limits(f, &spec.Limits, &cfg.Limits)
	l.parents(f, spec.Parents, cfg)
	cfg.Alerts = l.alerts(f, spec.Alerts)
	cfg.Exchange.Company = l.company(f, spec.Company)
}

// address checks host:port. Port 0 means a free one.
func (l *loader) address(f *tree.File, path, text string) string {
	v, ok := l.expand(f, path, text)
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(v)
	if n, numErr := strconv.Atoi(port); err != nil || numErr != nil || n < 0 || n > math.MaxUint16 {
		l.bad(f, path, v, "an address such as 127.0.0.1:8080 or :8080")
		return ""
	}
	return v
}

func (l *loader) limits(f *tree.File, s *limitsSpec, to *Limits) {
	const mb = 1 << 20
	n := func(key string, v *int, standard, least, most int) int {
		return l.number(f, "limits."+key, v, standard, least, most)
	}
	to.BodyBytesMax = n("body_bytes_max", s.BodyBytesMax, 64<<10, 1<<10, 4*mb)
	to.ConnsMax = n("connections_max", s.ConnsMax, intake.ConnsMax, 1, 1000000)
	to.InFlightMax = n("in_flight_max", s.InFlightMax, 0, 1, 1000000)
	to.MemoryBytes = int64(n("memory_mb", s.MemoryMB, 0, 128, 1<<24)) * mb
	to.WorkersMax = n("workers_max", s.WorkersMax, 2048, 1, 100000)
	to.AnswerHeadMax = n("answer_head_bytes_max", s.AnswerHeadMax, 32<<10, 1<<10, 1<<20)
	to.AnswerBytesMax = n("answer_bytes_max", s.AnswerBytesMax, 64<<10, 1<<10, 256<<10)
	to.LateReadMax = time.Duration(n("late_read_ms", s.LateReadMS, 2000, 1, 600000)) * time.Millisecond
	to.FreeBytesMin = uint64(n("free_mb_min", s.FreeMBMin, 512, 0, 1<<30)) * mb
	to.Retention.Age = time.Duration(n("retention_days", s.RetentionDays, 0, 1, 36500)) * 24 * time.Hour
	to.Retention.Bytes = int64(n("log_mb_max", s.LogMBMax, 0, 256, 1<<30)) * mb
	to.ReportPercent = n("report_cpu_percent", s.ReportPercent, 25, 0, 100)
	l.noReport = s.ReportPercent != nil && *s.ReportPercent == 0
	to.ReportKeepFor = time.Duration(n("report_days", s.ReportDays, 0, 2, 36500)) * 24 * time.Hour
	to.ReportBytesMax = int64(n("report_mb_max", s.ReportMBMax, 0, 64, 1<<30)) * mb
}

func (l *loader) source(f *tree.File) *exchange.Source {
	var spec sourceSpec
	f.Decode(&l.problems, &spec)
	if !l.id(f, "source", spec.ID) {
		spec.ID = ""
	}
	if was, taken := l.subjects[spec.ID]; taken {
		l.bad(f, "id", spec.ID, "an id that no buyer or campaign has: it stands at "+was+" already")
	}
	s := &exchange.Source{ID: spec.ID, Name: cmp.Or(spec.Name, spec.ID)}
	if len(s.Name) > buyers.NameBytesMax {
		l.bad(f, "name", "", fmt.Sprintf("at most %d bytes", buyers.NameBytesMax))
	}
	l.sourceKeys(f, &spec, s)
	if len(spec.Verticals) == 0 {
		l.bad(f, "verticals", "", "the ids of the verticals that it may send")
	}
	seen := map[string]bool{}
	for i, v := range spec.Verticals {
		path := fmt.Sprintf("verticals[%d]", i)
		_, known := l.schemas[v]
		switch {
		case !known && !l.incomplete:
			l.bad(f, path, v, "the id of a vertical that is configured")
		case seen[v]:
			l.bad(f, path, v, "each vertical once")
		}
		seen[v] = true
	}
	s.Verticals = spec.Verticals
	s.Margin = l.margin(f, spec.Margin)
	if p := spec.Floor; p != nil {
		if s.Floor = *p; *p < 0 {
			l.bad(f, "floor", p.String(), "an amount that is not negative")
		}
	}
	switch spec.OnReject {
	case "", "fail":
	case "reprice":
		s.Reprice = true
	default:
		l.bad(f, "on_reject", spec.OnReject, "fail or reprice")
	}
	switch spec.Queued {
	case "", "wait":
	case "tell":
		s.Queue = exchange.QueueTells
	case "never":
		s.Queue = exchange.QueueNever
	default:
		l.bad(f, "queued", spec.Queued, "wait, tell or never")
	}
	l.sourceCaps(f, &spec, s)
	l.rate(f, &spec, s)
	l.words(f, &spec, s)
	l.writing(f, &spec, s)
	s.OnChange = l.onChange(f, spec.OnChange)
	s.Excluded = l.exclusions(f, spec.Exclusions)
	s.Dedupe = l.sourceDedupe(f, &spec)
	s.Plans = l.sourcePlans(f, &spec)
	s.Webhook = l.webhook(f, spec.Webhook)
	s.ReturnsPPM = l.clawback(f, spec.Returns)
	var ds []lead.Defect
	s.Company, ds = spec.Company.Compile(s.Name)
	l.badAll(f, "company", ds)
	s.MaxWait = time.Duration(l.number(f, "max_wait_ms", spec.MaxWaitMS, 0, 100, 600000)) * time.Millisecond
	return s
}

// clawback reads what a source bears of its buyers' returns.
func (l *loader) clawback(f *tree.File, spec *sourceReturnsSpec) int64 {
	if spec == nil || spec.Clawback == nil {
		return 0
	}
	if p := *spec.Clawback; p < 0 || p > 100*lead.Unit || p%100 != 0 {
		l.bad(f, "returns.clawback_percent", p.String(), "0 to 100, with at most 4 decimals")
	}
	return int64(*spec.Clawback / 100)
}

// margin compiles a margin; nil where there is none.
func (l *loader) margin(f *tree.File, spec *buyers.MarginSpec) *auction.Margin {
	m, ds := spec.Compile()
	for _, d := range lead.DefectsIn("margin", ds) {
		l.bad(f, d.Path, d.Value, d.Expected)
	}
	return m
}

func (l *loader) sourceKeys(f *tree.File, spec *sourceSpec, s *exchange.Source) {
	if len(spec.Keys) == 0 {
		l.bad(f, "keys", "", "at least one API key")
	}
	s.KeyHashes = l.keyHashes(f, spec.Keys, nil)
}

// keyHashes reads the API keys of a file. Their places are noted in places, too, if it is not nil.
func (l *loader) keyHashes(f *tree.File, keys []string, places map[[32]byte]string) (out [][32]byte) {
	for i, k := range keys {
		path := fmt.Sprintf("keys[%d]", i)
		v, ok := l.expand(f, path, k)
		if !ok {
			continue
		}
		if why := badKey(v); why != "" {
			l.badSecret(f, path, why)
			continue
		}
		h := sha256.Sum256([]byte(v))
		if was, taken := l.keys[h]; taken {
			l.badSecret(f, path, "this key is in use already at "+was)
			continue
		}
		l.keys[h] = f.Place(path)
		if places != nil {
			places[h] = l.keys[h]
		}
		out = append(out, h)
	}
	return out
}

func (l *loader) rate(f *tree.File, spec *sourceSpec, s *exchange.Source) {
	r, ds := spec.Rate.Compile("requests")
	l.badAll(f, "rate", ds)
	if r != nil {
		s.RatePerSecond, s.Burst = float64(r.PerSecond)/float64(lead.Unit), r.Burst
	}
}

// badKey tells what is wrong with a key or token, "" if nothing.
func badKey(k string) string {
	if len(k) < 8 || len(k) > 256 {
		return "expected a key of 8 to 256 characters"
	}
	for _, c := range []byte(k) {
		if c <= ' ' || c > '~' {
			return "expected a key of visible ASCII characters, without spaces"
		}
	}
	return ""
}

func (l *loader) vertical(f *tree.File) *exchange.Vertical {
	var spec verticalSpec
	f.Decode(&l.problems, &spec)
	if spec.ID == "leads" {
		l.bad(f, "id", spec.ID, "another id: the seller API has a path of this name")
	}
	if !l.id(f, "vertical", spec.ID) {
		// With no good id of its own, references to whatever id was meant cannot be judged.
		l.incomplete = l.incomplete || l.ids["vertical:"+spec.ID] == ""
		spec.ID = ""
	}
	ms := func(path string, v *int, standard, least, most int) time.Duration {
		return time.Duration(l.number(f, path, v, standard, least, most)) * time.Millisecond
	}
	v := &exchange.Vertical{
		ID: spec.ID, Name: cmp.Or(spec.Name, spec.ID), Currency: cmp.Or(spec.Currency, "USD"),
		PingTTL:      time.Duration(l.number(f, "ping_ttl_s", spec.PingTTLS, 300, 1, 7*86400)) * time.Second,
		PingDeadline: ms("ping_deadline_ms", spec.PingDeadlineMS, 800, 10, 60000),
		PostTotal:    ms("post_total_ms", spec.PostTotalMS, 8000, 10, 600000),
		Plan:         exchange.Plan{SellLimit: l.number(f, "sell_limit", spec.SellLimit, 1, 1, buyers.MaxSoldMax)},
	}
	if len(v.Currency) != 3 || strings.Trim(v.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		l.bad(f, "currency", v.Currency, "a currency's ISO code such as USD")
	}
	v.Margin = l.margin(f, spec.Margin)
	if spec.Floor != nil {
		if v.Plan.Floor = *spec.Floor; v.Plan.Floor < 0 {
			l.bad(f, "floor", v.Plan.Floor.String(), "an amount that is not negative")
		}
	}
	v.OnChange = l.onChange(f, spec.OnChange)
	v.Schema = l.schema(f, &spec)
	if l.before != nil && l.before.schemas[spec.ID] != nil {
		v.Schema = l.before.schemas[spec.ID] // it is the same, and what was compiled for it stays its own
	}
	l.verticalCaps(f, &spec, v)
	l.exclusionField(f, spec.Exclusions, v)
	l.remediation(f, spec.Remediation, v)
	v.Dedupe = l.verticalDedupe(f, &spec, v.Schema)
	v.Learned = l.learned(f, spec.Learned, v)
	v.Economy = l.economy(f, &spec.Economy)
	if v.Economy.CloseEarly && v.Learned != nil && v.Learned.Mode == value.On {
		l.bad(f, "economy.close_early", "true",
			"false where learned_value is on: what a bid is worth is not known before it comes")
	}
	l.tests(f, &spec, v)
	if spec.ID == "" {
		return nil
	}
	l.schemas[spec.ID] = v.Schema
	l.verticals[spec.ID] = v
	l.sellLimits[spec.ID] = spec.SellLimit != nil
	if spec.Plan != nil {
		l.heldPlans = append(l.heldPlans, heldPlan{f, &spec, v})
	}
	return v
}
