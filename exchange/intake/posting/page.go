// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
)

// Page is a posting spec as it is shown.
type Page struct {
	*Document
	*Samples
	Base  string // the address of the exchange, such as https://leads.example
	Steps []Step // versions, newest first
	Token string // with which the page was opened, if it was: its links have it too
	Live  bool   // the page is served: it has links to its other forms
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"code": inlineCode}).Parse(pageHTML))

// SecurityPolicy is the Content-Security-Policy under which the page works: its own style and script, and nothing else.
var SecurityPolicy = "default-src 'none'; style-src '" + hashOf(pageCSS) + "'; script-src '" + hashOf(pageJS) +
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func hashOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

// inlineCode shows what stands between backquotes as code.
func inlineCode(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		text := template.HTMLEscapeString(part)
		if i%2 == 1 {
			text = "<code>" + text + "</code>"
		}
		b.WriteString(text)
	}
	return template.HTML(b.String())
}

// view is what the templates see beside the page.
type view struct {
	*Page
	CSS         template.CSS
	JS          template.JS
	VersionText string
	PingName    string // the name under which a ping's answer has its id
	Soft        bool
	Formats     []format
	Groups      []group
	Sections    []section
	Answers     []answers
	StatusRows  []statusRow
	Steps       []pageStep
}

type format struct{ Title, Href string }

type group struct {
	ID, Title string
	Fields    []fieldView
}

type fieldView struct {
	Field
	Bounds string
}

type section struct {
	ID, Title string
	Requests  []requestView
}

type requestView struct {
	Request
	Snippets []Snippet
	Open     bool
}

type answers struct {
	Title   string
	Replies []replyView
}

type replyView struct {
	Reply
	Open bool
}

type statusRow struct {
	Status string
	Codes  []string
	Says   string
}

type pageStep struct {
	Step
	Title string
	Open  bool
}

func (p *Page) view() *view {
	v := &view{Page: p, CSS: template.CSS(pageCSS), JS: template.JS(pageJS), PingName: "ping_id",
		Soft: p.Profile == "boberdoo" || p.Profile == "leadspedia"}
	switch p.Profile {
	case "leadconduit":
		v.PingName = "lead.id"
	case "boberdoo":
		v.PingName = "lead_id"
	}
	if p.Live {
		for _, f := range [][2]string{{"Markdown", "md"}, {"OpenAPI", "openapi"}} {
			q := url.Values{"format": {f[1]}}
			if p.Token != "" {
				q.Set("token", p.Token)
			}
			v.Formats = append(v.Formats, format{f[0], "?" + q.Encode()})
		}
	}
	for i, s := range p.Steps {
		title := fmt.Sprintf("Version %d", s.Number)
		if s.Since.IsZero() {
			title += ", not in force yet"
		} else {
			title += " of " + s.Since.Format("2 January 2006")
		}
		if i == 0 {
			v.VersionText = strings.ToLower(title[:1]) + title[1:] + " (" + s.Hash + ")"
		}
		v.Steps = append(v.Steps, pageStep{s, title, i == 0})
	}
	for _, g := range []struct{ id, title, stage string }{{"ping", "Required at ping", AtPing},
		{"post", "Required at post", AtPost}, {"optional", "Optional", Optional}} {
		if list := p.In(g.stage); len(list) > 0 {
			v.Groups = append(v.Groups, group{g.id, g.title, fieldViews(list)})
		}
	}
	v.examples()
	for _, s := range p.Statuses {
		words := strings.Fields(s.Name)
		v.StatusRows = append(v.StatusRows, statusRow{words[0], words[1:], s.Says})
	}
	return v
}

func fieldViews(list []Field) (out []fieldView) {
	for _, f := range list {
		b := ""
		switch {
		case f.Min != "" && f.Max != "":
			b = "from " + f.Min + " to " + f.Max
		case f.Min != "":
			b = "at least " + f.Min
		case f.Max != "":
			b = "at most " + f.Max
		}
		out = append(out, fieldView{f, b})
	}
	return out
}

// examples sorts the examples into those of the profile and our own, by call.
func (v *view) examples() {
	titles := map[string]string{"ping": "Ping", "post": "Post", "leads": "One shot"}
	for _, ofProfile := range []bool{true, false} {
		suffix, id := "", ""
		if v.Profile != "" && ofProfile {
			suffix, id = ", as with "+v.Profile, v.Profile+"-"
		} else if v.Profile != "" {
			suffix = ", in the exchange's own words"
		}
		for _, call := range []string{"ping", "post", "leads"} {
			s := section{ID: id + call, Title: titles[call] + suffix}
			for _, r := range v.Requests {
				if r.Call == call && r.Profile == ofProfile {
					s.Requests = append(s.Requests, requestView{r, r.Snippets(v.Base), len(s.Requests) == 0})
				}
			}
			if len(s.Requests) > 0 {
				v.Sections = append(v.Sections, s)
			}
			a := answers{Title: "To a " + strings.ToLower(titles[call]) + suffix}
			if call == "post" {
				a.Title = "To a post or a one-shot lead" + suffix
			}
			for _, r := range v.Replies {
				if r.Call == call && r.Profile == ofProfile {
					a.Replies = append(a.Replies, replyView{r, len(a.Replies) == 0})
				}
			}
			if len(a.Replies) > 0 {
				v.Answers = append(v.Answers, a)
			}
		}
	}
}

// HTML writes the page for a browser. It needs nothing from elsewhere.
func (p *Page) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, p.view())
	return b.Bytes(), err
}

// Curl is the command that sends the request.
func (r *Request) Curl(base string) string {
	parts := []string{"curl -sS " + quote(base+r.Path)}
	for _, h := range r.Headers {
		parts = append(parts, "-H "+quote(h[0]+": "+h[1]))
	}
	if r.Body != "" {
		parts = append(parts, "--data-raw "+quote(r.Body))
	}
	return strings.Join(slices.Clip(parts), " \\\n  ")
}

// quote writes a text as one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
