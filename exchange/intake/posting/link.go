// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Links makes and checks the tokens with which a posting spec can be opened in a browser. A token is good for one
// source and one vertical. It is no API key, and none can be told from it.
type Links struct{ secret [32]byte }

// NewLinks derives tokens from a secret: whoever has the same one makes the same tokens.
func NewLinks(secret string) *Links {
	return &Links{sha256.Sum256([]byte("clearpost posting specs\x00" + secret))}
}

// Token opens the spec of a source and a vertical.
func (l *Links) Token(source, vertical string) string {
	m := hmac.New(sha256.New, l.secret[:])
	m.Write([]byte(source + "\x00" + vertical))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

// Opens tells, in a time that does not depend on the token's content, whether a token opens the spec.
func (l *Links) Opens(token, source, vertical string) bool {
	return hmac.Equal([]byte(token), []byte(l.Token(source, vertical)))
}

// SecretFile is where the secret of links stands in a data directory.
const SecretFile = "spec.secret"

// Secret is the one that a data directory holds; it is made if there is none.
func Secret(dataDir string) (string, error) {
	path := filepath.Join(dataDir, SecretFile)
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && len(s) >= 32 {
		return s, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var raw [32]byte
	rand.Read(raw[:])
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return "", err
	}
	s := hex.EncodeToString(raw[:])
	return s, os.WriteFile(path, []byte(s+"\n"), 0o600)
}
