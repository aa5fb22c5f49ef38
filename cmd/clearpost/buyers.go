// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"clearpost/config"
	"clearpost/config/page"
	"clearpost/lead"
)

type buyersCmd struct {
	Templates buyersTemplatesCmd `cmd:"" help:"List the templates from which a buyer's page may start, with their parameters."`
	Add       buyersAddCmd       `cmd:"" help:"Write a buyer's page from a template, with examples."`
}

// Help implements kong.HelpProvider.
func (buyersCmd) Help() string {
	return `Examples:
  clearpost buyers templates
  clearpost buyers add --template leadspedia --id oakline --vertical solar --set url=https://oakline.example --set campaign_id=5f1e7a3c -d ./conf`
}

type buyersTemplatesCmd struct {
	Config string `name:"config" short:"d" help:"Configuration directory whose own templates are listed too." env:"CLEARPOST_DIR" type:"existingdir"`
	JSON   bool   `help:"Print one JSON array."`
}

// Help implements kong.HelpProvider.
func (buyersTemplatesCmd) Help() string {
	return `A parameter without a default must be set; one whose example is a ${env:…} placeholder gets such a placeholder where it is not.

Examples:
  clearpost buyers templates
  clearpost buyers templates --json | jq -r '.[].name'

Exit code 0: done. 1: a template of the configuration has a mistake.`
}

// Run lists.
func (c *buyersTemplatesCmd) Run(e *env) error {
	list, err := page.Templates(c.Config)
	if err != nil {
		return said(e, err)
	}
	if c.JSON {
		return printJSON(e.out, list)
	}
	for i, t := range list {
		if i > 0 {
			fmt.Fprintln(e.out)
		}
		own := ""
		if t.Own {
			own = " (of the configuration)"
		}
		fmt.Fprintf(e.out, "%s%s: %s\n", t.Name, own, t.About)
		for _, p := range t.Params {
			switch {
			case p.Default != nil:
				fmt.Fprintf(e.out, "  %-18s %s; %s where it is not set\n", p.Name, p.About, *p.Default)
			case p.Secret:
				fmt.Fprintf(e.out, "  %-18s %s; a secret: a placeholder such as %s where it is not set\n", p.Name,
					p.About, p.Example)
			default:
				fmt.Fprintf(e.out, "  %-18s %s; must be set, such as %s\n", p.Name, p.About, p.Example)
			}
		}
	}
	return nil
}

type buyersAddCmd struct {
	Template string   `short:"t" required:"" help:"Name of the template." placeholder:"NAME"`
	ID       string   `required:"" help:"Id of the buyer; the page is buyers/ID.yaml." placeholder:"ID"`
	Vertical string   `required:"" help:"Id of the vertical that it buys." placeholder:"ID"`
	Name     string   `help:"The buyer's name; absent: its id."`
	Set      []string `short:"s" sep:"none" help:"A parameter of the template. May stand there several times." placeholder:"NAME=VALUE"`
	Price    *string  `help:"A fixed price; absent: the buyer bids." placeholder:"AMOUNT"`
	NoPing   bool     `help:"The buyer is not asked, only posted to; needs --price."`
	Private  bool     `help:"The buyer may stand at a loopback or private address, such as a mock."`
	Expand   bool     `help:"Write the whole campaign out and name no template."`
	Stdout   bool     `help:"Print the page and write nothing."`
	Config   string   `name:"config" short:"d" help:"Configuration directory." default:"." env:"CLEARPOST_DIR" type:"existingdir"`
}

// Help implements kong.HelpProvider.
func (buyersAddCmd) Help() string {
	return `The page has examples: requests made of a plausible lead, answers as such buyers give them, and what they mean. The whole directory is
checked with the page before it is written, and a page that is there is never written over.

Examples:
  clearpost buyers add --template json --id oakline --vertical solar -s ping_url=https://oakline.example/ping -s post_url=https://oakline.example/post
  clearpost buyers add -t leadspedia --id oakline --vertical solar -s url=https://oakline.example -s campaign_id=5f1e7a3c -s 'campaign_key=${env:OAK}'
  clearpost buyers add -t form --id listco --vertical auto --price 12.50 --no-ping -s ping_url= -s post_url=https://listco.example/leads --stdout

Exit code 0: the page is written, or printed. 1: it is not, and why is said. 2: wrong use.`
}

// Run adds.
func (c *buyersAddCmd) Run(e *env) error {
	b := page.Buyer{ID: c.ID, Name: c.Name, Vertical: c.Vertical, Template: c.Template, NoPing: c.NoPing,
		Private: c.Private, Expand: c.Expand}
	for _, s := range c.Set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return fmt.Errorf("--set %s: expected NAME=VALUE", s)
		}
		b.Set = append(b.Set, page.Setting{Name: name, Value: value})
	}
	if c.Price != nil {
		m, err := lead.ParseMoney([]byte(*c.Price))
		if err != nil || m <= 0 {
			return fmt.Errorf("--price %s: expected an amount such as 12.50", *c.Price)
		}
		b.Price = &m
	}
	file := filepath.Join(c.Config, "buyers", c.ID+".yaml")
	if _, err := os.Stat(file); err == nil && !c.Stdout {
		return fmt.Errorf("%s: %w", file, page.ErrThere)
	}
	p, err := page.Make(c.Config, config.Options{Env: os.LookupEnv}, b)
	if err != nil {
		return said(e, err)
	}
	if c.Stdout {
		_, err := e.out.Write(p.Text)
		return err
	}
	if err := p.Write(c.Config); err != nil {
		return err
	}
	c.next(e, file, p)
	return nil
}

// next tells what to do with a new page.
func (c *buyersAddCmd) next(e *env, file string, p *page.Page) {
	fmt.Fprintf(e.out, "written: %s, campaign %s, %d examples\n", file, p.Campaign, p.Examples)
	if len(p.Unset) > 0 {
		fmt.Fprintf(e.out, "its requests carry fields that the examples' lead has not: %s\n",
			strings.Join(p.Unset, ", "))
	}
	if at := c.nearby(); at != "" && !c.Private {
		fmt.Fprintf(e.out, "%s is no public address: no call is made to it without allow_private_addresses, which "+
			"--private writes\n", at)
	}
	fmt.Fprintln(e.out, "next:")
	for _, v := range p.Variables {
		fmt.Fprintf(e.out, "  export %s=…   # what the buyer has given you\n", v)
	}
	dir := ""
	if c.Config != "." {
		dir = " -d " + c.Config
	}
	fmt.Fprintf(e.out, "  $EDITOR %s   # criteria, caps, names and values that are this buyer's own: "+
		"docs/reference/buyers.md\n", file)
	fmt.Fprintf(e.out, "  clearpost check %s\n", c.Config)
	fmt.Fprintf(e.out, "  clearpost try request %s --post%s\n", p.Campaign, dir)
}

// nearby is the first host among the parameters that is a loopback or private address by itself, "" if there is none.
func (c *buyersAddCmd) nearby() string {
	for _, s := range c.Set {
		_, value, _ := strings.Cut(s, "=")
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			continue
		}
		a, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() == "localhost" || err == nil && (a.IsLoopback() || a.IsPrivate()) {
			return u.Hostname()
		}
	}
	return ""
}

// said prints what has lines of its own, and is any other error.
func said(e *env, err error) error {
	var bad *config.Error
	var examples *config.ExamplesError
	var missing *page.MissingParams
	if errors.As(err, &bad) || errors.As(err, &examples) || errors.As(err, &missing) {
		fmt.Fprintln(e.err, err)
		return errSaid
	}
	return err
}
