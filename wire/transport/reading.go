// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"clearpost/lead"

	"github.com/valyala/fasthttp"
)

// state is how far the reading of an answer has come.
type state uint8

const (
	complete state = iota
	waits          // ran out of time (or of bytes, when polling); may be gone on with later
	failed         // why says what is wrong with it
)

// The parts of an answer, in their order. A body is one of data, chunks or the rest.
const (
	inHead uint8 = iota
	inData
	inChunkSize
	inChunkData
	inChunkEnd
	inTrailer
	inRest
	atEnd
)

const (
	interimMax  = 8    // informational answers before the real one
	trailersMax = 64   // lines after the last chunk
	growStep    = 4096 // a body's buffer grows with what has come, not with what was announced
)

// reading is one answer while it is read. Running out of time in the middle loses nothing: the next read goes on
// where the last one stopped, in the hands of a late reader too. fasthttp parses the head, once it is there whole.
type reading struct {
	br      *bufio.Reader
	small   *bufio.Reader // br, unless a large head needs more room
	headMax int
	head    fasthttp.ResponseHeader
	part    uint8
	noBody  bool // the request was a HEAD
	closing bool // the connection is of no use after this answer
	rest    bool // the body ends with the connection: its end proves nothing
	interim int
	lines   int // of the trailer
	left    int // bytes of the data or chunk that are still to come
	why     lead.Refusal
}

// readSize is the size of a read buffer, but for answers with larger heads.
const readSize = 8 << 10

func newReading(size, headMax int) *reading {
	a := &reading{small: bufio.NewReaderSize(nil, size), headMax: headMax}
	a.br = a.small
	a.head.SetNoDefaultContentType(true)
	return a
}

// start turns to the next answer of a connection.
func (a *reading) start(w *conn, noBody bool) {
	w.got, w.err = 0, nil
	a.br = a.small
	a.br.Reset(w)
	a.rest = false
	a.part, a.noBody, a.closing, a.interim, a.lines, a.left, a.why = inHead, noBody, false, 0, 0, 0, lead.NoRefusal
}

// read reads on, appending the body to body.
func (a *reading) read(w *conn, body []byte, bodyMax int) ([]byte, state) {
	w.err = nil
	ok := true
	for ok && a.part != atEnd {
		switch a.part {
		case inHead:
			ok = a.readHead(w, bodyMax)
		case inData, inChunkData:
			body, ok = a.readData(w, body)
		case inRest:
			body, ok = a.readRest(w, body, bodyMax)
		default:
			ok = a.readChunkLine(w, len(body), bodyMax)
		}
	}
	switch {
	case ok:
		return body, complete
	case a.why == lead.NoRefusal:
		return body, waits
	}
	return body, failed
}

// stop judges a read that came to nothing. It returns false for its callers to return.
func (a *reading) stop(w *conn) bool {
	switch {
	case w.err != nil && isTimeout(w.err):
	case w.err == nil:
		a.why = lead.MalformedAnswer
	case w.got == 0:
		a.why = lead.ConnectionLost
	default:
		a.why = lead.TornAnswer
	}
	return false
}

// refuse ends the reading for a reason of our own.
func (a *reading) refuse(why lead.Refusal) bool {
	a.why = why
	return false
}

// reusable tells, after a complete answer, whether the connection can carry another call.
func (a *reading) reusable() bool {
	return !a.closing && !a.head.ConnectionClose() && a.br.Buffered() == 0
}

// readHead waits for a whole head and decides what follows it.
func (a *reading) readHead(w *conn, bodyMax int) bool {
	for {
		buf, _ := a.br.Peek(a.br.Buffered())
		for len(buf) > 0 && (buf[0] == '\r' || buf[0] == '\n') { // tolerated before a status line
			_, _ = a.br.Discard(1)
			buf = buf[1:]
		}
		if n := headEnd(buf); n > 0 {
			return a.parseHead(w, buf[:n], bodyMax)
		}
		if len(buf) > 4 && !bytes.HasPrefix(buf, []byte("HTTP/")) {
			return a.refuse(lead.MalformedAnswer)
		}
		if len(buf) >= a.br.Size() && !a.grow(w) {
			return a.refuse(lead.OversizedAnswer)
		}
		if _, err := a.br.Peek(len(buf) + 1); err != nil {
			return a.stop(w)
		}
	}
}

// grow makes room for a head as large as one may be; false: there is.
func (a *reading) grow(w *conn) bool {
	if a.br.Size() >= a.headMax {
		return false
	}
	have, _ := a.br.Peek(a.br.Buffered())
	a.br = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(have)), w), a.headMax)
	_, _ = a.br.Peek(len(have)) // all of it is there
	return true
}

// headEnd is the length of the head at the start of buf, 0 while it is not whole.
func headEnd(buf []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(buf[at:], '\n')
		if i < 0 {
			return 0
		}
		at += i + 1
		if rest := buf[at:]; len(rest) > 0 && rest[0] == '\n' {
			return at + 1
		} else if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' {
			return at + 2
		}
	}
}

