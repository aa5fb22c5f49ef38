// SPDX-License-Identifier: Apache-2.0

// Package batch is what a campaign needs that takes its leads in files: the columns of a row, how rows are written into
// a file, what the file is called, when one is formed and where it is stored. It decides and writes; it keeps nothing,
// and no byte leaves by it. Whoever carries files stands in batch/carrier, and what becomes of leads in exchange.
package batch
