// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"
)

// Limits of what is taken apart.
const (
	flatPairsMax = 4096
	flatDepthMax = 64
)

// pairs are the values of a request by where they stand, such as "body.lead.zip", "query.key" and "header.x-key".
type pairs map[string]string

var errFlat = errors.New("the body is not well-formed")

// flatten takes a request apart. Headers that every client writes in its own way are left out.
func flatten(query string, headers [][2]string, body string) (pairs, error) {
	p := pairs{}
	kind := ""
	for _, h := range headers {
		switch name := strings.ToLower(h[0]); name {
		case "content-type":
			kind = h[1]
		case "host", "content-length", "connection", "user-agent", "accept", "accept-encoding", "transfer-encoding":
		default:
			p["header."+name] = h[1]
		}
	}
	if err := p.form("query", query); err != nil {
		return nil, err
	}
	if body == "" {
		return p, nil
	}
	media, params, err := mime.ParseMediaType(kind)
	if err != nil {
		media = ""
	}
	switch {
	case media == "application/x-www-form-urlencoded":
		err = p.form("body", body)
	case media == "multipart/form-data":
		err = p.multipart(body, params["boundary"])
	case strings.HasSuffix(media, "json"):
		if !json.Valid([]byte(body)) {
			return nil, errFlat
		}
		p.json("body", gjson.Parse(body), 0)
	case strings.HasSuffix(media, "xml"):
		err = p.xml("body", body)
	default:
		p.put("body", body)
	}
	if err == nil && len(p) > flatPairsMax {
		err = errFlat
	}
	return p, err
}

// put notes a value; JSON or XML inside of it is taken apart too.
func (p pairs) put(name, value string) {
	t := strings.TrimSpace(value)
	switch {
	case len(p) > flatPairsMax:
	case strings.HasPrefix(t, "{") && json.Valid([]byte(t)):
		p.json(name, gjson.Parse(t), 0)
	case strings.HasPrefix(t, "<") && p.xml(name, t) == nil:
	default:
		p[name] = value
	}
}

func (p pairs) form(at, text string) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return errFlat
	}
	for name, list := range values {
		for i, v := range list {
			p.put(numbered(at+"."+name, i), v)
		}
	}
	return nil
}

func (p pairs) multipart(body, boundary string) error {
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errFlat
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return errFlat
		}
		p.put("body."+part.FormName(), string(b))
	}
}

func (p pairs) json(at string, v gjson.Result, depth int) {
	if depth > flatDepthMax || len(p) > flatPairsMax {
		return
	}
	if !v.IsObject() && !v.IsArray() {
		if v.Type == gjson.String && depth > 0 {
			p.put(at, v.Str)
			return
		}
		p[at] = v.String()
		return
	}
	i := 0
	v.ForEach(func(k, e gjson.Result) bool {
		name := k.String()
		if v.IsArray() {
			name = fmt.Sprint(i)
		}
		i++
		p.json(at+"."+name, e, depth+1)
		return true
	})
}

func (p pairs) xml(at, text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	type element struct {
		path string
		text bytes.Buffer
		seen map[string]int
		deep bool
	}
	stack := []*element{{path: at, seen: map[string]int{}}}
	found := pairs{}
	for {
		tk, err := d.Token()
		if errors.Is(err, io.EOF) && len(stack) == 1 && stack[0].deep {
			for name, v := range found {
				p[name] = v
			}
			return nil
		}
		if err != nil || len(stack) > flatDepthMax || len(found) > flatPairsMax {
			return errFlat
		}
		top := stack[len(stack)-1]
		switch tk := tk.(type) {
		case xml.StartElement:
			path := numbered(top.path+"."+tk.Name.Local, top.seen[tk.Name.Local])
			top.seen[tk.Name.Local]++
			top.deep = true
			for _, a := range tk.Attr {
				found[path+".@"+a.Name.Local] = a.Value
			}
			stack = append(stack, &element{path: path, seen: map[string]int{}})
		case xml.EndElement:
			if t := strings.TrimSpace(top.text.String()); !top.deep {
				found[top.path] = t
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text.Write(tk)
		}
	}
}

// numbered tells the second and later values of one name apart.
func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s.%d", name, i)
}
