// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

func TestFreePortKeepsTheHost(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := ln.Addr().String()
	if got, err := freePort(taken); err != nil || got != "127.0.0.1:0" {
		t.Errorf("%s is taken: got %q, %v", taken, got, err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for _, free := range []string{taken, "127.0.0.1:0"} {
		if got, err := freePort(free); err != nil || got != free {
			t.Errorf("%s is free: got %q, %v", free, got, err)
		}
	}
	// An address that is not ours must not end as any port on every interface.
	if got, err := freePort("192.0.2.1:8080"); err == nil {
		t.Errorf("192.0.2.1 is not ours: got %q", got)
	}
}

func TestSummaryForPeople(t *testing.T) {
	s := demoSummary{Answers: map[string]int{"409": 2, "200": 10, "202": 1}, Audit: "ok", Buyers: []buyerRow{
		{Campaign: "one", Revenue: "5.00", Caps: []capAt{{"campaign:one:day", "", 1, 10}, {"buyer:b:hour", "", 3, 4}}},
		{Campaign: "two", Revenue: "0.00", Caps: []capAt{{"campaign:two:total", "", 7, 7}, {"buyer:b:hour", "", 3, 4}}},
		{Campaign: "lowered", Revenue: "0.00", Caps: []capAt{{"campaign:lowered:day", "", 120, 12}}},
		{Campaign: "three", Revenue: "0.00"}}}
	var out bytes.Buffer
	if err := s.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"answers by status 200: 10, 202: 1, 409: 2; lost 0", "$5.00   buyer's hour 3/4\n",
		"$0.00   total 7/7\n", "$0.00   -\n", "$0.00   day 120, now limited to 12\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if got := byName(nil); got != "none" {
		t.Errorf("no answers: %q", got)
	}
}
