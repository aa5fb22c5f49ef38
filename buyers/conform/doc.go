// SPDX-License-Identifier: Apache-2.0

// Package conform holds a buyer and its page of YAML to each other, from both sides: a [Mock] is the buyer as a local
// server, made of the campaign's own examples; [Run] sends test leads to a buyer's staging endpoint and reports what it
// does.
package conform
