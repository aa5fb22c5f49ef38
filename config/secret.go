// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// secrets resolves the placeholders ${env:NAME} and ${file:PATH}. A relative path is looked up in the configuration's
// directory and may not lead out of it, by `..` or by a symbolic link; an absolute one is taken as it is. Line ends at
// the end of a file are not part of the secret.
type secrets struct {
	dir  string
	env  func(string) (string, bool)
	done map[string]secret
	used map[string]bool // placeholders that were looked up since somebody set it; nil: nobody asks

	standIns bool     // a text that is no secret stands for one that is not there
	unset    []string // those for which it does
}

type secret struct {
	value string
	err   error
}

// get resolves a whole placeholder. Errors name the placeholder's trouble, never a value.
func (s *secrets) get(placeholder string) (string, error) {
	if s.used != nil {
		s.used[placeholder] = true
	}
	if v, ok := s.done[placeholder]; ok {
		return v.value, v.err
	}
	v, err := s.read(placeholder)
	if err != nil && s.standIns && !errors.Is(err, errPlaceholder) {
		s.unset = append(s.unset, placeholder)
		v, err = standInFor(placeholder), nil
	}
	s.done[placeholder] = secret{v, err}
	return v, err
}

// lookup is get in the form that the wire room takes.
func (s *secrets) lookup(placeholder string) (string, bool) {
	v, err := s.get(placeholder)
	return v, err == nil
}

func (s *secrets) read(placeholder string) (string, error) {
	body := strings.TrimSuffix(strings.TrimPrefix(placeholder, "${"), "}")
	kind, name, _ := strings.Cut(body, ":")
	switch {
	case kind == "env" && name != "":
		if s.env != nil {
			if v, ok := s.env(name); ok && v != "" {
				return v, nil
			}
		}
		return "", errors.New("the environment variable " + name + " is not set or empty")
	case kind == "file" && name != "":
		b, err := s.file(name)
		if err != nil {
			return "", errors.New("the file " + name + " cannot be read: " + plainError(err))
		}
		v := strings.TrimRight(string(b), "\r\n")
		if v == "" {
			return "", errors.New("the file " + name + " is empty")
		}
		return v, nil
	}
	return "", errPlaceholder
}

var errPlaceholder = errors.New("expected ${env:NAME} or ${file:PATH}")

// standInPrefix is what a text begins with that stands for a secret which is not there.
const standInPrefix = "unset-"

// standInFor is another text for each placeholder, fit for most places: letters, digits and hyphens, 48 of them.
func standInFor(placeholder string) string {
	sum := sha256.Sum256([]byte(placeholder))
	return (standInPrefix + hex.EncodeToString(sum[:]))[:48]
}

// UnsetFor are those of Unset that a campaign may need: what its buyer's page, or a template, names.
func (c *Config) UnsetFor(campaign string) (out []string) {
	for _, placeholder := range c.Unset {
		for name, text := range c.Files {
			folder, _, _ := strings.Cut(name, "/")
			mine := folder == templatesFolder || folder == buyersFolder && strings.Contains(string(text), campaign)
			if mine && strings.Contains(string(text), placeholder) && !slices.Contains(out, placeholder) {
				out = append(out, placeholder)
			}
		}
	}
	return out
}

// IsStandIn tells whether a text of a configuration stands for a secret that is not there.
func IsStandIn(text string) bool { return strings.HasPrefix(text, standInPrefix) && len(text) == 48 }

func (s *secrets) file(name string) ([]byte, error) {
	if filepath.IsAbs(name) {
		return readBounded(name, SecretBytesMax)
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readMost(f, SecretBytesMax)
}

// digest names what all the placeholders that were looked up stand for, without telling it.
func (s *secrets) digest() [32]byte {
	h := sha256.New()
	for _, p := range slices.Sorted(maps.Keys(s.done)) {
		v := sha256.Sum256([]byte(s.done[p].value))
		h.Write([]byte(p))
		h.Write(v[:])
	}
	return [32]byte(h.Sum(nil))
}

// files are the files that secrets were read from.
func (s *secrets) files() (out []string) {
	for _, p := range slices.Sorted(maps.Keys(s.done)) {
		name, ok := strings.CutPrefix(strings.TrimSuffix(p, "}"), "${file:")
		if !ok {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(s.dir, filepath.FromSlash(name))
		}
		out = append(out, name)
	}
	return out
}

// expand puts the secrets into a text that may hold placeholders; $${ is a plain ${.
func (s *secrets) expand(text string) (string, error) {
	var b strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if at > 0 && text[at-1] == '$' {
			b.WriteString(text[:at-1])
			b.WriteString("${")
			text = text[at+2:]
			continue
		}
		end := strings.IndexByte(text[at:], '}')
		if end < 0 {
			return "", errors.New("a closing brace is missing after ${")
		}
		v, err := s.get(text[at : at+end+1])
		if err != nil {
			return "", err
		}
		b.WriteString(text[:at])
		b.WriteString(v)
		text = text[at+end+1:]
	}
}
