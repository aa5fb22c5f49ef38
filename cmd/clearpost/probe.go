// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/buyers/conform"
	"clearpost/config"
)

type probeCmd struct {
	Campaign     string `arg:"" help:"Id of the campaign."`
	To           string `help:"Scheme, host and port of the staging endpoint; paths stay those of the campaign." placeholder:"URL"`
	ToPing       string `help:"Whole URL of the staging endpoint for pings." placeholder:"URL"`
	ToPost       string `help:"Whole URL of the staging endpoint for posts." placeholder:"URL"`
	Live         bool   `help:"Probe the URLs of the configuration itself. Test leads may be bought."`
	Config       string `name:"config" short:"d" help:"Configuration directory." default:"." env:"CLEARPOST_DIR" type:"existingdir"`
	AllowPrivate bool   `help:"Allow loopback and private addresses, as the buyer's allow_private_addresses does."`
	Pings        int    `help:"Calls over which the latency is measured, 1 to 1000." default:"20"`
	Strict       bool   `help:"What is unclear counts as failed."`
	Bytes        bool   `help:"Print every exchange, without secrets."`
	JSON         bool   `help:"Print one JSON object."`

	unaimed bool // the campaign has a ping, and only --to-post is given
}

// Help implements kong.HelpProvider.
func (probeCmd) Help() string {
	return `Cases: a valid lead (the token carried from ping to post), the price kept, a missing field, a malformed body, a duplicate, a double post with its key, a
wrong token, latency against the campaign's limit, keep-alive. The leads are those of the campaign's first example, with phone numbers and
e-mail addresses that are reserved for examples. Nothing is written to a ledger.

Examples:
  clearpost probe harborline-standard --to https://staging.harborline.example -d ./conf
  clearpost probe harborline-standard --to-ping https://s.example/p --to-post https://s.example/l -d ./conf --json
  clearpost probe harborline-standard --to http://127.0.0.1:9900 --allow-private -d ./conf --bytes

Exit code 0: no case failed. 1: some failed, or with --strict some are unclear.`
}

// Run probes.
func (c *probeCmd) Run(e *env) error {
	aim, err := c.aim()
	if err != nil {
		return err
	}
	if c.Pings < 1 || c.Pings > 1000 {
		return fmt.Errorf("--pings: expected 1 to 1000")
	}
	var opt config.Options
	if !c.Live {
		opt.Aim = func(campaign string, post bool, url string) string {
			if campaign != c.Campaign {
				return url
			}
			return aim(post, url)
		}
	}
	cfg, err := configToSend(e.err, c.Config, c.Campaign, opt)
	if err != nil {
		return err
	}
	if c.unaimed {
		return fmt.Errorf("campaign %s has a ping too: --to-ping URL", c.Campaign)
	}
	rules, err := cfg.Rules(c.Campaign, true)
	if err != nil {
		return err
	}
	p := cfg.Exchange.Book.Campaign(c.Campaign)
	in := rules.Inputs
	if p.AsTest != nil {
		p = p.AsTest
	}
	in.Test = true
	r, err := conform.Run(e.ctx, conform.ProbeConfig{Campaign: p, Lead: in.Lead, Inputs: in,
		AllowPrivate: c.AllowPrivate || p.Buyer.AllowPrivate, Pings: c.Pings, Seed: int(time.Now().UnixMilli() % 2000)})
	if err != nil {
		return err
	}
	return c.print(e.out, r)
}

// aim tells where calls go in place of where the campaign sends them.
func (c *probeCmd) aim() (func(post bool, url string) string, error) {
	if c.Live {
		if c.To+c.ToPing+c.ToPost != "" {
			return nil, fmt.Errorf("--live, or where to; not both")
		}
		return nil, nil
	}
	if c.To == "" && c.ToPost == "" {
		return nil,
			fmt.Errorf("where to? --to URL, or --to-ping and --to-post (--live for the URLs of the configuration)")
	}
	for _, text := range []string{c.To, c.ToPing, c.ToPost} {
		u, err := url.Parse(text)
		if err != nil || text != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return nil, fmt.Errorf("%q: expected an http or https URL", text)
		}
		if text == c.To && strings.Trim(u.Path, "/")+u.RawQuery != "" {
			return nil, fmt.Errorf("--to takes scheme, host and port alone; whole URLs go to --to-ping and --to-post")
		}
	}
	return func(post bool, url string) string {
		whole := c.ToPing
		if post {
			whole = c.ToPost
		}
		switch at := strings.Index(url, "://"); {
		case whole != "":
			return whole
		case c.To == "" || at < 0:
			c.unaimed = true // then nothing is sent
			return url
		default:
			rest := url[at+3:]
			path := ""
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				path = rest[i:]
			}
			return strings.TrimRight(c.To, "/") + path
		}
	}, nil
}

func (c *probeCmd) print(w io.Writer, r *conform.Report) error {
	if !c.Bytes {
		for i := range r.Cases {
			r.Cases[i].Exchanges = nil
		}
	}
	if c.JSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
	} else {
		tellReport(w, r)
	}
	if r.Fail > 0 || c.Strict && r.Unclear > 0 {
		return errSaid
	}
	return nil
}

func tellReport(w io.Writer, r *conform.Report) {
	for _, k := range r.Cases {
		fmt.Fprintf(w, "%-8s %-14s %s\n", k.Verdict, k.Name, k.Note)
		for _, x := range k.Exchanges {
			fmt.Fprintf(w, "    %s, %d.%03d ms: %s\n", x.Call, x.TookUS/1000, x.TookUS%1000, x.Means)
			block(w, "> ", strings.ReplaceAll(x.Request, "\r\n", "\n"))
			if x.Status > 0 {
				block(w, "< ", strings.TrimSpace(fmt.Sprintf("%d %s", x.Status, x.Type))+"\n"+buyers.Pretty(x.Answer))
			}
		}
	}
	fmt.Fprintf(w, "%s: %d pass, %d fail, %d unclear, %d skipped\n", r.Campaign, r.Pass, r.Fail, r.Unclear, r.Skipped)
}

func block(w io.Writer, mark, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(w, "      %s%s\n", mark, strings.TrimRight(line, "\n"))
	}
}
