// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/goccy/go-yaml/ast"

	"clearpost/alerts"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/exchange/door"
	"clearpost/ledger"
)

// Limits of a configuration on disk. What is beyond them is reported, not read.
const (
	FileBytesMax   = 1 << 20 // of one file
	FilesMax       = 10000
	FolderDepthMax = 8
	SecretBytesMax = 64 << 10
)

// Problem is one mistake in a configuration, and Error is every problem of one.
type (
	Problem = tree.Problem
	Error   = tree.Error
)

// DataDirDefault is where the data stands in the configuration's directory, where clearpost.yaml does not say.
const DataDirDefault = "data"

// Config is a whole configuration, checked and compiled.
type Config struct {
	Dir         string    // the configuration's own directory, as given
	DataDir     string    // where the log and the views stand
	Listen      string    // host:port for sellers
	AdminListen string    // host:port for the admin API and metrics
	AdminToken  string    // empty: the node makes one and keeps it in DataDir
	TLS         *KeyFiles // of the sellers' address; nil: it speaks plain HTTP
	AdminTLS    *KeyFiles // of the operators' address
	Proxies     *door.Proxies
	SpecURL     string // under which sellers reach this exchange, for posting specs; empty: the Host of each request
	SpecSecret  string // links to posting specs are derived from it; empty: the node makes one and keeps it in DataDir
	Kafka       *ledger.KafkaConfig
	KafkaTLS    *kafkaTLSSpec // the files that Kafka.TLS was made of
	Limits      Limits
	Alerts      *alerts.Config // nil: nobody is told of anything
	Exchange    exchange.Config

	// Hash names the configuration: the first 16 bytes of a SHA-256 over the names and the contents of all its files in
	// the order of their names, as 32 hexadecimal digits. Secrets behind ${env:…} and ${file:…} take part by their
	// names only.
	Hash string
	// Files are the files' contents by their path in Dir, with slashes. Secrets stand in them as placeholders. A node
	// drops them when it has kept them beside its ledger.
	Files map[string][]byte

	// Lists are the files of values, in the order of their names. In Files each stands as its sum.
	Lists []List

	// Examples is what came of the campaigns' examples.
	Examples Examples

	asRead *Config // itself as the files have it: the caller may set some of it otherwise before the start

	// Unset are the secrets that are not there, as the files have them, where Options.Placeholders allows that.
	Unset []string

	// Clock is the wall clock; nil means time.Now. Tests move it.
	Clock func() time.Time

	// Adopt lets a node start on a copy of another one's DataDir.
	Adopt bool
	// AcceptLoss lets a node start on a ledger that has lost events: what cannot be taken back is given up.
	AcceptLoss bool

	// SkipExamples lets a reload take a configuration whose campaigns' examples do not all hold.
	SkipExamples bool

	opt         Options
	large       bool     // its directory
	pages       *pages   // for the next reading
	read        string   // hash of the directory's files, without the templates that came from elsewhere
	secrets     [32]byte // a digest of what the secrets' placeholders stood for
	secretFiles []string // where ${file:…} were read
}

// SecretFiles are the files that ${file:…} placeholders were read from.
func (c *Config) SecretFiles() []string { return c.secretFiles }

// Limits bound what the node takes on. Load fills in the defaults.
type Limits struct {
	BodyBytesMax   int           // of a seller's request (64 KiB)
	ConnsMax       int           // sellers' connections at once; those above it are closed
	InFlightMax    int           // seller requests at once; more hear 503 (0: what memory allows, at most 10,000)
	MemoryBytes    int64         // of the whole node (0: a share of the machine's)
	WorkersMax     int           // workers for dials and handshakes to buyers (2048)
	AnswerBytesMax int           // of a buyer's answer (64 KiB)
	AnswerHeadMax  int           // of the head of a buyer's answer (32 KiB)
	LateReadMax    time.Duration // how long a late answer is still read (2 s)
	FreeBytesMin   uint64        // free disk space below which new pings hear 503 (512 MiB)
	Retention      ledger.Retention
	// for how long the view for reports has single leads that nobody posted, and fine bids (0: always)
	ReportKeepFor  time.Duration
	ReportBytesMax int64 // in that view before the oldest of these go earlier (0: any number)
	ReportPercent  int   // of one core's time that the view for reports may take (25); 0: there is no such view
}

// Options are what loading takes from outside.
type Options struct {
	// Env looks up an environment variable for ${env:NAME}; nil means that none is set.
	Env func(name string) (string, bool)
	// Placeholders lets secrets be absent, for what sends nothing: a text that is none stands for each, and
	// Config.Unset names them.
	Placeholders bool
	// Rewrite maps the beginning of a buyer's URL to what stands in its place, after the files were read and hashed.
	// The demo uses it to send the examples' buyers to its own farm. Where several fit, the longest wins.
	Rewrite map[string]string
	// Progress hears of each file of values how many of its bytes have been read. It may be nil.
	Progress func(file string, read, size int64)
	// Also are files that are read as if they stood in the directory, by their path in it.
	Also map[string][]byte
	// KeptLists says that the directory is a configuration as it was kept beside a ledger (LoadKept): its files of
	// values stand as sums, and their contents as SHA256.gz in this directory. What is of its node alone is not read.
	KeptLists string
	// Aim, where set, gives the URL that a campaign's call goes to in place of its own, after Rewrite. Probes use it.
	Aim func(campaign string, post bool, url string) string
}

// Load reads, checks and compiles the configuration in dir, and runs the campaigns' examples. If anything is wrong the
// error is a *Error with every problem of every file; no file is opened for writing and no network is used.
// Examples that do not hold are no such error: they stand in Config.Examples.
func Load(dir string, env func(name string) (string, bool)) (*Config, error) {
	return LoadWith(dir, Options{Env: env})
}

// LoadWith is Load with options.
func LoadWith(dir string, opt Options) (*Config, error) { return loadAfter(dir, opt, nil) }

// LoadTree is LoadWith, and returns the tree of one of opt.Also's files too, as it stands when templates have been put
// in.
func LoadTree(dir string, opt Options, name string) (*Config, ast.Node, error) {
	l := newLoader(dir, opt)
	cfg, err := l.config()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range l.files {
		if f.Name == name {
			return cfg, f.Root, nil
		}
	}
	return nil, nil, fmt.Errorf("%s was not read", name)
}

// loadAfter is LoadWith, and takes over what is as it was at the reading before, if there was one with the same
// options.
func loadAfter(dir string, opt Options, before *pages) (*Config, error) {
	l := newLoader(dir, opt)
	l.before = before
	return l.config()
}

// OpenList opens a file of values.
func (c *Config) OpenList(list *List) (io.ReadCloser, error) { return openList(c.Dir, list.File) }

func (l *loader) config() (*Config, error) {
	cfg := l.load()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	asRead := *cfg
	cfg.asRead = &asRead
	return cfg, nil
}

// hashFiles hashes names and contents in the given order. Lengths stand before each, so that no two sets of files read
// the same.
func hashFiles(files []*tree.File) string {
	sum := digestFiles(files)
	return hex.EncodeToString(sum[:16])
}

func digestFiles(files []*tree.File) (sum [32]byte) {
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, f := range files {
		put([]byte(f.Name))
		put(f.Text)
	}
	h.Sum(sum[:0])
	return sum
}
