// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strconv"
	"strings"

	"clearpost/lead"
	"clearpost/rules/zips"
)

// radius is what `within` asks for.
type radius struct {
	center string // a ZIP code; empty: this is no such test
	miles  bool
}

// within makes a list of the ZIP codes around one.
func (t *test) within(text string) (Criterion, []lead.Defect) {
	if t.About != OfLead || t.typ != lead.TypePostalCode {
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named, Expected: "a field of type postal_code"}}
	}
	r, metres, expected := parseRadius(text)
	if expected == "" {
		var ok bool
		if t.Values, ok = zips.Around(r.center, metres); !ok {
			expected = "a center that the Census Bureau has an area of: codes of post office boxes and of single " +
				"companies have none"
		}
	}
	if expected != "" {
		return Criterion{}, []lead.Defect{{Path: "within", Value: text, Expected: expected}}
	}
	t.Kind, t.needs().radius, t.longest = List, r, len(r.center)
	codes := fmt.Sprintf("%d ZIP codes", len(t.Values))
	if len(t.Values) == 1 {
		codes = "that code alone"
	}
	t.expected = "within " + strings.TrimSpace(text) + " (" + codes + ")"
	return t.Criterion, nil
}

// around tells whether a criterion is such a list.
func (c *Criterion) around() bool { return c.more != nil && c.more.radius.center != "" }

// parseRadius reads a distance and a center, such as 25 mi of 78704.
func parseRadius(text string) (r radius, metres int64, expected string) {
	const form = "a distance and a ZIP code, such as 25 mi of 78704 or 40 km of 78704"
	words := strings.Fields(text)
	if len(words) == 3 { // 25mi of 78704
		for _, unit := range []string{"mi", "km"} {
			if n, ok := strings.CutSuffix(words[0], unit); ok {
				words = append([]string{n, unit}, words[1:]...)
			}
		}
	}
	if len(words) != 4 || words[2] != "of" {
		return r, 0, form
	}
	far, err := lead.ParseMoney([]byte(words[0]))
	if err != nil || far <= 0 {
		return r, 0, form
	}
	var unit int64
	switch strings.ToLower(words[1]) {
	case "mi", "mile", "miles":
		r.miles, unit = true, mile
	case "km":
		unit = kilometre
	default:
		return r, 0, form
	}
	if most := zips.MetresMax * 1000 / unit; int64(far) > most*int64(lead.Unit) {
		return r, 0, fmt.Sprintf("at most %d %s", most, words[1])
	}
	r.center = words[3]
	return r, int64(far) * unit / (1000 * int64(lead.Unit)), ""
}

// In thousandths of a metre.
const (
	mile      = 1_609_344
	kilometre = 1_000_000
)

// near looks for a ZIP code in a radius. What has no place is neither within nor without.
func (c *Criterion) near(zip []byte) outcome {
	if c.ofText(zip) == holds {
		return holds
	}
	if !zips.Known(zip) {
		return untold
	}
	return fails
}

// away tells how far a lead's ZIP code is from the center, for explanations.
func (r radius) away(zip string) string {
	metres, known := zips.Distance(zip, r.center)
	if !known {
		return ", of which nobody knows where it lies"
	}
	if r.miles {
		return ", " + tenths(metres*10_000/mile) + " mi away"
	}
	return ", " + tenths(metres/100) + " km away"
}

func tenths(n int64) string { return strconv.FormatInt(n/10, 10) + "." + strconv.FormatInt(n%10, 10) }
