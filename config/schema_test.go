// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	emit "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"clearpost/buyers"
	"clearpost/config/schema"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/reconcile"
	"clearpost/rules"
	"clearpost/wire"
)

var rewriteSchemas = flag.Bool("rewrite-schemas", false, "write the schemas of the configuration's files")

// configFiles are the kinds of files with the types that the loader fills from them, and an example.
var configFiles = []struct {
	kind    string
	spec    any
	example string
}{
	{"clearpost", nodeSpec{}, "clearpost.yaml"},
	{"vertical", verticalSpec{}, "verticals/*.yaml"},
	{"source", sourceSpec{}, "sources/*.yaml"},
	{"buyer", buyers.BuyerSpec{}, "buyers/*.yaml"},
	{"template", TemplateSpec{}, "../buyers/templates/*.yaml"},
	{"statement", reconcile.Mapping{}, "../reconcile/testdata/*.yaml"},
}

// commentedDirs are the packages of the types that stand in files.
var commentedDirs = []string{".", "../buyers", "../rules", "../wire/request", "../wire/answer", "../batch",
	"../exchange", "../reconcile"}

// The schemas in the repository are what the loader's types say. go test ./config -run Schemas -rewrite-schemas writes
// them.
func TestSchemasOfTheConfiguration(t *testing.T) {
	comments := commentsOf(t, commentedDirs...)
	for _, c := range configFiles {
		got := generated(t, c.kind, c.spec, comments)
		file := filepath.Join("schema", c.kind+".schema.json")
		if *rewriteSchemas {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say (%v): go test ./config -run Schemas -rewrite-schemas", file, err)
		}
	}
}

// reflected is the schema of a kind of file, and the names of the types by those of its definitions.
func reflected(t *testing.T, kind string, spec any, comments map[string]string) (*emit.Schema, map[string]string) {
	types := map[string]string{}
	r := &emit.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, ExpandedStruct: true,
		Mapper: func(typ reflect.Type) *emit.Schema { return mapped(t, typ) },
		Namer: func(typ reflect.Type) string {
			name := ownName(typ.Name(), path.Base(typ.PkgPath()))
			types[definition(name)] = name
			return definition(name)
		},
		LookupComment: func(typ reflect.Type, field string) string {
			return comments[ownName(typ.Name(), path.Base(typ.PkgPath()))+"."+field]
		},
	}
	s := r.Reflect(spec)
	s.Title = "Clearpost: " + kind
	s.Required = map[string][]string{"vertical": {"id"}, "source": {"id"}, "buyer": {"id"},
		"template": {"campaign"}}[kind]
	for name, values := range enumerations {
		typ, key, _ := strings.Cut(name, ".")
		for def, d := range s.Definitions {
			if def == typ {
				enumerate(d, key, values)
			}
		}
		if typ == kind {
			enumerate(s, key, values)
		}
	}
	described(t, kind, s)
	for name, d := range s.Definitions {
		described(t, name, d)
	}
	if list := whens(s); list != nil {
		for _, when := range list {
			*when = emit.Schema{Description: when.Description, Type: "array", Items: s.Definitions["when"].Items}
		}
		delete(s.Definitions, "when")
	}
	// What a template's parameters may be, the template says.
	if c := s.Definitions["campaign"]; c != nil {
		set, _ := c.Properties.Get("set")
		set.AdditionalProperties = nil
	}
	return s, types
}

// whens are the keys that hold criteria or an expression.
func whens(s *emit.Schema) (out []*emit.Schema) {
	for _, def := range []string{"tier", "remediation"} {
		if d := s.Definitions[def]; d != nil {
			when, _ := d.Properties.Get("when")
			out = append(out, when)
		}
	}
	return out
}

