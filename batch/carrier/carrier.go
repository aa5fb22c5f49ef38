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
		return openMail(to.Mail, to.AllowPrivate)
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
		return sameContent(t, f)
	case !errors.Is(err, fs.ErrNotExist):
		return batch.Absent, err
	}
	n, err = t.size(f.Name + batch.PartialSuffix)
	switch {
	case err == nil && n == int64(len(f.Bytes)):
		return batch.Staged, nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return batch.Absent, nil
	}
	return batch.Absent, err
}

// sameContent reads what stands under the final name. Where that may not be read, its length has to do: no other file
// of this campaign has the name.
func sameContent(t tree, f *batch.File) (batch.Standing, error) {
	r, err := t.open(f.Name)
	if errors.Is(err, fs.ErrPermission) {
		return batch.Stored, nil
	}
	if err != nil {
		return batch.Absent, fmt.Errorf("read it back: %w", err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return batch.Absent, fmt.Errorf("read it back: %w", err)
	}
	if hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return batch.Taken, nil
	}
	return batch.Stored, nil
}
