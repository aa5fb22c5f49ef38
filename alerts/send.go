// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-json"
	"github.com/wneessen/go-mail"

	"clearpost/exchange"
	"clearpost/queue"
)

// sendMax is the time of one try of a command or a mail.
const sendMax = 30 * time.Second

// sender sends a notice once.
type sender struct {
	ex   *exchange.Exchange
	node string
}

func (s *sender) send(ctx context.Context, p *Receiver, n *Notice) error {
	switch {
	case p.Webhook != nil:
		m, err := message(s.node, n)
		if err != nil {
			return err
		}
		if a := s.ex.Tell(ctx, "alerts "+p.ID, p.Webhook, m); !a.Taken {
			return errors.New(a.Why)
		}
		return nil
	case p.Command != nil:
		return run(ctx, p.Command, s.node, n)
	}
	return p.Mail.send(ctx, s.node, n)
}

// body is a notice as webhooks and commands get it.
func body(node string, n *Notice) ([]byte, error) {
	return json.MarshalWithOption(struct {
		Type string    `json:"type"`
		At   time.Time `json:"timestamp"`
		Data any       `json:"data"`
	}{"alert." + n.Kind, n.At, struct {
		Node string `json:"node"`
		*Notice
	}{node, n}}, json.DisableHTMLEscape())
}

func message(node string, n *Notice) (*queue.Message, error) {
	b, err := body(node, n)
	return &queue.Message{ID: n.ID, At: n.At, Body: b}, err
}

// run starts a program with a notice as JSON on its standard input, and in words in its environment. It ended well if
// its status is 0. Whatever it has started ends with it when its time is over.
func run(ctx context.Context, command []string, node string, n *Notice) error {
	b, err := body(node, n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendMax)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Stdin = bytes.NewReader(append(b, '\n'))
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "CLEARPOST_ALERT=" + n.Kind,
		"CLEARPOST_ALERT_RULE=" + n.Rule, "CLEARPOST_ALERT_SUBJECT=" + n.Subject, "CLEARPOST_ALERT_TEXT=" + n.Title(),
		"CLEARPOST_NODE=" + node}
	var said tail
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	switch err := c.Run(); {
	case ctx.Err() != nil:
		return fmt.Errorf("the command did not end within %s", sendMax)
	case err != nil && len(said) > 0:
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
	default:
		return err
	}
}

// tail keeps the last bytes that were written.
type tail []byte

const tailMax = 200

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	if n := len(*t) - tailMax; n > 0 {
		*t = (*t)[n:]
	}
	return len(p), nil
}

// TLS of a mail server's connection.
const (
	MailSTARTTLS = "starttls"
	MailTLS      = "tls"
	MailPlain    = "none"
)

// Mail is the way to people's mailboxes.
type Mail struct {
	Host               string
	Port               int
	TLS                string // MailSTARTTLS, MailTLS or MailPlain
	Username, Password string // empty: the server wants none
	From               string
	To                 []string
}

func (m *Mail) send(ctx context.Context, node string, n *Notice) error {
	opts := []mail.Option{mail.WithPort(m.Port), mail.WithTimeout(sendMax), mail.WithoutNoop()}
	switch m.TLS {
	case MailTLS:
		opts = append(opts, mail.WithSSL())
	case MailPlain:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.Username != "" {
		auth := mail.SMTPAuthAutoDiscover
		if m.TLS == MailPlain {
			auth = mail.SMTPAuthPlainNoEnc
		}
		opts = append(opts, mail.WithSMTPAuth(auth), mail.WithUsername(m.Username), mail.WithPassword(m.Password))
	}
	c, err := mail.NewClient(m.Host, opts...)
	if err != nil {
		return err
	}
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(m.From), msg.To(m.To...)); err != nil {
		return err
	}
	msg.SetMessageIDWithValue(n.ID + "@" + m.Host)
	msg.SetDateWithValue(n.At)
	msg.Subject("[clearpost " + node + "] " + n.Title())
	msg.SetBodyString(mail.TypeTextPlain, n.letter(node))
	ctx, cancel := context.WithTimeout(ctx, sendMax)
	defer cancel()
	return c.DialAndSendWithContext(ctx, msg)
}

// letter is a notice as people read it.
func (n *Notice) letter(node string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", n.Title())
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-8s %s\n", name, value)
		}
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02 15:04:05 MST")
	}
	line("rule", n.Rule+" ("+n.On+")")
	line("about", n.Subject)
	line("since", stamp(n.Since))
	line("until", stamp(n.Until))
	line("node", node)
	return b.String()
}
