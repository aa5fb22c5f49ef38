// SPDX-License-Identifier: Apache-2.0

package lead

// Defect is one mistake in a configuration. Path is a YAML path relative to the part that was compiled, such as
// "request.fields[2].from"; empty means the part itself.
type Defect struct {
	Path     string
	Value    string // what stands there, where that helps; never a secret
	Expected string // what was expected, or what is wrong
}

// In puts a prefix before the path.
func (d Defect) In(prefix string) Defect {
	switch {
	case d.Path == "":
		d.Path = prefix
	case prefix == "" || d.Path[0] == '[':
		d.Path = prefix + d.Path
	default:
		d.Path = prefix + "." + d.Path
	}
	return d
}

// DefectsIn puts a prefix before the path of each.
func DefectsIn(prefix string, ds []Defect) []Defect {
	for i := range ds {
		ds[i] = ds[i].In(prefix)
	}
	return ds
}
