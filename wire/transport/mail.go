// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"clearpost/lead"
)

// Mail is how a mail server is spoken to, and what its e-mails have in common. It holds secrets.
type Mail struct {
	User, Password string // ""; nobody logs in
	TLS            string // starttls, implicit, none
	CA             string // the authority of the server's certificate in PEM; "": those that the machine knows
	From           string
	To             []string
}

// letterHeads are the lines of a request's head that are an e-mail's.
var letterHeads = [][]byte{[]byte("From: "), []byte("To: "), []byte("Subject: "), []byte("Message-ID: ")}

// Letter is what the request of a post by e-mail is as an e-mail: the lines of its head that are one's, and its text.
func Letter(request []byte) []byte {
	head, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	var out []byte
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		for _, name := range letterHeads {
			if bytes.HasPrefix(line, name) {
				out = append(append(out, line...), "\r\n"...)
			}
		}
	}
	return append(append(out, "\r\n"...), body...)
}

// lineOf is a line of a request's head, without its name; "" if there is none.
func lineOf(request []byte, name string) string {
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+": ")); ok {
			return string(rest)
		}
	}
	return ""
}

// letter makes the e-mail of a request. No value of the lead can stand in its head but in the subject, which is one
// line.
func (m *Mail) letter(request []byte) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.From(m.From), msg.To(m.To...)); err != nil {
		return nil, err
	}
	_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	msg.Subject(lineOf(request, "Subject"))
	if id := lineOf(request, "Message-ID"); len(id) > 2 {
		msg.SetMessageIDWithValue(id[1 : len(id)-1])
	}
	msg.SetDate()
	msg.SetBodyString(mail.TypeTextPlain, string(body))
	return msg, nil
}

// mail makes the call of an e-mail. What a server says with a number is an answer with that number as its status: 250
// when it has taken the e-mail, 4xx and 5xx when it has not. Without one, Sent says whether the end of the e-mail was
// given to the connection: before that no server has it, after that it may.
func (c *Call) mail() {
	defer func() { c.Took = time.Since(c.started) }()
	t := c.Target
	ctx, cancel := context.WithDeadline(t.client.ctx, c.deadline)
	defer cancel()
	t.counts.dials.Add(1)
	t.client.places.Add(-1)
	defer t.client.places.Add(1)
	m := &mailing{ctx: ctx, t: t, until: c.deadline, why: lead.Unreachable}
	defer m.close()
	msg, err := t.cfg.Mail.letter(c.Request)
	if err != nil {
		c.tellMail(lead.RenderFailed, err)
		return
	}
	client, err := m.client()
	if err != nil {
		c.tellMail(m.why, err)
		return
	}
	talk, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		t.counts.dialErrors.Add(1)
		c.tellMail(m.failed(err), err)
		return
	}
	err = client.SendWithSMTPClient(talk, msg)
	c.hear(msg, err, ctx.Err() != nil || !time.Now().Before(c.deadline))
	if c.Refusal == lead.NoRefusal {
		t.counts.answers.Add(1)
		m.leaveSoon()
		_ = client.CloseWithSMTPClient(talk)
	}
}

// hear takes what became of an e-mail.
func (c *Call) hear(msg *mail.Msg, err error, late bool) {
	var sent *mail.SendError
	known := errors.As(err, &sent)
	switch {
	case err == nil, msg.IsDelivered():
		c.Status, c.Sent, c.Whole = 250, true, true
		c.Type, c.Body = append(c.Type, "text/plain"...), append(append(c.Body, "250 "...), msg.ServerResponse()...)
	case known && sent.ErrorCode() >= 400 && sent.ErrorCode() <= 599:
		c.Status, c.Sent, c.Whole = sent.ErrorCode(), true, true
		c.Type, c.Body = append(c.Type, "text/plain"...), append(c.Body, saidBy(err)...)
	case known && sent.Reason == mail.ErrSMTPDataClose:
		c.Sent = true
		if c.tellMail(lead.ConnectionLost, err); late {
			c.Refusal = lead.TimedOut
		}
	default:
		if c.tellMail(lead.WriteFailed, err); late {
			c.Refusal = lead.TimedOut
		}
	}
}

