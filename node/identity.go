// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/goccy/go-json"
	"golang.org/x/sys/unix"

	"clearpost/config"
	"clearpost/exchange/admin"
)

// identity tells one data directory from copies of it. It stands in the directory and says which inode it was written
// to and when that was made: a copy has others, whatever it was copied with, while a directory that was moved within
// its file system has the same. The device is not looked at, since its number may change when a machine starts. What a
// copy of the blocks or a snapshot has is the same too: that is not noticed.
type identity struct {
	ID    string `json:"id"`
	Inode uint64 `json:"inode"` // of the file that holds it
	// of the ledger's directory: one that was put in place of another is noticed
	Ledger    uint64 `json:"ledger_inode,omitempty"`
	Born      int64  `json:"born_ns,omitempty"`       // when the file was made, where the file system knows
	From      string `json:"copied_from,omitempty"`   // the id of the directory that this one is a copy of
	Inherited uint64 `json:"inherited_seq,omitempty"` // the last event of that one's in this ledger

	Lost uint64 `json:"-"` // the seq up to which leads may lack events that were given up

	dir     string
	state   identityState
	reading admin.FileID // the file, since the node has looked at it
}

type identityState int

const (
	identityNew identityState = iota // to be made when the ledger is locked
	identityOwn
	identityCopied  // read offline only
	identityAdopted // to be made anew when the ledger is locked
)

const identityFile = "identity.json"

// ErrCopied is returned by New for a data directory that is a copy of another node's, and was not adopted.
var ErrCopied = errors.New("this data directory is a copy: it was made by another node, or restored, or moved from " +
	"another file system. If that " +
	"node may still run, start this one on an empty data_dir. To go on from the copy, start it once with serve " +
	"--adopt: it gets a name of its own in events, " +
	"leads from before are answered and not sold any more, and open attempts wait for a person")

// identify reads who a data directory is, before anything in it is opened.
func identify(cfg *config.Config, offline bool) (*identity, error) {
	who, err := readIdentity(cfg.DataDir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &identity{dir: cfg.DataDir}, nil
	case err != nil && !cfg.Adopt && !offline:
		return nil, fmt.Errorf("%s: %w; serve --adopt makes a new one, as for a copy",
			filepath.Join(cfg.DataDir, identityFile), err)
	case err != nil:
		who = &identity{dir: cfg.DataDir, state: identityCopied}
	}
	if who.state == identityCopied && !offline {
		if !cfg.Adopt {
			return nil, fmt.Errorf("%s: %w", cfg.DataDir, ErrCopied)
		}
		who.state = identityAdopted
		who.From, who.ID = who.ID, newIdentityID()
	}
	return who, nil
}

// IsCopy tells whether a data directory is a copy that no node has adopted.
func IsCopy(dataDir string) bool {
	who, err := readIdentity(dataDir)
	return err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && who.state == identityCopied
}

func readIdentity(dir string) (*identity, error) {
	path := filepath.Join(dir, identityFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	who := &identity{dir: dir, state: identityOwn}
	if err := json.Unmarshal(b, who); err != nil || who.ID == "" {
		return nil, errors.Join(errors.New("it does not say who the directory is"), err)
	}
	inode, born, err := fileBorn(path)
	if err != nil {
		return nil, err
	}
	ledger, err := os.Stat(ledgerPath(dir))
	replaced := err == nil && who.Ledger != 0 && inodeOf(ledger) != who.Ledger
	if inode != who.Inode || born != 0 && who.Born != 0 && born != who.Born || replaced {
		who.state = identityCopied
	}
	who.reading = FileIdentity(path)
	return who, nil
}

func ledgerPath(dataDir string) string { return filepath.Join(dataDir, "ledger") }

func newIdentityID() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// nodeName is the node's name in events: of a node on a copy, another one than that of the node which the copy is of.
func (who *identity) nodeName(configured string) string {
	if who.Inherited == 0 && who.state != identityAdopted {
		return configured
	}
	suffix := "-" + who.ID[:min(len(who.ID), 6)]
	return strings.TrimSuffix(configured, suffix) + suffix
}

// HasIdentity tells whether a directory is a data directory in which a node has run, or a copy of one.
func HasIdentity(dir string) bool {
	_, err := os.Stat(IdentityPath(dir))
	return err == nil
}

// NameIn is the name in events of the node of a configuration, by its data directory.
func NameIn(cfg *config.Config) (string, error) {
	who, err := readIdentity(cfg.DataDir)
	if errors.Is(err, os.ErrNotExist) {
		return cfg.Exchange.Node, nil
	}
	if err != nil {
		return "", err
	}
	return who.nodeName(cfg.Exchange.Node), nil
}

// keep writes a new or adopted identity. The ledger is locked by then, so that no two nodes do.
func (who *identity) keep(lastSeq uint64, offline bool, log *slog.Logger) error {
	if offline {
		return nil // a verb is not the node of this directory
	}
	switch who.state {
	case identityOwn, identityCopied:
		return nil
	case identityNew:
		who.ID = newIdentityID()
	case identityAdopted:
		who.Inherited = max(lastSeq, 1)
		log.Warn("the data directory was a copy and is adopted: leads from before are answered and not sold any "+
			"more, and their open attempts wait for a person", "id", who.ID, "copied_from", who.From, "up_to_event",
			lastSeq)
	}
	if err := who.write(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(who.dir, identityFile), err)
	}
	who.state = identityOwn
	return nil
}

// write replaces the file as a whole: it is new before it has its name, and keeps its inode with it.
func (who *identity) write() error {
	path := filepath.Join(who.dir, identityFile)
	f, err := os.CreateTemp(who.dir, identityFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // once it has its name, there is nothing to remove
	defer f.Close()
	if who.Inode, who.Born, err = fileBorn(f.Name()); err != nil {
		return err
	}
	ledger, err := os.Stat(ledgerPath(who.dir))
	if err != nil {
		return err
	}
	who.Ledger = inodeOf(ledger)
	b, err := json.Marshal(who)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), os.Rename(f.Name(), path)); err != nil {
		return err
	}
	who.reading = FileIdentity(path)
	dir, err := os.Open(who.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// fileBorn is a file's inode, and when it was made in nanoseconds: 0 where the file system does not keep that.
func fileBorn(path string) (inode uint64, born int64, err error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &st); err == nil {
		if st.Mask&unix.STATX_BTIME != 0 {
			born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
		}
		return st.Ino, born, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	return inodeOf(info), 0, nil
}

func inodeOf(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// FileIdentity tells which file or directory a path leads to, whatever the path is called: zero if it leads nowhere.
func FileIdentity(path string) (id admin.FileID) {
	info, err := os.Stat(path)
	if err != nil {
		return id
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id = admin.FileID{Device: uint64(st.Dev),
			Inode: st.Ino} //nolint:unconvert // Dev is not 64 bits wide everywhere
	}
	return id
}

// IdentityPath is the file by which a data directory is told from others.
func IdentityPath(dataDir string) string { return filepath.Join(dataDir, identityFile) }

// serves says which directories a node serves that was started with a configuration.
func (who *identity) serves(cfg *config.Config) admin.Identity {
	return admin.Identity{ID: who.ID, Node: cfg.Exchange.Node, PID: os.Getpid(), DataDir: absolute(cfg.DataDir),
		Data: who.reading, ConfigDir: absolute(cfg.Dir), Config: FileIdentity(cfg.Dir)}
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
