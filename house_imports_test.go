// SPDX-License-Identifier: Apache-2.0

package clearpost_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// below lists for each package those of ours that it may import. Imports point down only; a new package, or a new
// arrow, changes this table and ARCHITECTURE.md in the same commit.
//
// Test files may import more: a test of the ledger starts a Kafka endpoint, one of a node a farm of buyers. Go itself
// keeps them from making a circle.
var below = map[string][]string{
	"lead":              {},
	"ledger/kafkalocal": {},
	"config/schema":     {}, // the JSON Schemas of the configuration's files, for editors
	"buyers/templates":  {}, // the campaigns that a buyer's page may start from
	"ledger/schema":     {}, // the JSON Schemas of the events, for tests and for whoever reads the topics
	"loadtest/audit":    {}, // judges the engine, so it shares no code with it
	"tools/mutants":     {}, // makes mistakes in the engine, and has the tests find them
	"examples":          {}, // the example configuration, carried inside the binary
	"wire":              {}, // words that requests and answers share

	"rules/expr":       {"lead"}, // conditions as expressions
	"rules/listfile":   {},       // files of millions of values
	"rules/zips":       {},       // where US ZIP codes lie
	"rules":            {"lead", "rules/expr", "rules/listfile", "rules/zips"},
	"ledger":           {"lead"},
	"buyers/buyertest": {"lead"},
	"config/tree":      {"lead"},

	"wire/request":   {"lead", "wire"},
	"wire/answer":    {"lead", "wire"},
	"wire/transport": {"lead"},
	"auction":        {"lead", "rules"},
	"auction/value":  {"lead", "auction"}, // what bids are worth beside their price, learned
	"capstore":       {"lead", "rules"},

	"capstore/memory":  {"lead", "rules", "capstore"}, // the store of one node
	"capstore/captest": {"lead", "rules", "capstore"}, // what every store must pass

	"batch": {"lead", "wire/request"}, // leads in files: rows, names, times
	// what brings files to where they are stored, and answers back, which are read as statements are
	"batch/carrier": {"lead", "batch", "wire/transport", "reconcile"},

	"buyers": {"lead", "rules", "auction", "wire", "wire/request", "wire/answer", "batch"},

	"buyers/conform": {"lead", "rules", "wire/request", "wire/answer", "wire/transport", "buyers"},

	"queue":         {"lead", "ledger"},          // messages that wait until they are taken
	"books":         {"lead", "ledger"},          // the double-entry journal: what events book
	"books/paper":   {"lead"},                    // statements written down: text, CSV, HTML, PDF
	"ledger/report": {"lead", "ledger", "books"}, // an SQL view of the events, to find and add up

	"reconcile": {"lead", "rules", "config/tree"}, // a buyer's statement held to what was sold

	"exchange/limits":   {"lead", "buyers"},
	"exchange/history":  {"lead", "ledger", "auction"},
	"exchange/learning": {"lead", "ledger", "auction/value"}, // lessons of the ledger's events
	"exchange/claims":   {},                                  // who is at what within this process

	"exchange": {"lead", "rules", "batch", "wire", "wire/request", "wire/answer", "wire/transport", "buyers", "auction",
		"auction/value", "capstore", "ledger", "queue", "exchange/claims", "exchange/history", "exchange/learning",
		"exchange/limits"},

	"exchange/intake/posting": {}, // a document, its versions and the ways to write it down

	"exchange/exchangetest": {"lead", "rules", "wire", "wire/request", "wire/answer", "wire/transport",
		"buyers", "auction", "capstore/memory", "ledger", "exchange"}, // exchanges for tests

	"exchange/door": {}, // what stands between a listener and an HTTP server

	"exchange/intake": {"lead", "exchange", "exchange/door", "exchange/intake/posting"},
	// who is told when somebody is needed
	"alerts": {"lead", "rules", "ledger", "ledger/report", "queue", "exchange"},
	"exchange/admin": {"lead", "alerts", "exchange", "exchange/limits", "exchange/door", "ledger", "ledger/report",
		"queue", "config/tree"},

	"config": {"lead", "rules", "rules/listfile", "wire/request", "wire/answer", "auction", "auction/value", "buyers",
		"buyers/templates", "ledger", "queue", "alerts", "exchange", "exchange/door", "exchange/intake",
		"exchange/intake/posting", "config/tree"},
	"config/page": {"lead", "buyers", "buyers/templates", "exchange", "config", "config/tree"}, // pages of templates

	"node": {"lead", "rules", "alerts", "batch/carrier", "books", "wire/transport", "capstore/memory", "ledger",
		"ledger/report", "exchange", "exchange/intake", "exchange/admin", "exchange/door", "config"},

	"loadtest": {"lead", "loadtest/audit"},
	"bench": {"lead", "rules", "wire/request", "wire/transport", "buyers", "auction", "capstore", "capstore/memory",
		"ledger", "exchange", "exchange/intake", "exchange/intake/posting", "exchange/admin", "config", "node",
		"buyers/buyertest"},

	"cmd/clearpost": {"lead", "rules", "alerts", "wire/request", "wire/answer", "wire/transport", "buyers", "auction",
		"capstore", "ledger", "ledger/report", "ledger/schema", "queue", "config/schema", "exchange", "exchange/intake",
		"exchange/intake/posting", "exchange/admin", "config", "config/page", "node", "buyers/buyertest",
		"buyers/conform", "books/paper", "ledger/kafkalocal", "loadtest", "loadtest/audit", "reconcile", "examples"},
}

