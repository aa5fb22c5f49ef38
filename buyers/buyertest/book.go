// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"

	"clearpost/lead"
)

// Receipt is one post as the buyer saw it: the buyer's own side of the story, written when the buyer has decided and
// before it answers. Its JSON, a line each, is what the auditor reads.
type Receipt struct {
	Buyer     string     `json:"buyer"`
	Lead      string     `json:"lead"`
	Person    string     `json:"person,omitempty"`
	Accepted  bool       `json:"accepted"`
	Reference string     `json:"reference,omitempty"`
	Price     lead.Money `json:"price_micros,omitempty"` // accepted only
	Reason    string     `json:"reason,omitempty"`       // refused only
	Fault     string     `json:"fault,omitempty"`        // what was done to the answer
	At        time.Time  `json:"at"`

	key string // of a booked post
}

// Book is what one buyer has been sent by posts. It is safe for any number of goroutines.
type Book struct {
	mu       sync.Mutex
	receipts []Receipt
	byLead   map[string][]int32
	byPerson map[string]int32 // the first acceptance
	byKey    map[string]int32 // the first post with an idempotency key
	accepted uint64
	out      io.Writer // may be nil
	outErr   error
}

func newBook(out io.Writer) *Book {
	return &Book{byLead: map[string][]int32{}, byPerson: map[string]int32{}, byKey: map[string]int32{}, out: out}
}

// enter decides and writes in one step, so that two posts of one person cannot both find the book empty.
func (b *Book) enter(duplicates bool, r *Receipt, reference func(n uint64) string) (earlier *Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Accepted && duplicates && r.Person != "" {
		if i, had := b.byPerson[r.Person]; had {
			first := b.receipts[i]
			earlier = &first
			r.Accepted, r.Price, r.Reason = false, 0, ReasonDuplicate
		}
	}
	if r.Accepted {
		b.accepted++
		r.Reference = reference(b.accepted)
	}
	i := b.append(r)
	if r.key != "" {
		b.byKey[r.key] = i
	}
	if _, had := b.byPerson[r.Person]; r.Accepted && !had {
		b.byPerson[r.Person] = i
	}
	return earlier
}

func (b *Book) append(r *Receipt) int32 {
	i := int32(len(b.receipts))
	b.receipts = append(b.receipts, *r)
	b.byLead[r.Lead] = append(b.byLead[r.Lead], i)
	if b.out != nil && b.outErr == nil {
		b.outErr = writeLine(b.out, r)
	}
	return i
}

// ReasonRepeated stands in the receipt of a post whose idempotency key came before: nothing was decided or accepted by
// it.
const ReasonRepeated = "repeated"

// repeated books a post whose key came before, and returns the first one's receipt.
func (b *Book) repeated(key string, r *Receipt) (first Receipt, had bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, had := b.byKey[key]
	if !had {
		return first, false
	}
	again := *r
	again.Accepted, again.Price, again.Reason = false, 0, ReasonRepeated
	b.append(&again)
	return b.receipts[i], true
}

func writeLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Posts counts the posts of a lead, whatever became of them.
func (b *Book) Posts(leadID string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.byLead[leadID])
}

// Accepted counts the accepted posts of a lead. More than one is a lead sold twice.
func (b *Book) Accepted(leadID string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, i := range b.byLead[leadID] {
		if b.receipts[i].Accepted {
			n++
		}
	}
	return n
}

// Of returns the receipts of a lead, oldest first.
func (b *Book) Of(leadID string) []Receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Receipt
	for _, i := range b.byLead[leadID] {
		out = append(out, b.receipts[i])
	}
	return out
}

// Receipts returns a copy of all, oldest first.
func (b *Book) Receipts() []Receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.receipts)
}

// From returns a copy of the receipts from a position on, oldest first.
func (b *Book) From(i int) []Receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.receipts[min(i, len(b.receipts)):])
}

// Totals counts all posts and the accepted ones, and sums the prices of the latter.
func (b *Book) Totals() (posts, accepted int, revenue lead.Money) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.receipts {
		if b.receipts[i].Accepted {
			accepted++
			revenue += b.receipts[i].Price
		}
	}
	return len(b.receipts), accepted, revenue
}

// WriteJSON writes the receipts as JSON lines, oldest first.
func (b *Book) WriteJSON(w io.Writer) error {
	for _, r := range b.Receipts() {
		if err := writeLine(w, &r); err != nil {
			return err
		}
	}
	return nil
}

// err is the first failure to append to the book's file.
func (b *Book) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outErr
}
