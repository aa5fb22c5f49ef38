// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

// coded compresses a text.
func coded(coding, text string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip", "GZIP":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "bare deflate":
		w, _ = flate.NewWriter(&b, 9)
	default:
		return text
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// Answers are framed in more ways than the standard has: each is read at once, for pings and for posts, or refused by
// name. Refused at a post means that nothing is known: the request has left.
func TestAnswersInOddFraming(t *testing.T) {
	const bid = `{"price":"12.50"}`
	head := func(lines ...string) string { return "HTTP/1.1 200 OK\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" }
	in := func(name, body string) string {
		return head("Content-Encoding: "+strings.TrimPrefix(name, "bare "), fmt.Sprint("Content-Length: ", len(body))) +
			body
	}
	cookies := strings.TrimSuffix(strings.Repeat("Set-Cookie: c="+strings.Repeat("x", 1000)+"\r\n", 9), "\r\n")
	for _, c := range []struct {
		name, text, body string
		want             lead.Refusal
	}{
		{"line feeds", "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 17\n\n" + bid, bid, 0},
		{"mixed", "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 17\r\n\n" + bid, bid, 0},
		{"line feeds between chunks", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n11\n" + bid + "\n0\n\n", "",
			lead.MalformedAnswer},
		{"line feeds behind an interim answer", "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nContent-Length: 17\n\n" +
			bid, bid, 0},
		{"a carriage return alone", "HTTP/1.1 200 OK\nX: a\rb\nContent-Length: 17\n\n" + bid, "", lead.MalformedAnswer},
		{"gzip", in("gzip", coded("gzip", bid)), bid, 0},
		{"x-gzip", in("x-gzip", coded("x-gzip", bid)), bid, 0},
		{"GZIP", in("GZIP", coded("GZIP", bid)), bid, 0},
		{"deflate", in("deflate", coded("deflate", bid)), bid, 0},
		{"bare deflate", in("bare deflate", coded("bare deflate", bid)), bid, 0},
		{"deflate with more behind it", in("deflate", coded("deflate", bid)+"x"), "", lead.BadCoding},
		{"identity", in("identity", bid), bid, 0},
		{"nothing in gzip", in("gzip", ""), "", 0},
		{"cut gzip", in("gzip", coded("gzip", bid)[:20]), "", lead.BadCoding},
		{"gzip with another checksum", in("gzip", coded("gzip", bid)[:len(coded("gzip", bid))-8]+"12345678"), "",
			lead.BadCoding},
		{"no gzip", in("gzip", bid), "", lead.BadCoding},
		{"no deflate", in("deflate", bid), "", lead.BadCoding},
		{"br", in("br", bid), "", lead.BadCoding},
		{"two codings", in("gzip, gzip", bid), "", lead.BadCoding},
		{"a bomb", in("gzip", coded("gzip", strings.Repeat(" ", 1<<20))), "", lead.OversizedAnswer},
		{"nine cookies of 1 KB", head(cookies, "Content-Length: 17") + bid, bid, 0},
		{"forty", head(cookies, cookies, cookies, cookies, "Content-Length: 17") + bid, "", lead.OversizedAnswer},
	} {
		for _, post := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/post=%v", c.name, post), func(t *testing.T) {
				t.Parallel()
				s := serve(t, nil, func(p *peer) {
					if _, ok := p.next(); ok {
						p.say(c.text)
						p.hold()
					}
				})
				cl := client(t, Config{})
				call := &Call{Target: target(t, cl, link{}.target(s.addr)), Request: request("x")}
				begun := time.Now()
				if post {
					cl.PostOnce(call, begun.Add(plenty))
				} else {
					cl.Scatter([]*Call{call}, begun.Add(plenty))
				}
				if call.Refusal != c.want || c.want == 0 && string(call.Body) != c.body || !call.Sent ||
					time.Since(begun) > plenty/2 {
					t.Errorf("%v %q after %v", call.Refusal, call.Body, time.Since(begun))
				}
			})
		}
	}
}

// FuzzPlainBody: whatever a buyer sends as a coding and a body, what comes of it is the text that was compressed,
// within the limit, or a refusal by name with the body as it came. A beginning of a compressed body, or one with more
// behind it, is never a whole one.
func FuzzPlainBody(f *testing.F) {
	for i, coding := range []string{"gzip", "deflate", "bare deflate", "identity", "GZIP ", "br"} {
		text := strings.Repeat(`{"price":"12.50"}`, i)
		f.Add(coding, []byte(coded(coding, text)), []byte(text), uint16(10*i), []byte("x"))
	}
	f.Fuzz(func(t *testing.T, coding string, body, text []byte, cut uint16, tail []byte) {
		const most = 1 << 12
		kept := bytes.Clone(body)
		out, no := plainBody(coding, body, most)
		switch {
		case !bytes.Equal(body, kept):
			t.Fatalf("%q: the body was changed", coding)
		case no == lead.NoRefusal && len(out) > most && !bytes.Equal(out, body):
			t.Fatalf("%q: %d bytes, at most %d are allowed", coding, len(out), most)
		case no != lead.NoRefusal && (no != lead.BadCoding && no != lead.OversizedAnswer || !bytes.Equal(out, body)):
			t.Fatalf("%q: %v with %q", coding, no, out)
		}
		if len(text) == 0 {
			return
		}
		for _, name := range []string{"gzip", "deflate", "bare deflate"} {
			whole, coding := []byte(coded(name, string(text))), strings.TrimPrefix(name, "bare ")
			if out, no := plainBody(coding, whole, len(text)); no != lead.NoRefusal || !bytes.Equal(out, text) {
				t.Fatalf("%s of %q: %v %q", name, text, no, out)
			}
			if _, no := plainBody(coding, whole, len(text)-1); no != lead.OversizedAnswer {
				t.Fatalf("%s of %q is taken beyond its limit: %v", name, text, no)
			}
			if n := int(cut) % len(whole); n > 0 {
				if out, no := plainBody(coding, whole[:n], most); no != lead.BadCoding {
					t.Fatalf("%s of %q, cut behind %d bytes: %v %q", name, text, n, no, out)
				}
			}
			_, member := gzip.NewReader(bytes.NewReader(tail))
			if out, no := plainBody(coding, append(whole, tail...), len(text)); len(tail) > 0 && member != nil &&
				no != lead.BadCoding {
				t.Fatalf("%s of %q with %q behind it: %v %q", name, text, tail, no, out)
			}
		}
	})
}
