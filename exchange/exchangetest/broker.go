// SPDX-License-Identifier: Apache-2.0

package exchangetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// BrokerFault is how a broker of events fails.
type BrokerFault int

// The faults.
const (
	// Answers: it does not fail.
	Answers BrokerFault = iota
	// Away: nothing reaches it.
	Away
	// Hangs: it says nothing until the call's time is over, and has stored nothing.
	Hangs
	// Unheard: it stores what it is sent, and its reply is lost.
	Unheard
	// Partly: it stores half of what it is sent, rounded up, and says no.
	Partly
)

var brokerFaults = [...]string{Away: "broker: is away", Hangs: "broker: hangs", Unheard: "broker: its reply is lost",
	Partly: "broker: stores a part"}

const (
	brokerPartitions = 3
	brokerTimeout    = 10 * time.Second
)

var errBroker = errors.New("broker fault")

// Broker is where the ledger's events are shipped to: it outlives the exchange. It answers until a fault is ordered.
// All methods may be called by any goroutine.
type Broker struct {
	struck *tally

	mu    sync.Mutex
	fault BrokerFault // guarded by mu
	calls int         // guarded by mu: that meet it; below 0: all
	held  []shipped   // guarded by mu: in the order in which they came
}

type shipped struct {
	topic     string
	partition int
	seq       uint64
	lead      lead.ID
	bytes     []byte
}

// Fail has the next calls fail like this; below 0 it is all calls, until Answers ends that.
func (b *Broker) Fail(f BrokerFault, calls int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.calls = f, calls
}

// strike is the fault that a call meets.
func (b *Broker) strike() BrokerFault {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == Answers || b.calls == 0 {
		return Answers
	}
	b.calls--
	b.struck.add(brokerFaults[b.fault])
	return b.fault
}

// wait is what a call hears where the broker does not.
func (b *Broker) wait(ctx context.Context, f BrokerFault) error {
	if f != Hangs {
		return errBroker
	}
	t := time.NewTimer(brokerTimeout)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return errBroker
}

// Partitions implements ledger.Sink.
func (b *Broker) Partitions(ctx context.Context, _ string) (int, error) {
	if f := b.strike(); f == Away || f == Hangs {
		return 0, b.wait(ctx, f)
	}
	return brokerPartitions, nil
}

// Write implements ledger.Sink.
func (b *Broker) Write(ctx context.Context, topic string, partition int, recs []ledger.Record) error {
	f := b.strike()
	if f == Away || f == Hangs {
		return b.wait(ctx, f)
	}
	if f == Partly {
		recs = recs[:(len(recs)+1)/2]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range recs {
		r := &recs[i]
		b.held = append(b.held, shipped{topic, partition, r.Seq, r.Lead, bytes.Clone(r.Bytes)})
	}
	if f != Answers {
		return errBroker
	}
	return nil
}

// Close implements ledger.Sink.
func (b *Broker) Close() {}

// Events hands over all events that the broker has, in the order in which they came, those that came again included.
func (b *Broker) Events(each func([]byte) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.held {
		if err := each(b.held[i].bytes); err != nil {
			return err
		}
	}
	return nil
}

// Check compares the broker with the ledger, whose events it has shipped up to its cursor, and perhaps some more: each
// is there with the bytes of the ledger, a lead's of one topic in one partition, and in a partition those of a lower
// number came before those of a higher one, whatever came again later. It tells what is wrong. Nothing may be appended
// meanwhile.
func (b *Broker) Check(l *ledger.Ledger) (wrong []string) {
	type place struct {
		topic string
		lead  lead.ID
	}
	want := map[uint64][]byte{}
	if err := l.Scan(1, func(r ledger.Record) error {
		want[r.Seq] = bytes.Clone(r.Bytes)
		return nil
	}); err != nil {
		return []string{err.Error()}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	came, places, last := map[uint64]bool{}, map[place]int{}, map[string]uint64{}
	for i := range b.held {
		h := &b.held[i]
		part, at := fmt.Sprint(h.topic, " ", h.partition), place{h.topic, h.lead}
		if !bytes.Equal(want[h.seq], h.bytes) {
			wrong = append(wrong, fmt.Sprintf("event %d is %q, and in the ledger %q", h.seq, h.bytes, want[h.seq]))
		}
		if p, ok := places[at]; ok && p != h.partition {
			wrong = append(wrong, fmt.Sprintf("lead %s stands in partitions %d and %d of %s", h.lead, p, h.partition,
				h.topic))
		}
		if !came[h.seq] && h.seq < last[part] {
			wrong = append(wrong, fmt.Sprintf("event %d came after %d in %s", h.seq, last[part], part))
		}
		came[h.seq], places[at], last[part] = true, h.partition, max(last[part], h.seq)
	}
	for seq := max(l.FirstSeq(), 1); seq <= l.Stats().Shipped; seq++ {
		if !came[seq] {
			wrong = append(wrong, fmt.Sprintf("event %d counts as shipped and never came", seq))
		}
	}
	return wrong
}
