// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"strings"
	"testing"
)

func TestMistakesAboutDoorsAreNamed(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"tls: {cert: none.pem, key: none.pem}", "clearpost.yaml:4:6: expected a certificate with its key"},
		{"tls: {cert: none.pem}", "expected the name of a PEM file: tls needs cert and key"},
		{"trusted_proxies: [10.0.0.1/8]", "the network of 10.0.0.1/8 is 10.0.0.0/8"},
		{"trusted_proxies: [0.0.0.0/0]", "expected the addresses of the proxies, not everybody's"},
		{"trusted_proxies: [proxy]",
			`expected an address or a network such as 10.0.0.0/8 ("proxy" is no address and no network)`},
		{"trusted_proxies: [10.0.0.1]\nproxy_header: X-Real-IP", "expected X-Forwarded-For or Forwarded"},
		{"proxy_header: Forwarded", "expected trusted_proxies beside it"},
		{"limits: {connections_max: 0}", `"0": expected 1 to 1000000`},
	} {
		_, err := Load(writeConfig(t, change{"clearpost.yaml", "", c.text + "\n"}), os.LookupEnv)
		if got := strings.Join(places(t, err), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.text, got)
		}
	}
}
