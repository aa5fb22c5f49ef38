// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"
)

// Snippet is a program that sends a request and prints the answer's status and body.
type Snippet struct {
	Language string
	Fence    string // its name in Markdown
	Text     string
}

// Snippets writes the request in each language, curl first. Each uses what the language brings along.
func (r *Request) Snippets(base string) []Snippet {
	return []Snippet{{"curl", "sh", r.Curl(base)}, {"Python", "python", r.python(base)}, {"PHP", "php", r.php(base)},
		{"JavaScript", "js", r.javaScript(base)}}
}

// named are the names and values of a body that is a flat object or a form, in their order; kind is json, form or text,
// for any other body.
func (r *Request) named() (names []string, values []gjson.Result, kind string) {
	switch contentType := r.header("Content-Type"); {
	case contentType == "application/json" && gjson.Valid(r.Body):
		gjson.Parse(r.Body).ForEach(func(k, v gjson.Result) bool {
			names, values = append(names, k.Str), append(values, v)
			return true
		})
		return names, values, "json"
	case contentType == "application/x-www-form-urlencoded":
		for piece := range strings.SplitSeq(r.Body, "&") {
			name, val, _ := strings.Cut(piece, "=")
			n, err := url.QueryUnescape(name)
			v, err2 := url.QueryUnescape(val)
			if err != nil || err2 != nil || slices.Contains(names, n) {
				return nil, nil, "text"
			}
			names, values = append(names, n), append(values, gjson.Result{Type: gjson.String, Str: v})
		}
		return names, values, "form"
	}
	return nil, nil, "text"
}

func (r *Request) header(name string) string {
	for _, h := range r.Headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

// literal writes a text for Python and JavaScript alike.
func literal(s string) string {
	b, err := json.MarshalWithOption(s, json.DisableHTMLEscape())
	if err != nil {
		return `""` // cannot be: it is a text
	}
	return strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`).Replace(string(b))
}

// phpLiteral writes a text for PHP, in single quotes, in which nothing is replaced.
func phpLiteral(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// listed writes names and values, one a line.
func listed(names []string, values []gjson.Result, indent, sep string, text func(string) string,
	words map[string]string) string {
	var b strings.Builder
	for i, n := range names {
		v := values[i].Raw
		if values[i].Type == gjson.String {
			v = text(values[i].Str)
		} else if w, ok := words[v]; ok {
			v = w
		}
		b.WriteString(indent + text(n) + sep + v + ",\n")
	}
	return b.String()
}

func (r *Request) python(base string) string {
	var b strings.Builder
	names, values, kind := r.named()
	data := ""
	switch {
	case r.Body == "":
		b.WriteString("import urllib.error\nimport urllib.request\n\n")
	case kind == "json":
		b.WriteString("import json\nimport urllib.error\nimport urllib.request\n\n")
		b.WriteString("lead = {\n" + listed(names, values, "    ", ": ", literal, map[string]string{"true": "True",
			"false": "False", "null": "None"}) + "}\n")
		data = "json.dumps(lead).encode()"
	case kind == "form":
		b.WriteString("import urllib.error\nimport urllib.parse\nimport urllib.request\n\n")
		b.WriteString("lead = {\n" + listed(names, values, "    ", ": ", literal, nil) + "}\n")
		data = "urllib.parse.urlencode(lead).encode()"
	default:
		b.WriteString("import urllib.error\nimport urllib.request\n\n")
		b.WriteString("lead = (\n" + lines(r.Body, "    ", "", literal) + ")\n")
		data = "lead.encode()"
	}
	b.WriteString("request = urllib.request.Request(\n    " + literal(base+r.Path) + ",\n    method=" +
		literal(r.Method) + ",\n")
	if data != "" {
		b.WriteString("    data=" + data + ",\n")
	}
	b.WriteString("    headers={\n")
	for _, h := range r.Headers {
		b.WriteString("        " + literal(h[0]) + ": " + literal(h[1]) + ",\n")
	}
	b.WriteString("    },\n)\ntry:\n    answer = urllib.request.urlopen(request, timeout=30)\nexcept " +
		"urllib.error.HTTPError as error:  # 4xx and 5xx have a body too\n    answer = error\n" +
		"print(answer.status, answer.read().decode())\n")
	return b.String()
}

// lines writes a text line by line.
func lines(s, indent, joint string, text func(string) string) string {
	var out []string
	for l := range strings.SplitAfterSeq(s, "\n") {
		out = append(out, indent+text(l))
	}
	return strings.Join(out, joint+"\n") + "\n"
}

func (r *Request) javaScript(base string) string {
	var b strings.Builder
	names, values, kind := r.named()
	data := ""
	switch {
	case r.Body == "":
	case kind == "json":
		b.WriteString("const lead = {\n" + listed(names, values, "  ", ": ", literal, nil) + "};\n")
		data = "JSON.stringify(lead)"
	case kind == "form":
		b.WriteString("const lead = {\n" + listed(names, values, "  ", ": ", literal, nil) + "};\n")
		data = "new URLSearchParams(lead).toString()"
	default:
		b.WriteString("const lead = [\n" + strings.TrimSuffix(lines(r.Body, "  ", ",", literal), "\n") +
			",\n].join(\"\");\n")
		data = "lead"
	}
	b.WriteString("fetch(" + literal(base+r.Path) + ", {\n  method: " + literal(r.Method) + ",\n  headers: {\n")
	for _, h := range r.Headers {
		b.WriteString("    " + literal(h[0]) + ": " + literal(h[1]) + ",\n")
	}
	b.WriteString("  },\n")
	if data != "" {
		b.WriteString("  body: " + data + ",\n")
	}
	b.WriteString("}).then(async (answer) => {\n  console.log(answer.status, await answer.text());\n});\n")
	return b.String()
}

func (r *Request) php(base string) string {
	var b strings.Builder
	names, values, kind := r.named()
	data := ""
	b.WriteString("<?php\n")
	switch {
	case r.Body == "":
	case kind == "json":
		b.WriteString("$lead = [\n" + listed(names, values, "    ", " => ", phpLiteral, nil) + "];\n")
		data = "json_encode($lead)"
	case kind == "form":
		b.WriteString("$lead = [\n" + listed(names, values, "    ", " => ", phpLiteral, nil) + "];\n")
		data = "http_build_query($lead)"
	default:
		b.WriteString("$lead = " + phpLiteral(r.Body) + ";\n")
		data = "$lead"
	}
	b.WriteString("$context = stream_context_create(['http' => [\n    'method' => " + phpLiteral(r.Method) +
		",\n    'header' => [\n")
	for _, h := range r.Headers {
		b.WriteString("        " + phpLiteral(h[0]+": "+h[1]) + ",\n")
	}
	b.WriteString("    ],\n")
	if data != "" {
		b.WriteString("    'content' => " + data + ",\n")
	}
	b.WriteString("    'timeout' => 30,\n    'ignore_errors' => true, // 4xx and 5xx have a body too\n]]);\n$body = " +
		"file_get_contents(" + phpLiteral(base+r.Path) + ", false, $context);\n" +
		"echo $http_response_header[0], ' ', $body, \"\\n\";\n")
	return b.String()
}
