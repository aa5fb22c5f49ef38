// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	saslplain "github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// SASL is how the shipper says who it is. The password is kept in memory and told to nobody but the brokers.
type SASL struct {
	Mechanism string // "plain", "scram-sha-256" or "scram-sha-512"
	User      string
	Password  string
}

// Mechanisms are the names of SASL.Mechanism.
func Mechanisms() []string { return []string{"plain", "scram-sha-256", "scram-sha-512"} }

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	if s == nil {
		return nil, nil
	}
	switch s.Mechanism {
	case "plain":
		return saslplain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.User, s.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	}
	return nil, fmt.Errorf("ledger: SASL mechanism %q: expected one of %v", s.Mechanism, Mechanisms())
}

// Compressions are the names of KafkaConfig.Compression.
func Compressions() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func (k *KafkaConfig) compression() (kafka.Compression, error) {
	for i, name := range Compressions() {
		if k.Compression == name {
			return kafka.Compression(i), nil
		}
	}
	return 0, fmt.Errorf("ledger: compression %q: expected one of %v", k.Compression, Compressions())
}

// dialer is for what reads back.
func (k *KafkaConfig) dialer() (*kafka.Dialer, error) {
	m, err := k.SASL.mechanism()
	return &kafka.Dialer{ClientID: k.ClientID, TLS: k.TLS, SASLMechanism: m, DualStack: true,
		Timeout: 10 * time.Second}, err
}

// What becomes of an event's private part in Kafka.
const (
	PrivateKeep     = "keep"      // it stands in the event, as in the ledger
	PrivateDrop     = "drop"      // it is not shipped
	PrivateOwnTopic = "own_topic" // it stands in the topic "private" alone, under the same key and event_id
)

// Privates are the names of KafkaConfig.Private.
func Privates() []string { return []string{PrivateKeep, PrivateDrop, PrivateOwnTopic} }

// privateTopic is where private parts go, behind the prefix.
const privateTopic = "private"

// splitPrivate takes the private part of an event's JSON, a member of the outermost object, out of it. rest shares
// nothing with b; private is nil where there is none, and shares b.
func splitPrivate(b []byte) (rest, private []byte) {
	from, at, to := findPrivate(b)
	if from < 0 {
		return b, nil
	}
	rest = make([]byte, 0, len(b)-(to-from))
	rest = append(append(rest, b[:from]...), b[to:]...)
	return rest, b[at:to]
}

var privateKey = []byte(`"private":`)

// findPrivate finds the member with the comma before it: from there, its value at, and its end; -1 if there is none.
// The JSON is this package's own: without spaces between its tokens, and private is never its first member.
func findPrivate(b []byte) (from, at, to int) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 1 && bytes.HasPrefix(b[i+1:], privateKey) {
				at = i + 1 + len(privateKey)
				return i, at, valueEnd(b, at)
			}
		}
	}
	return -1, 0, 0
}

// stringEnd is the place of the quote that ends the string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// valueEnd is the place behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// privateValue is the record of the topic of private parts.
func privateValue(rec *Record, private []byte) []byte {
	out := append(append([]byte(`{"kind":"`), rec.Kind...), `","event_id":"`...)
	out = append(rec.EventID.Append(out), `","at":`...)
	out = AppendTime(out, time.UnixMicro(rec.At))
	out = append(rec.Lead.Append(append(out, `,"lead_id":"`...)), `","private":`...)
	return append(append(out, private...), '}')
}
