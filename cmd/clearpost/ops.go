// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/goccy/go-json"

	"clearpost/config"
	"clearpost/exchange/admin"
	"clearpost/node"
)

// target says which exchange a verb is about.
type target struct {
	Dir string `help:"Configuration directory of the exchange." short:"d" default:"." env:"CLEARPOST_DIR" type:"existingdir"`
}

// place is a configuration directory, for verbs that take it as an argument and as the others do. The argument stands
// above the rest.
type place struct {
	Arg    string `arg:"" optional:"" name:"dir" help:"Configuration directory; absent: -d DIR, else $$CLEARPOST_DIR, else the current one." type:"existingdir"`
	Config string `name:"config" short:"d" help:"Configuration directory." default:"." env:"CLEARPOST_DIR" type:"existingdir"`
}

func (p *place) dir() string {
	if p.Arg != "" {
		return p.Arg
	}
	return p.Config
}

// ops speaks to the admin API: that of the running node, or, where none runs, of one that is opened for this verb.
type ops struct {
	base, token string
	http        http.Client
	close       func() error
	offline     bool
	is          admin.Identity // of the running node
}

func (t *target) open(e *env) (*ops, error) {
	data, err := config.DataDir(t.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w\nName the exchange's configuration directory with -d DIR or in CLEARPOST_DIR", err)
	} else if err != nil {
		return nil, err
	}
	o, err := findNode(e, data)
	if o != nil || err != nil {
		return o, err
	}
	return t.offline(e)
}

// change opens the exchange for a verb that changes something. A copy of another node's directory is nobody's to
// change.
func (t *target) change(e *env, fn func(o *ops) error) error {
	return t.with(e, func(o *ops) error {
		if o.offline {
			if data, err := config.DataDir(t.Dir); err != nil {
				return err
			} else if node.IsCopy(data) {
				return fmt.Errorf("%s is a copy of another exchange's data: nothing is changed in it. Name the "+
					"directory of the exchange that you mean, or "+
					"make this one an exchange of its own with serve --adopt", data)
			}
		}
		return fn(o)
	})
}

// findNode finds the node that runs on a data directory, nil if none does.
func findNode(e *env, data string) (*ops, error) {
	h, err := node.ReadHandle(data)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(data, "admin.json"), err)
	}
	o := &ops{base: "http://" + h.Admin, token: h.Token, close: func() error { return nil }}
	if h.Cert != "" {
		o.base, o.http.Transport = "https://"+h.Admin, &http.Transport{TLSClientConfig: h.TLS()}
	}
	if !o.alive(e.ctx) {
		return nil, nil
	}
	why := o.serves(e.ctx, data)
	if why == "" {
		return o, nil
	}
	o.http.CloseIdleConnections()
	fmt.Fprintf(e.err, "note: %s\n", why)
	return nil, nil
}

// serves asks the node which data directory is its own, and says why it is not this one: the address and the token of a
// copied directory are those of the other node. Paths do not tell (links, mounts, moves); the file that identifies the
// directory does.
func (o *ops) serves(ctx context.Context, data string) string {
	var got admin.Identity
	err := o.call(ctx, "GET", "/v1/identity", nil, &got)
	here := node.FileIdentity(node.IdentityPath(data))
	switch {
	case err != nil:
		return fmt.Sprintf("admin.json in %s names another exchange, or one that does not say which directory is its "+
			"own (%v): it is not asked", data, err)
	case got.Data != here || here.Inode == 0:
		return fmt.Sprintf("the exchange that admin.json in %s names serves %s (id %s): it is not asked, this "+
			"directory is", data, got.DataDir, got.ID)
	}
	o.is = got
	return ""
}

func (o *ops) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", o.base+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := o.http.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// offline opens the data directory itself and serves its admin API to this verb only.
func (t *target) offline(e *env) (*ops, error) {
	cfg, err := configToRead(e.err, t.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("no exchange has run here: %w", err)
	}
	n, err := node.New(cfg, nil, true)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	go n.Admin.Serve(ln, nil)
	o := &ops{base: "http://" + ln.Addr().String(), token: n.Token(), offline: true}
	o.close = func() error {
		o.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return errors.Join(n.Admin.Shutdown(ctx), n.Stop())
	}
	return o, nil
}

// do makes one call and hands over the answer's body; an error answer becomes an error.
func (o *ops) do(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, o.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	resp, err := o.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var e struct {
		Error string `json:"error"`
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(b, &e) != nil || e.Error == "" {
		e.Error = resp.Status
	}
	return nil, &refusedError{resp.StatusCode, e.Error}
}

// refusedError is an error answer of the admin API.
type refusedError struct {
	status  int // HTTP
	message string
}

// Error implements error.
func (e *refusedError) Error() string { return e.message }

// call makes one call and reads its JSON answer into out.
func (o *ops) call(ctx context.Context, method, path string, in, out any) error {
	body, err := o.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// with opens the exchange for one verb and closes it after.
func (t *target) with(e *env, fn func(o *ops) error) error {
	o, err := t.open(e)
	if err != nil {
		return err
	}
	return errors.Join(fn(o), o.close())
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

func query(kv ...string) string {
	q := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] != "" {
			q.Set(kv[i], kv[i+1])
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
