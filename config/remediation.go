// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"

	"clearpost/config/tree"
	"clearpost/exchange"
)

// remediationSpec is where the unsold leads of a vertical go, as signed messages (Standard Webhooks).
type remediationSpec struct {
	Endpoint endpointSpec `yaml:",inline"`
	Fields   []string     `yaml:"fields"` // of the lead, that are told; absent: all of them
}

func (l *loader) remediation(f *tree.File, spec *remediationSpec, v *exchange.Vertical) {
	if spec == nil {
		return
	}
	r := &exchange.Remediation{Endpoint: l.endpoint(f, "remediation", &spec.Endpoint), Fields: spec.Fields}
	if v.Schema != nil {
		for i, name := range spec.Fields {
			if _, ok := v.Schema.Position(name); !ok {
				l.bad(f, fmt.Sprintf("remediation.fields[%d]", i), name, "a field of the vertical"+
					near(name, v.Schema.Names()))
			} else if slices.Contains(spec.Fields[:i], name) {
				l.bad(f, fmt.Sprintf("remediation.fields[%d]", i), name, "each field once")
			}
		}
	}
	v.Remediation = r
}

// unsold reads what becomes of the leads that a plan does not sell.
func (r *planReader) unsold(text, at string) {
	switch text {
	case "":
	case "list":
		r.out.UnsoldListed = true
	case "remediation":
		if r.v.Remediation == nil {
			r.bad(at+".unsold", text, "list, or a `remediation` of the vertical to which they go")
		}
	default:
		r.bad(at+".unsold", text, "remediation or list")
	}
}
