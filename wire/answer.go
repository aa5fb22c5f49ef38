// SPDX-License-Identifier: Apache-2.0

package wire

import "clearpost/lead"

// Receipt is a buyer's answer as read. Its byte slices may lie in the body that was read and live as long as it does.
type Receipt struct {
	Outcome   lead.Outcome // Accepted: every success condition held. Otherwise what Refusal stands for
	Refusal   lead.Refusal // 1–99: the buyer said no; from 100 on: there is no answer that we understand. Zero if accepted
	Price     lead.Money   // in whole cents, rounded once
	HasPrice  bool         // a positive price stands there
	Token     []byte       // at most TokenBytesMax
	Reference []byte       // at most ReferenceBytesMax
	Reason    []byte       // at most ReasonBytesMax; the buyer's words
	Rule      string       // the part of the spec that decided, such as "success[1]"; see Answer.Explain
}

// Answer is a compiled AnswerSpec. It never changes and may be used by any number of callers at once.
type Answer struct {
	post bool
}

// CompileAnswer compiles a spec; post says that it reads answers to posts. All mistakes are returned at once, with paths relative to
// the spec; the Answer is nil if there is any.
func CompileAnswer(spec *AnswerSpec, post bool) (*Answer, []lead.Defect) {
	return &Answer{post: post}, nil
}

// GivesPrice tells whether the spec has a rule for the price.
func (a *Answer) GivesPrice() bool { return false }

// GivesToken tells whether the spec has a rule for the token.
func (a *Answer) GivesToken() bool { return false }

// Read reads an answer whose end is not proven: it may be the beginning of a longer one, cut where the connection ended. JSON proves
// its own end. A form or a text cannot, so it is never accepted here: it is a TornAnswer. See ReadWhole.
func (a *Answer) Read(status int, contentType, body []byte) Receipt { return Receipt{} }

// ReadWhole reads an answer whose end the HTTP framing has proven: Content-Length bytes, or the last chunk, have arrived.
func (a *Answer) ReadWhole(status int, contentType, body []byte) Receipt { return Receipt{} }

// Explain tells in a sentence how the answer is read, for people; it may allocate.
func (a *Answer) Explain(status int, contentType, body []byte) string { return "" }
