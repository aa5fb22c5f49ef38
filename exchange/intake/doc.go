// SPDX-License-Identifier: Apache-2.0

// Package intake is the sellers' door: HTTP in, source keys, any dialect to a lead, and the answers out. No byte of
// a request is kept past its handler.
//
// A request's source is found by its key, whose rate is held (account.go); the source gives the request the snapshot
// on which its whole trip runs. It is let in or sent away, its lead unread, by what memory and processors bear
// (places.go, sensor.go), those first that send most (fair.go). Then calls.go makes the call that the path names.
//
// A dialect is bytes that become a walk of names and values: media.go finds out which one it is and unpacks the
// bytes, dialect.go and xml.go walk them, flat.go is the short way for plain JSON, entries.go reads lists of names
// and values, clean.go undoes what a sender puts into values, names.go has a source's own names and values, and
// decode.go puts every pair straight into the slots of a lead.Lead. style.go says how to answer; a profile
// (profile.go, profile_words.go) is a set of paths, names and answers over the same calls. debug.go walks a request
// once more where its sender wants to know what became of the fields; unknown.go keeps what a vertical does not
// know; testlead.go finds out whether the lead is a test.
//
// books.go tells a source of its own account, by what whoever makes the server gives it.
//
// What a seller has to send is made, not written: spec_make.go makes a posting.Document of a source and a vertical
// as they are configured, spec_samples.go the examples, with leads that the schema itself takes and a campaign
// wants, and answers by the code that answers sellers. spec_serve.go gives it to whoever may read it. At its start a
// node keeps each document that differs from the newest version (KeepSpecs).
package intake
