// SPDX-License-Identifier: Apache-2.0

package node

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// files is how many of the files that the process may have open go to whom; sockets are files. Without a share of its
// own the log could not begin its next segment when sellers or buyers have taken all, and the exchange would stop.
type files struct{ sellers, buyers int }

// Shares of the files that are left beside the node's own: those of the log and the views, of Kafka and operators, and
// of posts, which dial even where pings may not.
const (
	ownFilesLeast = 256 // but at most half
	ownFilesMost  = 2048
	ownFilesPart  = 16 // one in so many of all
	// one in so many of the rest is for sellers' connections, the others are for buyers': a request has one of the
	// first and as many of the second as there are campaigns that want its lead
	sellersPart = 5
)

// shareFiles divides what the process may have open; of sellers' connections there are at most so many.
func shareFiles(total, sellersMost int) files {
	rest := total - min(max(total/ownFilesPart, ownFilesLeast), ownFilesMost, total/2)
	f := files{sellers: max(1, min(sellersMost, rest/sellersPart))}
	f.buyers = max(1, rest-f.sellers)
	return f
}

// filesAtMost is how many files the process may have open.
func filesAtMost() int {
	const unknown, most = 1024, 1 << 20
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return unknown
	}
	return int(min(l.Cur, most))
}

// shareOf divides the files, and says so where sellers get fewer connections than the configuration lets them have.
func shareOf(sellersMost int, log *slog.Logger) files {
	f := shareFiles(filesAtMost(), sellersMost)
	if f.sellers < sellersMost {
		log.Info("fewer connections of sellers than limits.connections_max: the process may not have more files open "+
			"(ulimit -n)", "files", filesAtMost(), "sellers", f.sellers, "buyers", f.buyers)
	}
	return f
}
