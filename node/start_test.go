// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
)

func TestStoppingLetsPostsEndAndTellsTheTruth(t *testing.T) {
	t.Parallel()
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(300 * time.Millisecond)
	h := build(t, "", nil, slow)
	p := h.quote(20)
	done := make(chan heard, 1)
	go func() { done <- h.post(p.PingID, "2127365000") }()
	eventually(t, "the post is on the wire", func() bool { return h.farm.Buyer("slow").Calls(buyertest.Post) == 1 })
	h.restart()
	a := <-done
	h.expect(a, 200, lead.ResultSuccess)
	if again := h.call("GET", "/v1/leads/"+p.PingID, ""); again.text != a.text {
		t.Errorf("status %s, answer %s", again.text, a.text)
	}
}
