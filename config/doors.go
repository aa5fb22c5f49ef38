// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"clearpost/config/tree"
	"clearpost/exchange/door"
)

// KeyFiles are the files of a certificate and its key.
type KeyFiles struct{ Cert, Key string }

// Scheme is that of the door's URLs: https, or http where there are no files.
func (k *KeyFiles) Scheme() string {
	if k == nil {
		return "http"
	}
	return "https"
}

// Keys reads the files; nil where there are none.
func (k *KeyFiles) Keys(log *slog.Logger) (*door.Keys, error) {
	if k == nil {
		return nil, nil
	}
	return door.LoadKeys(k.Cert, k.Key, log)
}

// tls checks that the files make a pair. Where only what is written is looked at, the files are not.
func (l *loader) tls(f *tree.File, path string, spec *tlsSpec) *KeyFiles {
	if spec == nil {
		return nil
	}
	k := &KeyFiles{}
	for _, one := range []struct {
		key, text string
		to        *string
	}{{"cert", spec.Cert, &k.Cert}, {"key", spec.Key, &k.Key}} {
		at := tree.Join(path, one.key)
		v, ok := l.expand(f, at, one.text)
		switch {
		case !ok:
			return nil
		case v == "":
			l.bad(f, at, "", "the name of a PEM file: tls needs cert and key")
			return nil
		case !filepath.IsAbs(v):
			v = filepath.Join(l.dir, v)
		}
		*one.to = v
	}
	if IsStandIn(filepath.Base(k.Cert)) || IsStandIn(filepath.Base(k.Key)) {
		return nil
	}
	if _, err := k.Keys(nil); err != nil {
		l.bad(f, path, "", fmt.Sprintf("a certificate with its key (%v)", errors.Unwrap(err)))
		return nil
	}
	return k
}

// proxiesMax bounds how many proxies are named.
const proxiesMax = 256

// proxies reads who may speak for sellers.
func (l *loader) proxies(f *tree.File, spec *nodeSpec) *door.Proxies {
	p := &door.Proxies{Header: cmp.Or(spec.ProxyHeader, door.XForwardedFor)}
	if p.Header != door.XForwardedFor && p.Header != door.Forwarded {
		l.bad(f, "proxy_header", spec.ProxyHeader, door.XForwardedFor+" or "+door.Forwarded)
	}
	if spec.ProxyHeader != "" && len(spec.TrustedProxies) == 0 {
		l.bad(f, "proxy_header", spec.ProxyHeader, "trusted_proxies beside it: nobody else is asked")
	}
	if len(spec.TrustedProxies) > proxiesMax {
		l.bad(f, "trusted_proxies", fmt.Sprint(len(spec.TrustedProxies), " entries"),
			fmt.Sprintf("at most %d", proxiesMax))
		return nil
	}
	for i, text := range spec.TrustedProxies {
		at := fmt.Sprintf("trusted_proxies[%d]", i)
		v, ok := l.expand(f, at, text)
		if !ok {
			continue
		}
		if IsStandIn(v) {
			continue
		}
		prefix, err := door.ParsePrefix(v)
		if err != nil {
			l.bad(f, at, v, fmt.Sprintf("an address or a network such as 10.0.0.0/8 (%v)", err))
			continue
		}
		if prefix.Bits() == 0 {
			l.bad(f, at, v,
				"the addresses of the proxies, not everybody's: whoever is trusted may say that it is anybody")
			continue
		}
		p.Trusted = append(p.Trusted, prefix)
	}
	if len(p.Trusted) == 0 {
		return nil
	}
	return p
}
