// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/queue"
)

// remediationSpec is where the unsold leads of a vertical go, as signed messages (Standard Webhooks).
type remediationSpec struct {
	URL string `yaml:"url"` // http or https, absolute; it may be ${env:NAME}
	// whsec_ and 24 to 64 bytes in base64, best as ${env:NAME}; several while one is replaced by another
	Secrets   []string `yaml:"secrets"`
	TimeoutMS *int     `yaml:"timeout_ms"` // of one try (10000)
	// how long a message is sent again and again, from the lead's answer on; then it is listed as dead (72)
	ForHours *int     `yaml:"for_hours"`
	Fields   []string `yaml:"fields"` // of the lead, that are told; absent: all of them
	// it may be reached at private and loopback addresses
	AllowPrivate bool `yaml:"allow_private_addresses"`
}

// remediationSecretsMax is how many secrets sign a message at once.
const remediationSecretsMax = 4

func (l *loader) remediation(f *tree.File, spec *remediationSpec, v *exchange.Vertical) {
	if spec == nil {
		return
	}
	r := &exchange.Remediation{AllowPrivate: spec.AllowPrivate, Fields: spec.Fields,
		Timeout: time.Duration(l.number(f, "remediation.timeout_ms", spec.TimeoutMS, 10_000, 100, 60_000)) *
			time.Millisecond,
		For: time.Duration(l.number(f, "remediation.for_hours", spec.ForHours, 72, 1, 720)) * time.Hour}
	if text, ok := l.expand(f, "remediation.url", spec.URL); ok && !IsStandIn(text) {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			len(text) > specURLMax {
			l.bad(f, "remediation.url", spec.URL, "an absolute address such as https://hooks.example/unsold")
		}
		r.URL = u
	}
	if n := len(spec.Secrets); n < 1 || n > remediationSecretsMax {
		l.bad(f, "remediation.secrets", fmt.Sprint(n, " secrets"), fmt.Sprintf("1 to %d, each %s",
			remediationSecretsMax, queue.SecretForm))
	}
	for i, text := range spec.Secrets {
		path := fmt.Sprintf("remediation.secrets[%d]", i)
		text, ok := l.expand(f, path, text)
		if !ok || IsStandIn(text) {
			continue
		}
		s, err := queue.ParseSecret(text)
		if err != nil {
			l.badSecret(f, path, err.Error())
			continue
		}
		r.Secrets = append(r.Secrets, s)
	}
	if v.Schema != nil {
		for i, name := range spec.Fields {
			if _, ok := v.Schema.Position(name); !ok {
				l.bad(f, fmt.Sprintf("remediation.fields[%d]", i), name, "a field of the vertical"+
					near(name, v.Schema.Names()))
			} else if slices.Contains(spec.Fields[:i], name) {
				l.bad(f, fmt.Sprintf("remediation.fields[%d]", i), name, "each field once")
			}
		}
	}
	v.Remediation = r
}

// unsold reads what becomes of the leads that a plan does not sell.
func (r *planReader) unsold(text, at string) {
	switch text {
	case "":
	case "list":
		r.out.UnsoldListed = true
	case "remediation":
		if r.v.Remediation == nil {
			r.bad(at+".unsold", text, "list, or a `remediation` of the vertical to which they go")
		}
	default:
		r.bad(at+".unsold", text, "remediation or list")
	}
}
