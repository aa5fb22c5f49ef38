// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/lead"
	"clearpost/ledger"
)

// copied is a directory copied with all that copying can keep.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", dir, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return to
}

func open(t *testing.T, dir string, adopt bool) (*Node, error) {
	t.Helper()
	cfg, err := config.Load(dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Adopt = adopt
	return New(cfg, nil, false)
}

// TestACopyIsANodeOfItsOwnAndLeavesTheOthersLeadsAlone copies the directory of a node that has a quote out, and a post
// whose outcome it pursues.
func TestACopyIsANodeOfItsOwnAndLeavesTheOthersLeadsAlone(t *testing.T) {
	t.Parallel()
	h := buildWith(t, "", map[string]string{"a": strings.Replace(resendYAML, "after_ms: 0", "after_ms: 60000", 1)},
		keyedYAML, keyed("a"))
	quote, open1 := h.ping(`{"zip":"94110","state":"CA","age":44,"seller_lead_id":"q"}`), h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	h.expect(h.post(open1.PingID, "2127365000"), 202, lead.ResultPending)
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	theirs, dir := h.dir, copied(t, h.dir)
	if _, err := open(t, dir, false); !errors.Is(err, ErrCopied) || !strings.Contains(err.Error(), "--adopt") {
		t.Fatalf("the copy starts: %v", err)
	}
	n, err := open(t, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	name := n.cfg.Exchange.Node
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	h.dir = dir
	h.start() // adopted once is enough
	if got := h.node.cfg.Exchange.Node; got != name || !strings.HasPrefix(got, "n1-") {
		t.Errorf("the node is called %q after %q: expected another name than n1 that stays", got, name)
	}
	if list, err := h.node.Exchange.Unresolved(); err != nil || len(list) != 1 || h.node.Exchange.Pursued() != 0 {
		t.Errorf("open attempts %v, %v, of which %d are pursued: expected one, and none", list, err,
			h.node.Exchange.Pursued())
	}
	if a := h.post(quote.PingID, "2127365001"); a.status != 410 {
		t.Errorf("a quote of the other node: %d %s", a.status, a.text)
	}
	if a := h.call("GET", "/v1/leads/"+open1.PingID, ""); a.Result != lead.ResultPending {
		t.Errorf("a lead of the other node: %s", a.text)
	}
	own := h.ping(`{"zip":"94110","state":"CA","age":45,"seller_lead_id":"own"}`)
	if ev := last[*ledger.Pinged](h, own.PingID); ev.Node != name {
		t.Errorf("its event is of node %q", ev.Node)
	}
	h.expect(h.post(own.PingID, "2127365002"), 200, lead.ResultSuccess)
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(h.farm.AcceptedBy(open1.PingID)); n != 1 {
		t.Errorf("the pending lead was bought %d times", n)
	}
	h.dir = theirs
	h.edit("buyers/a.yaml", "after_ms: 60000", "after_ms: 0")
	h.start()
	h.settles(open1.PingID, lead.ResultSuccess)
}

func TestADirectoryIsKnownAgainWhereverItIsMovedTo(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("a", 25*dollar))
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(filepath.Dir(h.dir), "moved")
	if err := os.Rename(h.dir, to); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(to, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{to, link} {
		if IsCopy(filepath.Join(dir, "data")) {
			t.Errorf("%s is taken for a copy", dir)
		}
		n, err := open(t, dir, false)
		if err != nil {
			t.Fatal(err)
		}
		if n.cfg.Exchange.Node != "n1" {
			t.Errorf("the node is called %q", n.cfg.Exchange.Node)
		}
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(to, "data")
	restored := copied(t, filepath.Join(data, "ledger"))
	if err := errors.Join(os.RemoveAll(filepath.Join(data, "ledger")),
		os.Rename(restored, filepath.Join(data, "ledger"))); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, to, false); !errors.Is(err, ErrCopied) {
		t.Errorf("another ledger was put in place of its own: %v", err)
	}
	if err := os.WriteFile(IdentityPath(data), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, to, false); err == nil || !strings.Contains(err.Error(), "identity.json") {
		t.Errorf("an identity that says nothing: %v", err)
	}
	n, err := open(t, to, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
}
