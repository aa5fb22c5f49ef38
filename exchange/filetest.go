// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/ledger"
)

// testFile stores the row of a test lead in a file of its own, at once and once. Nothing waits, and nothing has to be
// remembered: the end of a test is never unknown, and it holds nothing.
func (d *delivery) testFile(o *outbound) (outs []*ledger.Posted) {
	until := d.until
	if t := d.e.wall().Add(o.live.Campaign.Post.Timeout); t.Before(until) {
		until = t
	}
	ctx, cancel := context.WithDeadline(d.e.end, until)
	defer cancel()
	begun := d.e.wall()
	for _, p := range o.of { // one: legs go into no file
		out := &ledger.Posted{Head: d.head(ledger.KindPosted, d.e.now()), Attempt: p.Attempt, Campaign: p.Campaign,
			Buyer: p.Buyer, PingPrice: p.Price, Outcome: lead.Accepted}
		if err := d.e.files.storeTest(ctx, o.live, string(rowOf(o.req)), p.Attempt); err != nil {
			out.Outcome, out.Refusal = lead.Rejected, lead.WriteFailed
			d.e.log.Warn("the file of a test lead is not stored", "campaign", p.Campaign, "err", err)
		}
		out.TookUS = d.e.wall().Sub(begun).Microseconds()
		d.policy().end(out)
		outs = append(outs, out)
	}
	return outs
}

// storeTest stores a file of one row.
func (q *fileLines) storeTest(ctx context.Context, live *LiveCampaign, row string, attempt lead.ID) error {
	b := live.Batch
	if q.of == nil {
		return errors.New("this exchange stores no files")
	}
	text, err := b.Write([]string{row})
	if err == nil {
		text, err = b.Encrypt(text)
	}
	if err != nil {
		return err
	}
	now := q.e.now()
	sum := sha256.Sum256(text)
	f := &batch.File{ID: attempt, Name: b.NameOf(live.ID, live.Buyer.ID, attempt, 1, now), Bytes: text,
		SHA256: hex.EncodeToString(sum[:]), Rows: 1}
	b.Letter(f, live.ID, live.Buyer.ID, now)
	place, err := q.of.Open(ctx, &b.To)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = place.Close() }()
	switch at, err := place.Look(ctx, f); {
	case err != nil:
		return fmt.Errorf("looking for the file: %w", err)
	case at == batch.Taken || at == batch.Stored || at == batch.Alike:
		return fmt.Errorf("another file stands under the name %s", f.Name)
	}
	if err := place.Stage(ctx, f); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return place.Store(ctx, f)
}
