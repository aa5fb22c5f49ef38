// SPDX-License-Identifier: Apache-2.0

package zips

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// About what a map says.
func TestDistancesBetweenKnownPlaces(t *testing.T) {
	for _, c := range []struct {
		a, b     string
		from, to int64 // metres
	}{
		{"78704", "78704", 0, 0},
		{"78704", "78701", 3_000, 5_000},           // across the river in Austin
		{"10001", "90210", 3_900_000, 3_970_000},   // New York – Beverly Hills
		{"99501", "96813", 4_450_000, 4_490_000},   // Anchorage – Honolulu
		{"96799", "00601", 11_500_000, 12_100_000}, // American Samoa – Puerto Rico: over the whole map
		{"96910", "96813", 6_050_000, 6_150_000},   // Guam – Honolulu: over the date line
		{"60601", "60602", 100, 1_000},             // neighbours in Chicago
		{"33040", "33139", 205_000, 230_000},       // Key West – Miami Beach
		{"04736", "92101", 4_300_000, 4_600_000},   // corner to corner
	} {
		there, ok := Distance(c.a, c.b)
		back, _ := Distance(c.b, c.a)
		if !ok || there != back || there < c.from || there > c.to {
			t.Errorf("%s – %s: %d m and back %d m (known: %v), expected %d to %d", c.a, c.b, there, back, ok, c.from,
				c.to)
		}
	}
}

func TestNothingIsKnownOfCodesWithoutAPoint(t *testing.T) {
	for _, zip := range []string{"", "78765" /* boxes in Austin */, "00000", "787041", "7870", "K1A 0B1", "7870a"} {
		if _, ok := Distance(zip, "78704"); ok {
			t.Errorf("%q has a distance", zip)
		}
		if _, ok := Distance("78704", zip); ok {
			t.Errorf("%q has a distance", zip)
		}
		if _, ok := Around(zip, 1000); ok {
			t.Errorf("%q is a center", zip)
		}
	}
}

// Distances are those that the straight line through the earth between two points gives.
func TestDistanceByChord(t *testing.T) {
	all := load()
	rapid.Check(t, func(t *rapid.T) {
		i, j := rapid.IntRange(0, len(all.codes)-1).Draw(t, "a"), rapid.IntRange(0, len(all.codes)-1).Draw(t, "b")
		p, q := all.points[i], all.points[j]
		dx := math.Cos(p.lat)*math.Cos(p.lon) - math.Cos(q.lat)*math.Cos(q.lon)
		dy := math.Cos(p.lat)*math.Sin(p.lon) - math.Cos(q.lat)*math.Sin(q.lon)
		dz := math.Sin(p.lat) - math.Sin(q.lat)
		want := 2 * earth * math.Asin(math.Sqrt(dx*dx+dy*dy+dz*dz)/2)
		got, ok := Distance(all.text[5*i:5*i+5], all.text[5*j:5*j+5])
		if !ok || math.Abs(float64(got)-want) > 1 {
			t.Fatalf("%d m, expected %.1f", got, want)
		}
	})
}

// What lies around a code is what Distance says of each code of the table.
func TestAroundIsWhatDistanceSays(t *testing.T) {
	all := load()
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(all.codes)-1).Draw(t, "center")
		center := fmt.Sprintf("%05d", all.codes[i])
		metres := rapid.OneOf(rapid.Int64Range(0, 200_000), rapid.Int64Range(0, MetresMax)).Draw(t, "metres")
		got, ok := Around(center, metres)
		if !ok || !slices.IsSorted(got) || !slices.Contains(got, center) {
			t.Fatalf("around %s: %v, sorted %v, with itself %v", center, ok, slices.IsSorted(got),
				slices.Contains(got, center))
		}
		var want []string
		for _, code := range all.codes {
			zip := fmt.Sprintf("%05d", code)
			if d, _ := Distance(center, zip); d <= metres {
				want = append(want, zip)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d m around %s: %d codes, expected %d", metres, center, len(got), len(want))
		}
	})
}

func BenchmarkAround25Miles(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if in, _ := Around("78704", 40_234); len(in) < 40 {
			b.Fatal(len(in))
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	for b.Loop() {
		if _, err := unpack(packed); err != nil {
			b.Fatal(err)
		}
	}
}
