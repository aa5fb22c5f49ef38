// SPDX-License-Identifier: Apache-2.0

// Package lead is the vocabulary on which everything stands: leads as typed slots, the schemas that name them, money,
// ids, outcomes, and every "no" by its name. It knows no clock, no network and no other package of ours.
package lead
