// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/lead"
)

// post is a server that takes e-mails, as far as its script lets it.
type post struct {
	addr string
	// what it says to a command, such as "RCPT"; "" as anyone would; "-" nothing, and it closes; "..." nothing at all
	say map[string]string

	mu    sync.Mutex
	taken []string // guarded by mu: e-mails to whose end it said 250, with their recipients before them
}

func newPost(t *testing.T, say map[string]string) *post {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{addr: ln.Addr().String(), say: say}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); p.talk(c) })
		}
	})
	return p
}

// talk is one conversation.
func (p *post) talk(c net.Conn) {
	r, to := bufio.NewReader(c), ""
	say := func(command, usual string) bool {
		if s, ok := p.say[command]; ok {
			usual = s
		}
		switch usual {
		case "-":
			return false
		case "...":
			_, _ = io.Copy(io.Discard, c)
			return false
		}
		_, err := fmt.Fprintf(c, "%s\r\n", usual)
		return err == nil
	}
	if !say("", "220 mail.test ESMTP") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.TrimSpace(line[:min(4, len(line))]))
		switch command {
		case "EHLO":
			line = "250 8BITMIME"
		case "RCPT":
			to += strings.TrimSpace(line[8:])
			line = "250 OK"
		case "DATA":
			if !say("DATA", "354 go on") {
				return
			}
			var text strings.Builder
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(line)
			}
			p.mu.Lock()
			if p.say["."] == "" {
				p.taken = append(p.taken, to+"\n"+text.String())
			}
			p.mu.Unlock()
			if !say(".", "250 2.0.0 OK id=7") {
				return
			}
			continue
		default:
			line = "250 OK"
		}
		if !say(command, line) {
			return
		}
	}
}

func (p *post) letters() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.taken...)
}

const letterRequest = "POST /post/a HTTP/1.1\r\nHost: mail.invalid\r\nFrom: leads@exchange.example\r\n" +
	"To: desk@harbor.example, boss@harbor.example\r\nSubject: Lead of Jos\xc3\xa9\r\n" +
	"Message-ID: <019bc225-4e88-7000-8000-000000000002@clearpost>\r\nContent-Type: text/plain\r\n\r\n" +
	"Name: Jos\xc3\xa9\n.\nPhone: 2125551234\n"

// sendLetter sends one, within two seconds.
func sendLetter(t *testing.T, addr string, allow bool, change func(*Mail)) *Call {
	t.Helper()
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	m := &Mail{TLS: "none", From: "leads@exchange.example", To: []string{"desk@harbor.example", "boss@harbor.example"}}
	if change != nil {
		change(m)
	}
	target, err := c.Target(TargetConfig{Name: "harbor", Addr: addr, Mail: m, AllowPrivate: allow})
	if err != nil {
		t.Fatal(err)
	}
	call := &Call{Target: target, Request: []byte(letterRequest)}
	begun := time.Now()
	c.PostOnce(call, begun.Add(2*time.Second))
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	return call
}

func TestALetterIsTakenOnce(t *testing.T) {
	p := newPost(t, nil)
	call := sendLetter(t, p.addr, true, nil)
	if call.Status != 250 || call.Refusal != lead.NoRefusal || !call.Sent || !call.Whole ||
		string(call.Body) != "250 2.0.0 OK id=7" {
		t.Fatalf("%d %s %q", call.Status, call.Refusal, call.Body)
	}
	got := p.letters()
	if len(got) != 1 {
		t.Fatalf("%d letters", len(got))
	}
	to, text, _ := strings.Cut(got[0], "\n")
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if to != "<desk@harbor.example><boss@harbor.example>" || err != nil ||
		m.Header.Get("Message-Id") != "<019bc225-4e88-7000-8000-000000000002@clearpost>" ||
		m.Header.Get("Subject") != "=?UTF-8?q?Lead_of_Jos=C3=A9?=" ||
		!strings.HasPrefix(m.Header.Get("Content-Type"), "text/plain; charset=UTF-8") ||
		strings.ReplaceAll(string(body), "\r\n", "\n") != "Name: José\n..\nPhone: 2125551234\n.\n" {
		t.Errorf("%v: %s to %s: %q", err, m.Header, to, body)
	}
}

