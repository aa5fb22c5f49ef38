// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/rules/listfile"
)

// loader reads one configuration. Every step goes on after a mistake and leaves out only what the mistake makes
// meaningless.
type loader struct {
	dir      string
	opt      Options
	files    []*tree.File // in the order of their names
	problems tree.Problems
	secrets  secrets
	tooMany  bool

	schemas    map[string]*lead.Schema    // by vertical; nil for one that is there but broken
	brokenName map[string]map[string]bool // by vertical: names of fields that could not be taken
	incomplete bool                       // a vertical could not be read at all
	noReport   bool                       // the view for reports is switched off
	subjects   map[string]string          // id of a buyer, campaign or source → its place
	verticals  map[string]*exchange.Vertical
	sellLimits map[string]bool // by vertical: it has one of its own
	heldPlans  []heldPlan      // until the campaigns are there
	parentsIn  *tree.File      // where parents stand
	book       *buyers.Book    // nil: some campaigns could not be taken
	planLists  map[string]bool // files of values that plans look in
	// remediations to other verticals, which wait for those and the sources
	heldRemedies []heldRemedy
	ids          map[string]string // "vertical:solar" → its place
	keys         map[[32]byte]string

	free, disposable lead.Domains // nil: the embedded lists
	missing          *lead.MissingWords
	areas            *lead.AreaCodes
	across           *lead.AcrossStates
	lists            listFiles

	before    *pages     // of the reading before this one; nil: there is none that would serve
	baseRead  [32]byte   // what the buyers' pages lean on
	templates []string   // of the binary that the page being read has used
	reading   *tree.File // that page
}

func newLoader(dir string, opt Options) *loader {
	return &loader{
		dir: dir, opt: opt,
		secrets:    secrets{dir: dir, env: opt.Env, done: map[string]secret{}, standIns: opt.Placeholders},
		schemas:    map[string]*lead.Schema{},
		brokenName: map[string]map[string]bool{},
		subjects:   map[string]string{},
		verticals:  map[string]*exchange.Vertical{},
		sellLimits: map[string]bool{},
		planLists:  map[string]bool{},
		ids:        map[string]string{},
		keys:       map[[32]byte]string{},
		lists:      listFiles{files: map[string]*List{}, sets: map[listKey]*listfile.Set{}, used: map[listKey]string{}},
	}
}

func (l *loader) load() *Config {
	l.readAll()
	cfg := &Config{Dir: l.dir, read: hashFiles(l.hashed()), large: textBytes(l.files) >= largeDirectory}
	if cfg.large {
		defer beFrugal()()
	}
	if l.baseRead = l.base(); l.before != nil && l.before.base != l.baseRead {
		l.before = nil
	}
	for _, f := range l.of(nodeFile) {
		f.Parse(&l.problems) // and it stays: what stands elsewhere may still be held against it
	}
	if l.opt.KeptLists == "" {
		l.node(cfg)
	}
	l.each(verticalsFolder, func(f *tree.File) {
		if v := l.vertical(f); v != nil {
			cfg.Exchange.Verticals = append(cfg.Exchange.Verticals, v)
		}
	})
	// each is read anew where it is used; mistakes of others are reported as well
	l.each(templatesFolder, func(*tree.File) {})
	cfg.Exchange.Book, cfg.Examples, cfg.pages = l.buyers()
	l.book = cfg.Exchange.Book
	l.territories(l.book)
	l.plans(l.book)
	l.each(sourcesFolder, func(f *tree.File) {
		if s := l.source(f); s != nil {
			cfg.Exchange.Sources = append(cfg.Exchange.Sources, s)
		}
	})
	l.remedies(cfg)
	l.remembers(cfg)
	l.alertsAbout(cfg)
	l.standings(cfg)
	l.money(cfg)
	l.unusedLists(cfg.pages)
	all := l.hashed()
	cfg.Hash, cfg.Files = hashFiles(all), map[string][]byte{}
	for _, f := range all {
		cfg.Files[f.Name] = f.Text
	}
	for _, name := range slices.Sorted(maps.Keys(l.lists.files)) {
		cfg.Lists = append(cfg.Lists, *l.lists.files[name])
	}
	cfg.Exchange.Hash = cfg.Hash
	cfg.opt, cfg.Unset = l.opt, slices.Sorted(slices.Values(l.secrets.unset))
	cfg.secrets, cfg.secretFiles = l.secrets.digest(), l.secrets.files()
	return cfg
}

// unread notes that a file's content is not known.
func (l *loader) unread(name string) {
	if strings.HasPrefix(name, verticalsFolder+"/") {
		l.incomplete = true
	}
}

// of lists the files of a folder, or the one of this name.
func (l *loader) of(folder string) []*tree.File {
	var out []*tree.File
	for _, f := range l.files {
		if f.Name == folder || strings.HasPrefix(f.Name, folder+"/") {
			out = append(out, f)
		}
	}
	return out
}

