// SPDX-License-Identifier: Apache-2.0

package door

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arrival asks the kernel when bytes came last on a connection. It is for one goroutine at a time.
type arrival struct {
	raw  syscall.RawConn
	look func(fd uintptr) // its own method, made once
	info [lastDataRecv + 1]uint32
	err  syscall.Errno
}

// lastDataRecv is where tcpi_last_data_recv stands in the kernel's struct tcp_info, counted in 32 bits: milliseconds
// since data came last.
const lastDataRecv = 13

func newArrival(c any) *arrival {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	a := &arrival{raw: raw}
	a.look = a.read
	return a
}

func (a *arrival) read(fd uintptr) {
	size := uint32(unsafe.Sizeof(a.info))
	_, _, a.err = unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&a.info)), uintptr(unsafe.Pointer(&size)), 0)
}

// coarse is how much the kernel's word may be too large by: it counts its ticks.
const coarse = 10 * time.Millisecond

// since is how long ago bytes came last, at least; 0 where the kernel does not tell.
func (a *arrival) since() time.Duration {
	if a == nil || a.raw.Control(a.look) != nil || a.err != 0 {
		return 0
	}
	return max(time.Duration(a.info[lastDataRecv])*time.Millisecond-coarse, 0)
}

// unread tells whether bytes have come that nobody has read yet.
func (a *arrival) unread() bool {
	if a == nil {
		return false
	}
	n := 0
	err := a.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // 0 if that fails
	return err == nil && n > 0
}
