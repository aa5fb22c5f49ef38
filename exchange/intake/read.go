// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

// ReadJSON reads a seller's JSON object into a lead as the server would at a time: l must have been Reset. It tells what is wrong with the names that the
// API uses itself; ok is false if the body is no JSON object.
func ReadJSON(body []byte, l *lead.Lead, at time.Time) (problems []lead.Problem, ok bool) {
	l.SetNow(at)
	var v envelope
	if no := decode(&payload{body: body}, &names{}, l, &v); no != nil {
		return nil, false
	}
	l.Finish()
	return v.errors, true
}

// UnknownNames lists the names of a JSON object that neither the vertical nor the API knows.
func UnknownNames(body []byte, s *lead.Schema) (names []string) {
	gjson.ParseBytes(body).ForEach(func(k, _ gjson.Result) bool {
		if _, known := s.Position(k.Str); !known && !lead.ReservedName(k.Str) {
			names = append(names, strings.Clone(k.Str))
		}
		return true
	})
	return names
}