// parseHead parses raw, which is at the front of the buffer.
func (a *reading) parseHead(w *conn, raw []byte, bodyMax int) bool {
	if !a.readLines(raw) {
		return a.refuse(lead.MalformedAnswer)
	}
	status := a.head.StatusCode()
	switch {
	case status < 100:
		return a.refuse(lead.MalformedAnswer)
	case status < 200 && status != fasthttp.StatusSwitchingProtocols:
		if a.interim++; a.interim > interimMax {
			return a.refuse(lead.MalformedAnswer)
		}
		return true // the real one follows
	case status == fasthttp.StatusSwitchingProtocols:
		a.part, a.closing = atEnd, true
		return true
	case a.noBody || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified:
		a.part = atEnd
		return true
	}
	switch n := a.head.ContentLength(); {
	case n > bodyMax:
		return a.refuse(lead.OversizedAnswer)
	case n >= 0:
		a.part, a.left = inData, n
		if n == 0 {
			a.part = atEnd
		}
	case n == -1:
		a.part = inChunkSize
	case endsWithConnection(raw):
		a.part, a.closing, a.rest = inRest, true, true
	default:
		// Nothing says where it ends, and the connection is not said to end with it: a part cannot be told from the
		// whole.
		return a.refuse(lead.TornAnswer)
	}
	return true
}

// readLines reads the lines of a head and takes them from the buffer. Where some end with a line feed alone, the parser
// is given them as they should be: it would wait for an end that it does not see. Such a connection carries nothing
// more.
func (a *reading) readLines(raw []byte) bool {
	feeds := bytes.Count(raw, []byte("\n"))
	if bytes.Count(raw, []byte("\r\n")) == feeds {
		return a.head.Read(a.br) == nil
	}
	a.closing = true
	fixed := make([]byte, 0, len(raw)+feeds)
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if bytes.IndexByte(line, '\r') >= 0 {
			return false
		}
		fixed = append(append(fixed, line...), "\r\n"...)
	}
	_, _ = a.br.Discard(len(raw))
	return a.head.Read(bufio.NewReaderSize(bytes.NewReader(fixed), len(fixed)+1)) == nil
}

// endsWithConnection tells whether a head without a length says that the body ends when the connection does. fasthttp's
// ConnectionClose is no help: it is true for every head without a length.
func endsWithConnection(raw []byte) bool {
	if bytes.HasPrefix(raw, []byte("HTTP/1.0")) {
		return true
	}
	for line := range bytes.Lines(raw) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(name), []byte("Connection")) {
			continue
		}
		for token := range bytes.SplitSeq(value, []byte(",")) {
			if bytes.EqualFold(bytes.TrimSpace(token), []byte("close")) {
				return true
			}
		}
	}
	return false
}

// readData reads a body of known length, or one chunk.
func (a *reading) readData(w *conn, body []byte) ([]byte, bool) {
	for a.left > 0 {
		body = room(body, a.left)
		n, err := a.br.Read(body[len(body):min(cap(body), len(body)+a.left)])
		body = body[:len(body)+n]
		a.left -= n
		if err != nil && a.left > 0 {
			return body, a.stop(w)
		}
	}
	if a.part == inData {
		a.part = atEnd
	} else {
		a.part = inChunkEnd
	}
	return body, true
}

// readRest reads until the connection ends. Only its orderly end completes the body.
func (a *reading) readRest(w *conn, body []byte, bodyMax int) ([]byte, bool) {
	for {
		body = room(body, bodyMax+1-len(body))
		n, err := a.br.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > bodyMax:
			return body, a.refuse(lead.OversizedAnswer)
		case errors.Is(err, io.EOF) && errors.Is(w.err, io.EOF):
			a.part = atEnd
			return body, true
		case err != nil:
			return body, a.stop(w)
		}
	}
}

// room makes place for the next bytes of a body.
func room(body []byte, want int) []byte {
	if cap(body) > len(body) {
		return body
	}
	return slices.Grow(body, min(want, max(growStep, len(body))))
}

// readChunkLine reads one line of chunk framing: a size, the end of a chunk, a trailer.
func (a *reading) readChunkLine(w *conn, have, bodyMax int) bool {
	line, ok := a.line(w)
	if !ok {
		return false
	}
	switch a.part {
	case inChunkEnd:
		if len(line) > 0 {
			return a.refuse(lead.MalformedAnswer)
		}
		a.part = inChunkSize
	case inTrailer:
		a.lines++
		switch {
		case len(line) == 0:
			a.part = atEnd
		case bytes.IndexByte(line, ':') < 1:
			return a.refuse(lead.MalformedAnswer)
		case a.lines > trailersMax:
			return a.refuse(lead.OversizedAnswer)
		}
	default:
		size, ok := chunkSize(line)
		switch {
		case !ok:
			return a.refuse(lead.MalformedAnswer)
		case size > bodyMax-have:
			return a.refuse(lead.OversizedAnswer)
		case size == 0:
			a.part = inTrailer
		default:
			a.part, a.left = inChunkData, size
		}
	}
	return true
}

// line takes a whole line from the buffer, without its end; nothing is taken while it is not whole.
func (a *reading) line(w *conn) ([]byte, bool) {
	for {
		buf, _ := a.br.Peek(a.br.Buffered())
		if i := bytes.IndexByte(buf, '\n'); i >= 0 {
			_, _ = a.br.Discard(i + 1)
			line, ok := bytes.CutSuffix(buf[:i], []byte("\r"))
			if !ok || bytes.IndexByte(line, '\r') >= 0 { // readers differ about chunks whose lines end otherwise
				return nil, a.refuse(lead.MalformedAnswer)
			}
			return line, true
		}
		if len(buf) >= a.br.Size() {
			return nil, a.refuse(lead.OversizedAnswer)
		}
		if _, err := a.br.Peek(len(buf) + 1); err != nil {
			return nil, a.stop(w)
		}
	}
}

// chunkSize reads the hexadecimal size at the start of a line; an extension after it is of no interest.
func chunkSize(line []byte) (int, bool) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 16 {
		return 0, false
	}
	n := 0
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		n = min(n<<4|int(c), 1<<30) // larger than any limit, and never an overflow
	}
	return n, true
}
