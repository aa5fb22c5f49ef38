// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"time"

	"clearpost/lead"
)

// Call is one request to one target and what came of it. The caller owns it; Scatter and PostOnce keep nothing of it
// after they return. A Call is used for one request at a time and may be used again after Reset.
type Call struct {
	// In.
	Target  *Target
	Request []byte // the whole HTTP/1.1 request, head and body
	// this call's own bound, from the moment its turn comes; the deadline bounds it too; 0: only the deadline
	Timeout time.Duration
	Gate    *Gate // the limit that this call counts in; nil: its target's
	Cookies bool  // keep the cookies of the answer

	// Out.
	Status int    // HTTP status of the final answer; 0 while Refusal is set
	Type   []byte // Content-Type as it came, empty when there was none; valid until Reset
	// the body without its framing; valid until Reset. Of a post that was refused, what came of it
	Body []byte
	// the framing has proven the body's end: a length or a last chunk, not the end of the connection
	Whole   bool
	Refusal lead.Refusal // NoRefusal: a complete HTTP answer is there
	Sent    bool         // at least one byte of the request was given to Write (above TLS): the buyer may have it
	// header Retry-After of an answer with the status 429 or 503, as it came; valid until Reset
	RetryAfter []byte
	Jar        []byte // with Cookies: what the answer set, as the value of a Cookie header; valid until Reset
	// from the start of writing (from the dial, on a cold target) to the end
	Took  time.Duration
	Exact bool // a read has waited for the end; else it had come before, and Took is an upper bound

	// While a Scatter runs.
	conn     *conn
	gate     *Gate
	deadline time.Time
	started  time.Time
}

// Reset makes the call ready for another request; the buffers of Type, Body and Jar are kept for it.
func (c *Call) Reset() {
	*c = Call{Type: c.Type[:0], Body: c.Body[:0], Jar: c.Jar[:0], RetryAfter: c.RetryAfter[:0]}
}

// Over tells whether the call has ended. While a ScatterUntil runs, only its Listener may ask.
func (c *Call) Over() bool { return c.Refusal != lead.NoRefusal || c.Status != 0 }

// begin clears what an earlier use left in the outputs.
func (c *Call) begin(now, deadline time.Time) {
	c.Status, c.Type, c.Body, c.Jar, c.RetryAfter = 0, c.Type[:0], c.Body[:0], c.Jar[:0], c.RetryAfter[:0]
	c.Refusal, c.Sent, c.Took, c.Whole, c.Exact = lead.NoRefusal, false, 0, false, false
	c.conn, c.gate, c.started = nil, nil, now
	c.deadline = deadline
	if c.Timeout > 0 {
		if own := now.Add(c.Timeout); own.Before(deadline) {
			c.deadline = own
		}
	}
}

// refuse ends the call without an answer.
func (c *Call) refuse(why lead.Refusal) {
	c.Refusal, c.Status, c.Whole, c.Type, c.Body, c.Jar = why, 0, false, c.Type[:0], c.Body[:0], c.Jar[:0]
}

// limit is the gate that the call enters.
func (c *Call) limit(targets *Gate) *Gate {
	if c.Gate != nil {
		return c.Gate
	}
	return targets
}