// What a server says before it has the whole letter is a clear no or nothing sent; after that silence proves nothing.
func TestWhatBecomesOfALetter(t *testing.T) {
	for say, want := range map[[2]string]struct {
		status int
		why    lead.Refusal
		sent   bool
	}{
		{"", "554 no service here"}:     {0, lead.Unreachable, false},
		{"", "-"}:                       {0, lead.Unreachable, false},
		{"", "..."}:                     {0, lead.Unreachable, false},
		{"EHLO", "-"}:                   {0, lead.Unreachable, false},
		{"MAIL", "421 too busy"}:        {421, lead.NoRefusal, true},
		{"RCPT", "550 no such mailbox"}: {550, lead.NoRefusal, true},
		{"RCPT", "-"}:                   {0, lead.WriteFailed, false},
		{"RCPT", "..."}:                 {0, lead.TimedOut, false},
		{"DATA", "451 try later"}:       {451, lead.NoRefusal, true},
		{"DATA", "-"}:                   {0, lead.WriteFailed, false},
		{".", "552 mailbox full"}:       {552, lead.NoRefusal, true},
		{".", "-"}:                      {0, lead.ConnectionLost, true},
		{".", "..."}:                    {0, lead.TimedOut, true},
		{".", "250 OK"}:                 {250, lead.NoRefusal, true},
		{"RSET", "-"}:                   {250, lead.NoRefusal, true},
		{"QUIT", "..."}:                 {250, lead.NoRefusal, true},
	} {
		t.Run(strings.Join(say[:], " "), func(t *testing.T) {
			t.Parallel()
			p := newPost(t, map[string]string{say[0]: say[1]})
			call := sendLetter(t, p.addr, true, nil)
			if call.Status != want.status || call.Refusal != want.why || call.Sent != want.sent ||
				call.Took == 0 || len(call.Body) == 0 || strings.Contains(string(call.Body), "harbor.example") {
				t.Errorf("%d %s, sent %v: %q", call.Status, call.Refusal, call.Sent, call.Body)
			}
		})
	}
}

func TestLettersGoNowhereUnsafe(t *testing.T) {
	p := newPost(t, nil)
	for name, c := range map[string]struct {
		allow  bool
		change func(*Mail)
		want   lead.Refusal
	}{
		"a private address":   {false, nil, lead.BlockedAddress},
		"no STARTTLS":         {true, func(m *Mail) { m.TLS = "starttls" }, lead.Unreachable},
		"no TLS":              {true, func(m *Mail) { m.TLS = "implicit" }, lead.TLSFailed},
		"nowhere to log in":   {true, func(m *Mail) { m.User, m.Password = "a", "secret" }, lead.Unreachable},
		"no authority":        {true, func(m *Mail) { m.CA = "x" }, lead.TLSFailed},
		"a sender that is no": {true, func(m *Mail) { m.From = "nobody" }, lead.RenderFailed},
	} {
		call := sendLetter(t, p.addr, c.allow, c.change)
		if call.Refusal != c.want || call.Sent || strings.Contains(string(call.Body), "secret") {
			t.Errorf("%s: %s, sent %v: %q", name, call.Refusal, call.Sent, call.Body)
		}
	}
	if got := p.letters(); len(got) != 0 {
		t.Errorf("letters: %q", got)
	}
	if call := sendLetter(t, "127.0.0.1:1", true, nil); call.Refusal != lead.Unreachable || call.Sent {
		t.Errorf("nobody listens: %s", call.Refusal)
	}
}

func TestLetterOfARequest(t *testing.T) {
	want := "From: leads@exchange.example\r\nTo: desk@harbor.example, boss@harbor.example\r\n" +
		"Subject: Lead of Jos\xc3\xa9\r\nMessage-ID: <019bc225-4e88-7000-8000-000000000002@clearpost>\r\n\r\n" +
		"Name: Jos\xc3\xa9\n.\nPhone: 2125551234\n"
	if got := string(Letter([]byte(letterRequest))); got != want {
		t.Errorf("%q", got)
	}
}
