// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clearpost/examples"
)

// campaign finds the campaigns of a buyer's page.
var campaign = regexp.MustCompile(`(?m)^  - id: `)

// manyBuyers writes a configuration of at least so many campaigns: the example configuration with its buyers over and
// over, each time under other ids and with other list prices, pages with their comments, anchors and examples as people
// write them. It returns how many campaigns there are.
func manyBuyers(t testing.TB, dir string, campaigns int) (written int) {
	t.Helper()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	node := "node: bench\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nlimits: {free_mb_min: 1}\n"
	if err := os.WriteFile(filepath.Join(dir, "clearpost.yaml"), []byte(node), 0o600); err != nil {
		t.Fatal(err)
	}
	solar := filepath.Join(dir, "verticals", "solar.yaml")
	text, err := os.ReadFile(solar)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ = bytes.Cut(text, []byte("\nplan:")) // it names campaigns, which have other ids here
	if err := os.WriteFile(solar, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "buyers", "*.yaml"))
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	slices.Sort(pages)
	texts := make([][]byte, len(pages))
	for i, p := range pages {
		if texts[i], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	for round := 0; written < campaigns; round++ {
		for i, p := range pages {
			if written >= campaigns {
				break
			}
			id := strings.TrimSuffix(filepath.Base(p), ".yaml")
			own := fmt.Sprintf("%s%04d", id, round)
			page := bytes.ReplaceAll(texts[i], []byte(id), []byte(own))
			if err := os.WriteFile(filepath.Join(dir, "buyers", own+".yaml"), page, 0o600); err != nil {
				t.Fatal(err)
			}
			written += len(campaign.FindAll(page, -1))
		}
	}
	return written
}

// kilobytes reads a figure of the process's own memory as the kernel has it, such as VmRSS.
func kilobytes(name string) (kb int64, err error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseInt(strings.Fields(v)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s", name)
}