func generated(t *testing.T, kind string, spec any, comments map[string]string) []byte {
	s, _ := reflected(t, kind, spec, comments)
	for _, when := range whens(s) {
		*when = emit.Schema{Description: when.Description, OneOf: []*emit.Schema{{Type: "string"},
			{Type: "array", Items: when.Items}}}
	}
	for name, d := range s.Definitions {
		if slices.Contains(alsoTexts, name) {
			s.Definitions[name] = &emit.Schema{OneOf: []*emit.Schema{{Type: "string"}, d}}
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// described finds keys of which an editor could tell nothing.
func described(t *testing.T, name string, s *emit.Schema) {
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Description == "" {
			t.Errorf("%s.%s: no comment at the field says what it is", name, p.Key)
		}
	}
}

// ownName is the name by which a type of a package is told from all others: a plain Spec is that of its package.
func ownName(typ, pkg string) string {
	if typ == "Spec" {
		return strings.ToUpper(pkg[:1]) + pkg[1:] + typ
	}
	return typ
}

// definition is a type's name in the schema: CapSpec is cap.
func definition(name string) string {
	if name == "" {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(name[:1])+name[1:], "Spec")
}

// alsoTexts are the definitions of types with a TakeWord: a text alone may stand in the place of their keys.
var alsoTexts = []string{"criterion", "seat", "unknown"}

// enumerations are the keys with a short list of values, by the type's name in the schema.
var enumerations = map[string][]any{
	"vertical.date_order": {"month_first", "day_first"},
	"field.type":          texts(lead.TypeNames()),
	"field.of":            texts(lead.TypeNames()),
	"field.required":      {"ping", "post"},
	"rule.stage":          {"ping", "post"},
	"source.profile":      texts(intake.ProfileNames()),
	"cap.per":             {"minute", "hour", "day", "week", "month", "total"},
	"campaign.pay":        {"ping_price", "post_price"},
	"criterion.hashed":    {"md5", "sha1", "sha256"},
	"campaign.role":       texts(buyers.Roles),
	"plan.walk":           {"in_order", "best_total"},
	"tier.mode":           texts(planModes),
	"kafka.compression":   texts(ledger.Compressions()),
	"kafka.private":       texts(ledger.Privates()),
	"kafkaSASL.mechanism": texts(ledger.Mechanisms()),
}

func texts(list []string) (out []any) {
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

func enumerate(s *emit.Schema, key string, values []any) {
	if p, ok := s.Properties.Get(key); ok {
		p.OneOf, p.Type, p.Enum = nil, "", values
	}
}

// scalar is what the loader takes as text: it reads every single value as it is written.
func scalar() *emit.Schema {
	return &emit.Schema{OneOf: []*emit.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
}

// listed is one value or a list of them.
func listed(one *emit.Schema) *emit.Schema {
	return &emit.Schema{OneOf: append(slices.Clone(one.OneOf), &emit.Schema{Type: "array", Items: one})}
}

// mapped is the schema of a type that the loader does not read as reflection sees it; nil of all others.
func mapped(t *testing.T, typ reflect.Type) *emit.Schema {
	switch typ {
	case reflect.TypeFor[string]():
		return scalar()
	case reflect.TypeFor[openNode](): // a campaign with gaps, which may stand anywhere
		return &emit.Schema{Type: "object"}
	case reflect.TypeFor[lead.Money]():
		return &emit.Schema{OneOf: []*emit.Schema{{Type: "number"}, {Type: "string", Pattern: `^-?[0-9]*(\.[0-9]+)?$`}}}
	case reflect.TypeFor[wire.Scalar]():
		return scalar()
	case reflect.TypeFor[wire.Scalars](), reflect.TypeFor[rules.Texts]():
		return listed(scalar())
	case reflect.TypeFor[wire.ValueMap](), reflect.TypeFor[wire.Headers]():
		return &emit.Schema{Type: "object", AdditionalProperties: scalar()}
	case reflect.TypeFor[buyers.ExampleValues]():
		return &emit.Schema{Type: "object", AdditionalProperties: listed(scalar())}
	}
	if _, own := reflect.New(typ).Interface().(yaml.NodeUnmarshaler); own {
		t.Errorf("%s reads its own value: say here what it looks like", typ)
	}
	return nil
}

// commentsOf collects what stands beside and above the fields of all structs of some packages, as Type.Field, and what
// stands above types, by their names.
func commentsOf(t *testing.T, dirs ...string) map[string]string {
	out := map[string]string{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if d, ok := n.(*ast.GenDecl); ok && len(d.Specs) == 1 {
					if ts, ok := d.Specs[0].(*ast.TypeSpec); ok && d.Doc != nil {
						out[ownName(ts.Name.Name, f.Name.Name)] = d.Doc.Text()
					}
				}
				ts, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				st, ok := ts.Type.(*ast.StructType)
				if !ok {
					return true
				}
				for _, field := range st.Fields.List {
					text := strings.TrimSpace(field.Doc.Text() + field.Comment.Text())
					for _, name := range field.Names {
						out[ownName(ts.Name.Name, f.Name.Name)+"."+name.Name] = strings.ReplaceAll(text, "\n", " ")
					}
				}
				return true
			})
		}
	}
	return out
}

func compiledSchema(t *testing.T, kind string) *jsonschema.Schema {
	b, err := schema.Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(kind, doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile(kind)
}

// judge holds a page of YAML against a schema.
func judge(t *testing.T, s *jsonschema.Schema, page []byte) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(page, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestSchemasTakeTheExamplesAndNoUnknownKey(t *testing.T) {
	for _, c := range configFiles {
		s := compiledSchema(t, c.kind)
		files, err := filepath.Glob(filepath.Join(examplesDir, c.example))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d examples of %s, %v", len(files), c.kind, err)
		}
		for _, file := range files {
			page, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := judge(t, s, page); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if err := judge(t, s, append(page, "\nno_such_key: 1\n"...)); err == nil {
				t.Errorf("%s: a key that nobody knows is taken", file)
			}
		}
	}
	if _, err := schema.Schema("colour"); err == nil {
		t.Error("there is a schema of colours")
	}
}

// misfits put a value that no list has into each place of enumerations.
var misfits = map[string]change{
	"vertical.date_order": {"verticals/auto.yaml", "id: auto", "id: auto\ndate_order: zzz"},
	"field.type":          {"verticals/auto.yaml", "type: integer", "type: zzz"},
	"field.of":            {"verticals/auto.yaml", "type: integer", "type: list\n    of: zzz"},
	"field.required":      {"verticals/auto.yaml", "required: ping", "required: zzz"},
	"rule.stage":          {"verticals/auto.yaml", "id: auto", "id: auto\nrules: [{any: [zip], stage: zzz}]"},
	"source.profile":      {"sources/acme.yaml", "id: acme", "id: acme\nprofile: zzz"},
	"cap.per":             {"buyers/one.yaml", "per: day", "per: zzz"},
	"campaign.pay":        {"buyers/one.yaml", "price: 0010.50", "price: 0010.50\n    pay: zzz"},
	"criterion.hashed": {"buyers/one.yaml", "{field: zip, in: [02134, 90210]}",
		"{field: zip, in_file: zips.txt, hashed: zzz}"},
	"campaign.role":     {"buyers/one.yaml", "price: 0010.50", "price: 0010.50\n    role: zzz"},
	"plan.walk":         {"verticals/auto.yaml", "", "plan: {walk: zzz, tiers: [{name: x}]}\n"},
	"tier.mode":         {"verticals/auto.yaml", "", "plan: {tiers: [{name: x, mode: zzz}]}\n"},
	"kafka.compression": {"clearpost.yaml", "", "kafka: {brokers: [\"k:1\"], compression: zzz}\n"},
	"kafka.private":     {"clearpost.yaml", "", "kafka: {brokers: [\"k:1\"], private: zzz}\n"},
	"kafkaSASL.mechanism": {"clearpost.yaml", "",
		"kafka: {brokers: [\"k:1\"], sasl: {mechanism: zzz, user: u, password: p}}\n"},
}

// A value that a schema's list does not have is one that the loader does not take either, and the loader names the same
// values.
func TestSchemasListWhatTheLoaderTakes(t *testing.T) {
	for name, values := range enumerations {
		dir := writeConfig(t, misfits[name])
		_, err := Load(dir, nil)
		if err == nil {
			t.Errorf("%s: zzz is taken", name)
			continue
		}
		for _, v := range values {
			if !strings.Contains(err.Error(), fmt.Sprint(v)) {
				t.Errorf("%s: the schema has %v, the loader says %v", name, v, err)
			}
		}
	}
}
