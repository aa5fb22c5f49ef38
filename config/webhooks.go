// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/queue"
)

// endpointSpec is where signed messages go (Standard Webhooks).
type endpointSpec struct {
	URL string `yaml:"url"` // http or https, absolute; it may be ${env:NAME}
	// whsec_ and 24 to 64 bytes in base64, best as ${env:NAME}; several while one is replaced by another
	Secrets   []string `yaml:"secrets"`
	TimeoutMS *int     `yaml:"timeout_ms"` // of one try (10000)
	// how long a message is sent again and again, from the lead's answer on; then it is listed as dead (72)
	ForHours *int `yaml:"for_hours"`
	// it may be reached at private and loopback addresses
	AllowPrivate bool `yaml:"allow_private_addresses"`
}

// webhookSpec is where a source is told what becomes of its leads, as signed messages (Standard Webhooks).
type webhookSpec struct {
	Endpoint endpointSpec `yaml:",inline"`
	// of what: sold, unsold, pending, corrected, returned, queued; absent: all but pending and queued
	Events []string `yaml:"events"`
}

// webhook reads where a source is told of its leads.
func (l *loader) webhook(f *tree.File, spec *webhookSpec) *exchange.Webhook {
	if spec == nil {
		return nil
	}
	w := &exchange.Webhook{Endpoint: l.endpoint(f, "webhook", &spec.Endpoint), Events: spec.Events}
	for i, name := range spec.Events {
		path := fmt.Sprintf("webhook.events[%d]", i)
		if !slices.Contains(exchange.HookEvents, name) {
			l.bad(f, path, name, strings.Join(exchange.HookEvents, ", ")+near(name, exchange.HookEvents))
		} else if slices.Contains(spec.Events[:i], name) {
			l.bad(f, path, name, "each kind once")
		}
	}
	if spec.Events == nil {
		w.Events = exchange.HookEventsDefault
	} else if len(spec.Events) == 0 {
		l.bad(f, "webhook.events", "[]", "one at least of "+strings.Join(exchange.HookEvents, ", "))
	}
	return w
}

// hookSecretsMax is how many secrets sign a message at once.
const hookSecretsMax = 4

// endpoint reads where messages go, from a key of a file.
func (l *loader) endpoint(f *tree.File, key string, spec *endpointSpec) queue.Endpoint {
	p := queue.Endpoint{AllowPrivate: spec.AllowPrivate,
		Timeout: time.Duration(l.number(f, key+".timeout_ms", spec.TimeoutMS, 10_000, 100, 60_000)) * time.Millisecond,
		For:     time.Duration(l.number(f, key+".for_hours", spec.ForHours, 72, 1, 720)) * time.Hour}
	if text, ok := l.expand(f, key+".url", spec.URL); ok {
		if IsStandIn(text) {
			text = "https://unset.invalid/" // whoever has the secrets reads the file again
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			len(text) > specURLMax {
			l.bad(f, key+".url", spec.URL, "an absolute address such as https://hooks.example/leads")
		}
		p.URL = u
	}
	if n := len(spec.Secrets); n < 1 || n > hookSecretsMax {
		l.bad(f, key+".secrets", fmt.Sprint(n, " secrets"), fmt.Sprintf("1 to %d, each %s", hookSecretsMax,
			queue.SecretForm))
	}
	for i, text := range spec.Secrets {
		path := fmt.Sprintf("%s.secrets[%d]", key, i)
		text, ok := l.expand(f, path, text)
		if !ok || IsStandIn(text) {
			continue
		}
		s, err := queue.ParseSecret(text)
		if err != nil {
			l.badSecret(f, path, err.Error())
			continue
		}
		p.Secrets = append(p.Secrets, s)
	}
	return p
}
