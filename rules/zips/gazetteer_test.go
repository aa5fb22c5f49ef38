// SPDX-License-Identifier: Apache-2.0

package zips

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The table is made of the Gazetteer's file of ZCTAs (2023_Gaz_zcta_national.txt), or of a CSV file of its columns
// GEOID, LAT and LONG:
//
//	go test ./rules/zips -run TestTable -gazetteer FILE
var gazetteer = flag.String("gazetteer", "", "write the table anew, of this file of the Census Bureau")

type row struct{ code, lat, lon int64 } // degrees in millionths

func readGazetteer(t *testing.T, name string) (rows []row) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	column := map[string]int{}
	for in := bufio.NewScanner(f); in.Scan(); {
		cells := strings.FieldsFunc(in.Text(), func(c rune) bool { return c == '\t' || c == ',' || c == '|' })
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(column) == 0 {
			for i, c := range cells {
				column[strings.TrimPrefix(c, "INTPT")] = i
			}
			continue
		}
		number := func(name string, unit float64) int64 {
			i, ok := column[name]
			if !ok || i >= len(cells) {
				t.Fatalf("%s: no column %s in %q", *gazetteer, name, cells)
			}
			v, err := strconv.ParseFloat(cells[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			return int64(math.Round(v * unit))
		}
		rows = append(rows, row{number("GEOID", 1), number("LAT", 1e6), number("LONG", 1e6)})
	}
	slices.SortFunc(rows, func(a, b row) int { return int(a.code - b.code) })
	return rows
}

func pack(t *testing.T, rows []row) []byte {
	b := binary.AppendUvarint(nil, uint64(len(rows)))
	var was row
	for _, r := range rows {
		b, was.code = binary.AppendUvarint(b, uint64(r.code-was.code)), r.code
	}
	for _, r := range rows {
		b, was.lat = binary.AppendVarint(b, r.lat-was.lat), r.lat
	}
	for _, r := range rows {
		b, was.lon = binary.AppendVarint(b, r.lon-was.lon), r.lon
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The table that is built in is whole: every code once, and every point on the ground of the United States.
func TestTable(t *testing.T) {
	if *gazetteer != "" {
		if packed = pack(t, readGazetteer(t, *gazetteer)); os.WriteFile("zcta2023.bin.gz", packed, 0o644) != nil {
			t.Fatal("the table cannot be written")
		}
	}
	tab, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if len(tab.codes) != 33791 { // of the year's Gazetteer
		t.Errorf("%d codes", len(tab.codes))
	}
	for i, c := range tab.codes {
		if i > 0 && c <= tab.codes[i-1] {
			t.Fatalf("%05d behind %05d", c, tab.codes[i-1])
		}
		p := tab.points[i]
		lat, lon := p.lat*180/math.Pi, p.lon*180/math.Pi
		if lat < -15 || lat > 72 || lon < -180 || lon > -64 && lon < 144 {
			t.Errorf("%05d lies at %.6f, %.6f", c, lat, lon)
		}
	}
	if len(packed) > 300_000 {
		t.Errorf("the packed table has %d bytes", len(packed))
	}
}
