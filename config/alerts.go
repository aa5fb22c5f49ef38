// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clearpost/alerts"
	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/lead"
	"clearpost/rules"
)

// alertsSpec says who is told, and of what, when somebody is needed.
type alertsSpec struct {
	// when what is not urgent is told, as schedules of campaigns (zone: UTC); absent: always
	Hours     *rules.ScheduleSpec `yaml:"hours"`
	Receivers []receiverSpec      `yaml:"receivers"` // who is told; up to 20
	Rules     []alertSpec         `yaml:"rules"`     // what is told; up to 200
}

// receiverSpec is who is told, by one way of three.
type receiverSpec struct {
	ID      string        `yaml:"id"`      // that rules name
	Webhook *endpointSpec `yaml:"webhook"` // a signed message (Standard Webhooks)
	// a program by its whole path, and its arguments: the notice is JSON on its standard input, and in the environment
	Command []string  `yaml:"command"`
	Mail    *mailSpec `yaml:"mail"` // by e-mail
}

// mailSpec is the way to mailboxes.
type mailSpec struct {
	Host     string   `yaml:"host"`     // the mail server
	Port     *int     `yaml:"port"`     // (587; 465 with tls: tls)
	TLS      string   `yaml:"tls"`      // starttls, tls from the first byte, or none (starttls)
	Username string   `yaml:"username"` // absent: the server wants none
	Password string   `yaml:"password"` // best as ${env:NAME}
	From     string   `yaml:"from"`     // an address
	To       []string `yaml:"to"`       // addresses, 1 to 20
}

// alertSpec is one rule.
type alertSpec struct {
	ID string `yaml:"id"` // stands in notices
	On string `yaml:"on"` // what it watches
	// ids of buyers, campaigns, sources, verticals, parents or webhooks that it is about; absent: all
	Of      []string    `yaml:"of"`
	Below   *lead.Money `yaml:"below"`   // balance: what the buyer may still buy for is less
	Percent *int        `yaml:"percent"` // cap: so much is taken (90); acceptance: so much less than before (50)
	// unresolved: attempts (1); shipping and view: events behind (10000, 100000); acceptance: posts, at least (20)
	Count      *int     `yaml:"count"`
	Minutes    *int     `yaml:"minutes"`     // for how long it must be so
	AgainHours *int     `yaml:"again_hours"` // told again after so many hours, as long as it lasts; absent: once
	Over       *bool    `yaml:"over"`        // its end is told too (true; cap: false)
	Urgent     bool     `yaml:"urgent"`      // told out of hours too
	To         []string `yaml:"to"`          // ids of receivers; absent: all
}

// alertKeys are the keys that rules of a kind have beside those that all have, with what stands for absent ones.
var alertKeys = map[string]struct{ percent, count, minutes int }{
	alerts.OnBalance:     {-1, -1, 0},
	alerts.OnCap:         {90, -1, 0},
	alerts.OnAcceptance:  {50, 20, 0},
	alerts.OnUnresolved:  {-1, 1, 60},
	alerts.OnBuyerDown:   {-1, -1, 5},
	alerts.OnShipping:    {-1, 10_000, 5},
	alerts.OnView:        {-1, 100_000, 10},
	alerts.OnWebhook:     {-1, -1, 30},
	alerts.OnReload:      {-1, -1, 0},
	alerts.OnUnavailable: {-1, -1, 1},
	alerts.OnOverdue:     {-1, -1, 0},
}

// alerts reads who is told of what.
func (l *loader) alerts(f *tree.File, spec *alertsSpec) *alerts.Config {
	if spec == nil {
		return nil
	}
	out := &alerts.Config{}
	var ds []lead.Defect
	out.Hours, ds = rules.CompileSchedule(spec.Hours, "UTC")
	l.badAll(f, "alerts.hours", ds)
	if n := len(spec.Receivers); n < 1 || n > alerts.ReceiversMax {
		l.bad(f, "alerts.receivers", fmt.Sprint(n, " receivers"), fmt.Sprintf("1 to %d", alerts.ReceiversMax))
	}
	if n := len(spec.Rules); n < 1 || n > alerts.RulesMax {
		l.bad(f, "alerts.rules", fmt.Sprint(n, " rules"), fmt.Sprintf("1 to %d", alerts.RulesMax))
	}
	ids := map[string]bool{}
	for i := range spec.Receivers {
		at := fmt.Sprintf("alerts.receivers[%d]", i)
		out.Receivers = append(out.Receivers, l.receiver(f, at, &spec.Receivers[i]))
		l.alertID(f, at, spec.Receivers[i].ID, ids)
	}
	receivers, ids := ids, map[string]bool{}
	for i := range spec.Rules {
		at := fmt.Sprintf("alerts.rules[%d]", i)
		out.Rules = append(out.Rules, l.alert(f, at, &spec.Rules[i], receivers))
		l.alertID(f, at, spec.Rules[i].ID, ids)
	}
	return out
}

func (l *loader) alertID(f *tree.File, at, id string, ids map[string]bool) {
	if !buyers.ValidID(id) {
		l.bad(f, at+".id", id, buyers.IDRule)
	} else if ids[id] {
		l.bad(f, at+".id", id, "each id once")
	}
	ids[id] = true
}

func (l *loader) receiver(f *tree.File, at string, spec *receiverSpec) alerts.Receiver {
	out := alerts.Receiver{ID: spec.ID, Command: spec.Command}
	ways := 0
	if spec.Webhook != nil {
		ways++
		p := l.endpoint(f, at+".webhook", spec.Webhook)
		out.Webhook = &p
	}
	if spec.Mail != nil {
		ways++
		out.Mail = l.mail(f, at+".mail", spec.Mail)
	}
	if spec.Command != nil {
		ways++
		if len(spec.Command) == 0 || !filepath.IsAbs(spec.Command[0]) {
			l.bad(f, at+".command", strings.Join(spec.Command, " "), "a program by its whole path, and its arguments")
		}
	}
	if ways != 1 {
		l.bad(f, at, "", "one of webhook, command and mail")
	}
	return out
}

