// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/lead"
)

// loader reads one configuration. Every step goes on after a mistake and leaves out only what the mistake makes meaningless.
type loader struct {
	dir      string
	opt      Options
	files    []*sourceFile // in the order of their names
	problems problemList
	secrets  secrets
	tooMany  bool

	schemas    map[string]*lead.Schema    // by vertical; nil for one that is there but broken
	brokenName map[string]map[string]bool // by vertical: names of fields that could not be taken
	incomplete bool                       // a vertical could not be read at all
	subjects   map[string]string          // id of a buyer, campaign or source → its place
	verticals  map[string]*exchange.Vertical
	ids        map[string]string // "vertical:solar" → its place
	keys       map[[32]byte]string

	free, disposable lead.Domains // nil: the embedded lists
}

func newLoader(dir string, opt Options) *loader {
	return &loader{
		dir: dir, opt: opt,
		secrets:    secrets{dir: dir, env: opt.Env, done: map[string]secret{}},
		schemas:    map[string]*lead.Schema{},
		brokenName: map[string]map[string]bool{},
		subjects:   map[string]string{},
		verticals:  map[string]*exchange.Vertical{},
		ids:        map[string]string{},
		keys:       map[[32]byte]string{},
	}
}

func (l *loader) load() *Config {
	l.readAll()
	read := hashFiles(l.files)
	for _, f := range l.files {
		if strings.HasPrefix(f.name, listsFolder+"/") {
			continue // no YAML: read already
		}
		l.parse(f)
		if f.root == nil {
			l.unread(f.name)
		}
	}
	l.useTemplates()
	cfg := &Config{Dir: l.dir, Files: map[string][]byte{}, Hash: hashFiles(l.files), read: read}
	for _, f := range l.files {
		cfg.Files[f.name] = f.text
	}
	cfg.Exchange.Hash = cfg.Hash
	l.node(cfg)
	for _, f := range l.in(verticalsFolder) {
		if v := l.vertical(f); v != nil {
			cfg.Exchange.Verticals = append(cfg.Exchange.Verticals, v)
		}
	}
	cfg.Exchange.Book, cfg.Examples = l.buyers()
	for _, f := range l.in(sourcesFolder) {
		if s := l.source(f); s != nil {
			cfg.Exchange.Sources = append(cfg.Exchange.Sources, s)
		}
	}
	l.remembers(cfg)
	cfg.opt = l.opt
	cfg.secrets, cfg.secretFiles = l.secrets.digest(), l.secrets.files()
	return cfg
}

// unread notes that a file's content is not known.
func (l *loader) unread(name string) {
	if strings.HasPrefix(name, verticalsFolder+"/") {
		l.incomplete = true
	}
}

// in lists the files of a folder that could be parsed.
func (l *loader) in(folder string) []*sourceFile {
	var out []*sourceFile
	for _, f := range l.files {
		if f.root != nil && strings.HasPrefix(f.name, folder+"/") {
			out = append(out, f)
		}
	}
	return out
}

// decode fills *spec from the file.
func (l *loader) decode(f *sourceFile, spec any) {
	d := decoder{l, f}
	d.value(f.root, reflect.ValueOf(spec).Elem(), "", nil)
}

// bad reports a mistake at a path of a file, unless it only follows from one that was reported there already.
func (l *loader) bad(f *sourceFile, path, value, expected string) {
	l.report(f, path, value, "expected "+expected, false)
}

// badSecret is bad for values that messages must not show.
func (l *loader) badSecret(f *sourceFile, path, message string) { l.report(f, path, "", message, true) }

// shown is a value as messages have it: its beginning, if it is long.
func shown(value string) string {
	if r := []rune(value); len(r) > 2*excerptWidth {
		return string(r[:2*excerptWidth]) + "…"
	}
	return value
}

func (l *loader) report(f *sourceFile, path, value, message string, hide bool) {
	tk, found, missing := locate(f.root, path)
	if f.spoil[found] || missing == "" && f.blunt[found] {
		return
	}
	switch {
	case missing != "":
		message = missing + " is not there: " + message
	case value != "":
		message = fmt.Sprintf("%q: %s", shown(value), message)
	}
	l.problems.add(f.at(tk, path, message, hide))
}

// place names a path's place for a message about another one.
func (f *sourceFile) place(path string) string {
	tk, _, _ := locate(f.root, path)
	if tk == nil || tk.Position == nil {
		return f.name
	}
	return fmt.Sprintf("%s:%d", f.name, tk.Position.Line)
}

// id checks an id of one kind, and that it is its only holder.
func (l *loader) id(f *sourceFile, kind, id string) bool {
	switch was, taken := l.ids[kind+":"+id]; {
	case id == "":
		l.bad(f, "id", "", "the "+kind+"'s id")
	case !buyers.ValidID(id):
		l.bad(f, "id", id, buyers.IDRule)
	case taken:
		l.bad(f, "id", id, "an id that no other "+kind+" has: it stands at "+was+" already")
	default:
		l.ids[kind+":"+id] = f.place("id")
		return true
	}
	return false
}

// number checks a whole number between its limits and returns it, or the default where it is not given.
func (l *loader) number(f *sourceFile, path string, v *int, standard, least, most int) int {
	if v == nil {
		return standard
	}
	if *v < least || *v > most {
		l.bad(f, path, fmt.Sprint(*v), fmt.Sprintf("%d to %d", least, most))
		return standard
	}
	return *v
}

// expand puts secrets into a text; where that fails it reports and returns false.
func (l *loader) expand(f *sourceFile, path, text string) (string, bool) {
	v, err := l.secrets.expand(text)
	if err != nil {
		l.report(f, path, "", "secret: "+err.Error(), false)
		return "", false
	}
	return v, true
}

// buyers compiles the book of all buyers' files and runs its examples.
func (l *loader) buyers() (*buyers.Book, Examples) {
	files := l.in(buyersFolder)
	specs := make([]buyers.BuyerSpec, len(files))
	for i, f := range files {
		l.decode(f, &specs[i])
		l.rewrite(&specs[i])
		l.subject(f, "id", specs[i].ID)
		for j, c := range specs[i].Campaigns {
			l.subject(f, fmt.Sprintf("campaigns[%d].id", j), c.ID)
		}
	}
	book, defects := buyers.Compile(specs, l.schemas, buyers.Options{
		Secrets:    l.secrets.lookup,
		Deadlines:  l.deadlines,
		Incomplete: l.incomplete,
		Place: func(path string) string {
			i, rest := splitIndex(path)
			return files[i].place(rest)
		},
	})
	for _, d := range defects {
		i, rest := splitIndex(d.Path)
		if l.follows(&specs[i], rest, d.Value) {
			continue
		}
		l.bad(files[i], rest, d.Value, d.Expected+l.whySecret(d.Expected))
	}
	if book == nil {
		return nil, Examples{}
	}
	return book, runExamples(book, files)
}

func (l *loader) subject(f *sourceFile, path, id string) {
	if _, taken := l.subjects[id]; !taken && id != "" {
		l.subjects[id] = f.place(path)
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
