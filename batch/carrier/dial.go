// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"clearpost/batch"
	"clearpost/wire/transport"
)

// What a server may send before it is heard no further: whatever it says is kept for a moment.
const (
	readMax = 8 * batch.FileBytesMax // of a connection, or of one step of it
	listMax = 16 << 20               // of a list of files, or of replies to commands
)

// dial makes a connection on which nothing waits longer than a time.
func dial(ctx context.Context, addr string, timeout time.Duration, allowPrivate bool) (*watched, error) {
	d := transport.Dialer(allowPrivate)
	d.Timeout = timeout
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	w := &watched{Conn: c, most: timeout}
	w.hear(readMax)
	return w, nil
}

// watched is a connection whose reads and writes each have a time, and which gives no more than so many bytes.
type watched struct {
	net.Conn
	most time.Duration
	left atomic.Int64
}

// hear has so many bytes be read from now on.
func (c *watched) hear(most int64) { c.left.Store(most) }

// wrong is an error where that has come to its end.
func (c *watched) wrong() error {
	if c.left.Load() <= 0 {
		return errTooMuch
	}
	return nil
}

func (c *watched) Read(b []byte) (int, error) {
	if err := c.wrong(); err != nil {
		return 0, err
	}
	if err := c.SetReadDeadline(time.Now().Add(c.most)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.left.Add(-int64(n))
	return n, err
}

func (c *watched) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.most)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

var errTooMuch = errors.New("the server sends more than anybody has asked for")
