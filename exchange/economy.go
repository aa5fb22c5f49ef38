// SPDX-License-Identifier: Apache-2.0

package exchange

// Economy says whom the pings of a vertical spare, so that fewer calls are made or sellers wait less. The zero Economy
// asks everybody and waits for everybody.
type Economy struct {
	// campaigns that are pinged about one lead, at most, those first that are expected to bring most; 0 = all
	MostAsked int
	// with MostAsked: how many of these places, in ppm, go to others, those first that are little known
	ExplorePPM int64
	SkipSlow   bool  // campaigns that usually answer after the deadline are not pinged
	CloseEarly bool  // buyers who cannot win any more, whatever they bid, are not waited for
	TrySlowPPM int64 // with SkipSlow: how many pings, in ppm, such a campaign gets all the same
}

// prospect is a campaign that may be pinged.
type prospect struct {
	worth    int64
	draw     uint64 // its place in the order of this lead among equals
	campaign int32
	thin     bool // little is known of it
}
