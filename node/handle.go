// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-json"
)

// Handle is what other processes of the operator need to reach a running node. It stands in the data directory,
// readable by its owner only.
type Handle struct {
	Admin string `json:"admin"` // host:port
	Token string `json:"token"`
	PID   int    `json:"pid"`
	Cert  string `json:"cert,omitempty"` // the file of the certificate where the address speaks TLS
}

// TLS is how the node is spoken to where it has a certificate: by exactly the one that stands in its file, which the
// verb can read as the node does. Who signed it, and for which name, does not matter.
func (h Handle) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // VerifyConnection is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			text, err := os.ReadFile(h.Cert)
			if err != nil {
				return fmt.Errorf("the node's certificate: %w", err)
			}
			block, rest := pem.Decode(text)
			for block != nil && block.Type != "CERTIFICATE" {
				block, rest = pem.Decode(rest)
			}
			if block == nil || len(s.PeerCertificates) == 0 || !bytes.Equal(block.Bytes, s.PeerCertificates[0].Raw) {
				return fmt.Errorf("whoever answers at %s has another certificate than %s", h.Admin, h.Cert)
			}
			return nil
		}}
}

const handleFile = "admin.json"

func (h Handle) write(dataDir string) (path string, err error) {
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dataDir, handleFile)
	return path, os.WriteFile(path, append(b, '\n'), 0o600)
}

// ReadHandle finds the node that runs on a data directory. The node may be gone: its process may have been killed.
func ReadHandle(dataDir string) (Handle, error) {
	var h Handle
	b, err := os.ReadFile(filepath.Join(dataDir, handleFile))
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(b, &h)
}
