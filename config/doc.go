// SPDX-License-Identifier: Apache-2.0

// Package config reads, checks and compiles a configuration's directory. It needs no running node, opens no file for
// writing and uses no network: what is wrong is told with its place, and what is right is a Config, from which a
// node starts.
//
// Each file becomes a tree (package tree) and then Go values, and every problem of every file is reported at once
// with its place. Buyers' pages are read, compiled and tried one after the other (pages.go, and the compiler of
// package buyers), so that the text's trees never stand in memory together; a reload (again.go) takes over the pages
// that are as they were, with the same verticals, lists, templates and secrets. What is kept of a large directory is
// small beside what reading it takes: frugal.go gives that back. template.go puts a template in the place of what
// names it, before the page is decoded. A campaign's examples are compiled with it and run; example.go gives those
// that do not hold their places. rules.go reads one call of a campaign from a page of its own, for `clearpost try`.
package config
