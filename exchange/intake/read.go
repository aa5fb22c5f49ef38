// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

// ReadJSON reads a seller's JSON object into a lead as the server would at a time: l must have been Reset. It tells what is wrong with the names that the
// API uses itself, and which names the vertical does not know; ok is false if the body is no JSON object.
func ReadJSON(body []byte, l *lead.Lead, at time.Time) (problems []lead.Problem, unknown []string, ok bool) {
	l.SetNow(at)
	var v envelope
	if !decode(body, l, &v) {
		return nil, nil, false
	}
	l.Finish()
	gjson.Parse(text(body)).ForEach(func(k, _ gjson.Result) bool {
		if _, known := l.Schema().Position(k.Str); !known && !lead.ReservedName(k.Str) {
			unknown = append(unknown, strings.Clone(k.Str))
		}
		return true
	})
	return v.errors, unknown, true
}
