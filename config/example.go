// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"clearpost/buyers"
	"clearpost/config/tree"
)

// Examples is what came of running the campaigns' examples when a configuration was read.
type Examples struct {
	Ran      int // how many there are
	Failures []ExampleFailure
}

// ExampleFailure is an example that does not hold, with its place. Path is that in the file.
type ExampleFailure struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	buyers.ExampleFailure
}

// Problem is the failure without its diff.
func (f *ExampleFailure) Problem() Problem {
	return Problem{File: f.File, Line: f.Line, Column: f.Column, Path: f.Path,
		Message: fmt.Sprintf("campaign %s, example %q, %s %s: %s", f.Campaign, f.Example, f.Call, f.Part, f.Message)}
}

// Err is nil if all examples hold. Otherwise it is an *ExamplesError.
func (x *Examples) Err() error {
	if len(x.Failures) == 0 {
		return nil
	}
	return &ExamplesError{x.Ran, x.Failures}
}

// ExamplesError says which examples do not hold.
type ExamplesError struct {
	Ran      int
	Failures []ExampleFailure
}

// Error lists the failures, each with its place and a diff, and counts them.
func (e *ExamplesError) Error() string {
	var b strings.Builder
	for i := range e.Failures {
		f := &e.Failures[i]
		fmt.Fprintf(&b, "%s\n", f.Problem())
		for line := range strings.Lines(f.Diff) {
			b.WriteString("    " + line)
		}
	}
	plural := "s do"
	if len(e.Failures) == 1 {
		plural = " does"
	}
	fmt.Fprintf(&b, "%d expectation%s not hold, of %d examples", len(e.Failures), plural, e.Ran)
	return b.String()
}

// runExamples runs the examples of campaigns that were compiled from a file.
func runExamples(campaigns []*buyers.Campaign, file *tree.File) (out Examples) {
	for _, c := range campaigns {
		ran, failures := c.RunExamples()
		out.Ran += ran
		for _, f := range failures {
			_, rest := splitIndex(f.Path)
			tk, _, _ := tree.Locate(file.Root, rest)
			f.Path = rest
			p := file.At(tk, rest, "", false)
			out.Failures = append(out.Failures, ExampleFailure{p.File, p.Line, p.Column, f})
		}
	}
	return out
}

// rewriteExamples lets examples follow where Options.Rewrite sends their campaign.
func rewriteExamples(examples []buyers.ExampleSpec, from, to string) {
	host := func(url string) string {
		_, rest, _ := strings.Cut(url, "://")
		rest, _, _ = strings.Cut(rest, "/")
		return "\nHost: " + rest
	}
	for i := range examples {
		for _, k := range []*buyers.ExampleCallSpec{examples[i].Ping, examples[i].Post} {
			if k == nil || k.Request == nil {
				continue
			}
			if rest, ok := strings.CutPrefix(k.Request.URL, from); ok {
				k.Request.URL = to + rest
			}
			k.Request.Text = strings.Replace(k.Request.Text, host(from), host(to), 1)
		}
	}
}
