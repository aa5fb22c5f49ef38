// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"
	"strings"
)

// LabelsMax bounds the labels of one campaign.
const LabelsMax = 16

// Roles are what the role of a campaign may be.
var Roles = []string{"primary", "backup", "overflow"}

// names checks the labels and the role by which plans have a campaign.
func (c *bookCompiler) names(spec *CampaignSpec, at string) {
	if n := len(spec.Labels); n > LabelsMax {
		c.bad(at, "labels", fmt.Sprint(n, " labels"), fmt.Sprintf("at most %d", LabelsMax))
	}
	for i, l := range spec.Labels {
		switch path := fmt.Sprintf("labels[%d]", i); {
		case !ValidID(l):
			c.bad(at, path, l, IDRule)
		case slices.Contains(spec.Labels[:i], l):
			c.bad(at, path, l, "each label once")
		}
	}
	if spec.Role != "" && !slices.Contains(Roles, spec.Role) {
		c.bad(at, "role", spec.Role, strings.Join(Roles, ", "))
	}
}
