// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"reflect"

	"clearpost/ledger"
)

// Again reads the configuration from where it came from, with the same options, and takes over what is in force from
// the start on. Pages that are as they were are shared with c. What changes while it is read is read once more; an
// error is as of Load, or says that the files went on changing.
func (c *Config) Again() (*Config, error) {
	opt := c.opt
	opt.Progress = nil // nobody waits
	for range readsMax {
		next, err := loadAfter(c.Dir, opt, c.pages)
		if err != nil {
			return nil, err
		}
		now := newLoader(c.Dir, opt)
		if now.readAll(); hashFiles(now.hashed()) == next.read {
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

// Same tells whether next is of the same files, with the same secrets behind their placeholders.
func (c *Config) Same(next *Config) bool { return next.Hash == c.Hash && next.secrets == c.secrets }

// Fixed lists the keys of clearpost.yaml that say something else in next than in c: all of it is in force from the
// start on, and a change needs a restart.
func (c *Config) Fixed(next *Config) []string {
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
