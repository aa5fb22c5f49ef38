// SPDX-License-Identifier: Apache-2.0

package request

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"sync"

	"clearpost/lead"
)

// algorithm is a hash function.
type algorithm uint8

const (
	algoMD5 algorithm = iota
	algoSHA1
	algoSHA256
	algoSHA512
)

var algorithmNames = []string{algoMD5: "md5", algoSHA1: "sha1", algoSHA256: "sha256", algoSHA512: "sha512"}

func (a algorithm) new() hash.Hash {
	return [...]func() hash.Hash{md5.New, sha1.New, sha256.New, sha512.New}[a]()
}

func (a algorithm) size() int {
	return [...]int{md5.Size, sha1.Size, sha256.Size, sha512.Size}[a]
}

// digest is how the bytes of a hash are written.
type digest uint8

const (
	digestHex digest = iota
	digestBase64
	digestBase64URL // without padding
)

func (s digest) append(dst, b []byte) []byte {
	switch s {
	case digestBase64:
		return base64.StdEncoding.AppendEncode(dst, b)
	case digestBase64URL:
		return base64.RawURLEncoding.AppendEncode(dst, b)
	}
	return hex.AppendEncode(dst, b)
}

// length is how many bytes a hash of so many bytes is written in.
func (s digest) length(size int) int {
	switch s {
	case digestBase64:
		return base64.StdEncoding.EncodedLen(size)
	case digestBase64URL:
		return base64.RawURLEncoding.EncodedLen(size)
	}
	return hex.EncodedLen(size)
}

func (f *filter) hash(dst, s []byte) []byte {
	switch f.algo {
	case algoMD5:
		h := md5.Sum(s)
		return f.digest.append(dst, h[:])
	case algoSHA1:
		h := sha1.Sum(s)
		return f.digest.append(dst, h[:])
	case algoSHA512:
		h := sha512.Sum512(s)
		return f.digest.append(dst, h[:])
	}
	h := sha256.Sum256(s)
	return f.digest.append(dst, h[:])
}

// appendMAC writes a keyed hash; the pool holds hashes with the key.
func appendMAC(dst, s []byte, macs *sync.Pool, as digest) []byte {
	h := macs.Get().(hash.Hash)
	h.Reset()
	h.Write(s)
	mark := len(dst)
	dst = h.Sum(dst)
	end := len(dst)
	dst = as.append(dst, dst[mark:end])
	macs.Put(h)
	n := copy(dst[mark:], dst[end:])
	return dst[:mark+n]
}

// canonical reads the arguments of a hash, and gives the value the form that is hashed: of a phone number ten digits
// unless another form is named, an e-mail address trimmed and in small letters, all else as it stands.
func (ch *chain) canonical(f *filter, args []token) string {
	phone := ch.own() && ch.typ == lead.TypePhone
	form := "digits10"
	for _, a := range args {
		switch {
		case a.text == "hex":
			f.digest = digestHex
		case a.text == "base64":
			f.digest = digestBase64
		case phone && (a.text == "digits10" || a.text == "digits11" || a.text == "e164"):
			form = a.text
		default:
			return fmt.Sprintf("no %q here", a.text)
		}
	}
	switch {
	case phone:
		if problem := ch.shape(form, ""); problem != "" {
			return problem
		}
	case ch.own() && ch.typ == lead.TypeEmail:
		ch.add(filter{op: opTrim})
		ch.add(filter{op: opLower})
	}
	ch.add(*f)
	return ""
}

func buildHash(algo algorithm) func(*chain, []token) string {
	return func(ch *chain, args []token) string {
		return ch.canonical(&filter{op: opHash, algo: algo}, args)
	}
}

func buildMAC(ch *chain, args []token) string {
	algo, ok := algorithmNamed(args[0].text)
	if !ok {
		return "one of " + strings.Join(algorithmNames, ", ")
	}
	key, problem := ch.constant(args[1])
	if problem != "" {
		return problem
	}
	if len(key.plain) == 0 {
		return "a key that is not empty"
	}
	return ch.canonical(&filter{op: opMAC, macs: macPool(algo, key.plain)}, args[2:])
}

func algorithmNamed(name string) (algorithm, bool) {
	for i, n := range algorithmNames {
		if n == name {
			return algorithm(i), true
		}
	}
	return 0, false
}

// macPool makes keyed hashes.
func macPool(algo algorithm, key []byte) *sync.Pool {
	return &sync.Pool{New: func() any { return hmac.New(algo.new, key) }}
}
