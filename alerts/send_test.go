// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
)

func notice() *Notice {
	return &Notice{ID: "alert_1", Kind: Began, Rule: "low", On: OnBalance, Subject: "b",
		Text: "b may buy for 4.00 more", Since: noon, At: noon}
}

func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestACommandIsTold: by JSON on its standard input, by its environment, which has nothing else of ours, and by its
// arguments as they are.
func TestACommandIsTold(t *testing.T) {
	t.Setenv("SECRET", "not for others")
	out := filepath.Join(t.TempDir(), "out")
	name := script(t, `cat > "$1"; echo "$2" >> "$1"; env | grep -v PWD | grep -v _= | grep -v SHLVL | sort >> "$1"`)
	if err := run(context.Background(), []string{name, out, "two words; $HOME"}, "n1", notice()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	var got struct {
		Type string
		Data map[string]any
	}
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || got.Type != "alert.began" ||
		got.Data["node"] != "n1" || got.Data["subject"] != "b" || got.Data["id"] != "alert_1" {
		t.Errorf("%v %s", err, lines[0])
	}
	want := []string{"two words; $HOME", "CLEARPOST_ALERT=began", "CLEARPOST_ALERT_RULE=low",
		"CLEARPOST_ALERT_SUBJECT=b", "CLEARPOST_ALERT_TEXT=b may buy for 4.00 more", "CLEARPOST_NODE=n1"}
	for i, w := range want {
		if lines[i+1] != w {
			t.Errorf("line %d: %q, want %q", i+1, lines[i+1], w)
		}
	}
	if n := len(lines); n != len(want)+2 || !strings.HasPrefix(lines[n-1], "PATH=") {
		t.Errorf("%q", lines)
	}
}

func TestACommandThatFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	for _, tt := range []struct{ text, want string }{
		{"echo no such team >&2; exit 3", "exit status 3: no such team"},
		{"exit 1", "exit status 1"},
		{"sleep 60 & wait", "did not end"},
	} {
		begun := time.Now()
		err := run(ctx, []string{script(t, tt.text)}, "n1", notice())
		if err == nil || !strings.Contains(err.Error(), tt.want) || time.Since(begun) > 20*time.Second {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
	if err := run(context.Background(), []string{"/nowhere/page"}, "n1", notice()); err == nil {
		t.Error("a program that is not there was told")
	}
}

// post is a mail server that takes one mail and answers RCPT as told.
func post(t *testing.T, rcpt string) (port int, got chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	got = make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		say := func(s string) { fmt.Fprintf(conn, "%s\r\n", s) }
		say("220 post.example ESMTP")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			switch word := strings.ToUpper(strings.Fields(line + " x")[0]); word {
			case "EHLO", "HELO":
				say("250 post.example")
			case "RCPT":
				say(rcpt)
			case "DATA":
				say("354 go on")
				var b strings.Builder
				for line != ".\r\n" {
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
					b.WriteString(line)
				}
				got <- b.String()
				say("250 taken")
			case "QUIT":
				say("221 bye")
				return
			default:
				say("250 ok")
			}
		}
	}()
	return ln.Addr().(*net.TCPAddr).Port, got
}

func mailTo(port int) *Mail {
	return &Mail{Host: "127.0.0.1", Port: port, TLS: MailPlain, From: "clearpost@example.com",
		To: []string{"desk@example.com"}}
}

func TestAMail(t *testing.T) {
	port, got := post(t, "250 ok")
	m := mailTo(port)
	if err := m.send(context.Background(), "n1", notice()); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for _, want := range []string{"From: <clearpost@example.com>", "To: <desk@example.com>",
		"Subject: [clearpost n1] b may buy for 4.00 more", "Message-ID: <alert_1@127.0.0.1>", "rule     low (balance)",
		"since    2026-11-23 12:00:00 UTC"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestAMailThatIsRefused: by the server, or since it speaks no TLS where that is wanted.
func TestAMailThatIsRefused(t *testing.T) {
	port, _ := post(t, "550 no such mailbox")
	m := mailTo(port)
	if err := m.send(context.Background(), "n1", notice()); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("refused: %v", err)
	}
	port, got := post(t, "250 ok")
	m.Port, m.TLS, m.Username, m.Password = port, MailSTARTTLS, "u", "secret word"
	err := m.send(context.Background(), "n1", notice())
	if err == nil || len(got) != 0 || strings.Contains(err.Error(), "secret word") {
		t.Errorf("without TLS: %v", err)
	}
}
