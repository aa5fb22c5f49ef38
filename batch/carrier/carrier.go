// SPDX-License-Identifier: Apache-2.0

// Package carrier brings files to where they are stored: folders, SFTP and FTPS servers, buckets, URLs and e-mail.
// Whatever the way, nobody sees a file that is not whole, no other file is written over, and servers prove who they
// are. It also keeps the bytes of files till they are stored, beside the ledger.
package carrier

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"clearpost/batch"
)

// Files keeps bytes in a directory, and opens places.
type Files struct{ spool }

// New keeps bytes in a directory of its own, which is made where there is none.
func New(dir string) (*Files, error) {
	s, err := openSpool(dir)
	return &Files{s}, err
}

// Open opens where files are stored. The caller closes it.
func (f *Files) Open(ctx context.Context, to *batch.To) (batch.Place, error) {
	switch {
	case to.Folder != nil:
		return openFolder(to.Folder)
	case to.SFTP != nil:
		return openSFTP(ctx, to.SFTP, to.AllowPrivate)
	case to.FTPS != nil:
		return openFTPS(ctx, to.FTPS, to.AllowPrivate)
	case to.S3 != nil:
		return openS3(to.S3, to.AllowPrivate)
	case to.HTTP != nil:
		return openHTTP(to.HTTP, to.AllowPrivate)
	case to.Mail != nil:
		return openMail(ctx, to.Mail, to.AllowPrivate)
	}
	return nil, errors.New("there is nowhere to store files")
}

// handed is what places have in common that cannot be looked at, or have a file there at once.
type handed struct{}

// Look implements batch.Place: nobody can tell.
func (handed) Look(context.Context, *batch.File) (batch.Standing, error) { return batch.Absent, nil }

// Stage implements batch.Place.
func (handed) Stage(context.Context, *batch.File) error { return nil }

// Close implements batch.Place.
func (handed) Close() error { return nil }

// mediaType is that of a file by its name.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".csv":
		return "text/csv"
	case ".xml":
		return "application/xml"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "application/octet-stream"
}

// tlsOf is how a server proves who it is: by an authority of its own, or by those that the machine knows.
func tlsOf(host, ca string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if ca != "" {
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("ca: expected certificates in PEM")
		}
	}
	return cfg, nil
}

// tree is what places with directories have in common: stat and read.
type tree interface {
	size(name string) (int64, error) // fs.ErrNotExist: there is none
	open(name string) (io.ReadCloser, error)
}

// look tells how a file stands in a directory, by its two names.
func look(t tree, f *batch.File) (batch.Standing, error) {
	n, err := t.size(f.Name)
	switch {
	case err == nil && n != int64(len(f.Bytes)):
		return batch.Taken, nil
	case err == nil:
		return whatIsThere(t, f)
	case !errors.Is(err, fs.ErrNotExist):
		return batch.Absent, err
	}
	n, err = t.size(f.Partial())
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && n != int64(len(f.Bytes)):
		return batch.Absent, nil
	case err != nil:
		return batch.Absent, err
	}
	switch same, err := sameContent(t, f.Partial(), f); {
	case errors.Is(err, fs.ErrPermission), err == nil && same:
		return batch.Staged, nil
	default: // a length alone is no proof: a server that went down may have kept just that
		return batch.Absent, err
	}
}

// whatIsThere tells what stands under the final name, which is as long as the file is. Where that may not be read, and
// the file still stands under the name that it has till then, it is another one.
func whatIsThere(t tree, f *batch.File) (batch.Standing, error) {
	same, err := sameContent(t, f.Name, f)
	switch {
	case err == nil && same:
		return batch.Stored, nil
	case err == nil:
		return batch.Taken, nil
	case !errors.Is(err, fs.ErrPermission):
		return batch.Absent, err
	}
	switch _, err := t.size(f.Partial()); {
	case err == nil:
		return batch.Taken, nil
	case errors.Is(err, fs.ErrNotExist):
		return batch.Alike, nil
	default:
		return batch.Absent, err
	}
}

// sameContent reads what stands under a name, and tells whether it is the file. fs.ErrPermission: it may not be read.
func sameContent(t tree, name string, f *batch.File) (bool, error) {
	r, err := t.open(name)
	if errors.Is(err, fs.ErrPermission) {
		return false, err
	}
	if err != nil {
		return false, fmt.Errorf("read it back: %w", err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, int64(len(f.Bytes))+1)); err != nil {
		return false, fmt.Errorf("read it back: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)) == f.SHA256, nil
}
