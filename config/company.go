// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
)

// companySpec is whoever runs the exchange, and how its statements are numbered.
type companySpec struct {
	Name    string   `yaml:"name"`    // as statements say it
	Address []string `yaml:"address"` // its lines, up to 8
	TaxID   string   `yaml:"tax_id"`  // its number for taxes
	Email   string   `yaml:"email"`   // whom questions about statements go to
	PayTo   []string `yaml:"pay_to"`  // lines on buyers' statements that say how to pay, up to 8
	// in which months of statements begin and end, such as America/New_York (UTC)
	Timezone string `yaml:"timezone"`
	// what the numbers of buyers' statements begin with; {year} is that of the month (INV-)
	BuyerSeries string `yaml:"buyer_series"`
	// the same of sources' statements (PAY-)
	SourceSeries string `yaml:"source_series"`
}

// seriesBytesMax is how long the name of a series may be.
const seriesBytesMax = 24

// company reads who runs the exchange.
func (l *loader) company(f *tree.File, spec *companySpec) (c exchange.Company) {
	if spec == nil {
		return c
	}
	p := &lead.Party{Name: spec.Name, Address: spec.Address, TaxID: spec.TaxID, Email: spec.Email, PayTo: spec.PayTo}
	l.badAll(f, "company", buyers.PartyDefects(p))
	switch {
	case spec.Name != "":
		c.Party = p
	case len(spec.Address)+len(spec.PayTo) > 0 || spec.TaxID+spec.Email != "":
		l.bad(f, "company.name", "", "the name of the company")
	}
	if spec.Timezone != "" {
		var err error
		if c.Zone, err = rules.LoadZone(spec.Timezone); err != nil {
			l.bad(f, "company.timezone", spec.Timezone, err.Error())
		}
	}
	c.BuyerSeries = l.series(f, "company.buyer_series", spec.BuyerSeries)
	c.SourceSeries = l.series(f, "company.source_series", spec.SourceSeries)
	return c
}

// series checks what numbers begin with. Where it ends, the number begins.
func (l *loader) series(f *tree.File, path, text string) string {
	plain := strings.ReplaceAll(text, "{year}", "0")
	for _, c := range []byte(plain) {
		if !strings.ContainsRune("-_./", rune(c)) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' ||
			c > 'z') {
			plain += "0"
			break
		}
	}
	if len(text) > seriesBytesMax || strings.TrimRight(plain, "0123456789") != plain {
		l.bad(f, path, text,
			"at most 24 of letters, digits, - _ . / and {year}, and no digit or year at the end, such as "+
				"INV-{year}-")
	}
	return text
}
