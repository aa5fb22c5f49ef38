// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"clearpost/config"
)

// tryRules says whose call is tried. CAMPAIGN names it in the configuration, or in --rules.
type tryRules struct {
	Ping   bool   `help:"Try the ping." xor:"call"`
	Post   bool   `help:"Try the post." xor:"call"`
	Config string `name:"config" short:"d" help:"Configuration directory; absent: $$CLEARPOST_DIR, or the current one." env:"CLEARPOST_DIR" type:"path"`
	Rules  string `help:"File with a buyer's page, a campaign or one endpoint, in place of a configuration." type:"existingfile" placeholder:"FILE"`
	JSON   bool   `help:"Print one JSON object."`
}

// call is the name of the call that is tried.
func (t *tryRules) call() string {
	if t.Post {
		return "post"
	}
	return "ping"
}

// load finds the rules. redacted says that nobody sees what stands behind secrets.
func (t *tryRules) load(e *env, campaign string, redacted bool) (*config.Rules, error) {
	if t.Ping == t.Post {
		return nil, fmt.Errorf("--ping or --post?")
	}
	if t.Rules == "" {
		if campaign == "" {
			return nil, fmt.Errorf("a campaign's id, or --rules FILE?")
		}
		dir := t.Config
		if dir == "" {
			dir = "."
		}
		read := configToRead
		if !redacted {
			read = loadConfig
		}
		cfg, err := read(e.err, dir)
		if err != nil {
			return nil, err
		}
		return cfg.Rules(campaign, t.Post)
	}
	opt := config.RulesOptions{Env: os.LookupEnv, Redacted: redacted, Post: t.Post, Campaign: campaign}
	if t.Config != "" {
		cfg, err := configToRead(e.err, t.Config)
		if err != nil {
			return nil, err
		}
		opt.Config = cfg
	}
	return config.LoadRules(t.Rules, opt)
}
