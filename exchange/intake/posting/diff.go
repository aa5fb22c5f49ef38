// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"fmt"
	"slices"
	"strings"
)

// Change is one difference between two versions.
type Change struct {
	Subject string `json:"subject"` // such as `field zip`
	What    string `json:"what"`    // such as `required at ping (was optional)`
}

// Diff tells what a seller has to know who has built after the older document.
func Diff(older, newer *Document) []Change {
	d := &differ{}
	d.text("profile", orNone(older.Profile), orNone(newer.Profile))
	d.text("currency", older.Currency, newer.Currency)
	d.text("source", older.SourceName, newer.SourceName)
	d.text("vertical", older.VerticalName, newer.VerticalName)
	d.lines("key", older.Auth, newer.Auth)
	each(d, "call", older.Calls, newer.Calls, func(c Call) string { return c.Path + " " + c.ID }, d.call)
	each(d, "field", older.Fields, newer.Fields, func(f Field) string { return f.Name }, d.field)
	d.lines("rule", older.Rules, newer.Rules)
	each(d, "name", older.Names, newer.Names, func(n Name) string { return n.Name }, d.name)
	each(d, "reason", older.Reasons, newer.Reasons, Named.key, d.named)
	each(d, "status", older.Statuses, newer.Statuses, Named.key, d.named)
	each(d, "term", older.Terms, newer.Terms, Named.key, d.named)
	each(d, "test leads", older.Tests, newer.Tests, Named.key, d.named)
	return d.out
}

func (n Named) key() string { return n.Name }

type differ struct{ out []Change }

func (d *differ) add(subject, format string, a ...any) {
	d.out = append(d.out, Change{subject, fmt.Sprintf(format, a...)})
}

func (d *differ) text(subject, was, is string) {
	if was != is {
		d.add(subject, "%s (was %s)", is, was)
	}
}

// lines compares two sets of texts.
func (d *differ) lines(subject string, was, is []string) {
	for _, x := range is {
		if !slices.Contains(was, x) {
			d.add(subject, "new: %s", x)
		}
	}
	for _, x := range was {
		if !slices.Contains(is, x) {
			d.add(subject, "no longer: %s", x)
		}
	}
}

// each compares two lists of things by a key.
func each[T any](d *differ, kind string, was, is []T, key func(T) string, differ func(subject string, was, is T)) {
	find := func(list []T, k string) int { return slices.IndexFunc(list, func(x T) bool { return key(x) == k }) }
	for _, x := range is {
		subject := kind + " " + key(x)
		if i := find(was, key(x)); i < 0 {
			d.add(subject, "new%s", about(x))
		} else {
			differ(subject, was[i], x)
		}
	}
	for _, x := range was {
		if find(is, key(x)) < 0 {
			d.add(kind+" "+key(x), "removed")
		}
	}
}

// about says of something new what must be known of it.
func about(x any) string {
	switch x := x.(type) {
	case Field:
		return ", " + demand(x.Required) + ": " + x.Says
	case Named:
		return ": " + x.Says
	case Name:
		return ": " + x.Says
	}
	return ""
}

func demand(stage string) string {
	switch stage {
	case AtPing:
		return "required at ping"
	case AtPost:
		return "required at post"
	}
	return "optional"
}

func (d *differ) call(subject string, was, is Call) {
	d.lines(subject, was.Methods, is.Methods)
}

func (d *differ) named(subject string, was, is Named) { d.text(subject, was.Says, is.Says) }

func (d *differ) name(subject string, was, is Name) {
	d.lines(subject, was.Also, is.Also)
	d.text(subject+", where", was.Where, is.Where)
	d.text(subject, was.Says, is.Says)
}

func (d *differ) field(subject string, was, is Field) {
	d.text(subject, demand(was.Required), demand(is.Required))
	d.text(subject+", type", was.Type+ofType(was.Of), is.Type+ofType(is.Of))
	if len(was.Values)+len(is.Values) > 0 {
		d.values(subject+", values", was.Values, is.Values)
	} else {
		d.text(subject, was.Says, is.Says)
	}
	d.values(subject+", your words", was.Words, is.Words)
	d.lines(subject+", other names", was.Also, is.Also)
	d.lines(subject+", your names", was.Own, is.Own)
	d.text(subject+", least", orNone(was.Min), orNone(is.Min))
	d.text(subject+", most", orNone(was.Max), orNone(is.Max))
	d.text(subject+", default", orNone(was.Default), orNone(is.Default))
	d.text(subject+", derived from", orNone(was.Derived), orNone(is.Derived))
	d.text(subject+", personal", yesNo(was.Personal), yesNo(is.Personal))
}

func (d *differ) values(subject string, was, is []Value) {
	text := func(list []Value) (out []string) {
		for _, v := range list {
			out = append(out, v.Value)
		}
		return out
	}
	d.lines(subject, text(was), text(is))
	for _, v := range is {
		if i := slices.IndexFunc(was, func(w Value) bool { return w.Value == v.Value }); i >= 0 {
			d.lines(subject+", words for "+v.Value, was[i].Also, v.Also)
		}
	}
}

func ofType(of string) string {
	if of == "" {
		return ""
	}
	return " of " + of
}

func orNone(s string) string {
	if strings.TrimSpace(s) == "" {
		return "none"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
