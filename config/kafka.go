// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clearpost/config/tree"
	"clearpost/ledger"
)

func (l *loader) kafka(f *tree.File, spec *kafkaSpec, cfg *Config) {
	if spec == nil {
		return
	}
	k := &ledger.KafkaConfig{
		TopicPrefix: cmp.Or(spec.TopicPrefix, "clearpost."),
		Linger:      time.Duration(l.number(f, "kafka.linger_ms", spec.LingerMS, 100, 100, 60000)) * time.Millisecond,
		Partitions:  l.number(f, "kafka.partitions", spec.Partitions, 0, 1, 10000),
		Replication: l.number(f, "kafka.replication", spec.Replication, 0, 1, 16),
		Timeout:     time.Duration(l.number(f, "kafka.timeout_ms", spec.TimeoutMS, 0, 100, 600000)) * time.Millisecond,
	}
	if len(spec.Brokers) == 0 {
		l.bad(f, "kafka.brokers", "", "at least one broker as host:port")
	}
	for i, b := range spec.Brokers {
		k.Brokers = append(k.Brokers, l.address(f, fmt.Sprintf("kafka.brokers[%d]", i), b))
	}
	for _, c := range k.TopicPrefix {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c) ||
			len(k.TopicPrefix) > 200 {
			l.bad(f, "kafka.topic_prefix", spec.TopicPrefix, "at most 200 letters, digits, `.`, `_` and `-`")
			break
		}
	}
	k.ClientID = cmp.Or(spec.ClientID, "clearpost")
	k.Compression = l.oneOf(f, "kafka.compression", cmp.Or(spec.Compression, "none"), ledger.Compressions())
	k.Private = l.oneOf(f, "kafka.private", cmp.Or(spec.Private, ledger.PrivateKeep), ledger.Privates())
	k.TLS, k.SASL = l.kafkaTLS(f, spec.TLS), l.kafkaSASL(f, spec.SASL)
	cfg.Kafka, cfg.KafkaTLS = k, spec.TLS
}

// oneOf checks a word of a list.
func (l *loader) oneOf(f *tree.File, path, text string, words []string) string {
	if !slices.Contains(words, text) {
		l.bad(f, path, text, "one of "+strings.Join(words, ", "))
	}
	return text
}

func (l *loader) kafkaTLS(f *tree.File, spec *kafkaTLSSpec) *tls.Config {
	if spec == nil {
		return nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if spec.CA != "" {
		text, err := os.ReadFile(l.beside(spec.CA))
		t.RootCAs = x509.NewCertPool()
		if err == nil && !t.RootCAs.AppendCertsFromPEM(text) {
			err = errors.New("there is no certificate in it")
		}
		if err != nil {
			l.bad(f, "kafka.tls.ca", spec.CA, fmt.Sprintf("a PEM file of certificates (%v)", plainError(err)))
		}
	}
	if spec.Cert == "" && spec.Key == "" {
		return t
	}
	pair, err := tls.LoadX509KeyPair(l.beside(spec.Cert), l.beside(spec.Key))
	if err != nil {
		l.bad(f, "kafka.tls.cert", spec.Cert, fmt.Sprintf("the PEM files of a certificate and its key (%v)",
			plainError(err)))
		return t
	}
	t.Certificates = []tls.Certificate{pair}
	return t
}

// beside is a file's name, relative to the configuration's directory.
func (l *loader) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, name)
}

func (l *loader) kafkaSASL(f *tree.File, spec *kafkaSASLSpec) *ledger.SASL {
	if spec == nil {
		return nil
	}
	s := &ledger.SASL{Mechanism: l.oneOf(f, "kafka.sasl.mechanism", strings.ToLower(spec.Mechanism),
		ledger.Mechanisms())}
	for _, one := range []struct {
		key, text string
		to        *string
	}{{"user", spec.User, &s.User}, {"password", spec.Password, &s.Password}} {
		v, ok := l.expand(f, "kafka.sasl."+one.key, one.text)
		if ok && v == "" {
			l.bad(f, "kafka.sasl."+one.key, "", "a text: a secret stands as ${env:NAME} or ${file:NAME}")
		}
		*one.to = v
	}
	return s
}
