// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

// once makes one ping on a connection of its own.
func (h *house) once(body string) (status int, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequest("POST", "http://"+h.node.SellerAddr+"/v1/solar/ping", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Api-Key", "acme-key-0123456789")
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// TestBadCompanyTakesNoConnectionFromSellers: connections that say nothing, and such as hear 401 and stay, three times
// as many as there may be, all at once. Sellers' kept connections stay, and new ones are let in from the first moment.
func TestBadCompanyTakesNoConnectionFromSellers(t *testing.T) {
	const most = 60
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("clearpost.yaml", fmt.Sprintf("node: n1\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\n"+
		"limits: {connections_max: %d}\n", most))
	h.restart()
	h.quote(20) // on a connection that stays
	for i := range 3 * most {
		c, err := net.Dial("tcp", h.node.SellerAddr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if i%2 == 0 { // it may have been closed by now
			_, _ = io.WriteString(c, "GET /v1/leads HTTP/1.1\r\nHost: x\r\nX-Api-Key: unknown\r\n\r\n")
		}
	}
	for i := range 20 {
		if status, err := h.once(fmt.Sprintf(`{"zip":"100%02d"}`, i)); err != nil || status != 200 {
			t.Errorf("new connection %d: %d, %v", i, status, err)
		}
	}
	h.expect(h.ping(`{"zip":"94110"}`), 200, lead.ResultSuccess)

	var s admin.Status
	if status := h.admin("GET", "/v1/status", nil, &s); status != 200 || s.Load == nil {
		t.Fatalf("status: %d, %+v", status, s.Load)
	}
	if s.Load.Connections > most || s.Load.ConnectionsMax != most {
		t.Errorf("%d connections of %d", s.Load.Connections, s.Load.ConnectionsMax)
	}
}
