// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// Fault is something that goes wrong with an answer after the buyer's latency has passed.
type Fault uint8

// The faults. Those from FaultHang on strike after the buyer has decided: its book says what it decided, the caller
// does not hear it, or not clearly. Those before it strike first: the buyer takes no note of the lead.
const (
	NoFault          Fault = iota
	FaultSilence           // the request is read, no byte of an answer comes, the connection stays
	FaultClose             // the connection is closed after the request was read
	FaultReset             // the same, with a TCP reset
	Fault500               // HTTP 500 with an HTML page
	FaultRedirect307       // to the buyer's trap, with the method kept
	FaultRedirect302       // to the buyer's trap
	// the buyer says no, in words that every script's campaign knows: {"status":"rejected","reason":"no"}
	FaultNo
	FaultHang         // the head of the answer comes, its body never; the connection stays
	FaultSilentAccept // as FaultSilence, but the buyer has decided and booked
	FaultTorn         // the body ends before its Content-Length
	FaultTornChunked  // the body ends in the middle of a chunk
	FaultTornUnframed // no Content-Length, and the connection is closed in the middle of the body
	FaultContentType  // the right body, declared as application/octet-stream
	FaultInvalid      // a body that is framed well and is no JSON (nor text nor form)
	FaultOversized    // the right body, followed by white space up to OversizedBytes
	FaultPriceDrop    // a lower price than was bid; on a ping nothing happens
	Fault503          // HTTP 503 "Application error", from in front of the buyer
	Fault409          // HTTP 409 without a body
	FaultEmpty        // HTTP 200 without a body
	FaultAsync        // HTTP 202 {"Status":"Request accepted.","RequestID":"r-1"}
	FaultNotice       // HTTP 200 and a text: "SUCCESS: LEAD HAS BEEN ADDED", and a notice with a "NOT" in it
	faultCount
)

// OversizedBytes is the size of an oversized answer.
const OversizedBytes = 2 << 20

var faultNames = [faultCount]string{"none", "silence", "close", "reset", "500", "redirect_307", "redirect_302", "no",
	"hang", "silent_accept", "torn", "torn_chunked", "torn_unframed", "content_type", "invalid", "oversized",
	"price_drop", "503", "409", "empty", "async", "notice"}

// String is the fault's name in receipts.
func (f Fault) String() string { return faultNames[f] }

// Faults lists all faults, for tests that try each.
func Faults() []Fault {
	out := make([]Fault, 0, faultCount-1)
	for f := NoFault + 1; f < faultCount; f++ {
		out = append(out, f)
	}
	return out
}

// Booked tells whether the buyer decides, and books what it accepts, although the fault strikes.
func (f Fault) Booked() bool { return f == NoFault || f >= FaultHang }

// plan is which faults strike at one endpoint.
type plan struct {
	chances atomic.Pointer[[]chance]
	queued  atomic.Int64 // how many wait in next, so that the usual path takes no lock
	mu      sync.Mutex   // guards next and changes of chances
	next    []Fault
}

type chance struct {
	fault Fault
	p     float64
}

func (p *plan) set(f Fault, probability float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []chance
	if old := p.chances.Load(); old != nil {
		for _, c := range *old {
			if c.fault != f {
				out = append(out, c)
			}
		}
	}
	if probability > 0 && f != NoFault {
		out = append(out, chance{f, probability})
	}
	p.chances.Store(&out)
}

func (p *plan) queue(f Fault, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range n {
		p.next = append(p.next, f)
	}
	p.queued.Store(int64(len(p.next)))
}

func (p *plan) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = nil
	p.queued.Store(0)
	p.chances.Store(nil)
}

func (p *plan) draw(d *dice) Fault {
	if p.queued.Load() > 0 {
		if f, ok := p.pop(); ok {
			return f
		}
	}
	cs := p.chances.Load()
	if cs == nil || len(*cs) == 0 {
		return NoFault
	}
	x := d.float()
	for _, c := range *cs {
		if x < c.p {
			return c.fault
		}
		x -= c.p
	}
	return NoFault
}

func (p *plan) pop() (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.next) == 0 {
		return NoFault, false
	}
	f := p.next[0]
	p.next = p.next[1:]
	p.queued.Store(int64(len(p.next)))
	return f, true
}

