// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"strings"
)

// Command is the follow-up as a line for a shell. statement names the file, in the reason that the ledger keeps.
func (f *Follow) Command(statement string) string {
	why := "not in statement " + statement
	if f.Place > 0 {
		why = fmt.Sprintf("statement %s, row %d", statement, f.Place)
	}
	words := []string{"clearpost"}
	outcome := "rejected"
	if f.Accepted {
		outcome = "accepted"
	}
	price := func(flag string) {
		if f.Priced {
			words = append(words, flag, f.Price.String())
		}
	}
	reference := func() {
		if f.Accepted && f.Reference != "" {
			words = append(words, "--reference="+f.Reference)
		}
	}
	id := f.Attempt.String()
	switch f.Do {
	case DoResolve:
		words = append(words, "resolve", id, outcome)
		price("--price")
		reference()
	case DoCorrect:
		words = append(words, "resolve", "--correct", id, outcome, "--ref", why)
		price("--price")
		reference()
	case DoAdjust:
		words = append(words, "adjust", id, "--ref", why)
		price("--price")
	case DoReturn:
		reason := f.Reason
		if reason == "" {
			reason = "statement" // taken where the buyer's page lists none
		}
		words = append(words, "return", id, "--grant", "--reason="+reason)
		price("--credit")
		why = "--note=" + why
	}
	if f.Do == DoReturn {
		words = append(words, why)
	} else {
		words = append(words, "--why", why)
	}
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// shellWord quotes what a shell would not take as one word.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=@%+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(oneLine(s), "'", `'\''`) + "'"
}

// oneLine takes out what would end a line or steer a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
