// SPDX-License-Identifier: Apache-2.0

//go:build integration

package ledger

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// secureKafka is how the real broker is spoken to behind TLS and SASL.
func secureKafka(t *testing.T, mechanism, prefix string) *KafkaConfig {
	t.Helper()
	realKafka(t)
	ca, err := os.ReadFile(os.Getenv("CLEARPOST_KAFKA_CA"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate")
	}
	return &KafkaConfig{Brokers: []string{os.Getenv("CLEARPOST_KAFKA_SECURE")}, TopicPrefix: prefix,
		Timeout: 3 * time.Second, TLS: &tls.Config{RootCAs: roots}, SASL: &SASL{Mechanism: mechanism, User: "clearpost",
			Password: "clearpost-secret"}}
}

// Every mechanism, with every compression, ships everything over TLS.
func TestIntegrationShipsOverTLSAndSASL(t *testing.T) {
	for i, compression := range Compressions() {
		k := secureKafka(t, Mechanisms()[i%len(Mechanisms())], fmt.Sprintf("tls%d.", time.Now().UnixNano()))
		k.Compression, k.ClientID = compression, "clearpost-test"
		cfg := testConfig(t, t.TempDir())
		cfg.Kafka = k
		l := mustOpen(t, cfg, inside{})
		appendLeads(t, l, 0, 50)
		drain(t, l)
		n := 0
		if err := ReadShipped(t.Context(), *k, func([]byte) error { n++; return nil }); err != nil || n != 200 {
			t.Errorf("%s, %s: %d events, %v", k.SASL.Mechanism, compression, n, err)
		}
	}
}

// Who is not let in, or does not know the broker, is told once why, loses nothing and tells no password.
func TestIntegrationRefusedByTheBroker(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(*KafkaConfig)
		want  string
	}{
		"a wrong password":  {func(k *KafkaConfig) { k.SASL.Password = "wrong-secret-1" }, "SASL"},
		"another authority": {func(k *KafkaConfig) { k.TLS = &tls.Config{RootCAs: x509.NewCertPool()} }, "certificate"},
		"no TLS":            {func(k *KafkaConfig) { k.TLS = nil }, ""},
	} {
		k := secureKafka(t, "scram-sha-512", fmt.Sprintf("no%d.", time.Now().UnixNano()))
		c.spoil(k)
		var log bytes.Buffer
		cfg := testConfig(t, t.TempDir())
		cfg.Kafka, cfg.Logger = k, slog.New(slog.NewTextHandler(&log, nil))
		l, err := open(cfg, inside{})
		if err != nil {
			t.Fatal(err)
		}
		appendLeads(t, l, 0, 3)
		eventually(t, "several tries have failed", func() bool { return l.Stats().ShipErrors >= 3 })
		if st := l.Stats(); st.LagEvents != 12 {
			t.Errorf("%s: %d events wait", what, st.LagEvents)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		text := log.String()
		if n := strings.Count(text, "shipping to Kafka fails"); n != 1 || !strings.Contains(text, c.want) ||
			strings.Contains(text, "wrong-secret-1") {
			t.Errorf("%s: told %d times: %s", what, n, text)
		}
	}
}

// Without their private parts events have nothing personal; in a topic of its own each stands under its event's id.
func TestIntegrationPrivateParts(t *testing.T) {
	for _, mode := range []string{PrivateDrop, PrivateOwnTopic} {
		k := secureKafka(t, "plain", fmt.Sprintf("priv%d.", time.Now().UnixNano()))
		k.Private = mode
		cfg := testConfig(t, t.TempDir())
		cfg.Kafka = k
		l := mustOpen(t, cfg, inside{})
		mustAppend(t, l, ping(testID(1, 1)), ping(testID(1, 2)))
		drain(t, l)
		if err := ReadShipped(t.Context(), *k, func(b []byte) error {
			if bytes.Contains(b, []byte("+12125550123")) || bytes.Contains(b, []byte(`"private"`)) {
				t.Errorf("%s: %s", mode, b)
			}
			if _, err := Decode(b); err != nil {
				t.Error(err)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		n := 0
		err := readTopic(t.Context(), *k, k.TopicPrefix+privateTopic, func(b []byte) error {
			if n++; !bytes.Contains(b, []byte("+12125550123")) || !bytes.Contains(b, []byte(`"event_id":"`)) {
				t.Errorf("%s: %s", mode, b)
			}
			return nil
		})
		if mode == PrivateOwnTopic && (err != nil || n != 2) || mode == PrivateDrop && n != 0 {
			t.Errorf("%s: %d private parts, %v", mode, n, err)
		}
	}
}

// readTopic reads all of a topic.
func readTopic(ctx context.Context, k KafkaConfig, topic string, each func([]byte) error) error {
	d, err := k.dialer()
	if err != nil {
		return err
	}
	conn, err := d.DialContext(ctx, "tcp", k.Brokers[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	one := func(_ uint64, b []byte) error { return each(b) }
	parts, err := conn.ReadPartitions(topic)
	for _, p := range parts {
		if err := readPartition(ctx, d, k.Brokers[0], p, one); err != nil {
			return err
		}
	}
	return err
}
