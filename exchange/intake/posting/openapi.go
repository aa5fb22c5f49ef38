// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// object is a YAML or JSON object in its order.
type object = yaml.MapSlice

func has(o object, key string) (any, bool) {
	for _, it := range o {
		if it.Key == key {
			return it.Value, true
		}
	}
	return nil, false
}

// sub is the object under a key; nil if there is none.
func sub(o object, keys ...string) object {
	for _, k := range keys {
		v, _ := has(o, k)
		o, _ = v.(object)
	}
	return o
}

func set(o object, key string, v any) object {
	for i := range o {
		if o[i].Key == key {
			o[i].Value = v
			return o
		}
	}
	return append(o, yaml.MapItem{Key: key, Value: v})
}

func drop(o object, keep func(key string) bool) object {
	return slices.DeleteFunc(o, func(it yaml.MapItem) bool { return !keep(fmt.Sprint(it.Key)) })
}

// typedSchemas say which schemas of the whole door's description a document replaces with ones of its own fields: by
// name the calls that one body may mean.
var typedSchemas = []struct {
	name    string
	calls   []string
	profile string
}{
	{"PingRequest", []string{"ping"}, ""}, {"PostRequest", []string{"post"}, ""}, {"LeadRequest", []string{"leads"},
		""}, {"LeadConduitPing", []string{"ping"}, "leadconduit"}, {"LeadConduitSubmit", []string{"post", "leads"},
		"leadconduit"}, {"BoberdooRequest", []string{"ping", "post", "leads"}, "boberdoo"},
	{"LeadspediaPing", []string{"ping"}, "leadspedia"}, {"LeadspediaPost", []string{"post", "leads"}, "leadspedia"},
}

