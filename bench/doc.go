// SPDX-License-Identifier: Apache-2.0

// Package bench measures what a ping costs: the exchange as it runs in production, beside two bare loops that do
// nothing but ask the same buyers, in the same run. Everything is in its tests; README.md has the numbers of a real
// run.
package bench
