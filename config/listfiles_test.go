// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/rules"
)

// inFile makes a criterion of the campaign look in a file of ZIP codes.
var inFile = change{"buyers/one.yaml", "{field: zip, in: [02134, 90210]}", "{field: zip, in_file: zips.txt}"}

// wants tells whether the campaign wants a lead with a ZIP code.
func wants(t *testing.T, cfg *Config, zip string) bool {
	t.Helper()
	c := cfg.Exchange.Book.Campaign("one-auto")
	f := rules.Facts{Lead: new(lead.Lead), Stage: lead.AtPing | lead.AtPost}
	f.Lead.Reset(cfg.Exchange.Verticals[0].Schema)
	pos, _ := f.Lead.Schema().Position("zip")
	f.Lead.Set(pos, []byte(zip))
	met := c.Criteria[0].Test(&f) == rules.Met
	if indexed := len(cfg.Exchange.Book.Index("auto").Eligible(nil, &f)) > 0; indexed != met {
		t.Fatalf("%s: the index says %v", zip, indexed)
	}
	return met
}

func TestFilesOfValuesArePartOfTheConfiguration(t *testing.T) {
	var heard []int64
	opt := Options{Progress: func(file string, read, size int64) { heard = append(heard, read, size) }}
	cfg, err := LoadWith(writeConfig(t, inFile, change{"lists/zips.txt", "", "# ours\r\n02134\r\n90210-1234\r\n"}), opt)
	if err != nil {
		t.Fatal(err)
	}
	if !wants(t, cfg, "02134") || !wants(t, cfg, "90210") || wants(t, cfg, "10001") {
		t.Error("the campaign does not want what the file has")
	}
	if len(cfg.Lists) != 1 || cfg.Lists[0].File != "lists/zips.txt" || cfg.Lists[0].Values != 2 ||
		cfg.Lists[0].Bytes != 27 || cfg.Lists[0].Memory < 32 {
		t.Errorf("%+v", cfg.Lists)
	}
	if sum := string(cfg.Files["lists/zips.txt.sha256"]); sum != cfg.Lists[0].SHA256+"  zips.txt\n" {
		t.Errorf("the file stands as %q", sum)
	}
	if !slices.Equal(heard, []int64{27, 27}) {
		t.Errorf("progress %v", heard)
	}
}

func TestMistakesInFilesOfValuesHaveTheirLines(t *testing.T) {
	for _, c := range []struct {
		name string
		list change
		want string
	}{
		{"a line", change{"lists/zips.txt", "", "02134\n\n7870\n"},
			`lists/zips.txt:3:1: "7870": expected a US ZIP code`},
		{"no such file", change{"lists/zpis.txt", "", "02134\n"},
			`buyers/one.yaml:8:31: "zips.txt": expected a file in lists/ with one value a line: did you mean ` +
				`"zpis.txt"?`},
		{"a name that sums have", change{"lists/zips.txt.sha256", "", "x\n"},
			`lists/zips.txt.sha256:0:0: no file in lists/ may be called *.sha256`},
	} {
		_, err := Load(writeConfig(t, inFile, c.list), nil)
		got := places(t, err)
		if !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, c.want) }) {
			t.Errorf("%s: no %q in\n%s", c.name, c.want, strings.Join(got, "\n"))
		}
	}
	_, err := Load(writeConfig(t, inFile, change{"lists/zips.txt", "", "02134\n"},
		change{"lists/more.txt", "", "1\n"}), nil)
	if got := places(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "lists/more.txt:0:0: nothing reads this") {
		t.Errorf("a file that nothing reads: %q", got)
	}
}

// A file that has changed is read again, and the pages that look in it are compiled anew; all else is taken over.
func TestFilesOfValuesAreReadAgainWhereTheyHaveChanged(t *testing.T) {
	dir := writeConfig(t, inFile, change{"lists/zips.txt", "", "02134\n"})
	two := strings.Replace(other(goodFiles["buyers/one.yaml"], "two"), "in: [02134, 90210]", "not_in_file: bad.txt", 1)
	put(t, dir, "buyers/two.yaml", two)
	put(t, dir, "lists/bad.txt", "10001\n")
	first := mustRead(t, dir, nil, nil)
	campaigns := func(c *Config) (one, two any) {
		return c.Exchange.Book.Campaign("one-auto").Criteria, c.Exchange.Book.Campaign("two-auto").Criteria
	}
	sameAs := func(a, b any) bool { return &a.([]rules.Criterion)[0] == &b.([]rules.Criterion)[0] }

	again := mustRead(t, dir, nil, first)
	if !again.Same(first) || again.Lists[0] != first.Lists[0] || again.Lists[1] != first.Lists[1] {
		t.Errorf("nothing has changed: %v, %v", first.Lists, again.Lists)
	}
	put(t, dir, "lists/zips.txt", "02134\n10001\n")
	next := mustRead(t, dir, nil, again)
	one, two2 := campaigns(next)
	was, was2 := campaigns(again)
	if sameAs(one, was) || !sameAs(two2, was2) || next.Hash == first.Hash || !wants(t, next, "10001") ||
		wants(t, first, "10001") {
		t.Error("the file that has changed is not the one that is read again")
	}
	// What was taken over is still there for the reading after.
	last := mustRead(t, dir, nil, next)
	if len(last.pages.sets) != 2 || !last.Same(next) {
		t.Errorf("%d files are known after a reading that read none", len(last.pages.sets))
	}
	// Another reading of the same text is another set.
	put(t, dir, "buyers/two.yaml", strings.Replace(two, "field: zip, not_in_file: bad.txt",
		"field: zip.prefix, not_in_file: bad.txt", 1))
	put(t, dir, "lists/bad.txt", "100\n")
	if c := mustRead(t, dir, nil, last); len(c.pages.sets) != 2 || c.Lists[0].Values != 1 {
		t.Errorf("%+v", c.Lists)
	}
}

func TestExpressionsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		`'lead.zpi == "02134"'`: `buyers/one.yaml:8:9: "lead.zpi": expected a field of vertical auto: did you mean ` +
			`lead.zip? (column 1)`,
		`{when: 'lead.age > 200'}`: `buyers/one.yaml:8:16: "lead.age > 200": expected a comparison that a value can ` +
			`meet: lead.age is at most 110`,
		`'lead.gender == "female"'`:     `buyers/one.yaml:8:9: "female": expected one of F, M`,
		`'now.hour < 8 && lead.age<30'`: "",
		`'now.hour < 8 && lead.age<20'`: `buyers/one.yaml:9:9: expected criteria that one lead can meet: none meets ` +
			`both criteria[0] (now.hour < 8 && lead.age<20) and this (age: from 25 to 70)`,
		`'lead.age < 30 && lead.age > 65'`: `buyers/one.yaml:8:9: expected a criterion that a lead can meet: none ` +
			`meets lead.age < 30 && lead.age > 65`,
	} {
		_, err := Load(writeConfig(t, change{"buyers/one.yaml", "{field: zip, in: [02134, 90210]}", text}), nil)
		got := places(t, err)
		if want == "" && err != nil || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
			t.Errorf("%s: %q, expected %q", text, got, want)
		}
	}
}
