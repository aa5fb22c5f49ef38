// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// personKey is the secret under which persons are hashed. Who has the database and not the key cannot find out whose
// numbers and addresses are in it by trying them all.
type personKey [32]byte

// loadKey reads the key's file, or makes it.
func loadKey(path string) (k personKey, err error) {
	b, err := os.ReadFile(path)
	switch {
	case err == nil && len(b) == len(k):
		return personKey(b), nil
	case err == nil:
		return k, fmt.Errorf("%s: expected %d bytes, it has %d", path, len(k), len(b))
	case !errors.Is(err, fs.ErrNotExist):
		return k, err
	}
	rand.Read(k[:])
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return k, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(k[:])
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return k, err
	}
	return k, os.Rename(tmp.Name(), path)
}

// Kinds of what persons are found by.
const (
	byPhone    = "phone"
	byEmail    = "email"
	byName     = "name"      // first and last
	byLastName = "last name" // alone
)

// hash is the key of a person: the first 128 bits of HMAC-SHA256 over kind and normal value.
func (k *personKey) hash(kind, normal string) []byte {
	return hashed(hmac.New(sha256.New, k[:]), kind, normal)
}

// hash is personKey.hash with memory that is used again.
func (w *writer) hash(kind, normal string) []byte {
	w.mac.Reset()
	return hashed(w.mac, kind, normal)
}

func hashed(h hash.Hash, kind, normal string) []byte {
	var all [sha256.Size]byte
	_, _ = io.WriteString(h, kind) // a hash takes all
	_, _ = h.Write([]byte{0})
	_, _ = io.WriteString(h, normal)
	return h.Sum(all[:0])[:16]
}

// text is a text of a seller or a buyer as the view keeps it: a copy, cut, and hashed where it is a person's number or
// address: some send these as ids.
func (w *writer) text(s string) string {
	if s = cut(s); kindOf(s) == "" {
		return strings.Clone(s)
	}
	return namedPerson(kindOf(s), w.hash(kindOf(s), s))
}

// text is how the view has a text that is asked for.
func (k *personKey) text(s string) string {
	if s = cut(s); kindOf(s) == "" {
		return s
	}
	return namedPerson(kindOf(s), k.hash(kindOf(s), s))
}

func namedPerson(kind string, hash []byte) string { return kind + ":" + hex.EncodeToString(hash) }

// nameOf is a name as it is compared: without what tells one way of writing it from another.
func nameOf(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

// fullName is a whole name, "" if a part of it is missing.
func fullName(first, last string) string {
	if first, last = nameOf(first), nameOf(last); first == "" || last == "" {
		return ""
	}
	return first + " " + last
}

// check tells whether a database was made under this key.
func (k *personKey) check() []byte { return k.hash("check", "") }

// kindOf tells of a field's normal value what it is by its looks: "+12125550123" is a phone number, what has one @ and
// no space is an e-mail address. Fields have many names, and events do not tell their types.
func kindOf(normal string) string {
	switch {
	case len(normal) >= 9 && len(normal) <= 16 && normal[0] == '+' && strings.Trim(normal[1:], "0123456789") == "":
		return byPhone
	case strings.Count(normal, "@") == 1 && !strings.ContainsAny(normal, " /") && normal[0] != '@' &&
		normal[len(normal)-1] != '@':
		return byEmail
	}
	return ""
}
