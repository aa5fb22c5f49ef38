// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Configurations stay on paper, so many at most, until nobody has asked for one for a while: one that is not in force
// takes as much memory as one that is.
const (
	papersMax = 3
	papersFor = 5 * time.Minute
)

// papers has configurations on paper, by hash. Those that are not in force are read from where they were kept.
type papers struct {
	kept func(hash string) (Config, error) // nil: none is

	mu    sync.Mutex
	ready []readyPaper // the last used one last
	idle  *time.Timer  // forgets them
}

type readyPaper struct {
	hash  string
	paper *Paper
	err   error // why there is none
}

var errNotKept = errors.New("it was not kept")

// of is the configuration of a hash on paper.
func (s *papers) of(hash string, inForce *Config) (*Paper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = time.AfterFunc(papersFor, s.forget)
	}
	s.idle.Reset(papersFor)
	at := slices.IndexFunc(s.ready, func(r readyPaper) bool { return r.hash == hash })
	if at < 0 {
		r := readyPaper{hash: hash}
		if r.paper, r.err = s.read(hash, inForce); r.err != nil {
			r.err = fmt.Errorf("configuration %s: %w", hash, r.err)
		}
		if len(s.ready) == papersMax {
			s.ready = slices.Delete(s.ready, 0, 1)
		}
		s.ready = append(s.ready, r)
	} else if at < len(s.ready)-1 {
		r := s.ready[at]
		s.ready = append(slices.Delete(s.ready, at, at+1), r)
	}
	last := &s.ready[len(s.ready)-1]
	return last.paper, last.err
}

func (s *papers) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = nil
}

// close ends what would forget them later.
func (s *papers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Stop()
	}
}

func (s *papers) read(hash string, inForce *Config) (*Paper, error) {
	if hash == inForce.Hash {
		return NewPaper(*inForce)
	}
	if s.kept == nil {
		return nil, errNotKept
	}
	cfg, err := s.kept(hash)
	if err != nil {
		return nil, err
	}
	return NewPaper(cfg)
}

// onPaper is the configuration of a hash on paper, or why there is none.
func (e *Exchange) onPaper(hash string) (*Paper, error) {
	return e.papers.of(hash, &e.inForce.Load().cfg)
}
