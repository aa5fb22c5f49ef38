// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strings"
)

// TestResult is the result that a test lead asks for. The zero value asks for none: the lead takes its way.
type TestResult uint8

// The results. At a ping all but TestNoBids are a quote.
const (
	TestAny TestResult = iota
	TestSold
	TestRejected
	TestDuplicate
	TestInvalid
	TestNoBids
	TestPending
)

var testResultNames = [...]string{"", "accepted", "rejected", "duplicate", "invalid", "no_bids", "pending"}

// String is the result's name as it stands in requests, configurations and events; "" for TestAny.
func (r TestResult) String() string { return testResultNames[r] }

// TestResultNames lists the names of all results.
func TestResultNames() []string { return testResultNames[1:] }

// ParseTestResult reads a result's name, in any case and with space around it. Empty text is TestAny.
func ParseTestResult(s string) (TestResult, error) {
	s = strings.TrimSpace(s)
	for i, n := range testResultNames {
		if strings.EqualFold(n, s) {
			return TestResult(i), nil
		}
	}
	return TestAny, fmt.Errorf("test result %q: expected one of %s", s, strings.Join(TestResultNames(), ", "))
}

// Refusal is why a lead with this result is not sold, NoRefusal where it is, or may be.
func (r TestResult) Refusal() Refusal {
	switch r {
	case TestRejected:
		return BuyerRejected
	case TestDuplicate:
		return BuyerDuplicate
	case TestInvalid:
		return BuyerInvalid
	case TestNoBids:
		return NoBids
	}
	return NoRefusal
}
