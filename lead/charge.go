// SPDX-License-Identifier: Apache-2.0

package lead

// Charge is what one hold took from one window of one cap.
type Charge struct {
	Cap    string `json:"cap"`    // the cap's key, e.g. "campaign:sun-shared:day"
	Window string `json:"window"` // the window's name, which identifies it for good, e.g. "2026-11-23" or "total"
	N      int64  `json:"n"`
}
