// SPDX-License-Identifier: Apache-2.0

// Package conform holds a buyer and its page of YAML to each other, from both sides: a [Mock] is the buyer as a local
// server, made of the campaign's own examples; [Run] sends test leads to a buyer's staging endpoint and reports what it
// does.
//
// The mock (mock.go) learns from shape.go, which renders a request from inputs that differ in one thing at a time, what
// is fixed in it, what is filled and what differs from call to call. probe_cases.go has what a probe tries.
package conform
