// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"clearpost/config"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/exchange/intake/posting"
)

type specCmd struct {
	Source   string `arg:"" help:"Id of the source."`
	Vertical string `arg:"" help:"Id of the vertical."`
	place
	Format string `help:"How to write it: html, md, openapi or openapi-json." enum:"html,md,openapi,openapi-json" default:"html"`
	Out    string `short:"o" help:"File to write; - is standard output." default:"-" placeholder:"FILE"`
	URL    string `help:"Address under which the seller reaches the exchange; else specs.url, else listen." placeholder:"URL"`
	Link   bool   `help:"Print the link that opens the spec in a browser, and nothing else." xor:"what"`
	Diff   bool   `help:"Print what differs from the version that is in force, and nothing else." xor:"what"`
}

// Help implements kong.HelpProvider.
func (specCmd) Help() string {
	return `What a seller has to send, made from the configuration. It needs no running exchange. The versions that were in force stand in data_dir.

Examples:
  clearpost spec quotemill auto ./conf -o spec.html --url https://leads.example
  clearpost spec quotemill auto ./conf --format md
  clearpost spec quotemill auto ./conf --link     # for the seller; it is no API key, and opens nothing else
  clearpost spec quotemill auto ./conf --diff     # what your changes mean to the seller, before you start with them

Exit code 0: done; with --diff, nothing differs. 1: it could not be done; with --diff, something differs. 2: wrong use.`
}

// Run writes.
func (c *specCmd) Run(e *env) error {
	cfg, err := configToRead(e.err, c.dir())
	if err != nil {
		return err
	}
	if c.Link && config.IsStandIn(cfg.SpecSecret) {
		return fmt.Errorf("specs.secret is not set here: links are derived from it")
	}
	src, v, err := c.find(&cfg.Exchange)
	if err != nil {
		return err
	}
	base, err := c.base(cfg)
	if err != nil {
		return err
	}
	if c.Link {
		links, err := cfg.SpecLinks()
		if err != nil {
			return err
		}
		link := base + "/spec/" + url.PathEscape(src.ID) + "/" + url.PathEscape(v.ID)
		if !src.SpecPublic {
			link += "?token=" + links.Token(src.ID, v.ID)
		}
		fmt.Fprintln(e.out, link)
		return nil
	}
	p, err := intake.SpecPage(src, v, &cfg.Exchange, cfg.Limits.BodyBytesMax, cfg.SpecHistory(), time.Now())
	if err != nil {
		return err
	}
	if c.Diff {
		return c.diff(e, p.Steps)
	}
	p.Base = base
	b, _, err := intake.WriteSpec(p, c.Format)
	if err != nil {
		return err
	}
	b = append(bytes.TrimRight(b, "\n"), '\n')
	if c.Out == "-" {
		_, err = e.out.Write(b)
		return err
	}
	return os.WriteFile(c.Out, b, 0o644)
}

func (c *specCmd) find(x *exchange.Config) (*exchange.Source, *exchange.Vertical, error) {
	i := slices.IndexFunc(x.Sources, func(s *exchange.Source) bool { return s.ID == c.Source })
	if i < 0 {
		return nil, nil, fmt.Errorf("no source %q", c.Source)
	}
	src := x.Sources[i]
	if !slices.Contains(src.Verticals, c.Vertical) {
		return nil, nil, fmt.Errorf("source %q has no vertical %q: it has %s", c.Source, c.Vertical,
			strings.Join(src.Verticals, ", "))
	}
	k := slices.IndexFunc(x.Verticals, func(v *exchange.Vertical) bool { return v.ID == c.Vertical })
	return src, x.Verticals[k], nil
}

// base is the address under which the seller reaches the exchange.
func (c *specCmd) base(cfg *config.Config) (string, error) {
	switch {
	case c.URL != "":
		u := config.CleanURL(c.URL)
		if u == "" {
			return "", fmt.Errorf("--url %q: expected an address such as https://leads.example", c.URL)
		}
		return u, nil
	case cfg.SpecURL != "":
		return cfg.SpecURL, nil
	}
	host, port, _ := net.SplitHostPort(cfg.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return cfg.TLS.Scheme() + "://" + net.JoinHostPort(host, port), nil
}

// diff prints what the newest version that was in force and the configuration differ in.
func (c *specCmd) diff(e *env, steps []posting.Step) error {
	now := steps[0]
	if !now.Since.IsZero() {
		fmt.Fprintf(e.out, "nothing differs from version %d\n", now.Number)
		return nil
	}
	if now.Number == 1 {
		fmt.Fprintln(e.out, "no version was in force yet")
		return errSaid
	}
	for _, ch := range now.Changes {
		fmt.Fprintf(e.out, "%s: %s\n", ch.Subject, ch.What)
	}
	return errSaid
}