// OpenAPI writes the spec as OpenAPI 3.1: whole is the description of the whole door, of which this source's calls are
// kept, with the fields of this vertical in place of any. asJSON writes it as JSON, else it is YAML.
func (p *Page) OpenAPI(whole []byte, asJSON bool) ([]byte, error) {
	var doc object
	if err := yaml.UnmarshalWithOptions(whole, &doc, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	info := sub(doc, "info")
	info = set(info, "title", p.VerticalName+": posting spec for "+p.SourceName)
	version := "0"
	if len(p.Steps) > 0 {
		version = strconv.Itoa(p.Steps[0].Number) + "+" + p.Steps[0].Hash
	}
	info = set(info, "version", version)
	info = set(info, "description",
		"The calls of one source and one vertical, made from the configuration that is in force.")
	doc = set(doc, "info", info)
	doc = set(doc, "servers", []any{object{{Key: "url", Value: p.Base}}})
	doc = set(doc, "paths", p.paths(sub(doc, "paths")))
	schemas := sub(doc, "components", "schemas")
	bodies := sub(doc, "components", "requestBodies")
	for _, t := range typedSchemas {
		if t.profile != "" && t.profile != p.Profile {
			continue
		}
		was := sub(schemas, t.name)
		schemas = set(schemas, t.name, p.requestSchema(was, t.calls, t.profile != ""))
		p.exampleBodies(bodies, t.name, t.calls, t.profile != "")
	}
	components := set(sub(doc, "components"), "schemas", schemas)
	doc = set(doc, "components", prune(doc, components))
	b, err := yaml.MarshalWithOptions(doc, yaml.Indent(2), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil || !asJSON {
		return b, err
	}
	return yaml.YAMLToJSON(b)
}

// paths keeps the paths that the source may call, and writes its vertical and itself into them.
func (p *Page) paths(paths object) object {
	paths = drop(paths, func(path string) bool {
		return strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1/buyers/") ||
			p.Profile == "leadconduit" && strings.HasPrefix(path, "/flows/") ||
			p.Profile != "" && strings.HasPrefix(path, "/"+p.Profile+"/")
	})
	get := slices.ContainsFunc(p.Calls, func(c Call) bool {
		return c.ID == "ping" && slices.Contains(c.Methods, "GET")
	})
	for i := range paths {
		path, _ := paths[i].Key.(string)
		item, _ := paths[i].Value.(object)
		if _, lead := has(item, "post"); lead && !get {
			item = drop(item, func(key string) bool { return key != "get" })
		}
		var left []any
		params, _ := has(item, "parameters")
		list, _ := params.([]any)
		for _, x := range list {
			ref, _ := has(asObject(x), "$ref")
			name, _ := ref.(string)
			if !strings.HasSuffix(name, "/Vertical") && !strings.HasSuffix(name, "/Source") {
				left = append(left, x)
			}
		}
		if len(list) > 0 {
			item = set(item, "parameters", left)
		}
		if len(left) == 0 {
			item = drop(item, func(key string) bool { return key != "parameters" })
		}
		paths[i].Key = strings.NewReplacer("{vertical}", p.Vertical, "{source}", p.Source).Replace(path)
		paths[i].Value = item
	}
	return paths
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// requestSchema puts the vertical's fields into a schema of a request. What the schema had of the API's own names
// stays.
func (p *Page) requestSchema(was object, calls []string, profile bool) object {
	var parts []any
	all, _ := has(was, "allOf")
	list, _ := all.([]any)
	for _, x := range list {
		if ref, _ := has(asObject(x), "$ref"); ref != "#/components/schemas/Fields" {
			parts = append(parts, x)
		}
	}
	var kinds []any
	for _, call := range calls {
		kinds = append(kinds, p.fieldSchema(call, profile))
	}
	if len(kinds) == 1 {
		return object{{Key: "allOf", Value: append([]any{kinds[0]}, parts...)}}
	}
	return object{{Key: "allOf", Value: append([]any{object{{Key: "anyOf", Value: kinds}}}, parts...)}}
}

// fieldSchema is the fields of one call. In calls of a profile a field stands under the source's own name, if it has
// one, as in the examples.
func (p *Page) fieldSchema(call string, profile bool) object {
	props := object{}
	var required []any
	for _, f := range p.Fields {
		name := f.Name
		if profile && f.InJSON != "" {
			name = f.InJSON
		}
		props = set(props, name, f.schema(len(f.Own) > 0 || len(f.Words) > 0))
		need := f.Required == AtPing && call != "post" || f.Required == AtPost && call != "ping"
		if need && f.Derived == "" && f.Default == "" {
			required = append(required, name)
		}
	}
	titles := map[string]string{"ping": "a ping", "post": "a post", "leads": "a one-shot lead"}
	out := object{{Key: "title", Value: titles[call]}, {Key: "type", Value: "object"},
		{Key: "properties", Value: props}}
	if len(required) > 0 {
		out = set(out, "required", required)
	}
	return out
}

// jsonTypes are the JSON types and formats of the types of fields.
var jsonTypes = map[string][2]string{
	"boolean": {"boolean"}, "integer": {"integer"}, "decimal": {"number"}, "money": {"number"},
	"date": {"string", "date"}, "dob": {"string", "date"}, "datetime": {"string", "date-time"},
	"email": {"string", "email"}, "url": {"string", "uri"}, "list": {"array"},
}

// schema is the JSON Schema of a field as it is best sent; what it says in words may allow more. loose leaves the
// values open, where the source has words of its own.
func (f *Field) schema(loose bool) object {
	t := jsonTypes[f.Type]
	if t[0] == "" {
		t[0] = "string"
	}
	out := object{{Key: "type", Value: t[0]}}
	if t[1] != "" {
		out = set(out, "format", t[1])
	}
	if t[0] == "array" {
		one := Field{Type: f.Of, Values: f.Values}
		out = object{{Key: "oneOf", Value: []any{object{{Key: "type", Value: "array"},
			{Key: "items", Value: one.schema(loose)}}, object{{Key: "type", Value: "string"}}}}}
	} else if values := f.allowed(); len(values) > 0 && !loose {
		out = set(out, "enum", values)
	}
	if t[0] == "integer" || t[0] == "number" {
		for _, b := range []struct{ key, text string }{{"minimum", f.Min}, {"maximum", f.Max}} {
			if n, err := strconv.ParseFloat(b.text, 64); err == nil && !math.IsInf(n, 0) {
				out = set(out, b.key, numeral(n))
			}
		}
	}
	if says := f.description(); says != "" {
		out = set(out, "description", says)
	}
	return out
}

func numeral(n float64) any {
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return int64(n)
	}
	return n
}

func (f *Field) allowed() []any {
	var out []any
	for _, v := range f.Values {
		out = append(out, v.Value)
	}
	return out
}

func (f *Field) description() string {
	parts := []string{f.Says}
	if f.Derived != "" {
		parts = append(parts, "where it is not sent, it is made from "+f.Derived)
	}
	if f.Default != "" {
		parts = append(parts, "where it is not sent, it is "+f.Default)
	}
	if names := append(slices.Clone(f.Own), f.Also...); len(names) > 0 {
		parts = append(parts, "other names: "+strings.Join(names, ", "))
	}
	if f.Personal {
		parts = append(parts, "personal")
	}
	return strings.Trim(strings.Join(parts, "; "), "; ")
}

// exampleBodies puts the examples in JSON into a body that the whole door's description has.
func (p *Page) exampleBodies(bodies object, schema string, calls []string, profile bool) {
	for i := range bodies {
		content := sub(asObject(bodies[i].Value), "content")
		media := sub(content, "application/json")
		if ref, _ := has(sub(media, "schema"), "$ref"); ref != "#/components/schemas/"+schema {
			continue
		}
		examples := object{}
		for _, r := range p.Requests {
			var value object
			if r.Profile == profile && slices.Contains(calls, r.Call) && strings.HasPrefix(r.Title, "JSON") &&
				len(examples) < len(calls) &&
				yaml.UnmarshalWithOptions([]byte(r.Body), &value, yaml.UseOrderedMap()) == nil {
				examples = set(examples, r.Call, object{{Key: "value", Value: value}})
			}
		}
		for k := range content {
			if content[k].Key == "application/json" {
				content[k].Value = set(drop(media, func(key string) bool {
					return key != "examples"
				}), "examples", examples)
			}
		}
	}
}

// prune drops the components that nothing names any more.
func prune(doc, components object) object {
	for {
		used := map[string]bool{}
		refs(drop(slices.Clone(doc), func(key string) bool { return key != "components" }), used)
		refs(components, used)
		dropped := false
		for i := range components {
			kind := fmt.Sprint(components[i].Key)
			list := asObject(components[i].Value)
			if kind == "securitySchemes" {
				continue
			}
			left := drop(slices.Clone(list), func(name string) bool { return used["#/components/"+kind+"/"+name] })
			dropped = dropped || len(left) < len(list)
			components[i].Value = left
		}
		if !dropped {
			return components
		}
	}
}

func refs(v any, used map[string]bool) {
	switch v := v.(type) {
	case object:
		for _, it := range v {
			if ref, ok := it.Value.(string); ok && it.Key == "$ref" {
				used[ref] = true
				continue
			}
			refs(it.Value, used)
		}
	case []any:
		for _, x := range v {
			refs(x, used)
		}
	}
}