// tellMail ends the call without a server's word, and keeps why.
func (c *Call) tellMail(why lead.Refusal, err error) {
	c.Body = append(c.Body[:0], saidBy(err)...)
	c.tear(why)
}

// saidBy is an error as it is kept, without the recipients, who stand in the request.
func saidBy(err error) []byte {
	text := []byte(err.Error())
	if i := bytes.Index(text, []byte(", affected ")); i >= 0 {
		text = text[:i]
	}
	return text[:min(len(text), 1000)]
}

// mailing is one conversation with a mail server.
type mailing struct {
	ctx   context.Context
	t     *Target
	until time.Time
	why   lead.Refusal // what went wrong if something does now
	conn  *timedConn
}

// client says how the server is spoken to.
func (m *mailing) client() (*mail.Client, error) {
	cfg := m.t.cfg.Mail
	host, text, err := net.SplitHostPort(m.t.cfg.Addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if cfg.CA != "" {
		if secure.RootCAs = x509.NewCertPool(); !secure.RootCAs.AppendCertsFromPEM([]byte(cfg.CA)) {
			m.why = lead.TLSFailed
			return nil, errors.New("ca: expected certificates in PEM")
		}
	}
	opt := []mail.Option{mail.WithPort(port), mail.WithTimeout(time.Until(m.until)), mail.WithTLSConfig(secure),
		mail.WithoutNoop(), mail.WithTLSPolicy(mail.NoTLS),
		mail.WithDialContextFunc(func(ctx context.Context, _, addr string) (net.Conn, error) {
			return m.dial(ctx, addr, secure)
		})}
	if cfg.TLS == "starttls" {
		opt = append(opt, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if cfg.User != "" {
		opt = append(opt, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.User),
			mail.WithPassword(cfg.Password))
	}
	return mail.NewClient(host, opt...)
}

// dial makes the connection, by the dialer of all calls.
func (m *mailing) dial(ctx context.Context, addr string, secure *tls.Config) (net.Conn, error) {
	nc, err := m.t.client.dialer(m.t.cfg.AllowPrivate).DialContext(ctx, "tcp", addr)
	switch {
	case errors.Is(err, errBlocked):
		m.why = lead.BlockedAddress
		return nil, err
	case err != nil:
		return nil, err
	}
	m.conn = &timedConn{Conn: nc, until: m.until}
	context.AfterFunc(m.ctx, func() { _ = nc.Close() }) // at the end of its time, or of the client
	if err := m.conn.SetDeadline(m.until); err != nil {
		return nil, err
	}
	if m.t.cfg.Mail.TLS != "implicit" {
		return m.conn, nil
	}
	m.why = lead.TLSFailed
	spoken := tls.Client(m.conn, secure)
	if err := spoken.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	m.why = lead.Unreachable
	return spoken, nil
}

// failed is why there is no conversation.
func (m *mailing) failed(err error) lead.Refusal {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert):
		return lead.TLSFailed
	case m.t.client.ctx.Err() != nil:
		return lead.NoConnection
	}
	return m.why
}

// leaveSoon bounds what is still said when the e-mail is taken.
func (m *mailing) leaveSoon() {
	if m.conn != nil {
		m.conn.until = time.Now().Add(min(time.Second, time.Until(m.until)))
		_ = m.conn.Conn.SetDeadline(m.conn.until)
	}
}

func (m *mailing) close() {
	if m.conn != nil {
		_ = m.conn.Close()
	}
}

// timedConn is a connection whose deadlines are never later than a time, whoever sets them.
type timedConn struct {
	net.Conn
	until time.Time
}

func (c *timedConn) bound(t time.Time) time.Time {
	if t.IsZero() || t.After(c.until) {
		return c.until
	}
	return t
}

// SetDeadline implements net.Conn.
func (c *timedConn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(c.bound(t)) }

// SetReadDeadline implements net.Conn.
func (c *timedConn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.bound(t)) }

// SetWriteDeadline implements net.Conn.
func (c *timedConn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.bound(t)) }
