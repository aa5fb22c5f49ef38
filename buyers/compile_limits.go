// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"math"
	"time"

	"clearpost/lead"
)

// number is a number of a spec: its default where it is absent, a defect where it is out of bounds.
func (c *compiler) number(at, path string, v *int, standard, least, most int) int {
	if v == nil {
		return standard
	}
	if *v < least || *v > most {
		c.bad(at, path, fmt.Sprint(*v), fmt.Sprintf("%d to %d", least, most))
		return standard
	}
	return *v
}

func (c *compiler) rate(spec *RateSpec, at string) *Rate {
	if spec == nil {
		return nil
	}
	per := spec.PerSecond
	if per == nil || *per <= 0 || *per > RateMost*lead.Unit {
		value := ""
		if per != nil {
			value = per.String()
		}
		c.bad(at, "rate.per_second", value, fmt.Sprintf("calls a second: above 0, at most %d", RateMost))
		return nil
	}
	second := int(math.Ceil(float64(*per) / float64(lead.Unit)))
	every := max(time.Duration(float64(time.Second)*float64(lead.Unit)/float64(*per)), 1)
	return &Rate{Every: every, Burst: c.number(at, "rate.burst", spec.Burst, max(second, 1), 1, BurstMost)}
}

func (c *compiler) breaker(p *Campaign, spec *BreakerSpec, at string) *Breaker {
	if spec == nil {
		return nil
	}
	if p.Ping == nil {
		c.bad(at, "breaker", "", "a campaign with a `ping`: a breaker guards pings only")
	}
	at += ".breaker"
	return &Breaker{
		FailuresPPM:  int64(c.number(at, "failures_percent", spec.FailuresPercent, 50, 1, 100)) * 10_000,
		RequestsMin:  c.number(at, "requests_min", spec.RequestsMin, 20, 1, 1_000_000),
		Window:       time.Duration(c.number(at, "window_s", spec.WindowS, 30, 1, 3600)) * time.Second,
		Open:         time.Duration(c.number(at, "open_s", spec.OpenS, 15, 1, 3600)) * time.Second,
		Probes:       c.number(at, "probes", spec.Probes, 3, 1, 1000),
		SimulateOnly: spec.SimulateOnly,
	}
}
