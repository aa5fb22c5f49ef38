// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// Batches are the campaigns that take their leads in files, as GET /v1/batches answers them.
type Batches struct {
	Batches []exchange.BatchStatus `json:"batches"`
}

// SendNow is the body of POST /v1/batches/send, and its answer.
type SendNow struct {
	Campaign string `json:"campaign"`
	Waiting  int    `json:"waiting"` // answer only: how many leads wait
}

// SettleFile is the body of POST /v1/batches/file, and its answer.
type SettleFile struct {
	File    lead.ID `json:"file"`
	Verdict string  `json:"verdict"` // again, stored or dropped
	Why     string  `json:"why"`
	By      string  `json:"by,omitempty"`
}

// batch answers what is about leads in files; false where the path is none of these.
func (s *Server) batch(ctx *fasthttp.RequestCtx, path string, get, post bool) bool {
	switch {
	case path == "/v1/batches" && get:
		write(ctx, 200, Batches{s.ex.Batches()})
	case path == "/v1/batches/send" && post:
		s.sendNow(ctx)
	case path == "/v1/batches/file" && post:
		s.settleFile(ctx)
	case path == "/v1/batches/unplaced" && get:
		s.unplaced(ctx)
	case path == "/v1/batches/place" && post:
		s.placeRow(ctx)
	case path == "/v1/batches/drop-row" && post:
		s.dropRow(ctx)
	default:
		return false
	}
	return true
}

func (s *Server) sendNow(ctx *fasthttp.RequestCtx) {
	var in SendNow
	if !read(ctx, &in) {
		return
	}
	n, err := s.ex.SendNow(in.Campaign)
	if err != nil {
		fail(ctx, 404, err.Error())
		return
	}
	in.Waiting = n
	write(ctx, 200, in)
}

func (s *Server) settleFile(ctx *fasthttp.RequestCtx) {
	var in SettleFile
	if !read(ctx, &in) {
		return
	}
	switch in.Verdict {
	case exchange.FileAgain, exchange.FileIsThere, exchange.FileGivenUp:
	default:
		fail(ctx, 400, "verdict: expected again, stored or dropped")
		return
	}
	if !saysWhy(ctx, in.Why, in.By) {
		return
	}
	switch err := s.ex.SettleFile(in.File, in.Verdict, in.Why, in.By); {
	case errors.Is(err, exchange.ErrNoFile):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrFileState), errors.Is(err, exchange.ErrFileBusy):
		fail(ctx, 409, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		write(ctx, 200, in)
	}
}

var (
	descFilesFormed = desc("batch_files_formed_total", "Files of leads that were formed.")
	descFilesStored = desc("batch_files_stored_total", "Files of leads that stand under their final names.")
	descFileRows    = desc("batch_rows_total", "Leads that were delivered by files.")
	descFilesFailed = desc("batch_failures_total", "Tries to form, send or store a file that failed.")
	descReplies     = desc("batch_responses_total", "Response files of buyers that were read to their end.")
	descReplyRows   = desc("batch_response_rows_total", "Rows of response files, by what became of them.", "fate")
	descRepliesBad  = desc("batch_response_failures_total", "Tries to list or read response files that failed.")
	descFileWaiting = desc("batch_waiting", "Leads of a campaign that wait for a file.", "campaign")
	descFilesOpen   = desc("batch_files", "Files of a campaign that are under way, by how they stand.", "campaign",
		"state")
	descFileTries  = desc("batch_tries", "How often in a row a campaign's file was tried in vain.", "campaign")
	descFileOldest = desc("batch_oldest_timestamp_seconds", "Since when the oldest lead waits for a file.", "campaign")
)

// collectFiles gives how leads in files stand.
func (c *collector) collectFiles(count, gauge func(*prometheus.Desc, float64, ...string)) {
	n := c.ex.FileTotals()
	count(descFilesFormed, float64(n.Formed))
	count(descFilesStored, float64(n.Stored))
	count(descFileRows, float64(n.Rows))
	count(descFilesFailed, float64(n.Failed))
	count(descReplies, float64(n.Replies))
	count(descReplyRows, float64(n.Accepted), "accepted")
	count(descReplyRows, float64(n.Refused), "refused")
	count(descReplyRows, float64(n.Unplaced), "unplaced")
	count(descRepliesBad, float64(n.RepliesFailed))
	for _, b := range c.ex.Batches() {
		gauge(descFileWaiting, float64(b.Waiting), b.Campaign)
		gauge(descFileTries, float64(b.Tries), b.Campaign)
		if b.Oldest != nil {
			gauge(descFileOldest, float64(b.Oldest.Unix()), b.Campaign)
		}
		states := map[string]int{}
		for _, f := range b.Files {
			states[f.State]++
		}
		for state, n := range states {
			gauge(descFilesOpen, float64(n), b.Campaign, state)
		}
	}
}
