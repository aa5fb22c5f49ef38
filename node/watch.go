// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"clearpost/config"
	"clearpost/exchange/admin"
)

// A change is read when nothing more has changed for watchQuiet, or at last after watchMost.
const (
	watchQuiet = 250 * time.Millisecond
	watchMost  = 5 * time.Second
)

// watcher hears of changes of a configuration: of its directories (an editor puts a new file in the old one's place, so
// that watching a file would lose it), of the place where its own directory stands (which may be a link that is
// turned), and of the files that secrets and links lead to.
type watcher struct {
	*fsnotify.Watcher
	only map[string]map[string]bool // by watched directory: the names that matter in it; nil is all
	data string                     // the data directory: what happens to it is no change
}

// Watch reloads whenever the configuration changes, until Stop, and once at first: it may have changed since it was
// read. Call it once, after Start.
func (n *Node) Watch() error {
	w, err := newWatcher(n.config())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.watch(ctx, w)
	}()
	n.onStop("watch", func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return stop.Err()
		}
	})
	return nil
}

// watch makes a new watcher before each reading, so that what changes during it, or in folders that are new, is not
// missed.
func (n *Node) watch(ctx context.Context, w *watcher) {
	defer func() { w.Close() }()
	n.Reload(admin.ByWatch)
	for w.changed(ctx) {
		next, err := newWatcher(n.config())
		if err == nil {
			w.Close()
			w = next
		}
		n.Reload(admin.ByWatch)
		if err = errors.Join(err, w.add(n.config())); err != nil { // it may name other secrets' files now
			n.log.Error("watch the configuration: some of its changes may not be seen: send SIGHUP after them", "err",
				err)
		}
	}
}

// config is the configuration in force.
func (n *Node) config() *config.Config {
	n.reloads.one.Lock()
	defer n.reloads.one.Unlock()
	return n.cfg
}

// changed waits for a change and until it is over. It is false when the context ends.
func (w *watcher) changed(ctx context.Context) bool {
	var quiet, most <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case ev := <-w.Events:
			if !w.matters(ev.Name) {
				continue
			}
		case <-w.Errors: // some changes were lost: read everything
		case <-quiet:
			return true
		case <-most:
			return true
		}
		quiet = time.After(watchQuiet)
		if most == nil {
			most = time.After(watchMost)
		}
	}
}

// matters tells whether a change of that path may be one of the configuration. Names that begin with two dots are how
// mounted configurations are turned to their next version.
func (w *watcher) matters(path string) bool {
	dir, name := filepath.Split(path)
	only := w.only[filepath.Clean(dir)]
	return path != w.data && (only == nil || only[name] || strings.HasPrefix(name, ".."))
}

func newWatcher(cfg *config.Config) (*watcher, error) {
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{Watcher: fw, only: map[string]map[string]bool{}}
	if err := w.add(cfg); err != nil {
		fw.Close()
		return nil, err
	}
	return w, nil
}

func (w *watcher) add(cfg *config.Config) error {
	root, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return err
	}
	if w.data, err = filepath.EvalSymlinks(cfg.DataDir); err != nil {
		return err
	}
	if w.data, err = filepath.Abs(w.data); err != nil {
		return err
	}
	if err := w.file(root); err != nil {
		return err
	}
	for _, name := range cfg.SecretFiles() {
		if err := w.fileAndTarget(name); err != nil {
			return err
		}
	}
	return w.folders(root)
}

// folders watches the root and the folders that configurations are read from, with all in them. Where one is a link, it
// is that to which it leads.
func (w *watcher) folders(root string) error {
	for _, name := range append([]string{""}, config.Folders()...) {
		top, err := filepath.EvalSymlinks(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it comes with a change of what it stands in
		} else if err != nil {
			return err
		}
		err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.Type()&fs.ModeSymlink != 0:
				return w.fileAndTarget(path)
			case !d.IsDir():
				return nil
			case name == "" && path != top, strings.HasPrefix(d.Name(), ".") && path != top:
				return fs.SkipDir
			}
			return w.dir(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dir watches all that happens in a directory, if it is there.
func (w *watcher) dir(path string) error {
	if err := w.Add(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it comes with a change of the one that it stands in
		}
		return err
	}
	w.only[path] = nil
	return nil
}

// file watches what happens to one name.
func (w *watcher) file(path string) error {
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	only, known := w.only[dir]
	if known && only == nil {
		return nil
	}
	if !known {
		if err := w.Add(dir); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		only = map[string]bool{}
		w.only[dir] = only
	}
	only[name] = true
	return nil
}

// fileAndTarget watches a name and, if it is a link, what it leads to.
func (w *watcher) fileAndTarget(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := w.file(path); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil || real == path {
		return nil // a link that leads nowhere is reported by whoever reads it
	}
	if info, err := os.Stat(real); err == nil && info.IsDir() {
		return w.dir(real)
	}
	return w.file(real)
}
