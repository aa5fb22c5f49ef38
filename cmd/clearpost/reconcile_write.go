// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-json"

	"clearpost/reconcile"
)

// errStatement ends a verb with exit code 5 when it has printed how a buyer's statement differs.
var errStatement = errors.New("the statement differs")

// write writes what was found in all the forms that were asked for.
func (c *reconcileCmd) write(e *env, b *reconcile.Book, s *reconcile.Summary) error {
	var first, page []*reconcile.Told
	if c.First > 0 || c.HTML != "" {
		err := b.Each(e.ctx, func(t *reconcile.Told, _ []byte) error {
			if quiet := t.Diff == 0 && t.Command == ""; len(first) < c.First && !quiet {
				first = append(first, t)
			}
			if c.HTML != "" && len(page) < reconcile.PageRows {
				page = append(page, t)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, w := range []struct {
		name string
		mode os.FileMode
		to   func(io.Writer) error
	}{
		{c.CSV, 0o644, func(w io.Writer) error { return c.csv(e, w, b) }},
		{c.HTML, 0o644, func(w io.Writer) error { return s.HTML(w, page) }},
		{c.Follow, 0o755, func(w io.Writer) error { return c.follow(e, w, b, s) }},
	} {
		if w.name == "" {
			continue
		}
		if err := toFile(w.name, w.mode, w.to); err != nil {
			return err
		}
		fmt.Fprintf(e.err, "written: %s\n", w.name)
	}
	if c.JSON {
		return c.json(e, b, s)
	}
	return s.Text(e.out, first)
}

// toFile writes a file.
func toFile(name string, mode os.FileMode, to func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	return errors.Join(to(w), w.Flush(), f.Close())
}

func (c *reconcileCmd) csv(e *env, to io.Writer, b *reconcile.Book) error {
	w := csv.NewWriter(to)
	if err := w.Write(reconcile.CSVHead); err != nil {
		return err
	}
	err := b.Each(e.ctx, func(t *reconcile.Told, _ []byte) error { return t.CSV(w) })
	w.Flush()
	return errors.Join(err, w.Error())
}

// follow writes the script of what follows.
func (c *reconcileCmd) follow(e *env, w io.Writer, b *reconcile.Book, s *reconcile.Summary) error {
	if _, err := io.WriteString(w, s.FollowsHead(c.dirForScripts())); err != nil {
		return err
	}
	return b.Each(e.ctx, func(t *reconcile.Told, _ []byte) error {
		_, err := io.WriteString(w, t.FollowLine())
		return err
	})
}

// json prints one object; the findings are written as they are read.
func (c *reconcileCmd) json(e *env, b *reconcile.Book, s *reconcile.Summary) error {
	w := bufio.NewWriterSize(e.out, 64<<10)
	sum, err := json.Marshal(s)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `{"summary":%s,"findings":[`, sum)
	n := 0
	err = b.Each(e.ctx, func(_ *reconcile.Told, raw []byte) error {
		if n++; n > 1 {
			w.WriteByte(',')
		}
		w.WriteByte('\n')
		_, err := w.Write(raw)
		return err
	})
	w.WriteString("\n]}\n")
	return errors.Join(err, w.Flush())
}
