// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"clearpost/lead"
)

// decoder fills Go values from a resolved tree and reports everything that does not fit, where a decoder that returns
// an error would stop at the first. Text is taken as written: a ZIP code 02134 and a price 22.50 never pass through a
// number.
type decoder struct {
	ps *Problems
	f  *File
}

var moneyType = reflect.TypeFor[lead.Money]()

// nodeTaker is a type that reads its own value.
type nodeTaker interface{ UnmarshalYAML(ast.Node) error }

// wordTaker is a type of keys with values that may also be written as one word.
type wordTaker interface{ TakeWord(word string) error }

// Decode fills *spec from the file, which must be parsed.
func (f *File) Decode(ps *Problems, spec any) {
	d := decoder{ps, f}
	d.value(f.Root, reflect.ValueOf(spec).Elem(), "", nil)
}

func (d *decoder) fail(tk *token.Token, path, format string, a ...any) {
	d.f.spoil[path] = true
	if end := strings.LastIndexAny(path, ".["); end > 0 {
		d.f.blunt[path[:end]] = true
	}
	d.f.problem(d.ps, tk, path, format, a...)
}

// value decodes n into v. key is the key it stands under, for values that are not there.
func (d *decoder) value(n ast.Node, v reflect.Value, path string, key *token.Token) {
	if v.Kind() == reflect.Pointer {
		if IsNull(n) {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, key)
		return
	}
	at := FirstToken(n)
	if IsNull(n) && key != nil {
		at = key
	}
	if t, ok := v.Addr().Interface().(nodeTaker); ok {
		if err := t.UnmarshalYAML(n); err != nil {
			d.fail(at, path, "%v", err)
		}
		return
	}
	if t, ok := v.Addr().Interface().(wordTaker); ok {
		if word, kind := Scalar(n); kind == Text {
			if err := t.TakeWord(word); err != nil {
				d.fail(at, path, "%v, found %s", err, describe(n))
			}
			return
		}
	}
	switch {
	case v.Type() == moneyType:
		d.money(n, v, path, at)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path, at)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path, at)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, path, at)
	default:
		d.scalar(n, v, path, at)
	}
}

func (d *decoder) structure(n ast.Node, v reflect.Value, path string, at *token.Token) {
	if IsNull(n) {
		return
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fail(at, path, "expected keys with values, found %s", describe(n))
		return
	}
	keys := yamlKeys(v.Type())
	for _, kv := range m.Values {
		tk := kv.Key.GetToken()
		i, ok := keys.index[tk.Value]
		if !ok {
			d.f.spoil[path] = true
			hide := strings.Contains(path, ".auth") // what stands there may be a secret, whatever the key is called
			d.ps.Add(d.f.At(tk, Join(path, tk.Value), fmt.Sprintf("unknown key %q%s", tk.Value,
				Suggest(tk.Value, keys.names)), hide))
			continue
		}
		d.value(kv.Value, v.FieldByIndex(i), Join(path, tk.Value), tk)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string, at *token.Token) {
	if IsNull(n) {
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(at, path, "expected a list, found %s", describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, e := range s.Values {
		d.value(e, out.Index(i), path+"["+strconv.Itoa(i)+"]", nil)
	}
	v.Set(out)
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string, at *token.Token) {
	if IsNull(n) {
		return
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fail(at, path, "expected keys with values, found %s", describe(n))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(m.Values))
	for _, kv := range m.Values {
		tk := kv.Key.GetToken()
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(kv.Value, e, Join(path, tk.Value), tk)
		out.SetMapIndex(reflect.ValueOf(tk.Value).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

func (d *decoder) money(n ast.Node, v reflect.Value, path string, at *token.Token) {
	text, kind := Scalar(n)
	if kind == None {
		d.fail(at, path, "expected an amount such as 12.50, found %s", describe(n))
		return
	}
	m, err := lead.ParseMoney([]byte(text))
	if err != nil {
		d.fail(at, path, "%q: %v", shown(text), err)
		return
	}
	v.SetInt(int64(m))
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string, at *token.Token) {
	text, kind := Scalar(n)
	switch v.Kind() {
	case reflect.String:
		if kind == None {
			hint := ""
			if _, ok := n.(*ast.MappingNode); ok {
				hint = ": text with a colon may need quotes"
			}
			d.fail(at, path, "expected text, found %s%s", describe(n), hint)
			return
		}
		v.SetString(text)
	case reflect.Bool:
		if kind != Bool {
			d.fail(at, path, "expected true or false, found %s", describe(n))
			return
		}
		v.SetBool(strings.EqualFold(text, "true"))
	case reflect.Int, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if kind != Number || err != nil {
			d.fail(at, path, "expected a whole number, found %s", describe(n))
			return
		}
		v.SetInt(i)
	default:
		panic("tree: no rule to decode " + v.Type().String() + " at " + path)
	}
}

// Kind is how YAML reads a single value.
type Kind uint8

const (
	None Kind = iota
	Text
	Number
	Bool
)

// Scalar is a single value as written.
func Scalar(n ast.Node) (string, Kind) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, Text
	case *ast.LiteralNode:
		return n.Value.Value, Text
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, Number
	case *ast.BoolNode:
		return n.Token.Value, Bool
	case *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, Text
	}
	return "", None
}

// IsNull tells whether nothing stands there.
func IsNull(n ast.Node) bool {
	_, ok := n.(*ast.NullNode)
	return ok || n == nil
}

// describe names what stands there, for messages.
func describe(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	}
	text, kind := Scalar(n)
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	switch kind {
	case Text:
		return "the text " + strconv.Quote(text)
	case None:
		return "something else"
	}
	return text
}

// keySet is the keys of a struct by their yaml tags, those of its inline structs among them.
type keySet struct {
	index map[string][]int
	names []string
}

// keySets are those that were made, by their types: there are a few dozen.
var keySets sync.Map

func yamlKeys(t reflect.Type) *keySet {
	if k, ok := keySets.Load(t); ok {
		return k.(*keySet)
	}
	k := &keySet{index: map[string][]int{}}
	for i := range t.NumField() {
		name, how, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		switch {
		case how == "inline":
			for _, name := range yamlKeys(t.Field(i).Type).names {
				k.index[name] = append([]int{i}, yamlKeys(t.Field(i).Type).index[name]...)
				k.names = append(k.names, name)
			}
		case name != "" && name != "-":
			k.index[name] = []int{i}
			k.names = append(k.names, name)
		}
	}
	keySets.Store(t, k)
	return k
}

// Join is the path of a key below a path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Suggest names the known word nearest to one that is not known, or lists what is known if none is near.
func Suggest(word string, known []string) string {
	switch near := lead.Nearest(word, known); {
	case near != "":
		return ": did you mean " + strconv.Quote(near) + "?"
	case len(known) > 24:
		return ": expected one of " + strings.Join(known[:24], ", ") + ", …"
	}
	return ": expected one of " + strings.Join(known, ", ")
}
