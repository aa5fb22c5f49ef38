// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"testing"

	"clearpost/lead"
)

const benchBid = `{"status":"accepted","request_id":"7f3a9c1e","bid":{"id":"b-8812763","price":"22.50","currency":"USD","expires":300},"message":"ok","version":"2.1","x":1}`

func benchAnswer(t testing.TB) *Answer {
	return compileAnswer(t, `
success: [{path: status, in: [ok, accepted]}]
price: {path: bid.price}
token: {path: bid.id}
reason: {path: message}
reasons: [{match: duplicate, refusal: duplicate}, {match: quota, refusal: quota_reached}]
`, false)
}

// TestReadingAllocatesNothing: an answer is read without allocations.
func TestReadingAllocatesNothing(t *testing.T) {
	as := propAnswers(t)
	for i, body := range []string{`{"status":"ok","price":22.5,"id":"t","why":"\u0041"}`,
		"status=o%6b&price=22%2e5&id=t", "accepted price=22.50 id=x"} {
		b := []byte(body)
		var r Receipt
		n := testing.AllocsPerRun(100, func() { r = as[i].ReadWhole(200, nil, b) })
		if r.Outcome != lead.Accepted || i == 0 && n > 1 || i > 0 && n != 0 {
			t.Errorf("reading %s: %v allocations, %+v", body, n, r)
		}
	}
	a, b := benchAnswer(t), []byte(benchBid)
	if n := testing.AllocsPerRun(100, func() { a.Read(200, nil, b) }); n != 0 {
		t.Errorf("reading a bid: %v allocations", n)
	}
}

func BenchmarkReadBid(b *testing.B) {
	a, body := benchAnswer(b), []byte(benchBid)
	if r := a.Read(200, nil, body); r.Outcome != lead.Accepted {
		b.Fatalf("%+v", r)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		a.Read(200, nil, body)
	}
}
