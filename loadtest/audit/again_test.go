// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"
	"testing"
)

// resendHistory is a lead whose attempt was unknown and was found out by a resend; edits change its lines.
func resendHistory(edits ...string) []string {
	h := func(kind string, n int, rest string) string {
		return fmt.Sprintf(`{"kind":%q,"event_id":"0193eeee-0000-7000-8000-%012d","at":"2026-01-31T10:00:00Z","lead_id":%q,%s}`, kind, n, leadN(1), rest)
	}
	to := `"campaign":"c","buyer":"b"`
	terms := to + `,"price_micros":25000000,"payout_micros":20000000,"max_sold":1,"sell_limit":1`
	text := strings.Join([]string{
		h("pinged", 1, `"mode":"ping","result":"success","price_micros":20000000,"expires_at":"2026-01-31T11:00:00Z","bids":[{"campaign":"c","winner":true,"price_micros":25000000,"payout_micros":20000000,"expires_at":"2026-01-31T12:00:00Z"}]`),
		h("posting", 2, `"attempt":"`+attemptN(1)+`",`+terms),
		h("posted", 3, `"attempt":"`+attemptN(1)+`","outcome":"unknown",`+to),
		h("posting", 4, `"attempt":"`+attemptN(2)+`","again":"resend","of":"`+attemptN(1)+`",`+terms),
		h("posted", 5, `"attempt":"`+attemptN(2)+
			`","again":"resend","outcome":"accepted","answer_price_micros":25000000,`+to),
		h("adjusted", 6, `"adjustment":"resolved","attempt":"`+attemptN(1)+`","from_attempt":"`+attemptN(2)+
			`","outcome":"accepted","price_micros":25000000,"payout_micros":20000000,`+to),
		h("settled", 7, `"result":"success","payout_micros":20000000,"revenue_micros":25000000,"sales":[{"attempt":"`+
			attemptN(1)+`",`+to+`,"price_micros":25000000,"payout_micros":20000000}]`),
	}, "\n")
	return strings.Split(strings.NewReplacer(edits...).Replace(text), "\n")
}

func TestResends(t *testing.T) {
	of := `"of":"` + attemptN(1) + `"`
	for name, tc := range map[string]struct {
		rule string
		edit []string
		drop int
	}{
		"clean":             {},
		"of no attempt":     {RuleResend, []string{of, `"of":"` + attemptN(9) + `"`}, 0},
		"with charges":      {RuleResend, []string{of, of + `,"charges":[{"cap":"x","window":"total","n":1}]`}, 0},
		"of one that ended": {RuleResend, []string{`"outcome":"unknown"`, `"outcome":"rejected"`}, 0},
		"resolved against it": {RuleResend, []string{`"answer_price_micros":25000000`, `"x":1`,
			`"again":"resend","outcome":"accepted"`, `"again":"resend","outcome":"rejected"`}, 0},
		"accepted, not heeded": {RuleResend, nil, 6},
		"quote outlasts a bid": {RuleBidEnded, []string{"T12:00:00Z", "T10:30:00Z"}, 0},
	} {
		lines := resendHistory(tc.edit...)
		if tc.drop > 0 {
			lines = lines[:tc.drop-1]
		}
		rep, err := Run(Input{Events: Lines(strings.NewReader(strings.Join(lines, "\n")))}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if tc.rule == "" && !rep.OK || tc.rule != "" && rep.ByRule[tc.rule] == 0 {
			t.Errorf("%s: %s", name, rep.Verdict())
		}
	}
}

// A sale that a resend has found out may be given back as any other.
func TestSaleOfAResendIsCorrected(t *testing.T) {
	lines := append(resendHistory(), `{"kind":"adjusted","event_id":"0193eeee-0000-7000-8000-000000000008",`+
		`"at":"2026-01-31T11:00:00Z","lead_id":"`+leadN(1)+`","adjustment":"corrected","attempt":"`+attemptN(1)+
		`","campaign":"c","buyer":"b","outcome":"rejected","was":{"outcome":"accepted","price_micros":25000000,`+
		`"payout_micros":20000000}}`, `{"kind":"settled","event_id":"0193eeee-0000-7000-8000-000000000009",`+
		`"at":"2026-01-31T11:00:00Z","lead_id":"`+leadN(1)+`","result":"failure","payout_micros":0,"revenue_micros":0}`)
	rep, err := Run(Input{Events: Lines(strings.NewReader(strings.Join(lines, "\n")))}, Options{})
	if err != nil || !rep.OK || rep.Counts.Corrections != 1 {
		t.Errorf("%v, %s", err, rep.Verdict())
	}
}
