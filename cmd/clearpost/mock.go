// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"clearpost/buyers/conform"
	"clearpost/config"
	"clearpost/lead"
)

type mockCmd struct {
	Campaign string        `arg:"" help:"Id of the campaign."`
	Listen   string        `help:"Address; port 0 is a free one." default:"127.0.0.1:0"`
	Config   string        `name:"config" short:"d" help:"Configuration directory." default:"." env:"CLEARPOST_DIR" type:"existingdir"`
	Slow     time.Duration `help:"Wait this long before each answer, such as 300ms."`
	FailRate float64       `help:"The part of requests, 0 to 1, that ends with a status 500 or a closed connection."`
	Seed     uint64        `help:"Of --fail-rate." default:"1"`
	Reject   bool          `help:"Refuse everything."`
}

// Help implements kong.HelpProvider.
func (mockCmd) Help() string {
	return `It answers by the campaign's examples: the lead of an example as that example says, any other lead as the first example that accepts, with a
token and a reference of its own each time. A request without a required value, with a token that it never gave, or of a person that it
has bought already is refused by an example of such a refusal. One line a request is printed, without personal data. Ctrl-C ends it.

Examples:
  clearpost mock harborline-standard -d ./conf --listen 127.0.0.1:9900
  clearpost mock harborline-standard -d ./conf --slow 400ms --fail-rate 0.1
  clearpost probe harborline-standard -d ./conf --to http://127.0.0.1:9900 --allow-private     # in another window`
}

// Run serves until Ctrl-C.
func (c *mockCmd) Run(e *env) error {
	if c.FailRate < 0 || c.FailRate > 1 || c.Slow < 0 {
		return fmt.Errorf("--fail-rate is from 0 to 1, --slow not negative")
	}
	cfg, err := configToSend(e.err, c.Config, c.Campaign, config.Options{})
	if err != nil {
		return err
	}
	rules, err := cfg.Rules(c.Campaign, true)
	if err != nil {
		return err
	}
	var mu sync.Mutex // one line at a time
	m, err := conform.NewMock(conform.MockConfig{Campaign: cfg.Exchange.Book.Campaign(c.Campaign),
		Sample: rules.Inputs.Lead, Reject: c.Reject, Slow: c.Slow, FailRate: c.FailRate, Seed: c.Seed,
		Log: func(s conform.Served) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(e.out, toldServed(&s))
		}})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s as a mock: http://%s\n", c.Campaign, ln.Addr())
	srv := &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stopped := context.AfterFunc(e.ctx, func() { _ = srv.Close() })
	defer stopped()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// toldServed is a request in a line.
func toldServed(s *conform.Served) string {
	line := s.Method + " " + s.Path
	if s.Call != "" {
		line += " (" + s.Call + ")"
	}
	line += fmt.Sprintf(" → %d", s.Status)
	switch {
	case s.Outcome == lead.Accepted && s.Price != "":
		line += " accepted at " + s.Price
	case s.Outcome != lead.OutcomeNone:
		line += " " + s.Outcome.String()
	}
	if name := s.Refusal.Info().Name; s.Refusal != lead.NoRefusal && name != s.Outcome.String() {
		line += " " + name
	}
	line += "; " + s.Note
	if len(s.Unmet) > 0 {
		line += "; the campaign does not want such a lead and would not be asked: " + strings.Join(s.Unmet, ", ")
	}
	return line
}
