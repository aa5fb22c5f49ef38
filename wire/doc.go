// SPDX-License-Identifier: Apache-2.0

// Package wire has the words that requests to buyers and readings of their answers share: single values, maps and
// headers as a page of YAML has them, and the keys and limits of paths. Package request makes the requests, package
// answer reads the answers; both are pure and know nothing of each other. The network is package transport's.
package wire
