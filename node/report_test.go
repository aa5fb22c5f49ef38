// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

// A running node keeps the view up, makes it anew when it is told to, copies it with a backup, and goes on with it
// after a restart; without it an exchange runs all the same.
func TestViewForReportsBesideARunningNode(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.expect(h.post(h.quote(20).PingID, "2127365000"), 200, lead.ResultSuccess)
	var s report.Status
	sees := func(what string, events uint64) {
		t.Helper()
		eventually(t, what, func() bool {
			return h.admin("POST", "/v1/view/catch-up", struct{}{}, &s) == 200 && s.UpToSeq == events && s.Behind == 0
		})
		if s.Error != "" || s.FromSeq != 1 || s.Missed != 0 {
			t.Errorf("%s: %+v", what, s)
		}
	}
	sees("the lead's events are in the view", 4)
	if s.CPUSeconds <= 0 {
		t.Error("the view has taken no processor time")
	}
	eventually(t, "the rebuild is done", func() bool {
		return h.admin("POST", "/v1/view/rebuild", admin.Rebuild{}, &s) == 200 && !s.Rebuilds && s.NotRebuilt == ""
	})
	sees("a rebuild has the same", 4)
	to := filepath.Join(t.TempDir(), "backup")
	if code := h.admin("POST", "/v1/backup", admin.Backup{To: to}, nil); code != 200 {
		t.Fatalf("backup: %d", code)
	}
	copied, err := ledger.OpenOffline(ledger.Config{Dir: ledgerPath(to)})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	v, err := report.Open(report.Config{Dir: filepath.Join(to, reportDir), Ledger: copied, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if s := v.Status(); s.UpToSeq != 4 || s.Behind != 0 {
		t.Errorf("the backup's view: %+v", s)
	}
	h.restart()
	sees("it goes on after a restart", 4)
	h.quote(20)
	sees("with what came since", 5)
	h.write("clearpost.yaml", strings.Replace(h.read("clearpost.yaml"), "node: n1",
		"node: n1\nlimits: {report_cpu_percent: 0}", 1))
	h.restart()
	var no struct{ Error string }
	if code := h.admin("GET", "/v1/view", nil, &no); code != 503 || !strings.Contains(no.Error, "report_cpu_percent") {
		t.Errorf("without a view: %d %q", code, no.Error)
	}
	h.quote(20)
}

// A view that cannot be opened stops nobody.
func TestViewThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(h.dir, "data", reportDir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.quote(20)
	if code := h.admin("GET", "/v1/view", nil, nil); code != 503 {
		t.Errorf("the view: %d", code)
	}
}
