// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// stage is a part of a ping's cost: all samples of a CPU profile with such a function on their stack. The first stage
// that fits counts.
type stage struct {
	name string
	has  *regexp.Regexp
}

var stages = []stage{
	{"garbage collection",
		regexp.MustCompile(`runtime\.(gcBgMarkWorker|bgsweep|bgscavenge|gcAssistAlloc|gcStart|mallocgc.*gcAssist)`)},
	{"view for reports", regexp.MustCompile(`clearpost/ledger/report\.`)},
	{"eligibility", regexp.MustCompile(`buyers\.\(\*Index\)`)},
	{"render ×10", regexp.MustCompile(`request\.\(\*Request\)`)},
	{"scatter: write", regexp.MustCompile(`transport\.\(\*(sock|scratch)\)\.(tryWrite|Write)`)},
	{"scatter: read", regexp.MustCompile(`transport\.\(\*scratch\)\.settle`)},
	{"scatter: rest", regexp.MustCompile(`clearpost/wire/transport`)},
	{"read ×10", regexp.MustCompile(`answer\.\(\*Answer\)`)},
	{"auction", regexp.MustCompile(`clearpost/auction`)},
	{"ledger: encode", regexp.MustCompile(`ledger\.\(\*Ledger\)\.encode`)},
	{"ledger: join and wait", regexp.MustCompile(`ledger\.\(\*Ledger\)\.Append`)},
	{"ledger: store and sync", regexp.MustCompile(`ledger\.\(\*writer\)\.run`)},
	{"views", regexp.MustCompile(`ledger\.\(\*Ledger\)\.runApplier|cockroachdb/pebble`)},
	{"ship", regexp.MustCompile(`ledger\.\(\*(shipper|kafkaSink)\)|kafka-go`)},
	{"exchange: the rest", regexp.MustCompile(`clearpost/exchange\.`)},
	{"intake: decode, normalise", regexp.MustCompile(`intake\.decode|clearpost/lead\.`)},
	{"intake: the rest", regexp.MustCompile(`exchange/intake\.`)},
	{"inbound HTTP", regexp.MustCompile(`fasthttp\.`)},
	{"scheduler, poller",
		regexp.MustCompile(`runtime\.(mcall|schedule|findRunnable|mstart|park_m|goexit0|sysmon|netpoll)`)},
}

func stageOf(stack string) string {
	for _, s := range stages {
		if s.has.MatchString(stack) {
			return s.name
		}
	}
	return "other"
}

// breakdown sorts a profile's samples into stages and prints them by what each costs a ping.
func breakdown(file string, pings int) (string, error) {
	raw, err := exec.Command("go", "tool", "pprof", "-traces", file).Output()
	if err != nil {
		return "", fmt.Errorf("go tool pprof: %w", err)
	}
	sum, err := sumTraces(raw)
	if err != nil {
		return "", err
	}
	var total time.Duration
	var names []string
	for name, d := range sum {
		names = append(names, name)
		total += d
	}
	slices.SortFunc(names, func(a, b string) int { return int(sum[b] - sum[a]) })
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "stage\tCPU µs/ping\t%\t\n")
	for _, name := range names {
		fmt.Fprintf(t, "%s\t%.1f\t%.0f\t\n", name, float64(sum[name].Nanoseconds())/1000/float64(pings),
			100*float64(sum[name])/float64(total))
	}
	fmt.Fprintf(t, "all (under the profiler)\t%.1f\t100\t\n", float64(total.Nanoseconds())/1000/float64(pings))
	err = t.Flush()
	return out.String(), err
}

// sumTraces reads what pprof prints: blocks between dashed lines, each a time and a stack, the leaf first.
func sumTraces(raw []byte) (map[string]time.Duration, error) {
	sum := map[string]time.Duration{}
	var stack []string
	var took time.Duration
	end := func() {
		if took > 0 {
			sum[stageOf(strings.Join(stack, ";"))] += took
		}
		stack, took = stack[:0], 0
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "-----------+") {
			end()
			continue
		}
		first, rest, ok := strings.Cut(line, " ")
		if d, err := time.ParseDuration(first); err == nil && ok && len(stack) == 0 {
			took, line = d, strings.TrimSpace(rest)
		}
		if took > 0 {
			stack = append(stack, line)
		}
	}
	end()
	return sum, lines.Err()
}

func TestTracesAreSortedIntoStages(t *testing.T) {
	got, err := sumTraces([]byte(`File: bench.test
Type: cpu
-----------+-------------------------------------------------------
      30ms   internal/runtime/syscall.Syscall6
             clearpost/wire/transport.(*sock).tryRead
             clearpost/wire/transport.(*scratch).settle
             clearpost/exchange.(*Exchange).Ping
-----------+-------------------------------------------------------
     1.50s   clearpost/wire/request.(*Request).AppendHTTP
             clearpost/exchange.(*Exchange).Ping
-----------+-------------------------------------------------------
      10ms   clearpost/exchange.(*Exchange).Ping
             clearpost/exchange/intake.(*Server).ping
-----------+-------------------------------------------------------
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got["scatter: read"] != 30*time.Millisecond || got["render ×10"] != 1500*time.Millisecond ||
		got["exchange: the rest"] != 10*time.Millisecond {
		t.Errorf("got %v", got)
	}
}