func (l *loader) mail(f *tree.File, at string, spec *mailSpec) *alerts.Mail {
	out := &alerts.Mail{TLS: cmp.Or(spec.TLS, alerts.MailSTARTTLS), From: spec.From, To: spec.To}
	port := 587
	switch out.TLS {
	case alerts.MailTLS:
		port = 465
	case alerts.MailSTARTTLS, alerts.MailPlain:
	default:
		l.bad(f, at+".tls", spec.TLS, "starttls, tls or none")
	}
	out.Port = l.number(f, at+".port", spec.Port, port, 1, 65535)
	for path, to := range map[string]struct {
		text string
		to   *string
	}{"host": {spec.Host, &out.Host}, "username": {spec.Username, &out.Username},
		"password": {spec.Password, &out.Password}} {
		*to.to, _ = l.expand(f, at+"."+path, to.text)
	}
	if out.Host == "" && spec.Host == "" || strings.ContainsAny(out.Host, " :/") {
		l.bad(f, at+".host", spec.Host, "the name of a mail server, such as smtp.example.com")
	}
	if (spec.Username == "") != (spec.Password == "") {
		l.bad(f, at+".username", spec.Username, "username and password, or neither")
	}
	if _, err := mail.ParseAddress(spec.From); err != nil {
		l.bad(f, at+".from", spec.From, "an address such as clearpost@example.com")
	}
	if n := len(spec.To); n < 1 || n > 20 {
		l.bad(f, at+".to", fmt.Sprint(n, " addresses"), "1 to 20 addresses")
	}
	for i, a := range spec.To {
		if _, err := mail.ParseAddress(a); err != nil {
			l.bad(f, fmt.Sprintf("%s.to[%d]", at, i), a, "an address such as desk@example.com")
		}
	}
	return out
}

func (l *loader) alert(f *tree.File, at string, spec *alertSpec, receivers map[string]bool) alerts.Rule {
	out := alerts.Rule{ID: spec.ID, On: spec.On, Of: spec.Of, Urgent: spec.Urgent, To: spec.To, Count: 1,
		Over: spec.On != alerts.OnCap}
	if spec.Over != nil {
		out.Over = *spec.Over
	}
	out.Again = time.Duration(l.number(f, at+".again_hours", spec.AgainHours, 0, 1, 720)) * time.Hour
	for i, id := range spec.To {
		if path := fmt.Sprintf("%s.to[%d]", at, i); !receivers[id] {
			l.bad(f, path, id, "the id of a receiver")
		} else if slices.Contains(spec.To[:i], id) {
			l.bad(f, path, id, "each receiver once")
		}
	}
	keys, ok := alertKeys[spec.On]
	if !ok {
		l.bad(f, at+".on", spec.On, strings.Join(alerts.Kinds, ", ")+near(spec.On, alerts.Kinds))
		return out
	}
	number := func(key string, v *int, standard, least, most int) int {
		if standard < 0 && v != nil {
			l.bad(f, at+"."+key, fmt.Sprint(*v), "no such key in a rule on "+spec.On)
		}
		if standard < 0 {
			return 1
		}
		return l.number(f, at+"."+key, v, standard, least, most)
	}
	least := 1
	if spec.On == alerts.OnCap {
		least = alerts.PercentLeast
	}
	out.Percent = number("percent", spec.Percent, keys.percent, least, 100)
	out.Count = number("count", spec.Count, keys.count, 1, 1_000_000_000)
	out.For = time.Duration(l.number(f, at+".minutes", spec.Minutes, keys.minutes, 0, 10_080)) * time.Minute
	switch {
	case spec.On != alerts.OnBalance && spec.Below != nil:
		l.bad(f, at+".below", spec.Below.String(), "no such key in a rule on "+spec.On)
	case spec.On == alerts.OnBalance && (spec.Below == nil || *spec.Below <= 0):
		l.bad(f, at+".below", "", "an amount above 0, such as 500.00")
	case spec.Below != nil:
		out.Below = *spec.Below
	}
	return out
}

// alertsAbout holds the ids that alerts are about against those that there are.
func (l *loader) alertsAbout(cfg *Config) {
	if cfg.Alerts == nil || l.incomplete {
		return
	}
	known := map[string]bool{}
	for _, b := range cfg.Exchange.Book.Buyers {
		known[b.ID] = true
	}
	for _, c := range cfg.Exchange.Book.Campaigns {
		known[c.ID] = true
	}
	for _, s := range cfg.Exchange.Sources {
		known[s.ID], known["source-"+s.ID] = true, true
	}
	for _, v := range cfg.Exchange.Verticals {
		known[v.ID], known["remediation-"+v.ID] = true, true
	}
	for i := range cfg.Exchange.Parents {
		known[cfg.Exchange.Parents[i].ID] = true
	}
	var all []string
	for id := range known {
		all = append(all, id)
	}
	f := l.of(nodeFile)[0]
	for i := range cfg.Alerts.Rules {
		for j, id := range cfg.Alerts.Rules[i].Of {
			if !known[id] {
				l.bad(f, fmt.Sprintf("alerts.rules[%d].of[%d]", i, j), id,
					"the id of a buyer, a campaign, a source, a vertical, a parent or a webhook"+near(id, all))
			}
		}
	}
}