// send puts the answer, spoilt by the fault, on the wire.
func (f *Farm) send(ctx *fasthttp.RequestCtx, fault Fault, buyer string, a *Answer) {
	switch fault {
	case FaultSilence, FaultSilentAccept:
		f.raw(ctx, nil, true)
	case FaultClose:
		f.raw(ctx, nil, false)
	case FaultReset:
		f.hijack(ctx, func(c net.Conn) { resetConn(c) })
	case Fault500:
		ctx.Error("<html><body><h1>500 Internal Server Error</h1></body></html>", fasthttp.StatusInternalServerError)
		ctx.SetContentType("text/html")
	case FaultRedirect307, FaultRedirect302:
		status := fasthttp.StatusTemporaryRedirect
		if fault == FaultRedirect302 {
			status = fasthttp.StatusFound
		}
		ctx.Response.Header.Set("Location", "/"+buyer+"/trap")
		ctx.SetStatusCode(status)
	case FaultNo:
		saying(ctx, 200, "application/json", `{"status":"rejected","reason":"no"}`)
	case Fault503:
		saying(ctx, 503, "text/plain", "Application error")
	case Fault409:
		saying(ctx, 409, "text/plain", "")
	case FaultEmpty:
		saying(ctx, 200, "text/plain", "")
	case FaultAsync:
		saying(ctx, 202, "application/json", `{"Status":"Request accepted.","RequestID":"r-1"}`)
	case FaultNotice:
		saying(ctx, 200, "text/plain", "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275551212|1001\nNOTICE: add_lead "+
			"NOT ADDED TO HOPPER - 7275551212|1001\n")
	case FaultHang:
		f.raw(ctx, appendHead(nil, a, "Content-Length: "+strconv.Itoa(len(a.Body))), true)
	case FaultTorn:
		b := appendHead(nil, a, "Content-Length: "+strconv.Itoa(len(a.Body)))
		f.raw(ctx, append(b, a.Body[:len(a.Body)*2/3]...), false)
	case FaultTornChunked:
		b := appendHead(nil, a, "Transfer-Encoding: chunked")
		b = append(strconv.AppendInt(b, int64(len(a.Body)), 16), "\r\n"...)
		f.raw(ctx, append(b, a.Body[:len(a.Body)*2/3]...), false)
	case FaultTornUnframed:
		b := appendHead(nil, a, "Connection: close")
		f.raw(ctx, append(b, a.Body[:len(a.Body)*2/3]...), false)
	default:
		f.whole(ctx, fault, a)
	}
}

// saying answers in place of the buyer.
func saying(ctx *fasthttp.RequestCtx, status int, kind, body string) {
	ctx.SetStatusCode(status)
	ctx.SetContentType(kind)
	ctx.SetBodyString(body)
}

// whole sends a complete HTTP answer.
func (f *Farm) whole(ctx *fasthttp.RequestCtx, fault Fault, a *Answer) {
	switch fault {
	case FaultContentType:
		a.Type = "application/octet-stream"
	case FaultInvalid:
		if len(a.Body) > 0 && a.Body[0] == '{' {
			a.Body = append(a.Body[:len(a.Body)-1], `,"`...)
		} else {
			a.Body = append(a.Body[:0], "\x00\xff\xfe<\x01"...)
		}
	case FaultOversized:
		a.Body = append(a.Body, bytes.Repeat([]byte{' '}, max(0, OversizedBytes-len(a.Body)))...)
	}
	ctx.SetStatusCode(a.Status)
	ctx.SetContentType(a.Type)
	ctx.SetBody(a.Body)
}

func appendHead(dst []byte, a *Answer, framing string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(a.Status), 10)
	dst = append(append(dst, ' '), fasthttp.StatusMessage(a.Status)...)
	dst = append(append(dst, "\r\nContent-Type: "...), a.Type...)
	dst = append(append(dst, "\r\n"...), framing...)
	return append(dst, "\r\n\r\n"...)
}

// raw writes these bytes instead of an answer, then closes the connection or keeps it until the caller goes away.
func (f *Farm) raw(ctx *fasthttp.RequestCtx, b []byte, hold bool) {
	f.hijack(ctx, func(c net.Conn) {
		if len(b) > 0 {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
		if hold {
			waitClosed(c)
		}
	})
}

func (f *Farm) hijack(ctx *fasthttp.RequestCtx, then func(net.Conn)) {
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(then)
}

// waitClosed returns when the other side, or the farm, closes the connection.
func waitClosed(c net.Conn) {
	r := bufio.NewReaderSize(c, 64)
	for {
		if _, err := r.Discard(64); err != nil {
			return
		}
	}
}
