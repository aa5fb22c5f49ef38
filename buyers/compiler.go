// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"clearpost/lead"
)

// Compiler makes a book of one buyer after the other, so that the specs of all of them need not be in memory at once.
type Compiler struct {
	c      bookCompiler
	buyers int // that were added
	failed bool
}

// Compiled is a buyer with its campaigns as Add has made them. A later book may take them over by Again: they never
// change.
type Compiled struct {
	Buyer     *Buyer
	Campaigns []*Campaign
}

// NewCompiler makes a compiler. What schemas and opt are is said at Compile.
func NewCompiler(schemas map[string]*lead.Schema, opt Options) *Compiler {
	return &Compiler{c: bookCompiler{schemas: schemas, opt: opt, book: &Book{}, ids: map[string]string{},
		stored: map[string]string{}, groups: map[string]bool{}}}
}

// Add compiles the next buyer. The paths of what is wrong with it begin with its position, such as
// [2].campaigns[0].post.request.url; what comes of it then may only be looked at, and there will be no book.
func (c *Compiler) Add(spec *BuyerSpec) (*Compiled, []lead.Defect) {
	book, first := c.c.book, len(c.c.book.Campaigns)
	c.c.defects = nil
	c.c.buyer(spec, c.next())
	c.failed = c.failed || len(c.c.defects) > 0
	return &Compiled{book.Buyers[len(book.Buyers)-1], book.Campaigns[first:len(book.Campaigns):len(book.Campaigns)]},
		c.c.defects
}

// Again adds a buyer that was compiled for another book from the same spec, with the same schemas and options. It
// shares all with the other book but positions, where they differ. It adds nothing and returns false where an id is
// taken, or there are too many campaigns or competitor groups: Add tells the place.
func (c *Compiler) Again(x *Compiled) bool {
	book := c.c.book
	if len(book.Campaigns)+len(x.Campaigns) > CampaignsMax || c.c.ids[x.Buyer.ID] != "" {
		return false
	}
	for _, p := range x.Campaigns {
		if c.c.ids[p.ID] != "" {
			return false
		}
	}
	groups := x.Buyer.CompetitorGroups
	for _, p := range x.Campaigns {
		groups = append(groups[:len(groups):len(groups)], p.CompetitorGroups...)
	}
	for _, g := range groups {
		if !c.c.group(g) {
			return false
		}
	}
	at, b := c.next(), x.Buyer
	c.c.ids[b.ID] = at + ".id"
	if moved := int32(len(book.Buyers)); b.Index != moved {
		own := *b
		own.Index, b = moved, &own
	}
	book.Buyers = append(book.Buyers, b)
	for i, p := range x.Campaigns {
		c.c.ids[p.ID] = fmt.Sprintf("%s.campaigns[%d].id", at, i)
		book.Campaigns = append(book.Campaigns, p.at(int32(len(book.Campaigns)), b))
	}
	return true
}

// at is the campaign at a position of a book.
func (c *Campaign) at(index int32, b *Buyer) *Campaign {
	if c == nil || c.Index == index && c.Buyer == b {
		return c
	}
	own := *c
	own.Index, own.Buyer, own.AsTest = index, b, c.AsTest.at(index, b)
	return &own
}

// next is the position of the buyer that is to be added.
func (c *Compiler) next() string {
	c.buyers++
	return fmt.Sprintf("[%d]", c.buyers-1)
}

// Book is the book of all that was added; nil if something was wrong with it. Nothing may be added afterwards.
func (c *Compiler) Book() *Book {
	if c.failed {
		return nil
	}
	c.c.book.seal(c.c.schemas)
	return c.c.book
}
