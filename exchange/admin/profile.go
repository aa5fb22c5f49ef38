// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// profileSecondsMax is the longest CPU profile.
const profileSecondsMax = 60

// profiling is held while a CPU profile is taken: the runtime takes one at a time.
var profiling sync.Mutex

// profile answers GET /debug/pprof/NAME as `go tool pprof` asks for it: profile (the CPU, ?seconds=, 30 unless told) or
// one of the runtime's own, such as heap, goroutine, allocs, block or mutex.
func (s *Server) profile(ctx *fasthttp.RequestCtx, name string) {
	var out bytes.Buffer
	if name == "profile" {
		seconds := 30
		if text := ctx.QueryArgs().Peek("seconds"); len(text) > 0 {
			n, err := strconv.Atoi(string(text))
			if err != nil || n < 1 || n > profileSecondsMax {
				fail(ctx, 400, fmt.Sprintf("seconds=%q: expected 1 to %d", text, profileSecondsMax))
				return
			}
			seconds = n
		}
		if !profiling.TryLock() {
			fail(ctx, 409, "another profile of the CPU is being taken")
			return
		}
		defer profiling.Unlock()
		if err := pprof.StartCPUProfile(&out); err != nil {
			fail(ctx, 409, err.Error())
			return
		}
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-s.stop.Done():
		}
		pprof.StopCPUProfile()
	} else if p := pprof.Lookup(name); p == nil {
		var names []string
		for _, p := range pprof.Profiles() {
			names = append(names, p.Name())
		}
		fail(ctx, 404, fmt.Sprintf("no profile %q: expected profile, %s", name, strings.Join(names, ", ")))
		return
	} else if err := p.WriteTo(&out, ctx.QueryArgs().GetUintOrZero("debug")); err != nil {
		fail(ctx, 500, err.Error())
		return
	}
	ctx.SetContentType("application/octet-stream")
	ctx.SetBody(out.Bytes())
}
