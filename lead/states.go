// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strings"
)

type stateEntry struct {
	code    []byte
	name    string
	country string
}

// The states, districts, territories and military areas of the USPS list and the Canadian provinces and
// territories, in the order of their codes within each country.
var stateTable = makeStates(`US AK Alaska|AL Alabama|AR Arkansas|AZ Arizona|CA California|CO Colorado|CT Connecticut|DC District of Columbia|DE Delaware|FL Florida|GA Georgia|HI Hawaii|IA Iowa|ID Idaho|IL Illinois|IN Indiana|KS Kansas|KY Kentucky|LA Louisiana|MA Massachusetts|MD Maryland|ME Maine|MI Michigan|MN Minnesota|MO Missouri|MS Mississippi|MT Montana|NC North Carolina|ND North Dakota|NE Nebraska|NH New Hampshire|NJ New Jersey|NM New Mexico|NV Nevada|NY New York|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VA Virginia|VT Vermont|WA Washington|WI Wisconsin|WV West Virginia|WY Wyoming|AS American Samoa|GU Guam|MP Northern Mariana Islands|PR Puerto Rico|VI U.S. Virgin Islands|FM Micronesia|MH Marshall Islands|PW Palau|AA Armed Forces Americas|AE Armed Forces Europe|AP Armed Forces Pacific
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
		nameState(e.name, i)
	}
	for _, e := range strings.Split(otherNames, "|") {
		code, names, _ := strings.Cut(e, " ")
		i, _ := stateIndex([]byte(code))
		for _, name := range strings.Split(names, "/") {
			nameState(name, i)
		}
	}
	for _, e := range strings.Split(shortNames, "|") {
		code, names, _ := strings.Cut(e, " ")
		i, _ := stateIndex([]byte(code))
		for _, name := range strings.Fields(names) {
			nameState(name, i)
		}
	}
	for name, code := range map[string]string{"NF": "NL", "PQ": "QC", "CM": "MP"} { // codes of former times
		i, _ := stateIndex([]byte(code))
		stateByCode[int(name[0]-'A')*26+int(name[1]-'A')] = uint8(i + 1)
	}
	makeZips()
	makeBorders()
}

// otherNames are names besides those of the table.
const otherNames = `VI Virgin Islands/Virgin Islands US/United States Virgin Islands/Virgin Islands of the United States|DC Washington DC/Washington District of Columbia|NL Newfoundland|FM Federated States of Micronesia|MP Northern Marianas/Commonwealth of the Northern Mariana Islands|MH Republic of the Marshall Islands|PW Republic of Palau|PR Commonwealth of Puerto Rico|AA Armed Forces of the Americas/Armed Forces the Americas|AE Armed Forces Africa/Armed Forces Canada/Armed Forces Middle East/Armed Forces Europe Middle East and Canada/Armed Forces Europe the Middle East and Canada|AP Armed Forces of the Pacific|PE PEI|NT NWT|YT Yukon Territory|NU Nunavut Territory|QC Province of Quebec|ON Province of Ontario`

// shortNames are the abbreviations from before the codes of two letters, as people still write them.
const shortNames = `AL Ala|AZ Ariz|AR Ark|CA Calif Cal|CO Colo Col|CT Conn|DE Del|FL Fla|ID Ida|IL Ill Ills|IN Ind|KS Kan Kans|KY Ken|MA Mass|MI Mich|MN Minn|MS Miss|MT Mont|NE Neb Nebr|NV Nev|NH N.Hamp|NJ N.Jersey|NM N.Mex|NY N.York|NC N.Car N.Carolina NoCar|ND N.Dak N.Dakota NoDak|OK Okla|OR Ore Oreg|PA Penn Penna|RI R.Isl|SC S.Car S.Carolina SoCar|SD S.Dak S.Dakota SoDak|TN Tenn|TX Tex|VT Verm|WA Wash|WV W.Va W.Virg W.Virginia|WI Wis Wisc|WY Wyo|AB Alta Alb|BC B.Col|MB Man Manit|NB N.Br|NL Nfld Nfld.Lab|NS N.Sc|ON Ont|PE P.E.Isl|QC Que|SK Sask|YT Yuk|PR P.Rico|DC D.Col`

func nameState(name string, i int) {
	var k [stateNameMax]byte
	n, _ := stateKey(&k, []byte(name))
	stateByName[string(k[:n])] = i
}

// stateNameMax is the length of the longest name, letters only, with some room.
const stateNameMax = 48

// stateKey writes the letters in lower case without what may stand between them, and their number. It fails at anything
// else.
func stateKey(k *[stateNameMax]byte, b []byte) (n int, ok bool) {
	for i := 0; i < len(b); i++ {
		c := lower(b[i])
		switch {
		case c == ' ' || c == '.' || c == ',' || c == '-' || c == '\'' || c == '(' || c == ')':
			continue
		case c == '&':
			if n+3 > len(k) {
				return 0, false
			}
			n += copy(k[n:], "and")
			continue
		case c == 0xc3 && i+1 < len(b) && (b[i+1] == 0xa9 || b[i+1] == 0x89): // é and É, of Québec
			c = 'e'
			i++
		case c < 'a' || c > 'z':
			return 0, false
		}
		if n == len(k) {
			return 0, false
		}
		k[n] = c
		n++
	}
	return n, true
}

func stateIndex(raw []byte) (int, bool) {
	var k [stateNameMax]byte
	n, ok := stateKey(&k, raw)
	if !ok {
		return 0, false
	}
	if n == 2 {
		i := stateByCode[int(k[0]-'a')*26+int(k[1]-'a')]
		return int(i) - 1, i > 0
	}
	if n == 4 && len(raw) == 5 && raw[2] == '-' { // as in ISO 3166-2: US-CA, CA-ON
		i := int(stateByCode[int(k[2]-'a')*26+int(k[3]-'a')]) - 1
		if country := string([]byte{k[0] &^ 0x20, k[1] &^ 0x20}); i >= 0 && stateTable[i].country == country {
			return i, true
		}
		return 0, false
	}
	i, ok := stateByName[string(k[:n])]
	if !ok {
		i, ok = statePlus(k[:n])
	}
	return i, ok
}

// statePlus finds a name, or a code and the name of the same state, with what people put around it: "State of Texas",
// "TX, USA", "CA - California".
func statePlus(k []byte) (int, bool) {
	for _, front := range []string{"thestateof", "stateof", "commonwealthof"} {
		if rest, cut := bytes.CutPrefix(k, []byte(front)); cut {
			i, ok := stateByName[string(rest)]
			return i, ok
		}
	}
	for _, end := range []string{"unitedstatesofamerica", "unitedstates", "usa", "canada"} {
		if rest, cut := bytes.CutSuffix(k, []byte(end)); cut && len(rest) > 2 {
			i, ok := stateByName[string(rest)]
			return i, ok && (stateTable[i].country == "CA") == (end == "canada")
		} else if cut && len(rest) == 2 {
			i := int(stateByCode[int(rest[0]-'a')*26+int(rest[1]-'a')]) - 1
			return i, i >= 0 && (stateTable[i].country == "CA") == (end == "canada")
		}
	}
	if len(k) < 5 {
		return 0, false
	}
	for _, at := range []int{2, len(k) - 2} {
		code, name := k[:2], k[2:]
		if at > 2 {
			code, name = k[at:], k[:at]
		}
		i, ok := stateByName[string(name)]
		if ok && int(stateByCode[int(code[0]-'a')*26+int(code[1]-'a')])-1 == i {
			return i, true
		}
	}
	return 0, false
}

// StateName is the full name of the state with this index (Slot.Num).
func StateName(i int64) string { return stateTable[i].name }

// StateCode is the two-letter code of the state with this index.
func StateCode(i int64) string { return string(stateTable[i].code) }

// StateByText finds a state by code or name.
func StateByText(s string) (int64, bool) {
	i, ok := stateIndex(TrimUnseen([]byte(s)))
	return int64(i), ok
}
