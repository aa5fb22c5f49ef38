// SPDX-License-Identifier: Apache-2.0

package node

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Profiles are for who has the admin token, and bounded.
func TestProfilesNeedTheToken(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	get := func(path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+h.node.AdminAddr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if code, _ := get("/debug/pprof/heap", "another"); code != 401 {
		t.Errorf("without the token: %d", code)
	}
	if code, text := get("/debug/pprof/heap", h.node.token); code != 200 || !strings.HasPrefix(text, "\x1f\x8b") {
		t.Errorf("heap: %d %.20q", code, text)
	}
	if code, text := get("/debug/pprof/goroutine?debug=1", h.node.token); code != 200 ||
		!strings.HasPrefix(text, "goroutine profile") {
		t.Errorf("goroutines: %d %.40q", code, text)
	}
	if code, text := get("/debug/pprof/profile?seconds=1", h.node.token); code != 200 ||
		!strings.HasPrefix(text, "\x1f\x8b") {
		t.Errorf("CPU: %d %.40q", code, text)
	}
	for _, bad := range []string{"profile?seconds=61", "profile?seconds=0", "profile?seconds=x", "none"} {
		if code, _ := get("/debug/pprof/"+bad, h.node.token); code != 400 && code != 404 {
			t.Errorf("%s: %d", bad, code)
		}
	}
}
