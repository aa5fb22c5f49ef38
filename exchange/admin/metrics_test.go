// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The operators' page has every metric there is, and no other.
func TestMetricsAreTold(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^- `(clearpost_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		told[m[1]] = true
	}
	ch := make(chan *prometheus.Desc, 120)
	(&collector{}).Describe(ch)
	close(ch)
	for d := range ch {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]
		if !told[name] {
			t.Errorf("docs/reference/metrics.md does not tell of %s", name)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("docs/reference/metrics.md tells of %s, which is not there", name)
	}
}
