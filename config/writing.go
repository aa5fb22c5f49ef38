// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/rules"
)

// Limits of a source's habits.
const (
	unpackMax       = 16
	originsMax      = 256
	originBytesMax  = 256
	unescapeFormats = intake.UnescapeHTML + " or " + intake.UnescapeBackslash + ", each once"
)

// writing reads how a source writes values, and from where.
func (l *loader) writing(f *tree.File, spec *sourceSpec, s *exchange.Source) {
	if len(spec.Unpack) > unpackMax {
		l.bad(f, "unpack", fmt.Sprint(len(spec.Unpack), " names"), fmt.Sprintf("at most %d", unpackMax))
	}
	for i, name := range spec.Unpack {
		if strings.TrimSpace(name) != name || name == "" || len(name) > aliasBytesMax {
			l.bad(f, fmt.Sprintf("unpack[%d]", i), name, fmt.Sprintf("a name of 1 to %d bytes without space around it",
				aliasBytesMax))
		}
	}
	for i, how := range spec.Unescape {
		if how != intake.UnescapeHTML && how != intake.UnescapeBackslash || slices.Contains(spec.Unescape[:i], how) {
			l.bad(f, fmt.Sprintf("unescape[%d]", i), how, unescapeFormats)
		}
	}
	s.Unpack, s.Unescape, s.ZIPZeros = spec.Unpack, spec.Unescape, spec.ZIPZeros
	if len(spec.Origins) > originsMax {
		l.bad(f, "origins", fmt.Sprint(len(spec.Origins), " origins"), fmt.Sprintf("at most %d", originsMax))
	}
	for i, o := range spec.Origins {
		if !isOrigin(o) || o == intake.AnyOrigin && len(spec.Origins) > 1 {
			l.bad(f, fmt.Sprintf("origins[%d]", i), o,
				"an origin as browsers write it, such as https://forms.example or https://forms.example:8443: small "+
					"letters, no path; or \"*\" alone")
		}
	}
	s.Origins = spec.Origins
	switch spec.DateOrder {
	case "":
	case "month_first":
		s.DateOrder = exchange.MonthFirst
	case "day_first":
		s.DateOrder = exchange.DayFirst
	default:
		l.bad(f, "date_order", spec.DateOrder, "month_first or day_first")
	}
	if spec.TimeZone != "" {
		zone, err := lead.LoadZone(spec.TimeZone)
		if err != nil {
			l.bad(f, "timezone", spec.TimeZone, err.Error())
			spec.TimeZone = "UTC" // so that the schedule that leans on it is not reported as well
		}
		s.Zone = zone
	}
	var ds []lead.Defect
	s.Schedule, ds = rules.CompileSchedule(spec.Schedule, spec.TimeZone)
	l.badAll(f, "schedule", ds)
}

// isOrigin tells whether a text is an origin exactly as a browser writes it, or the sign for all.
func isOrigin(o string) bool {
	if o == intake.AnyOrigin {
		return true
	}
	u, err := url.Parse(o)
	if err != nil || len(o) > originBytesMax || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return false
	}
	standard := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return o == u.Scheme+"://"+strings.ToLower(u.Host) && u.Port() != standard
}
