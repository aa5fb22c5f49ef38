// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"clearpost/config"
)

// writeKeys puts a certificate and its key into the configuration.
func (h *house) writeKeys() {
	h.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &k.PublicKey, k)
	if err != nil {
		h.t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	h.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})))
}

func TestBothDoorsSpeakTLS(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.writeKeys()
	h.write("clearpost.yaml", "node: n1\nlisten: 127.0.0.1:0\ntls: {cert: cert.pem, key: key.pem}\nadmin: {listen: "+
		"127.0.0.1:0, tls: {cert: cert.pem, key: key.pem}}\n")
	h.restart()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(h.read("cert.pem")))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	req, err := http.NewRequest("POST", "https://"+h.node.SellerAddr+"/v1/solar/ping",
		strings.NewReader(`{"zip":"10001"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "acme-key-0123456789")
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 || !strings.Contains(string(b), `"success"`) {
		t.Errorf("a ping over TLS: %d %s", resp.StatusCode, b)
	}
	handle, err := ReadHandle(h.node.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	verb := http.Client{Transport: &http.Transport{TLSClientConfig: handle.TLS(), DisableKeepAlives: true}}
	if resp, err = verb.Get("https://" + handle.Admin + "/healthz"); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	h.writeKeys() // as if somebody else answered: not the certificate that stands in the file
	if resp, err = verb.Get("https://" + handle.Admin + "/healthz"); err == nil {
		resp.Body.Close()
		t.Error("a verb speaks to whoever has another certificate")
	}
}

func TestOperatorsDoorBeyondLoopbackIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		name, admin string
		warned      bool
	}{
		{"loopback", "{listen: 127.0.0.1:0}", false},
		{"everywhere", `{listen: "0.0.0.0:0"}`, true},
		{"everywhere with TLS", `{listen: "0.0.0.0:0", tls: {cert: cert.pem, key: key.pem}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, "", nil, script("b", 25*dollar))
			h.writeKeys()
			h.write("clearpost.yaml", "node: n1\nlisten: 127.0.0.1:0\nadmin: "+c.admin+"\n")
			if err := h.node.Stop(); err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Load(h.dir, os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			var logged bytes.Buffer
			n, err := New(cfg, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn})),
				false)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Start(); err != nil {
				t.Fatal(err)
			}
			if err := n.Stop(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(logged.String(), "ADMIN.LISTEN"); got != c.warned {
				t.Errorf("warned: %v\n%s", got, &logged)
			}
		})
	}
}

func TestOperatorsDoorNeedsTheToken(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	seq := h.node.Ledger.LastSeq()
	for _, call := range []string{"GET /metrics", "GET /v1/status", "GET /v1/unresolved", "GET /v1/events",
		"GET /v1/explain/x", "POST /v1/pause", "POST /v1/resume", "POST /v1/resolve", "GET /nothing",
		"GET /healthz/../v1/status", "GET //v1/status"} {
		for _, auth := range []string{"", "Bearer ", "Bearer x", "Basic " + h.node.Token(), "Bearer " + h.node.Token() +
			" ", "Bearer  " + h.node.Token(), h.node.Token()} {
			method, path, _ := strings.Cut(call, " ")
			c, err := net.Dial("tcp", h.node.AdminAddr)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 33\r\nAuthorization: "+
				"%s\r\n\r\n"+`{"subject":"buyer:b","why":"mine"}`, method, path, auth)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			// Space at the end of a header's value is no part of it.
			if ok := strings.TrimSpace(auth) == "Bearer "+h.node.Token(); ok == (resp.StatusCode == 401) {
				t.Errorf("%s with %q: %d", call, auth, resp.StatusCode)
			}
			c.Close()
		}
	}
	if got := h.node.Ledger.LastSeq(); got > seq+2 { // the pause and the resume with the token
		t.Errorf("%d events were written", got-seq)
	}
}
