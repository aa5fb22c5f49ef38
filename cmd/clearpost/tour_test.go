// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"
)

// tourCalls are the bodies that the README's tour sends, and the answers that it shows.
func tourCalls(t *testing.T) (ping, post string, shown []map[string]any) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(readme), "\n## A tour\n")
	tour, _, _ = strings.Cut(tour, "\n## ")
	bodies := regexp.MustCompile(`(?m)^ +-d '(\{.*\})'$`).FindAllStringSubmatch(tour, -1)
	answers := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(tour, -1)
	if len(bodies) != 2 || len(answers) != 2 {
		t.Fatalf("the tour has %d calls and %d answers: expected a ping and a post", len(bodies), len(answers))
	}
	for _, a := range answers {
		var v map[string]any
		if err := json.Unmarshal([]byte(a[1]), &v); err != nil {
			t.Fatal(err)
		}
		shown = append(shown, v)
	}
	return bodies[0][1], bodies[1][1], shown
}

// TestTheToursLeadAlwaysSells takes the tour's calls, again and again beside the demo's own sellers, each time as
// another person.
func TestTheToursLeadAlwaysSells(t *testing.T) {
	t.Parallel()
	ping, post, shown := tourCalls(t)
	seeds, tours := []uint64{1, 2, 3}, 40
	if testing.Short() {
		seeds, tours = seeds[:1], 20
	}
	for _, seed := range seeds {
		ctx, end := context.WithCancel(context.Background())
		var said bytes.Buffer
		d := &demo{cmd: &demoCmd{Rate: 150, Seed: seed, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0"},
			e: &env{ctx: ctx, out: io.Discard, err: &said}}
		if err := d.start(); err != nil {
			end()
			t.Fatal(err)
		}
		sold := make(chan error, 1)
		go func() { _, err := d.sell(); sold <- err }()
		var wg sync.WaitGroup
		slots := make(chan struct{}, 4)
		for n := range tours {
			slots <- struct{}{}
			wg.Go(func() { takeTour(t, d, ping, post, n, shown); <-slots })
		}
		wg.Wait()
		end()
		if err := <-sold; err != nil {
			t.Error(err)
		}
		for i := len(d.down) - 1; i >= 0; i-- {
			if err := d.down[i](); err != nil {
				t.Error(err)
			}
		}
	}
}

func takeTour(t *testing.T, d *demo, ping, post string, n int, shown []map[string]any) {
	quote := tourCall(t, d, "ping", strings.Replace(ping, `"my-1"`, fmt.Sprintf(`"my-%d"`, n), 1), shown[0])
	id, _ := quote["ping_id"].(string)
	if id == "" {
		return
	}
	post = strings.NewReplacer("PING_ID", id, "(602) 234-0199", fmt.Sprintf("(602) 234-%04d", n), "ana@",
		fmt.Sprintf("ana%d@", n)).Replace(post)
	tourCall(t, d, "post", post, shown[1])
}

// tourCall makes one call, again where the node is too busy to take it, and compares the answer with the README's: the
// same result and price, and the same names.
func tourCall(t *testing.T, d *demo, call, body string, shown map[string]any) map[string]any {
	b, err := tourAnswer(d, call, body)
	for tries := 0; err == nil && strings.Contains(string(b), `"too_busy"`) && tries < 60; tries++ {
		<-time.After(time.Second)
		b, err = tourAnswer(d, call, body)
	}
	var got map[string]any
	if err != nil || json.Unmarshal(b, &got) != nil || got["result"] != shown["result"] ||
		got["price"] != shown["price"] {
		t.Errorf("%s: %v %s: the README shows %v", call, err, b, shown)
		return nil
	}
	for name := range shown {
		if _, there := got[name]; !there {
			t.Errorf("%s: no %q in %s, which the README shows", call, name, b)
		}
	}
	return got
}

func tourAnswer(d *demo, call, body string) ([]byte, error) {
	req, err := http.NewRequest("POST", "http://"+d.node.SellerAddr+"/v1/solar/"+call, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+demoKey("quotemill"))
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}
