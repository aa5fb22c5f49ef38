// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
)

const (
	testZIPsMax      = 100
	testPriceDefault = 10 * lead.Unit
)

// tests reads how a vertical answers test leads, and what becomes of what it does not know.
func (l *loader) tests(f *tree.File, spec *verticalSpec, v *exchange.Vertical) {
	switch spec.UnknownFields {
	case "", "drop":
	case "keep":
		v.KeepUnknown = true
	default:
		l.bad(f, "unknown_fields", spec.UnknownFields, "drop or keep")
	}
	v.Tests.Price = max(testPriceDefault, v.Plan.Floor)
	if p := spec.TestPrice; p != nil {
		if v.Tests.Price = *p; *p < lead.Cent || *p%lead.Cent != 0 || *p < v.Plan.Floor {
			l.bad(f, "test_price", p.String(), "a price of at least 0.01 in whole cents, and not below the floor")
		}
	}
	if len(spec.TestZIPs) > testZIPsMax {
		l.bad(f, "test_zips", fmt.Sprint(len(spec.TestZIPs), " codes"), fmt.Sprintf("at most %d", testZIPsMax))
		return
	}
	if v.Schema == nil || len(spec.TestZIPs) == 0 {
		return
	}
	v.Tests.ZIP, _ = v.Schema.Position("zip") // every vertical has it
	v.Tests.ZIPs = map[string]lead.TestResult{}
	var scratch lead.Lead
	for _, zip := range slices.Sorted(maps.Keys(spec.TestZIPs)) {
		path := tree.Join("test_zips", zip)
		scratch.Reset(v.Schema)
		scratch.Set(v.Tests.ZIP, []byte(zip))
		normal := string(scratch.Normal(v.Tests.ZIP))
		want, err := lead.ParseTestResult(spec.TestZIPs[zip])
		_, twice := v.Tests.ZIPs[normal]
		switch {
		case scratch.Slot(v.Tests.ZIP).State != lead.Valid:
			l.bad(f, path, zip, "a postal code, in quotes")
		case twice:
			l.bad(f, path, zip, "each code once: it is read like another one")
		case err != nil || want == lead.TestAny:
			l.bad(f, path, spec.TestZIPs[zip], "one of "+strings.Join(lead.TestResultNames(), ", "))
		}
		v.Tests.ZIPs[normal] = want
	}
}
