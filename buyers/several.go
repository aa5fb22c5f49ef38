// SPDX-License-Identifier: Apache-2.0

package buyers

// several settles whether several legs of one answer may buy a lead. They are companies of their own, known by their
// brands: nothing else is known of them.
func (c *bookCompiler) several(p *Campaign, spec *CampaignSpec, at string) {
	if p.Post == nil || p.Post.Answer == nil || p.Post.Request == nil {
		return
	}
	p.Several = p.Ping != nil && p.Ping.Answer != nil && p.Ping.Answer.SellsSeveral()
	ends := p.Post.Answer.GivesEnds()
	if !p.Several {
		if ends {
			c.bad(at, "post.answer.legs", "", "`ping.answer.legs` with `several: true`: only then a post is about legs")
		}
		return
	}
	switch {
	case !p.Post.Request.UsesLegs():
		c.bad(at, "post.request.fields", "", "a field `from: leg.token` or another of the legs: the post has to say "+
			"which of them it is for")
	case p.PayPostPrice && !ends:
		c.bad(at, "pay", spec.Pay, "ping_price, or `post.answer.legs` with a price: one price for several legs is "+
			"nobody's own")
	case ends && !p.Ping.Answer.GivesToken():
		c.bad(at, "ping.answer.legs.token", "", "where the token of a leg stands, by which the post's answer names it")
	}
	if p.IfUnknown != nil {
		c.bad(at, "unknown", "", "nothing: what became of legs that went into one post a person has to find out")
	}
	if b := p.Buyer; b.Parent != "" || len(b.CompetitorGroups)+len(p.CompetitorGroups) > 0 {
		c.bad(at, "ping.answer.legs.several", "true", "no `parent` and no `competitor_groups`: legs are companies of "+
			"their own")
	}
}

// aloneIfSeveral checks that a buyer several of whose legs may buy a lead has one campaign for it.
func (c *bookCompiler) aloneIfSeveral(p *Campaign, at string) {
	for _, o := range c.book.Campaigns {
		if o != p && (o.Several || p.Several) && o.Buyer == p.Buyer && o.Vertical == p.Vertical {
			c.bad(at, "vertical", p.Vertical, "another vertical than that of campaign "+o.ID+": a buyer several of "+
				"whose legs may buy a lead has one campaign for it")
		}
	}
}
