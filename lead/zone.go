// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Names that people write for a zone and that are none: abbreviations name one offset of the year, and the old links
// are left out of many systems' tables.
var zoneMeant = map[string]string{
	"est": "America/New_York", "edt": "America/New_York", "et": "America/New_York", "est5edt": "America/New_York",
	"us/eastern": "America/New_York", "cst": "America/Chicago", "cdt": "America/Chicago", "ct": "America/Chicago",
	"cst6cdt": "America/Chicago", "us/central": "America/Chicago",
	"mst": "America/Denver (or America/Phoenix, which has no summer time)", "mdt": "America/Denver",
	"mt": "America/Denver", "mst7mdt": "America/Denver", "us/mountain": "America/Denver",
	"us/arizona": "America/Phoenix", "navajo": "America/Denver", "pst": "America/Los_Angeles",
	"pdt": "America/Los_Angeles", "pt": "America/Los_Angeles", "pst8pdt": "America/Los_Angeles",
	"us/pacific": "America/Los_Angeles", "akst": "America/Anchorage", "akdt": "America/Anchorage",
	"us/alaska": "America/Anchorage", "hst": "Pacific/Honolulu", "hdt": "America/Adak", "us/hawaii": "Pacific/Honolulu",
	"us/east-indiana": "America/Indiana/Indianapolis", "us/michigan": "America/Detroit",
	"ast": "America/Halifax (or America/Puerto_Rico, which has no summer time)", "adt": "America/Halifax",
	"nst": "America/St_Johns", "ndt": "America/St_Johns", "gmt": "UTC or Europe/London", "bst": "Europe/London",
	"z": "UTC", "zulu": "UTC", "uct": "UTC", "cet": "Europe/Paris", "cest": "Europe/Paris", "met": "Europe/Paris",
	"wet": "Europe/Lisbon", "eet": "Europe/Athens", "ist": "Asia/Kolkata",
}

// LoadZone loads a zone by its IANA name, such as America/New_York, or UTC. Abbreviations (EST, PST8PDT), offsets
// (+05:00, UTC-5, Etc/GMT+5), "Local" and the empty name are refused: they know no summer time, or mean another zone on
// another machine. The error names the zone that is probably meant.
func LoadZone(name string) (*time.Location, error) {
	low := strings.ToLower(name)
	if meant, ok := zoneMeant[low]; ok {
		return nil, fmt.Errorf("an IANA zone: write %s", meant)
	}
	switch {
	case name == "UTC" || name == "Etc/UTC":
		return time.UTC, nil
	case name == "" || low == "local":
		return nil, fmt.Errorf("an IANA zone such as America/New_York: the machine's own zone is not one")
	case strings.ContainsAny(name[:1], "+-0123456789"), strings.HasPrefix(low, "utc"), strings.HasPrefix(low, "gmt"),
		strings.HasPrefix(low, "etc/"):
		return nil, fmt.Errorf("an IANA zone such as America/New_York: an offset knows no summer time")
	case !strings.Contains(name, "/"), strings.HasPrefix(low, "posix/"), strings.HasPrefix(low, "right/"),
		strings.HasPrefix(low, "systemv/"):
		return nil, fmt.Errorf("an IANA zone of the form Area/City such as America/New_York")
	}
	if loc, ok := loadedZones.Load(name); ok {
		return loc.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("an IANA zone such as America/New_York: there is no %q", name)
	}
	loadedZones.Store(name, loc)
	return loc, nil
}

// loadedZones are those that were loaded, by their names: thousands of campaigns share a handful, and each takes some
// kilobytes.
var loadedZones sync.Map
