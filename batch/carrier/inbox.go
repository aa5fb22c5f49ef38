// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"clearpost/batch"
)

// shelf is what places have where response files may appear.
type shelf interface {
	// list gives each file that may be read.
	list(ctx context.Context, each func(batch.Appeared) error) error
	open(name string) (io.ReadCloser, error)
	// aside gives fs.ErrNotExist where there is no such file, errors.ErrUnsupported where files cannot be renamed.
	aside(name, as string) error
	// remove gives fs.ErrNotExist, or nil, where there is no such file.
	remove(name string) error
	// move may go over what stands there, which is the same file.
	move(name, folder, as string) error
	Close() error
}

// inbox is a place where response files appear.
type inbox struct{ shelf }

// Inbox opens where a campaign's response files appear. The caller closes it.
func (f *Files) Inbox(ctx context.Context, r *batch.Response) (batch.Inbox, error) {
	var s shelf
	var err error
	switch to := &r.To; {
	case to.Folder != nil:
		s, err = openFolder(to.Folder)
	case to.SFTP != nil:
		s, err = openSFTP(ctx, to.SFTP, to.AllowPrivate)
	case to.FTPS != nil:
		s, err = openFTPS(ctx, to.FTPS, to.AllowPrivate)
	case to.S3 != nil:
		var p *s3Place
		p, err = openS3(to.S3, to.AllowPrivate)
		s = &s3Shelf{p, ctx, map[string]string{}}
	default:
		err = errors.New("response files appear in folders, on SFTP and FTPS servers, and in buckets")
	}
	if err != nil {
		return nil, err
	}
	return inbox{s}, nil
}

// List implements batch.Inbox: in the order of names, of each one what stands aside first, the oldest foremost.
func (b inbox) List(ctx context.Context, r *batch.Response) (out []batch.Appeared, err error) {
	err = b.list(ctx, func(a batch.Appeared) error {
		if name, ok := batch.AsideOf(a.Name); ok {
			a.Name, a.As = name, a.Name
		}
		if !r.Matches(a.Name) {
			return nil
		}
		if out = append(out, a); len(out) > batch.ResponseFilesMax {
			return fmt.Errorf("more than %d files are called as responses are: have those that were read go",
				batch.ResponseFilesMax)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b batch.Appeared) int {
		if a.Name == b.Name && (a.As == "") != (b.As == "") {
			return strings.Compare(b.As, a.As) // what stands aside is older
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.As, b.As))
	})
	return out, err
}

// Fetch implements batch.Inbox.
func (b inbox) Fetch(_ context.Context, name string) ([]byte, error) {
	r, err := b.open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, batch.ResponseBytesMax+1))
	if len(text) > batch.ResponseBytesMax { // the rest is not asked for
		_ = r.Close()
		return text, err
	}
	return text, errors.Join(err, r.Close())
}

// Aside implements batch.Inbox.
func (b inbox) Aside(_ context.Context, name, as string) error { return b.aside(name, as) }

// Remove implements batch.Inbox.
func (b inbox) Remove(_ context.Context, name string) error {
	if err := b.remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Move implements batch.Inbox.
func (b inbox) Move(_ context.Context, name, folder, as string) error {
	return b.move(name, folder, as)
}

func (d *folder) aside(name, as string) error {
	return os.Rename(filepath.Join(d.path, name), filepath.Join(d.path, as))
}

func (d *folder) remove(name string) error { return os.Remove(filepath.Join(d.path, name)) }

func (d *folder) move(name, folder, as string) error {
	return os.Rename(filepath.Join(d.path, name), filepath.Join(folder, as))
}

// aside looks at what became of a rename that failed: the answer may be lost, or the server renames nothing, for
// anybody or for this login.
func (p *remote) aside(name, as string) error {
	err := p.rename(p.at(name), p.at(as))
	if err == nil {
		return nil
	}
	if _, is := p.stat(p.at(as)); is == nil {
		return nil
	}
	switch _, is := p.stat(p.at(name)); {
	case errors.Is(is, fs.ErrNotExist):
		return is
	case is == nil && p.never(err):
		return errors.Join(errors.ErrUnsupported, err)
	}
	return err
}

func (p *remote) remove(name string) error { return p.delete(p.at(name)) }

// move makes up for servers that rename over nothing: what stands there was moved before, or is as good.
func (p *remote) move(name, folder, as string) error {
	from, to := p.at(name), path.Join(folder, as)
	err := p.rename(from, to)
	if err == nil {
		return nil
	}
	was, errWas := p.stat(from)
	is, errIs := p.stat(to)
	if errWas != nil || errIs != nil || was != is {
		return err
	}
	return p.delete(from)
}

func (d *folder) list(_ context.Context, each func(batch.Appeared) error) error {
	list, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, f := range list {
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // it has gone since, or is a link, which may lead elsewhere
		}
		if err != nil {
			return err
		}
		if err := each(batch.Appeared{Name: f.Name(), Bytes: info.Size(), Changed: info.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}

// s3Shelf is a bucket as an inbox wants it. Nothing stands aside in one: objects are removed and copied only as long as
// they are those that were read, by their tags.
type s3Shelf struct {
	*s3Place
	ctx  context.Context
	tags map[string]string // of what was read last, by its name
}

func (s *s3Shelf) open(name string) (io.ReadCloser, error) {
	r, err := s3Tree{s.ctx, s.s3Place}.open(name)
	if o, ok := r.(*minio.Object); ok && err == nil {
		if info, err := o.Stat(); err == nil {
			s.tags[name] = info.ETag // the rest is read with it
		}
	}
	return r, err
}

func (s *s3Shelf) aside(string, string) error { return errors.ErrUnsupported }

func (s *s3Shelf) remove(name string) error {
	ctx := s.ctx
	if tag := s.tags[name]; tag != "" {
		ctx = context.WithValue(ctx, onlyTag{}, tag)
	}
	return changed(s.client.RemoveObject(ctx, s.s.Bucket, s.s.Prefix+name, minio.RemoveObjectOptions{}))
}

// changed says so where the server does.
func changed(err error) error {
	if err != nil && minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
		return batch.ErrChanged
	}
	return err
}

func (s *s3Shelf) move(name, folder, as string) error {
	_, err := s.client.CopyObject(s.ctx, minio.CopyDestOptions{Bucket: s.s.Bucket, Object: folder + as},
		minio.CopySrcOptions{Bucket: s.s.Bucket, Object: s.s.Prefix + name, MatchETag: s.tags[name]})
	if err != nil {
		return changed(err)
	}
	return s.remove(name)
}

func (s *s3Shelf) list(ctx context.Context, each func(batch.Appeared) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt := minio.ListObjectsOptions{Prefix: s.s.Prefix}
	for o := range s.client.ListObjectsIter(ctx, s.s.Bucket, opt) {
		if o.Err != nil {
			return o.Err
		}
		name := strings.TrimPrefix(o.Key, s.s.Prefix)
		if err := each(batch.Appeared{Name: name, Bytes: o.Size, Changed: o.LastModified}); err != nil {
			return err
		}
	}
	return nil
}
