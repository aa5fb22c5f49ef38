// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"path/filepath"

	"github.com/valyala/fasthttp"

	"clearpost/ledger"
)

// Backup is the body of a backup's request, and of its answer.
type Backup struct {
	To string `json:"to"` // a directory on the node's machine, absolute, that is not there yet
	ledger.Backup
}

// backup answers when the backup is whole.
func (s *Server) backup(ctx *fasthttp.RequestCtx) {
	var b Backup
	if !read(ctx, &b) {
		return
	}
	if !filepath.IsAbs(b.To) {
		fail(ctx, 400, "expected to: an absolute path on the exchange's machine")
		return
	}
	var err error
	if b.Backup, err = s.hooks.Backup(b.To); err != nil {
		fail(ctx, 500, err.Error())
		return
	}
	write(ctx, 200, b)
}
