// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"clearpost/lead"
)

// Requests ask for no coding, yet some servers compress whatever they send.

// errTooLarge is what a body says that grows beyond its limit.
var errTooLarge = errors.New("transport: the body is too large")

// plainBody undoes an answer's Content-Encoding: gzip or deflate, with the format of zlib or bare. max bounds what
// comes of it. The result shares body where there is nothing to undo.
func plainBody(coding string, body []byte, max int) ([]byte, lead.Refusal) {
	name := strings.ToLower(strings.TrimSpace(coding))
	if name == "" || name == "identity" || len(body) == 0 {
		return body, lead.NoRefusal
	}
	var out []byte
	var err error
	switch name {
	case "gzip", "x-gzip":
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			out, err = readWithin(r, max)
		}
	case "deflate":
		if out, err = inflated(body, max, zlib.NewReader); err != nil && !errors.Is(err, errTooLarge) {
			// Not the format that its name stands for, but what some send.
			out, err = inflated(body, max, func(r io.Reader) (io.ReadCloser, error) { return flate.NewReader(r), nil })
		}
	default:
		return body, lead.BadCoding
	}
	switch {
	case errors.Is(err, errTooLarge):
		return body, lead.OversizedAnswer
	case err != nil:
		return body, lead.BadCoding
	}
	return out, lead.NoRefusal
}

// inflated undoes a format of deflate that must end where the body does.
func inflated(body []byte, max int, open func(io.Reader) (io.ReadCloser, error)) ([]byte, error) {
	rest := bytes.NewReader(body)
	r, err := open(rest)
	if err != nil {
		return nil, err
	}
	out, err := readWithin(r, max)
	if err == nil && rest.Len() > 0 {
		err = errors.New("bytes after the end")
	}
	return out, err
}

// readWithin reads all, checksums included, and no more than max bytes.
func readWithin(r io.Reader, max int) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err == nil && len(out) > max {
		err = errTooLarge
	}
	return out, err
}
