// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"clearpost/lead"
	"clearpost/rules"
)

// pace has caps that are spread over their windows go by the hours in which their owner takes leads.
func pace(caps []rules.Cap, hours ...*Hours) {
	for i := range caps {
		if p := caps[i].Pace; p != nil {
			for _, h := range hours {
				if h != nil {
					p.Open = append(p.Open, h.Schedule)
				}
			}
		}
	}
}

// balance makes the account of a buyer a cap on what it has spent beyond its deposits.
func (c *bookCompiler) balance(b *Buyer, spec *BalanceSpec, at string) {
	if spec == nil {
		return
	}
	credit := lead.Money(0)
	if spec.Credit != nil {
		if credit = *spec.Credit; credit < 0 {
			c.bad(at, "balance.credit_limit", credit.String(), "an amount of money, 0 or more")
		}
	}
	b.Caps = append(b.Caps, rules.BalanceOf(b.ID, credit))
}

// apart looks up by which of a vertical's fields caps tell their counts apart. Of those of a buyer, what is wrong is
// reported where a campaign of it names the vertical.
func (c *bookCompiler) apart(caps []rules.Cap, schema *lead.Schema, at, key string) []rules.Cap {
	out := make([]rules.Cap, len(caps))
	for i := range caps {
		out[i] = caps[i]
		if schema == nil {
			continue
		}
		k, ds := caps[i].In(schema)
		for _, d := range ds {
			if key == "vertical" {
				c.bad(at, "vertical", schema.Vertical, fmt.Sprintf("one that the buyer's cap by %s can count: "+
					"%s %q, expected %s", caps[i].By.Field, d.Path, d.Value, d.Expected))
				continue
			}
			c.bad(at, fmt.Sprintf("%s[%d].%s", key, i, d.Path), d.Value, d.Expected)
		}
		out[i] = k
	}
	return out
}

// once looks up by which of a vertical's fields duplicate rules know leads, as apart does for caps.
func (c *bookCompiler) once(list []rules.Unique, schema *lead.Schema, at, key string) []rules.Unique {
	out := make([]rules.Unique, len(list))
	for i := range list {
		out[i] = list[i]
		if schema == nil {
			continue
		}
		u, ds := list[i].In(schema)
		for _, d := range ds {
			if key == "vertical" {
				c.bad(at, "vertical", schema.Vertical, fmt.Sprintf("one that the buyer's duplicate rule can find "+
					"leads of: %s %q, expected %s", d.Path, d.Value, d.Expected))
				continue
			}
			c.bad(at, fmt.Sprintf("%s[%d].%s", key, i, d.Path), d.Value, d.Expected)
		}
		out[i] = u
	}
	return out
}
