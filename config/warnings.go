// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net"
	"net/netip"
	"time"

	"clearpost/lead"
)

// Warnings tells of what is right in the configuration and may not be meant; never nil.
func (c *Config) Warnings() []string {
	now := time.Now
	if c.Clock != nil {
		now = c.Clock
	}
	out := append(c.Exchange.Book.Warnings(now()), append(c.unseated(), c.deserted()...)...)
	for _, s := range c.Exchange.Sources {
		if _, ok := s.Schedule.Next(now()); !ok {
			out = append(out, "source "+s.ID+", schedule: "+s.Schedule.Explain(now()))
		}
		for _, x := range s.Schedule.Idle() {
			out = append(out, "source "+s.ID+", schedule."+x[0]+": "+x[1])
		}
	}
	out = append(out, c.belowFloor()...)
	out = append(out, c.strangeSources()...)
	out = append(out, c.unknownExclusions()...)
	if c.AdminTLS == nil && beyondLoopback(c.AdminListen) {
		out = append(out, "admin.listen: "+c.AdminListen+" can be reached from other machines, and without admin.tls "+
			"whoever listens on the way reads the token (docs/reference/node.md)")
	}
	if k := c.Kafka; k != nil && k.SASL != nil && k.TLS == nil {
		out = append(out, "kafka.sasl without kafka.tls: whoever listens on the way to the brokers learns what proves "+
			"this node's name, and every event")
	}
	return out
}

// belowFloor tells of campaigns whose price the floor of their vertical refuses: they can never win.
func (c *Config) belowFloor() (out []string) {
	floors := map[string]lead.Money{}
	for _, v := range c.Exchange.Verticals {
		floors[v.ID] = v.Plan.Floor
	}
	for _, p := range c.Exchange.Book.Campaigns {
		if floor := floors[p.Vertical]; p.Fixed && p.HighestPrice() < floor {
			out = append(out, "campaign "+p.ID+", price: "+p.HighestPrice().String()+" is below the floor of vertical "+
				p.Vertical+", which is "+floor.String()+": it can never win")
		}
	}
	return out
}

// strangeSources tells of criteria that name sources that are not configured.
func (c *Config) strangeSources() (out []string) {
	known := map[string]bool{}
	for _, s := range c.Exchange.Sources {
		known[s.ID] = true
	}
	for _, p := range c.Exchange.Book.Campaigns {
		for _, id := range p.Sources() {
			if !known[id] {
				out = append(out, "campaign "+p.ID+", criteria: there is no source "+id)
			}
		}
	}
	return out
}

// beyondLoopback tells whether an address to listen on can be reached from other machines.
func beyondLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}
