// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/exchange"
	"clearpost/lead"
)

// What ad platforms and form builders send, as it stands in testdata: the lead that it becomes, what is wrong, and what
// nobody knows. Arguments are the source: alias=(theirs,ours,…), unpack, unescape, zeros, day_first, zone.
func TestPlatforms(t *testing.T) {
	schema, errs := lead.NewSchema("solar", []lead.Field{{Name: "full_name", Type: lead.TypeName},
		{Name: "owner", Type: lead.TypeText}, {Name: "day", Type: lead.TypeDate},
		{Name: "mobile", Type: lead.TypePhone}, {Name: "jobs", Type: lead.TypeList, Of: lead.TypeText},
		{Name: "year", Type: lead.TypeInteger}})
	if errs != nil {
		t.Fatal(errs)
	}
	datadriven.RunTest(t, "testdata/platforms", func(t *testing.T, d *datadriven.TestData) string {
		src := &exchange.Source{Tests: true, Aliases: map[string]string{}}
		for _, a := range d.CmdArgs {
			switch a.Key {
			case "alias":
				for i := 0; i+1 < len(a.Vals); i += 2 {
					src.Aliases[a.Vals[i]] = a.Vals[i+1]
				}
			case "unpack":
				src.Unpack = a.Vals
			case "unescape":
				src.Unescape = a.Vals
			case "zeros":
				src.ZIPZeros = true
			case "day_first":
				src.DateOrder = exchange.DayFirst
			case "zone":
				zone, err := lead.LoadZone(a.Vals[0])
				if err != nil {
					t.Fatal(err)
				}
				src.Zone = zone
			default:
				t.Fatalf("unknown argument %s", a.Key)
			}
		}
		kind := map[string]string{"json": asJSON, "form": asForm, "xml": asXML, "multi": asMulti}[d.Cmd]
		body := d.Input
		if d.Cmd == "multi" {
			parts := strings.Split(strings.TrimSpace(body), "\n")
			for i := range parts {
				parts[i] = strings.ReplaceAll(parts[i], "|", "\r\n\r\n")
			}
			body = multi(parts...)
		}
		l, v, code := takeFor(t, schema, src, kind, []byte(body))
		if code != "" {
			return code + "\n"
		}
		out := told(&l, &v)
		for _, more := range []struct {
			name string
			is   bool
		}{{" key=" + v.key, v.key != ""}, {" test", v.test.On}} {
			if more.is {
				out += more.name
			}
		}
		var again lead.Lead
		again.Reset(schema)
		r, err := Read([]byte(body), kind, src, &again, time.Time{}, maxForTests)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Unknown) > 0 {
			out += "\nunknown: " + strings.Join(r.Unknown, " ")
		}
		return strings.TrimSpace(out) + "\n"
	})
}
