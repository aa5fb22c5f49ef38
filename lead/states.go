// SPDX-License-Identifier: Apache-2.0

package lead

import "strings"

type stateEntry struct {
	code    []byte
	name    string
	country string
}

// The states, districts, territories and military areas of the USPS list and the Canadian provinces and
// territories, in the order of their codes within each country.
var stateTable = makeStates(`US AK Alaska|AL Alabama|AR Arkansas|AZ Arizona|CA California|CO Colorado|CT Connecticut|DC District of Columbia|DE Delaware|FL Florida|GA Georgia|HI Hawaii|IA Iowa|ID Idaho|IL Illinois|IN Indiana|KS Kansas|KY Kentucky|LA Louisiana|MA Massachusetts|MD Maryland|ME Maine|MI Michigan|MN Minnesota|MO Missouri|MS Mississippi|MT Montana|NC North Carolina|ND North Dakota|NE Nebraska|NH New Hampshire|NJ New Jersey|NM New Mexico|NV Nevada|NY New York|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VA Virginia|VT Vermont|WA Washington|WI Wisconsin|WV West Virginia|WY Wyoming|AS American Samoa|GU Guam|MP Northern Mariana Islands|PR Puerto Rico|VI U.S. Virgin Islands|AA Armed Forces Americas|AE Armed Forces Europe|AP Armed Forces Pacific
CA AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NS Nova Scotia|NT Northwest Territories|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon`)

var stateByCode [26 * 26]uint8 // index in stateTable + 1
var stateByName = map[string]int{}

func makeStates(table string) []stateEntry {
	var out []stateEntry
	for _, line := range strings.Split(table, "\n") {
		country, list, _ := strings.Cut(line, " ")
		for _, e := range strings.Split(list, "|") {
			out = append(out, stateEntry{[]byte(e[:2]), e[3:], country})
		}
	}
	return out
}

func init() {
	for i, e := range stateTable {
		stateByCode[int(e.code[0]-'A')*26+int(e.code[1]-'A')] = uint8(i + 1)
		stateByName[stateKey([]byte(e.name))] = i
	}
	stateByName["virginislands"], _ = stateIndex([]byte("VI"))
	stateByName["washingtondc"], _ = stateIndex([]byte("DC"))
	stateByName["newfoundland"], _ = stateIndex([]byte("NL"))
}

func stateKey(b []byte) string {
	var k [32]byte
	n := 0
	for _, c := range b {
		c = lower(c)
		if c >= 'a' && c <= 'z' && n < len(k) {
			k[n] = c
			n++
		}
	}
	return string(k[:n])
}

func stateIndex(raw []byte) (int, bool) {
	if len(raw) == 2 {
		a, b := lower(raw[0])-'a', lower(raw[1])-'a'
		if a > 25 || b > 25 {
			return 0, false
		}
		i := stateByCode[int(a)*26+int(b)]
		return int(i) - 1, i > 0
	}
	if len(raw) > 32 {
		return 0, false
	}
	i, ok := stateByName[stateKey(raw)]
	return i, ok
}

// StateName is the full name of the state with this index (Slot.Num).
func StateName(i int64) string { return stateTable[i].name }

// StateCode is the two-letter code of the state with this index.
func StateCode(i int64) string { return string(stateTable[i].code) }

// StateByText finds a state by code or name.
func StateByText(s string) (int64, bool) {
	i, ok := stateIndex([]byte(strings.TrimSpace(s)))
	return int64(i), ok
}
