// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"

	"github.com/goccy/go-json"
)

// listing is a list that the admin API gives page by page, and how it is printed: a table, or a JSON object a line.
type listing[Page, Item any] struct {
	path  string
	query url.Values
	of    func(*Page) (items []Item, next uint64) // next: what to ask for as ?from=; 0: this is the last page
	limit int                                     // at most so many; 0: all
	json  bool
	head  string // names of the columns, with tabs between
	row   func(Item) string
	none  string // what is printed in place of a table without a row
}

func (l listing[Page, Item]) print(e *env, o *ops) error {
	w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
	n := 0
	err := l.each(e, o, func(it Item) error {
		if n++; l.json {
			return json.NewEncoder(e.out).Encode(it)
		}
		if n == 1 {
			fmt.Fprintln(w, l.head)
		}
		_, err := fmt.Fprintln(w, l.row(it))
		return err
	})
	if err != nil || l.json {
		return err
	}
	if n == 0 {
		_, err := fmt.Fprintln(e.out, l.none)
		return err
	}
	return w.Flush()
}

func (l listing[Page, Item]) each(e *env, o *ops, fn func(Item) error) error {
	for n := 0; ; {
		var page Page
		if err := o.call(e.ctx, "GET", l.path+"?"+l.query.Encode(), nil, &page); err != nil {
			return err
		}
		items, next := l.of(&page)
		for _, it := range items {
			if n++; l.limit > 0 && n > l.limit {
				fmt.Fprintln(e.err, "note: there are more: --limit 0 prints all")
				return nil
			}
			if err := fn(it); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
		l.query.Set("from", strconv.FormatUint(next, 10))
	}
}
