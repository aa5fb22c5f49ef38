// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"cmp"
	"fmt"
	"net/mail"

	"clearpost/lead"
)

// Limits of what a file says of a company.
const (
	CompanyLinesMax   = 8   // of an address, and of how it is paid
	companyLineBytes  = 100 // of one of them, and of tax_id
	companyEmailBytes = 254
)

// CompanySpec is what a buyer or a source is called on statements, as it stands in a file.
type CompanySpec struct {
	Name    string   `yaml:"name"`    // absent: the name for people
	Address []string `yaml:"address"` // its lines, up to 8
	TaxID   string   `yaml:"tax_id"`  // its number for taxes
	Email   string   `yaml:"email"`   // whom statements go to
}

// Compile checks it; name is the one for people. nil stays nil.
func (s *CompanySpec) Compile(name string) (*lead.Party, []lead.Defect) {
	if s == nil {
		return nil, nil
	}
	p := &lead.Party{Name: cmp.Or(s.Name, name), Address: s.Address, TaxID: s.TaxID, Email: s.Email}
	return p, PartyDefects(p)
}

// PartyDefects tells what is wrong with a company, by the paths of CompanySpec; pay_to has the same limits as address.
func PartyDefects(p *lead.Party) (out []lead.Defect) {
	bad := func(path, value, expected string) {
		out = append(out, lead.Defect{Path: path, Value: value, Expected: expected})
	}
	if len(p.Name) > NameBytesMax || !lead.Printable(p.Name) {
		bad("name", "", fmt.Sprintf("at most %d bytes in one line", NameBytesMax))
	}
	for path, lines := range map[string][]string{"address": p.Address, "pay_to": p.PayTo} {
		if len(lines) > CompanyLinesMax {
			bad(path, "", fmt.Sprintf("at most %d lines", CompanyLinesMax))
		}
		for i, l := range lines {
			if l == "" || len(l) > companyLineBytes || !lead.Printable(l) {
				bad(fmt.Sprintf("%s[%d]", path, i), l, fmt.Sprintf("a line of 1 to %d bytes", companyLineBytes))
			}
		}
	}
	if len(p.TaxID) > companyLineBytes || !lead.Printable(p.TaxID) {
		bad("tax_id", "", fmt.Sprintf("at most %d bytes in one line", companyLineBytes))
	}
	if a, err := mail.ParseAddress(p.Email); p.Email != "" && (err != nil || a.Address != p.Email ||
		len(p.Email) > companyEmailBytes) {
		bad("email", p.Email, "an address such as billing@example.com")
	}
	return out
}
