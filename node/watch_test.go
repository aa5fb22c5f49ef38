// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

// watched makes a change and waits until the exchange has read it.
func (h *house) watched(what, want string, change func()) *admin.Reload {
	h.t.Helper()
	before := h.node.reloads.status().Reloads[want]
	change()
	eventually(h.t, what+" is "+want, func() bool { return h.node.reloads.status().Reloads[want] > before })
	last := h.node.reloads.status().Last
	if last.By != admin.ByWatch {
		h.t.Errorf("%s: %+v", what, last)
	}
	return last
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) priced(price string) string {
	return strings.Replace(campaignOf(h, "b"), "vertical: solar\n", "vertical: solar\n    price: "+price+"\n", 1)
}

func campaignOf(h *house, id string) string {
	return strings.NewReplacer("%[1]s", id, "%[2]s", "http://"+h.farm.Addr(), "%[3]s", "").Replace(campaignYAML)
}

func TestWatchSeesWhatChangedBeforeIt(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.watched("a file written before", admin.Applied, func() {
		h.write("buyers/b.yaml", h.priced("30"))
		h.must(h.node.Watch())
	})
	h.quote(24)
}

func TestWatchSeesWhatEditorsAndDeploymentsDo(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.must(h.node.Watch())
	at := func(name string) string { return filepath.Join(h.dir, name) }

	h.watched("a file written in its place", admin.Applied, func() { h.write("buyers/b.yaml", h.priced("30")) })
	h.quote(24)
	h.watched("a new file put in the old one's place", admin.Applied, func() {
		h.write("buyers/.b.yaml.swp", h.priced("35"))
		h.must(os.Rename(at("buyers/.b.yaml.swp"), at("buyers/b.yaml")))
	})
	h.quote(28)
	if last := h.watched("a mistake", admin.Refused, func() {
		h.write("buyers/b.yaml", h.priced("much"))
	}); len(last.Problems) == 0 {
		t.Errorf("%+v", last)
	}
	h.quote(28)
	h.watched("a file that nothing reads, with the mistake still there", admin.Refused, func() {
		h.write("buyers/notes.txt", "x")
	})
	h.watched("the mistake mended", admin.Unchanged, func() { h.write("buyers/b.yaml", h.priced("35")) })
	h.watched("a folder with a file", admin.Applied, func() {
		h.write("sources/more/third.yaml", "id: third\nname: Third\nkeys: [\"${file:key}\"]\nverticals: [solar]\n")
		h.write("key", "third-key-one\n")
	})
	h.expect(h.ping(`{"zip":"10001"}`, "Authorization: Bearer third-key-one"), 200, "success")
	h.watched("a secret", admin.Applied, func() { h.write("key", "third-key-two\n") })
	if a := h.ping(`{"zip":"10001"}`, "Authorization: Bearer third-key-one"); a.status != 401 {
		t.Errorf("the old key: %d", a.status)
	}
	h.watched("a file in the new folder", admin.Applied, func() {
		h.write("sources/more/third.yaml", "id: third\nname: Third\nkeys: [third-key-three]\nverticals: [solar]\n")
	})
	h.watched("a folder of lists", admin.Applied, func() { h.write("lists/free_domains.txt", "example.com\n") })
	h.watched("a list", admin.Applied, func() { h.write("lists/free_domains.txt", "example.net\n") })
	h.watched("a file of values that nothing reads", admin.Refused, func() { h.write("lists/zips.txt", "10001\n") })
	h.watched("a criterion that looks in it", admin.Applied, func() {
		h.write("buyers/b.yaml", strings.Replace(h.priced("35"), "vertical: solar\n",
			"vertical: solar\n    criteria: [{field: zip, in_file: zips.txt}]\n", 1))
	})
	h.quote(28)
	h.watched("a file of values put in the old one's place", admin.Applied, func() {
		h.write("lists/.new", "90210\n")
		h.must(os.Rename(at("lists/.new"), at("lists/zips.txt")))
	})
	h.expect(h.ping(`{"zip":"10001"}`), 200, "failure")
	h.watched("a mistake in a file of values", admin.Refused, func() { h.write("lists/zips.txt", "9021\n") })
	h.watched("the file of values as it was", admin.Applied, func() { h.write("lists/zips.txt", "10001\n") })
	h.quote(28)
	lists, err := os.ReadDir(filepath.Join(h.node.cfg.DataDir, "ledger", "configs", "lists"))
	if h.must(err); len(lists) != 2 {
		t.Errorf("kept beside the ledger: %v", lists)
	}
	h.watched("a folder of templates that nothing uses, with a mistake", admin.Refused, func() {
		h.write("templates/mine.yaml", "id: [\n")
	})
	h.watched("the mistake in the folder mended", admin.Unchanged, func() {
		h.must(os.Remove(at("templates/mine.yaml")))
	})
	h.watched("a file that goes", admin.Applied, func() { h.must(os.Remove(at("sources/more/third.yaml"))) })
	if a := h.ping(`{"zip":"10001"}`, "Authorization: Bearer third-key-three"); a.status != 401 {
		t.Errorf("a source that is gone: %d", a.status)
	}
}

// TestWatchSeesLinksTurned is how deployments replace a whole configuration at once: by a link to its directory, or as
// mounted volumes do.
func TestWatchSeesLinksTurned(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.must(h.node.Stop())
	real := h.dir
	next := t.TempDir()
	h.must(os.CopyFS(next, os.DirFS(real)))
	h.dir = filepath.Join(t.TempDir(), "config")
	h.must(os.Symlink(real, h.dir))
	h.write("clearpost.yaml", "node: n1\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\ndata_dir: "+t.TempDir()+
		"\n")
	top, err := os.ReadFile(filepath.Join(real, "clearpost.yaml"))
	h.must(err)
	h.must(os.WriteFile(filepath.Join(next, "clearpost.yaml"), top, 0o600))
	h.must(os.WriteFile(filepath.Join(next, "buyers/b.yaml"), []byte(h.priced("50")), 0o600))
	h.start()
	h.must(h.node.Watch())
	h.watched("the directory's link", admin.Applied, func() {
		h.must(os.Symlink(next, h.dir+".new"))
		h.must(os.Rename(h.dir+".new", h.dir))
	})
	h.quote(40)
	h.watched("a file where the link leads now", admin.Applied, func() { h.write("buyers/b.yaml", h.priced("60")) })
	h.quote(48)

	// A file that is a link into a directory that is swapped, as volumes of secrets and settings are mounted.
	old, turned := filepath.Join(next, "buyers/..v1"), filepath.Join(next, "buyers/..v2")
	for dir, price := range map[string]string{old: "70", turned: "80"} {
		h.must(os.Mkdir(dir, 0o700))
		h.must(os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(h.priced(price)), 0o600))
	}
	h.watched("a file that becomes a link", admin.Applied, func() {
		h.must(os.Symlink("..v1", filepath.Join(next, "buyers/..data")))
		h.must(os.Remove(filepath.Join(next, "buyers/b.yaml")))
		h.must(os.Symlink("..data/b.yaml", filepath.Join(next, "buyers/b.yaml")))
	})
	h.quote(56)
	h.watched("the link below it", admin.Applied, func() {
		h.must(os.Symlink("..v2", filepath.Join(next, "buyers/..new")))
		h.must(os.Rename(filepath.Join(next, "buyers/..new"), filepath.Join(next, "buyers/..data")))
	})
	h.quote(64)
	if n := h.node.Exchange.Campaigns()[0].Price; n != 80*lead.Unit {
		t.Errorf("price %v", n)
	}
}
