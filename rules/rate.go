// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"math"

	"clearpost/lead"
)

// Limits of a rate.
const (
	RateMost  = 1_000_000  // a second
	BurstMost = 10_000_000 // at once
)

// RateSpec bounds calls or requests over time, as it stands in a file.
type RateSpec struct {
	PerSecond *lead.Money `yaml:"per_second"` // on average, above 0, with decimals where wanted
	Burst     *int        `yaml:"burst"`      // at once; absent: what comes in a second, at least 1
}

// Rate is a compiled RateSpec.
type Rate struct {
	PerSecond lead.Money // on average, above 0, in micros
	Burst     int        // at once, at least 1
}

// Compile makes the rate of what, such as "calls", for messages. Paths of defects begin at the rate itself. Where
// per_second is wrong there is no rate, and the result is nil; a nil spec has none either.
func (s *RateSpec) Compile(what string) (*Rate, []lead.Defect) {
	if s == nil {
		return nil, nil
	}
	per := s.PerSecond
	if per == nil || *per <= 0 || *per > RateMost*lead.Unit {
		value := ""
		if per != nil {
			value = per.String()
		}
		return nil, []lead.Defect{{Path: "per_second", Value: value,
			Expected: fmt.Sprintf("%s a second: above 0, at most %d", what, RateMost)}}
	}
	second := int(math.Ceil(float64(*per) / float64(lead.Unit)))
	burst, ds := Number("burst", s.Burst, second, 1, BurstMost)
	return &Rate{PerSecond: *per, Burst: burst}, ds
}

// Number is a whole number of a file: standard where it is absent, and standard with a defect at path where it is not
// from least to most.
func Number(path string, v *int, standard, least, most int) (int, []lead.Defect) {
	switch {
	case v == nil:
		return standard, nil
	case *v < least || *v > most:
		return standard, []lead.Defect{{Path: path, Value: fmt.Sprint(*v),
			Expected: fmt.Sprintf("%d to %d", least, most)}}
	}
	return *v, nil
}
