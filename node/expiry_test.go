// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"clearpost/buyers/buyertest"
)

// Whatever time a buyer's bid ends at, the ping is stored as it can be read back, and its lead is sold.
func TestBidsThatNeverEndStopNothing(t *testing.T) {
	for _, end := range []string{"9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00+05:00", "0001-01-01T00:00:00+14:00",
		"253402300800", "-62135596800", "99999999999999"} {
		var posts atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/post") {
				posts.Add(1)
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"status":"accepted","price":25,"token":"t","ttl":%q}`, end)
		}))
		t.Cleanup(srv.Close)
		h := build(t, "", nil, script("b", 25*dollar))
		h.edit("buyers/b.yaml", "token: {path: token}, reason", "token: {path: token}, expires: {path: ttl}, reason")
		h.write("buyers/b.yaml", strings.NewReplacer(h.farm.URL("b", buyertest.Ping), srv.URL+"/ping",
			h.farm.URL("b", buyertest.Post), srv.URL+"/post").Replace(h.read("buyers/b.yaml")))
		h.restart()
		p := h.ping(jane)
		if p.Result != "success" {
			if p.Result != "failure" {
				t.Errorf("%s: ping %d %s", end, p.status, p.text)
			}
		} else if a := h.post(p.PingID, "212-736-5000"); a.Result != "success" || posts.Load() != 1 {
			t.Errorf("%s: post %d %s", end, a.status, a.text)
		}
		h.restart() // reads every event
	}
}
