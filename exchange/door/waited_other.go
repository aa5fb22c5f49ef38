// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package door

import "time"

// arrival is for Linux.
type arrival struct{}

func newArrival(any) *arrival { return nil }

func (*arrival) since() time.Duration { return 0 }

func (*arrival) unread() bool { return false }
