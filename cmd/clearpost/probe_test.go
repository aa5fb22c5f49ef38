// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/buyers/conform"
	"clearpost/examples"
)

func TestProbeAgainstMock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		m := mockCmd{Campaign: "harborline-standard", Listen: "127.0.0.1:0", Config: dir}
		ended <- m.Run(&env{ctx: ctx, out: w, err: io.Discard})
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		t.Fatal("the mock says nothing")
	}
	_, addr, _ := strings.Cut(lines.Text(), "mock: ")
	seen := make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
		}
		seen <- all.String()
	}()
	probe := probeCmd{Campaign: "harborline-standard", To: addr, Config: dir, Pings: 3, Strict: true, JSON: true,
		Bytes: true}
	var out bytes.Buffer
	if err := probe.Run(&env{ctx: ctx, out: &out, err: io.Discard}); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	var report conform.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.Pass < 8 ||
		len(report.Cases[0].Exchanges) != 2 {
		t.Errorf("%v: %+v", err, report)
	}
	probe.JSON = false
	out.Reset()
	if err := probe.Run(&env{ctx: ctx, out: &out, err: io.Discard}); err != nil ||
		!strings.Contains(out.String(), "pass     duplicate") ||
		!strings.Contains(out.String(), "      > POST /harborline/post HTTP/1.1\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if all := <-seen; !strings.Contains(all, "POST /harborline/post (post) → 200 accepted at 31.50; as in example") ||
		strings.Contains(all, "555") {
		t.Errorf("the mock printed\n%s", all)
	}
}

func TestProbeNeedsAnAim(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"harborline-standard"}, {"harborline-standard", "--live", "--to",
		"http://x.example"}, {"harborline-standard", "--to", "x.example"}, {"harborline-standard", "--to",
		"http://x.example/path"}, {"harborline-standard", "--to-post",
		"http://x.example/path"}, {"nobody", "--to", "http://x.example"}, {"harborline-standard", "--to",
		"http://x.example", "--pings", "0"}} {
		if code, out, errOut := clearpost(t, append([]string{"probe", "-d", dir}, args...)...); code != exitFailed ||
			errOut == "" || out != "" {
			t.Errorf("%v: exit %d, %q %q", args, code, out, errOut)
		}
	}
	for _, args := range [][]string{{"nobody"}, {"harborline-standard", "--fail-rate", "2"},
		{"harborline-standard", "--listen", "nowhere"}} {
		if code, _, errOut := clearpost(t, append([]string{"mock", "-d", dir}, args...)...); code != exitFailed ||
			errOut == "" {
			t.Errorf("mock %v: exit %d, %q", args, code, errOut)
		}
	}
}