// each parses one file of a folder after the other, and lets go of what it was parsed to.
func (l *loader) each(folder string, do func(f *tree.File)) {
	for _, f := range l.of(folder) {
		if f.Parse(&l.problems); f.Root == nil {
			l.unread(f.Name)
			continue
		}
		do(f)
		l.drop(f)
	}
}

// bad reports a mistake at a path of a file, unless it only follows from one that was reported there already.
func (l *loader) bad(f *tree.File, path, value, expected string) {
	f.Report(&l.problems, path, value, "expected "+expected, false)
}

// badSecret is bad for values that messages must not show.
func (l *loader) badSecret(f *tree.File, path, message string) {
	f.Report(&l.problems, path, "", message, true)
}

// id checks an id of one kind, and that it is its only holder.
func (l *loader) id(f *tree.File, kind, id string) bool {
	switch was, taken := l.ids[kind+":"+id]; {
	case id == "":
		l.bad(f, "id", "", "the "+kind+"'s id")
	case !buyers.ValidID(id):
		l.bad(f, "id", id, buyers.IDRule)
	case taken:
		l.bad(f, "id", id, "an id that no other "+kind+" has: it stands at "+was+" already")
	default:
		l.ids[kind+":"+id] = f.Place("id")
		return true
	}
	return false
}

// number is a whole number between its limits, or the default where it is not given or wrong.
func (l *loader) number(f *tree.File, path string, v *int, standard, least, most int) int {
	n, ds := rules.Number(path, v, standard, least, most)
	l.badAll(f, "", ds)
	return n
}

// expand puts secrets into a text; where that fails it reports and returns false.
func (l *loader) expand(f *tree.File, path, text string) (string, bool) {
	v, err := l.secrets.expand(text)
	if err != nil {
		f.Report(&l.problems, path, "", "secret: "+err.Error(), false)
		return "", false
	}
	return v, true
}

func (l *loader) subject(f *tree.File, path, id string, p *buyerPage) {
	if _, taken := l.subjects[id]; !taken && id != "" {
		p.places[id] = f.Place(path)
		l.subjects[id] = p.places[id]
	}
}

// follows tells whether a defect only follows from a field of the vertical that could not be taken.
func (l *loader) follows(spec *buyers.BuyerSpec, path, value string) bool {
	if !strings.HasSuffix(path, ".field") && !strings.HasSuffix(path, ".from") {
		return false
	}
	at, ok := strings.CutPrefix(path, "campaigns")
	if !ok {
		return false
	}
	i, _ := splitIndex(at)
	return i < len(spec.Campaigns) && l.brokenName[spec.Campaigns[i].Vertical][strings.ToLower(value)]
}

// whySecret adds to a message that names a placeholder why it could not be resolved.
func (l *loader) whySecret(message string) string {
	for placeholder, s := range l.secrets.done {
		if s.err != nil && strings.Contains(message, placeholder) {
			return " (" + s.err.Error() + ")"
		}
	}
	return ""
}

func (l *loader) deadlines(vertical string) (ping, post time.Duration) {
	if v := l.verticals[vertical]; v != nil {
		return v.PingDeadline, v.PostTotal
	}
	return 0, 0
}

// rewrite changes the beginnings of a buyer's URLs as the options say.
func (l *loader) rewrite(spec *buyers.BuyerSpec) {
	for i := range spec.Campaigns {
		if t := spec.Campaigns[i].Test; t != nil && l.opt.Aim != nil {
			if t.PingURL, t.PostURL = "", ""; len(t.Fields) == 0 {
				spec.Campaigns[i].Test = nil // where calls are aimed is where tests go
			}
		}
		for _, e := range []*buyers.EndpointSpec{spec.Campaigns[i].Ping, spec.Campaigns[i].Post} {
			if e == nil {
				continue
			}
			longest, to := "", ""
			for from, by := range l.opt.Rewrite {
				if len(from) > len(longest) && strings.HasPrefix(e.Request.URL, from) {
					longest, to = from, by
				}
			}
			if longest != "" {
				e.Request.URL = to + e.Request.URL[len(longest):]
				rewriteExamples(spec.Campaigns[i].Examples, longest, to)
			}
			if l.opt.Aim != nil {
				e.Request.URL = l.opt.Aim(spec.Campaigns[i].ID, e == spec.Campaigns[i].Post, e.Request.URL)
			}
		}
	}
}

// splitIndex splits "[3].a.b" into 3 and "a.b".
func splitIndex(path string) (int, string) {
	n, rest := 0, ""
	if end := strings.IndexByte(path, ']'); end > 0 {
		for _, c := range path[1:end] {
			n = n*10 + int(c-'0')
		}
		rest = strings.TrimPrefix(path[end+1:], ".")
	}
	return n, rest
}
