// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/wneessen/go-mail"

	"clearpost/batch"
)

// mailPlace is a mail server that takes files as attachments. A file is stored when the server has taken its e-mail.
type mailPlace struct {
	handed
	m      *batch.Mail
	client *mail.Client
}

func openMail(ctx context.Context, m *batch.Mail, allowPrivate bool) (*mailPlace, error) {
	c, err := mailClient(ctx, m, allowPrivate)
	return &mailPlace{m: m, client: c}, err
}

// mailClient is a client whose connections end with the context, which its own would do while they are made only.
func mailClient(ctx context.Context, m *batch.Mail, allowPrivate bool) (*mail.Client, error) {
	host, text, err := net.SplitHostPort(m.Address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	cfg, err := tlsOf(host, m.CA)
	if err != nil {
		return nil, err
	}
	opt := []mail.Option{mail.WithPort(port), mail.WithTimeout(m.Timeout), mail.WithTLSConfig(cfg),
		mail.WithDialContextFunc(func(dialing context.Context, _, addr string) (net.Conn, error) {
			c, err := dial(dialing, addr, m.Timeout, allowPrivate)
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, func() { _ = c.Close() })
			c.hear(listMax)
			if m.TLS != "implicit" {
				return c, nil
			}
			return shakeHands(dialing, c, cfg)
		})}
	switch m.TLS {
	case "starttls":
		opt = append(opt, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		opt = append(opt, mail.WithTLSPolicy(mail.NoTLS))
	}
	if m.User != "" {
		opt = append(opt, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User),
			mail.WithPassword(m.Password))
	}
	return mail.NewClient(host, opt...)
}

// shakeHands makes TLS of a connection.
func shakeHands(ctx context.Context, c net.Conn, cfg *tls.Config) (net.Conn, error) {
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// Store implements batch.Place.
func (p *mailPlace) Store(ctx context.Context, f *batch.File) error {
	msg := mail.NewMsg()
	err := errors.Join(msg.From(p.m.From), msg.To(p.m.To...))
	if err != nil {
		return err
	}
	msg.Subject(f.Subject)
	msg.SetMessageIDWithValue(f.ID.String() + "@clearpost") // who gets it twice can tell
	msg.SetDate()
	msg.SetBodyString(mail.TypeTextPlain, f.Text)
	if err := msg.AttachReader(f.Name, bytes.NewReader(f.Bytes),
		mail.WithFileContentType(mail.ContentType(mediaType(f.Name)))); err != nil {
		return err
	}
	return sendMail(ctx, p.client, msg)
}

// sendMail gives a server an e-mail, once. The error says whether the server may have taken it.
func sendMail(ctx context.Context, c *mail.Client, msg *mail.Msg) error {
	err := c.DialAndSendWithContext(ctx, msg)
	var sent *mail.SendError
	switch {
	case err == nil, msg.IsDelivered():
		return nil
	case errors.As(err, &sent) && sent.Reason == mail.ErrSMTPDataClose && sent.ErrorCode() < 400:
		return errors.Join(batch.ErrUnclear, err) // all of it was given, and no answer came
	}
	return fmt.Errorf("not sent: %w", err)
}

// Repeats implements batch.Place.
func (p *mailPlace) Repeats() bool { return false }
