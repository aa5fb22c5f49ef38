// SPDX-License-Identifier: Apache-2.0

package door

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Keys is a certificate and its private key in files, read anew when these change. A pair that cannot be read leaves
// the one before in use.
type Keys struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex // guards what follows
	looked time.Time
	seen   [2]stamp
	pair   *tls.Certificate
}

// stamp tells one content of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// lookPause is how long the files are not looked at again.
const lookPause = 2 * time.Second

// expirySoon is when a certificate's end is told.
const expirySoon = 14 * 24 * time.Hour

// LoadKeys reads a certificate, with those between it and its root behind it, and its key, both in PEM.
func LoadKeys(cert, key string, log *slog.Logger) (*Keys, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	k := &Keys{cert: cert, key: key, log: log, looked: time.Now(), seen: [2]stamp{stampOf(cert), stampOf(key)}}
	var err error
	k.pair, err = k.load()
	return k, err
}

func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

func (k *Keys) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", k.cert, k.key, err)
	}
	if left := time.Until(pair.Leaf.NotAfter); left < expirySoon {
		k.log.Warn("a certificate ends soon", "cert", k.cert, "not_after",
			pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// current is the pair in use: the files' own, looked at from time to time, when somebody comes.
func (k *Keys) current() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookPause {
		return k.pair
	}
	k.looked = time.Now()
	now := [2]stamp{stampOf(k.cert), stampOf(k.key)}
	if now == k.seen {
		return k.pair
	}
	k.seen = now
	pair, err := k.load()
	if err != nil {
		k.log.Error("a certificate has changed and cannot be used: the one before stays", "err", err)
		return k.pair
	}
	k.pair = pair
	k.log.Info("a certificate was read anew", "cert", k.cert, "not_after",
		pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	return pair
}

func (k *Keys) server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current(), nil }}
}
