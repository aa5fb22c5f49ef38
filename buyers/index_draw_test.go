// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"clearpost/rules"
	"clearpost/rules/listfile"
)

func partCriterion(d dice) (spec rules.CriterionSpec) {
	spec.Field = *one(d, slices.Sorted(maps.Keys(partValues))...)
	values := partValues[spec.Field]
	if (strings.HasPrefix(spec.Field, "born") || strings.HasPrefix(spec.Field, "credit")) && d(2) == 0 {
		i := d(len(values))
		if spec.Min = &values[i]; d(2) == 0 {
			spec.Max = &values[i+d(len(values)-i)]
		}
		return spec
	}
	if d(4) == 0 {
		spec.NotIn = values[:1]
	} else {
		spec.In = values[:1+d(len(values))]
	}
	return spec
}

func textCriterion(d dice) (spec rules.CriterionSpec) {
	spec.Field = *one(d, "zip", "city", "make", "phone.area", "email.domain", "state", "source")
	texts := rules.Texts{*one(d, "9", "902", "k1a", "re", "o", "A", "4", ".com", "ota", "fb"), *one(d, "x", "n", "10")}
	switch d(4) {
	case 0:
		spec.Prefix = texts
	case 1:
		spec.Suffix = texts
	case 2:
		spec.Contains = texts
	default:
		spec.Pattern = one(d, "^[0-9]+$", "(?i)^t", "o.$", ".")
	}
	return spec
}

// placeCriterion draws a test that is compiled elsewhere: a radius, a file, an expression.
func placeCriterion(d dice) (spec rules.CriterionSpec) {
	switch spec.Field = "zip"; d(4) {
	case 0:
		spec.Within = one(d, "30 mi of 90210", "10 km of 10001", "3000 mi of 02134")
	case 1:
		spec.InFile, spec.Hashed = valuesFile(d)
	case 2:
		spec.NotInFile, spec.Hashed = valuesFile(d)
	default:
		spec.Field, spec.When = "", one(d, `lead.state == "CA" && lead.age < 40`, `lead.year > 2010 || source.id == "acme"`,
			`sold < 2`, `!lead.insured`, `lead.state in ["CA", "NV", "TX"] && !(lead.age >= 30 && lead.bill < 150.5)`,
			`lead.phone.area == "212" || lead.zip startsWith "9" || lead.state != "CA"`, `lead.age in [20, 30, 40] ||
			lead.born.age in 25..35`, `lead.phone.valid && lead.city == "RENO" && lower(lead.state) == "nv"`,
			`!lead.email.valid || lead.insured == true`, `lead.bill * 2 > 300 && lead.age != 30`,
			`lead.insured ? lead.age > 40 : lead.state == "CA"`, `source.sub_id != "fb-17" && lead.city not in ["reno"]`,
			`!(lead.gender == "female" || lead.zip in ["90210", "10001"]) && lead.born > "1990-01-01"`)
	}
	return spec
}

// valuesFile draws a file that many campaigns look in or, rarely, one that few do.
func valuesFile(d dice) (name *string, hashed string) {
	if d(16) == 0 {
		return one(d, "few.txt"), *one(d, "", "sha256")
	}
	return one(d, "zips.txt"), *one(d, "", "", "sha256")
}

func factCriterion(d dice) (spec rules.CriterionSpec) {
	switch spec.Field = *one(d, "source", "sold", "time", "weekday"); spec.Field {
	case "source":
		if spec.In = []string{"acme", "fb-1"}; d(2) == 0 {
			spec.In, spec.NotIn = nil, spec.In[:1]
		}
	case "sold":
		spec.Max = one(d, "0", "1")
	case "time":
		if spec.Min = one(d, "06:00", "12:00"); d(2) == 0 {
			spec.Max = one(d, "12:00", "18:30")
		}
	default:
		spec.In = []string{"sat", "mon"}[:1+d(2)]
	}
	return spec
}

func otherCriterion(d dice) (spec rules.CriterionSpec) {
	switch yes := d(2) == 0; d(4) {
	case 0:
		spec.Field, spec.Present = *one(d, "phone", "state", "age", "credit", "phone.extension", "email"), &yes
	case 1:
		spec.Field, spec.Valid = *one(d, "phone", "state", "age", "credit", "email"), &yes
	case 2:
		if spec.Field = *one(d, "dob", "born"); yes {
			spec.WithinLast = one(d, "30 years", "36 years", "400 months")
		} else {
			spec.OlderThan = one(d, "30 years", "1878 weeks")
		}
	default:
		if spec.Field = *one(d, "dob", "born"); d(2) == 0 {
			spec.After = one(d, "1990-01-01", "1995-05-05")
		}
		if spec.After == nil || d(2) == 0 {
			spec.Before = one(d, "2000-02-29", "2001-12-31")
		}
	}
	return spec
}

// zipsFile is the file that criteria have.
func zipsFile(f rules.ListFile) (*listfile.Set, string) {
	sets.Lock()
	defer sets.Unlock()
	key := fmt.Sprint(f.Name, f.Sum)
	if set := sets.by[key]; set != nil {
		return set, ""
	}
	text := "90210\n02134\n"
	if f.Sum == listfile.SHA256 {
		text = fmt.Sprintf("%x\n%x\n", sha256.Sum256([]byte("90210")), sha256.Sum256([]byte("02134")))
	}
	set, mistakes, err := listfile.Read(strings.NewReader(text), listfile.How{Sum: f.Sum, Normal: f.Normal})
	if err != nil || mistakes != nil {
		panic(fmt.Sprint(err, mistakes))
	}
	sets.by[key] = set
	return set, ""
}

// sets are those that zipsFile has made: campaigns that name one file share its set.
var sets = struct {
	sync.Mutex
	by map[string]*listfile.Set
}{by: map[string]*listfile.Set{}}
