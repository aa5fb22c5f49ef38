// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"testing"

	"clearpost/capstore"
	"clearpost/capstore/captest"
)

func TestStore(t *testing.T) {
	captest.Test(t, func(capstore.Store) capstore.Store { return New() })
}
