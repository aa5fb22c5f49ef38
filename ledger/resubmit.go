// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// Resubmission links an unsold lead with the one as which it is offered anew. It stands in both, in one group of
// events: in the ping of the new lead it tells of the old one, in the adjustment of the old lead of the new one.
type Resubmission struct {
	Lead       lead.ID   `json:"lead_id"`            // the other lead
	First      lead.ID   `json:"first_lead"`         // with which the chain begins
	ReceivedAt time.Time `json:"received_at"`        // when that one came whole: from then on the lead's age counts
	Hop        int       `json:"hop"`                // how often it was resubmitted, this time included
	Vertical   string    `json:"vertical,omitempty"` // of the other lead, where it is another one
	// fields that have another value than in the old lead
	Changed []string `json:"changed,omitempty"`
	// fields of the old lead that the new one does not have
	Dropped []string `json:"dropped,omitempty"`
	Ref     string   `json:"ref,omitempty"` // ping: as in the adjustment
	Why     string   `json:"why,omitempty"` // likewise
	By      string   `json:"by,omitempty"`  // likewise
}

// append writes it as a ping has it, which is written by hand.
func (r *Resubmission) append(dst []byte) []byte {
	if r == nil {
		return dst
	}
	b, err := json.MarshalWithOption(r, json.DisableHTMLEscape())
	if err != nil {
		panic("ledger: encode event: " + err.Error())
	}
	return append(appendKey(dst, "resubmits"), b...)
}
