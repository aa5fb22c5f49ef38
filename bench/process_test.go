// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is every process of the measurement: the CPU of buyers, of sellers and of Kafka must not count as the
// server's.
const (
	roleEnv = "CLEARPOST_BENCH_ROLE"
	setEnv  = "CLEARPOST_BENCH_SET"
	// the processors of the node under overload and those of all others, as taskset takes them: 0/1
	pinEnv = "CLEARPOST_BENCH_PIN"
)

// set is what a role is given at its start.
type set struct {
	Dir    string   // of the exchange's configuration
	Buyers []string // host:port of each
	Key    string   // of sellers, or several with commas between, in turn; "" is sellerKey
}

// command is one line to a role. Which fields count depends on Do.
type command struct {
	Do    string
	Addr  string // run: the server to load
	Conns int    // run: sellers at once
	MS    int    // run: how long; delay: how long buyers take
	Late  int    // storm: what was let in and took the node longer than so many ms is late
	N     int    // run: how many pings at most, 0 = no limit
	Rate  int    // open: pings a second, N in all
	Close bool   // delay: buyers end every connection with their answer
	File  string // profile: where to; empty ends it
}

// role is a process: where it is served, and what it does for a command.
type role interface {
	addrs() []string
	do(c command) (any, error)
	close() error
}

var roles = map[string]func(set) (role, error){
	"buyers": newBuyers, "kafka": newKafka, "sellers": newSellers,
	"exchange": newExchange, "viewed": newViewed, "directory": newDirectory, "guarded": newGuarded,
	"goroutines": newGoroutines,
	"loop":       newLoop,
}

func TestMain(m *testing.M) {
	name := os.Getenv(roleEnv)
	raiseFiles()
	if n, dir, ok := strings.Cut(os.Getenv(fillEnv), ":"); ok {
		leads, err := strconv.ParseInt(n, 10, 64)
		if err == nil {
			err = fillLedger(dir, leads)
		}
		fmt.Fprintln(os.Stderr, "bench: fill:", err)
		os.Exit(1)
	}
	if name == "" {
		os.Exit(m.Run())
	}
	if err := play(name); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
		os.Exit(1)
	}
}

// answer is one line from a role.
type answer struct {
	Error string          `json:",omitempty"`
	Value json.RawMessage `json:",omitempty"`
}

// play is the life of a role: its addresses first, then an answer a command, until its standard input ends.
func play(name string) error {
	var s set
	if err := json.Unmarshal([]byte(os.Getenv(setEnv)), &s); err != nil {
		return err
	}
	r, err := roles[name](s)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := say(out, r.addrs(), nil); err != nil {
		return err
	}
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var c command
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			return r.close()
		} else if err != nil {
			return err
		}
		v, err := r.do(c)
		if err := say(out, v, err); err != nil {
			return err
		}
	}
}

func say(out *json.Encoder, v any, err error) error {
	if err != nil {
		return out.Encode(answer{Error: err.Error()})
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return out.Encode(answer{Value: b})
}

// process is a role as seen by the one who started it.
type process struct {
	name  string
	in    *json.Encoder
	out   *json.Decoder
	addrs []string
}

// start starts a role and stops it, and waits for its end, when the test ends.
func start(t testing.TB, name string, s set) *process {
	t.Helper()
	env, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	if its, others, ok := strings.Cut(os.Getenv(pinEnv), "/"); ok {
		if name != "guarded" {
			its = others
		}
		cmd = exec.Command("taskset", "-c", its, os.Args[0])
	}
	cmd.Env = append(os.Environ(), roleEnv+"="+name, setEnv+"="+string(env))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	p := &process{name: name, in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out))}
	p.hear(t, &p.addrs)
	return p
}

// tell gives a command and waits for its answer, read into v unless v is nil.
func (p *process) tell(t testing.TB, c command, v any) {
	t.Helper()
	if err := p.in.Encode(c); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	p.hear(t, v)
}

func (p *process) hear(t testing.TB, v any) {
	t.Helper()
	var a answer
	if err := p.out.Decode(&a); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	if a.Error != "" {
		t.Fatalf("%s: %s", p.name, a.Error)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(a.Value, v); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}

// raiseFiles lets a process have as many connections as the largest case needs, where it may.
func raiseFiles() {
	const want = 100_000
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil && l.Cur < want {
		// the case that needs it says so
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: want, Max: max(want, l.Max)})
	}
}
