// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/examples"
	"clearpost/lead"
	"clearpost/ledger"
)

// fillEnv makes the test binary a process that fills a ledger with so many leads, says so, and goes on until it is
// killed.
const fillEnv = "CLEARPOST_BENCH_FILL"

// Of a hundred leads five are sold. They come at a hundred a second, the last one now.
const (
	soldOfHundred = 5
	leadsASecond  = 100
)

// fillLedger stores leads as an exchange does, by callers that wait for the disk.
func fillLedger(dir string, leads int64) error {
	l, err := ledger.Open(ledger.Config{Dir: filepath.Join(dir, "data", "ledger"), Node: "bench",
		FreeBytesMin: 1 << 30})
	if err != nil {
		return err
	}
	begin := time.Now().Add(-time.Duration(leads) * time.Second / leadsASecond)
	var next, stored atomic.Int64
	var told sync.Once
	failed := make(chan error, 1)
	for range 64 {
		go func() {
			for {
				n := next.Add(1)
				at := begin.Add(time.Duration(n) * time.Second / leadsASecond)
				if now := time.Now(); at.After(now) {
					at = now
				}
				if n%1000 == 0 { // asking reads the directory
					keepUp(l)
				}
				for _, group := range filledLead(n, at) {
					if err := l.Append(group...); err != nil {
						failed <- err
						return
					}
				}
				if stored.Add(1) == leads {
					told.Do(func() { fmt.Println("filled") })
				}
			}
		}()
	}
	return <-failed
}

// keepUp waits for views that are far behind, as pings do that are refused until they are not.
func keepUp(l *ledger.Ledger) {
	for {
		s := l.Stats()
		if s.LastSeq-min(s.Applied, s.LastSeq) < 100_000 {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}

// filledLead is all that is stored of a lead: a ping of ten bids, and of some also the sale.
func filledLead(n int64, at time.Time) (groups [][]ledger.Event) {
	id := ledger.NewID(at)
	head := func(k ledger.Kind) ledger.Head {
		return ledger.Head{Kind: k, At: at, Config: "c0ffee00c0ffee00", Lead: id, Source: "quotemill",
			Vertical: "solar"}
	}
	p := &ledger.Pinged{Head: head(ledger.KindPinged), Mode: "ping", Currency: "USD", ReceivedAt: at,
		Result: lead.ResultSuccess, Price: 18_000_000, ExpiresAt: at.Add(10 * time.Minute),
		SellerLeadID: "S-" + strconv.FormatInt(n, 10)}
	for i, f := range fields(int(n)) {
		if v := (ledger.FieldValue{Name: f.name, Value: f.value}); i < 5 || f.name == "dob" {
			p.Private.Fields = append(p.Private.Fields, v)
		} else {
			p.Fields = append(p.Fields, v)
		}
	}
	for i := range 10 {
		p.Bids = append(p.Bids, ledger.Bid{Campaign: "campaign-" + strconv.Itoa(i), Buyer: "buyer-" + strconv.Itoa(i),
			Price: 22_500_000, Payout: 18_000_000, MaxSold: 1, Rank: i + 1, Token: "tok-1234567890", TookUS: 20_123})
	}
	groups = append(groups, []ledger.Event{p})
	if n%100 >= soldOfHundred {
		return groups
	}
	attempt := ledger.NewID(at)
	charges := []lead.Charge{{Cap: "campaign:campaign-0:day", Window: at.UTC().Format(time.DateOnly), N: 1}}
	person := fmt.Sprintf("person-%d", n)
	post := &ledger.Posting{Head: head(ledger.KindPosting), Attempt: attempt, Campaign: "campaign-0", Buyer: "buyer-0",
		Rank: 1, Price: 22_500_000, Payout: 18_000_000, MaxSold: 1, SellLimit: 1, Charges: charges,
		Post: &ledger.Post{ReceivedAt: at}, Private: ledger.Private{Person: person, Fields: p.Private.Fields}}
	end := &ledger.Posted{Head: head(ledger.KindPosted), Attempt: attempt, Campaign: "campaign-0", Buyer: "buyer-0",
		Outcome: lead.Accepted, Price: 22_500_000, Payout: 18_000_000, Reference: "ref-1234567890", Charges: charges,
		Private: ledger.Private{Person: person}}
	settled := &ledger.Settled{Head: head(ledger.KindSettled), Result: lead.ResultSuccess, Payout: 18_000_000,
		Private: ledger.Private{Person: person}}
	return append(groups, []ledger.Event{post}, []ledger.Event{end, settled})
}

// fillAndKill has another process fill a ledger, and kills it at its work.
func fillAndKill(b *testing.B, dir string, leads int) time.Duration {
	begin := time.Now()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fillEnv+"="+strconv.Itoa(leads)+":"+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		b.Fatal("it ended: ", cmd.Wait())
	}
	took := time.Since(begin)
	_ = cmd.Process.Kill() // its end is what Wait tells
	_ = cmd.Wait()
	return took
}

// BenchmarkStart says what a start takes after a kill, and after a stop, by how much the ledger has:
// CLEARPOST_BENCH_LEADS leads, else 10,000.
func BenchmarkStart(b *testing.B) {
	leads, err := strconv.Atoi(os.Getenv("CLEARPOST_BENCH_LEADS"))
	if err != nil {
		leads = 10_000
	}
	for range b.N {
		dir := b.TempDir()
		if err := examples.Write(dir); err != nil {
			b.Fatal(err)
		}
		page := "node: bench\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nlimits: {free_mb_min: 1}\n"
		if err := os.WriteFile(filepath.Join(dir, "clearpost.yaml"), []byte(page), 0o600); err != nil {
			b.Fatal(err)
		}
		filled := fillAndKill(b, dir, leads)
		fmt.Printf("%d leads, filled in %s\n", leads, filled.Round(time.Second))
		for _, after := range []string{"a kill", "a stop"} {
			b.Run(after, func(b *testing.B) {
				var s size
				start(b, "directory", set{Dir: dir}).tell(b, command{Do: "size"}, &s)
				fmt.Printf("start after %s: %s, peak %s MB\n", after, s.Took.Round(time.Millisecond), mb(s.Peak))
			})
		}
		tellSizes(b, filepath.Join(dir, "data", "ledger"))
	}
}

// tellSizes says how much a ping and a sale take in the log, and how large the log is.
func tellSizes(b *testing.B, dir string) {
	l, err := ledger.OpenOffline(ledger.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	enough := errors.New("enough")
	ping, pings, sale, sales := 0, 0, 0, 0
	err = l.Scan(0, func(r ledger.Record) error {
		const head = 64 // of the record and its frame
		switch n := len(r.Bytes) + head; r.Kind {
		case ledger.KindPinged:
			ping += n
			if pings++; pings == 20_000 {
				return enough
			}
		default:
			sale += n
			if r.Kind == ledger.KindSettled {
				sales++
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) || pings == 0 {
		b.Fatal(err)
	}
	s := l.Stats()
	fmt.Printf("%d events, %s MB of log; bytes a ping %d, a sale %d\n", s.LastSeq, mb(s.LogBytes), ping/pings,
		sale/max(sales, 1))
}
