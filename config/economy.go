// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"clearpost/config/tree"
	"clearpost/exchange"
)

// economySpec says whom the pings of a vertical spare. Without it everybody is asked and waited for.
type economySpec struct {
	// campaigns that are pinged about one lead, those first that are expected to bring most; absent: all
	MostAsked *int `yaml:"most_asked"`
	// most_asked: percent of these places for others, the least known first (10)
	ExplorePercent *int `yaml:"explore_percent"`
	SkipSlow       bool `yaml:"skip_slow"` // do not ping those that usually answer too late (false)
	// do not wait for buyers who cannot win any more, whatever they bid (false)
	CloseEarly bool `yaml:"close_early"`
	// skip_slow: percent of the pings that such a campaign gets all the same (5)
	TrySlowPercent *int `yaml:"try_slow_percent"`
}

const mostAskedMax = 10_000

func (l *loader) economy(f *tree.File, spec *economySpec) (out exchange.Economy) {
	percent := func(path string, v *int, standard, least int) int64 {
		return int64(l.number(f, path, v, standard, least, 100)) * 10_000
	}
	out.SkipSlow, out.CloseEarly = spec.SkipSlow, spec.CloseEarly
	if spec.MostAsked != nil {
		out.MostAsked = l.number(f, "economy.most_asked", spec.MostAsked, 0, 1, mostAskedMax)
		out.ExplorePPM = percent("economy.explore_percent", spec.ExplorePercent, 10, 0)
	} else if spec.ExplorePercent != nil {
		l.bad(f, "economy.explore_percent", fmt.Sprint(*spec.ExplorePercent),
			"no such key without economy.most_asked: all are asked")
	}
	switch {
	case spec.SkipSlow: // at 0 nobody would ever come back
		out.TrySlowPPM = percent("economy.try_slow_percent", spec.TrySlowPercent, 5, 1)
	case spec.TrySlowPercent != nil:
		l.bad(f, "economy.try_slow_percent", fmt.Sprint(*spec.TrySlowPercent),
			"no such key without economy.skip_slow: none is skipped")
	}
	return out
}

// asking reads whether the tiers are asked at once, and their shares of the time.
func (r *planReader) asking(spec *planSpec, at string) {
	switch spec.Ask {
	case "", "all":
	case "tier_by_tier":
		if r.out.TierByTier = true; spec.Walk == "best_total" {
			r.bad(at+".ask", spec.Ask, "all: which tier has the best total is known when all are asked")
		}
	default:
		r.bad(at+".ask", spec.Ask, "all or tier_by_tier")
	}
	sum := 0
	for i := range spec.Tiers {
		share, path := spec.Tiers[i].TimePercent, fmt.Sprintf("%s.tiers[%d].time_percent", at, i)
		switch n := 0; {
		case share == nil:
			r.out.Shares = append(r.out.Shares, 0)
		case !r.out.TierByTier:
			r.bad(path, fmt.Sprint(*share), "no such key without ask: tier_by_tier")
		case i == len(spec.Tiers)-1:
			r.bad(path, fmt.Sprint(*share), "none for the last tier: it has all that is left")
		default:
			if n = *share; n < 1 || n > 99 {
				r.bad(path, fmt.Sprint(n), "1 to 99 percent of the vertical's ping_deadline_ms")
			}
			if sum += n; sum > 99 {
				r.bad(path, fmt.Sprint(n), fmt.Sprintf("less: the tiers up to this one have %d percent together", sum))
			}
			r.out.Shares = append(r.out.Shares, n)
		}
	}
}
