// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"clearpost/batch"
	"clearpost/lead"
	"clearpost/wire/answer"
)

// noAnswer is that of a campaign which nobody answers for a lead.
var noAnswer = &answer.Answer{}

// batch compiles how a campaign's leads are gathered into files. Nobody is called for one of them, so that it has
// nothing that is about a call.
func (c *bookCompiler) batch(p *Campaign, spec *CampaignSpec, schema *lead.Schema, zone, at string) {
	for _, not := range []struct {
		key string
		is  bool
	}{{"post", spec.Post != nil}, {"test", spec.Test != nil}, {"pay", spec.Pay != "" && spec.Pay != "ping_price"},
		{"unknown", spec.Unknown != UnknownSpec{}}} {
		if not.is {
			c.bad(at, not.key, "", "nothing here: a campaign with `batch` calls nobody for a lead")
		}
	}
	opt := batch.Options{Secrets: c.opt.Secrets, Zone: zoneOf(zone), AllowPrivate: p.Buyer.AllowPrivate}
	if p.Ping != nil && p.Ping.Answer != nil {
		opt.Captures = p.Ping.Answer.Captures()
		if p.Ping.Answer.GivesLegs() {
			c.bad(at, "ping.answer.legs", "", "an answer with one bid: a row is of one sale")
		}
	}
	b, ds := batch.Compile(spec.Batch, schema, opt)
	c.take(at, "batch", ds)
	p.Batch = b
}