func TestImportsPointDown(t *testing.T) {
	there := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.dir == "." {
			continue
		}
		there[f.dir] = true
		allowed, ok := below[f.dir]
		if !ok || f.test {
			continue
		}
		for _, s := range f.ast.Imports {
			ours, ok := strings.CutPrefix(importPath(s), module+"/")
			if ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s: %s may not import %s (it may: %s)", at(s), f.dir, ours, strings.Join(allowed, ", "))
			}
		}
	}
	for dir := range there {
		if _, ok := below[dir]; !ok {
			t.Errorf("%s: a package that the table in house_imports_test.go does not have: say what it may import", dir)
		}
	}
	for dir, allowed := range below {
		if !there[dir] {
			t.Errorf("%s: in the table in house_imports_test.go, and there is no such package", dir)
		}
		for _, d := range allowed {
			if _, ok := below[d]; !ok {
				t.Errorf("%s may import %s, which is not in the table in house_imports_test.go", dir, d)
			}
			if slices.Contains(below[d], dir) {
				t.Errorf("%s and %s may import each other by the table in house_imports_test.go", dir, d)
			}
		}
	}
}

// confined lists libraries that only some packages may import, and why. A library matches by prefix of its path.
var confined = []struct {
	library string
	only    []string // a trailing /... takes in the packages below
	why     string
}{
	{"github.com/valyala/fasthttp", []string{"exchange/intake", "exchange/admin", "wire/transport", "buyers/buyertest",
		"loadtest", "bench"}, "its buffers are used again: no byte of a request may live past the handler, so " +
		"everything is copied at the " +
		"door"},
	{"github.com/segmentio/kafka-go", []string{"ledger/..."},
		"Kafka is a copy of the ledger: nothing else may wait for it"},
	{"github.com/twmb/franz-go", []string{"ledger/..."}, "Kafka is a copy of the ledger: nothing else may wait for it"},
	{"github.com/expr-lang/expr", []string{"rules/expr"}, "its parser reads expressions; its own machine knows two " +
		"truths and float64, so that nothing else may evaluate them"},
	{"github.com/redis", []string{"capstore"}, "what nodes must agree on goes through one Hold"},
	{"modernc.org/sqlite", []string{"ledger/report", "reconcile"}, "the database is a view of the ledger, or for the " +
		"time of one command: what must be right is decided by events"},
	{"database/sql", []string{"ledger/report", "reconcile"}, "the database is a view of the ledger, or for the time " +
		"of one command: what must be right is decided by events"},
	{"github.com/parquet-go", []string{"cmd/clearpost"}, "files for others are written at the edge"},
	{"codeberg.org/go-pdf/fpdf", []string{"books/paper"}, "files for others are written at the edge"},
	{"encoding/json", []string{"buyers/buyertest", "loadtest", "loadtest/audit"},
		"github.com/goccy/go-json reads and writes every JSON body; who plays or judges from outside reads with " +
			"another decoder"},
}

func TestLibrariesStayInTheirRooms(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		for _, s := range f.ast.Imports {
			for _, c := range confined {
				p := importPath(s)
				if (p == c.library || strings.HasPrefix(p, c.library+"/")) && !within(f.dir, c.only) {
					t.Errorf("%s: %s is for %s and tests only: %s", at(s), p, strings.Join(c.only, ", "), c.why)
				}
			}
		}
	}
}

func within(dir string, list []string) bool {
	for _, d := range list {
		base, all := strings.CutSuffix(d, "/...")
		if dir == base || all && strings.HasPrefix(dir, base+"/") {
			return true
		}
	}
	return false
}

// pure packages get the time as a value and never reach out, so that what they decide can be replayed and tested as
// text.
var pure = []string{"lead", "rules", "rules/expr", "rules/listfile", "rules/zips",
	"wire", "wire/request", "wire/answer", "auction", "capstore"}

var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}

func TestPureRoomsHaveNeitherClockNorNetwork(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || !slices.Contains(pure, f.dir) {
			continue
		}
		for _, s := range f.ast.Imports {
			switch p := importPath(s); p {
			case "net", "net/http", "os", "crypto/tls", "crypto/rand", "math/rand", "math/rand/v2":
				t.Errorf("%s: %s is pure: it may not import %s", at(s), f.dir, p)
			}
		}
		clock := f.localName("time")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if name := calledOf(n, clock); slices.Contains(clocks, name) {
				t.Errorf("%s: %s is pure: it may not call time.%s; take the time as a value", at(n), f.dir, name)
			}
			return true
		})
	}
}
