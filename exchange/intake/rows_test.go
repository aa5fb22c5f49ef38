// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/lead"
)

// A row of a table is read as the form that its columns and cells would make.
func TestARowIsReadAsAForm(t *testing.T) {
	schema, errs := lead.NewSchema("solar", []lead.Field{{Name: "zip", Type: lead.TypePostalCode},
		{Name: "moved", Type: lead.TypeDate}, {Name: "homeowner", Type: lead.TypeBoolean}})
	if errs != nil {
		t.Fatal(errs)
	}
	src := &exchange.Source{ID: "s", DateOrder: exchange.DayFirst, Aliases: map[string]string{"Post Code": "zip"},
		Values: map[string]map[string]string{"homeowner": {"owns": "true"}}}
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	rows := NewRows(schema, src, []string{"Post Code", "moved", "homeowner", "min_price", "seller_lead_id", "colour"})
	if u := rows.Unknown(); len(u) != 1 || u[0] != "colour" {
		t.Errorf("unknown columns: %q", u)
	}
	for _, row := range [][]string{{"10001", "1/2/2026", "owns", "12.50", "S-1", "red", "beyond"},
		{"10001", "1/2/2026", "owns", "12.50", "S-1"}} {
		var l, form lead.Lead
		l.Reset(schema)
		got := rows.Read(row, &l, at)
		form.Reset(schema)
		want, err := Read([]byte("Post+Code=10001&moved=1/2/2026&homeowner=owns&min_price=12.50&seller_lead_id=S-1"),
			"application/x-www-form-urlencoded", src, &form, at, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if got.MinPrice != want.MinPrice || got.MinPrice != 12_500_000 || got.SellerLeadID != "S-1" ||
			len(got.Problems)+len(want.Problems) > 0 {
			t.Errorf("%q: got %+v, want %+v", row, got, want)
		}
		for i := range l.Len() {
			if string(l.Value(i)) != string(form.Value(i)) || l.Slot(i).State != form.Slot(i).State {
				t.Errorf("%q: %s is %q, want %q", row, schema.Fields[i].Name, l.Value(i), form.Value(i))
			}
		}
	}
	var l lead.Lead
	l.Reset(schema)
	if got := rows.Read([]string{"10001", "", "", "cheap"}, &l, at); len(got.Problems) != 1 ||
		l.Slot(1).State != lead.Missing {
		t.Errorf("%+v", got)
	}
}
