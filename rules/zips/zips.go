// SPDX-License-Identifier: Apache-2.0

// Package zips tells how far US ZIP codes lie from each other, and which lie around one. It is pure.
//
// A code stands for one point: the internal point of its ZIP Code Tabulation Area (ZCTA), as the US Census Bureau has
// it in the 2023 Gazetteer. That is a work of the United States government and in the public domain (NOTICE). Codes of
// post office boxes and of single companies have no area, and no point here: nothing is known of them.
package zips

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"sync"
)

// MetresMax is the greatest radius: beyond it all of the United States is meant.
const MetresMax = 5_000_000

// earth is its mean radius in metres.
const earth = 6_371_008.8

// packed is the table: per code, in ascending order, the differences of code, latitude and longitude to the one before,
// as varints, the two as signed ones, in millionths of a degree; all codes, then all latitudes, then all longitudes,
// and before them their number. gazetteer_test.go makes it.
//
//go:embed zcta2023.bin.gz
var packed []byte

// table is the unpacked table.
type table struct {
	codes  []uint32 // ascending
	text   string   // the same as text, five digits each
	points []point
	north  []uint16 // positions from south to north
}

// point is a place in radians.
type point struct{ lat, lon float64 }

var load = sync.OnceValue(func() *table {
	t, err := unpack(packed)
	if err != nil {
		panic("zips: " + err.Error()) // cannot be: a test reads the table that is built in
	}
	return t
})

func unpack(packed []byte) (*table, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	count, n := binary.Uvarint(b)
	if n <= 0 || count > math.MaxUint16 {
		return nil, fmt.Errorf("%d codes", count)
	}
	b = b[n:]
	t := &table{codes: make([]uint32, count), points: make([]point, count), north: make([]uint16, count)}
	text := make([]byte, 0, 5*count)
	var code uint64
	for i := range t.codes {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, io.ErrUnexpectedEOF
		}
		b, code = b[n:], code+d
		t.codes[i], t.north[i] = uint32(code), uint16(i)
		text = fmt.Appendf(text, "%05d", code)
	}
	t.text = string(text)
	for _, to := range []func(p *point) *float64{
		func(p *point) *float64 { return &p.lat },
		func(p *point) *float64 { return &p.lon },
	} {
		var at int64
		for i := range t.points {
			d, n := binary.Varint(b)
			if n <= 0 {
				return nil, io.ErrUnexpectedEOF
			}
			b, at = b[n:], at+d
			*to(&t.points[i]) = float64(at) / 1e6 * math.Pi / 180
		}
	}
	slices.SortFunc(t.north, func(i, j uint16) int {
		if d := t.points[i].lat - t.points[j].lat; d != 0 {
			return int(math.Copysign(1, d))
		}
		return int(i) - int(j)
	})
	return t, nil
}

// find is the position of a code of five digits.
func (t *table) find(zip []byte) (int, bool) {
	if len(zip) != 5 {
		return 0, false
	}
	var n uint32
	for _, c := range zip {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint32(c-'0')
	}
	return slices.BinarySearch(t.codes, n)
}

// Known tells whether a code has a point.
func Known(zip []byte) bool {
	_, ok := load().find(zip)
	return ok
}

// Distance is how far two codes lie apart, in whole metres along the surface of a sphere. It is not known where one of
// them has no point.
func Distance(a, b string) (metres int64, known bool) {
	t := load()
	i, ok := t.find([]byte(a))
	j, there := t.find([]byte(b))
	if !ok || !there {
		return 0, false
	}
	return distance(t.points[i], t.points[j]), true
}

func distance(a, b point) int64 {
	s, w := math.Sin((a.lat-b.lat)/2), math.Sin((a.lon-b.lon)/2)
	h := s*s + math.Cos(a.lat)*math.Cos(b.lat)*w*w
	return int64(math.Round(2 * earth * math.Asin(math.Sqrt(min(h, 1)))))
}

// Around lists the codes that lie at most so many metres from one, itself included, in ascending order. It is false
// where that one has no point. The texts share the table's memory.
func Around(center string, metres int64) ([]string, bool) {
	t := load()
	at, ok := t.find([]byte(center))
	if !ok {
		return nil, false
	}
	c := t.points[at]
	reach := float64(min(metres, MetresMax)+1) / earth // the difference in latitude alone is no more than that
	wide := math.Pi                                    // as far as longitudes may differ there
	if w := math.Sin(reach/2) / math.Cos(min(math.Abs(c.lat)+reach, math.Pi/2)); reach < math.Pi/2 && w < 1 {
		wide = 2 * math.Asin(w)
	}
	from := sort.Search(len(t.north), func(i int) bool { return t.points[t.north[i]].lat >= c.lat-reach })
	var in []uint16
	for _, i := range t.north[from:] {
		if t.points[i].lat > c.lat+reach {
			break
		}
		if w := math.Abs(t.points[i].lon - c.lon); w > wide && w < 2*math.Pi-wide {
			continue
		}
		if distance(c, t.points[i]) <= metres {
			in = append(in, i)
		}
	}
	slices.Sort(in)
	out := make([]string, len(in))
	for k, i := range in {
		out[k] = t.text[5*int(i) : 5*int(i)+5]
	}
	return out, true
}
