// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strconv"
	"strings"

	"clearpost/wire"
)

// step is one step of a JSON path: a key of an object, or the index of a list in brackets.
type step struct {
	key   string
	index int
	list  bool
	each  bool // every place of a list: [*]
}

// parsePath reads a path such as a.b[0].c; \ takes the next sign as it is. The error says what was expected.
func parsePath(s string) ([]step, error) {
	if len(s) > wire.PathBytesMax {
		return nil, fmt.Errorf("a path of at most %d bytes", wire.PathBytesMax)
	}
	var out []step
	i := 0
	for {
		if i < len(s) && s[i] == '[' {
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("a closing bracket in the path")
			}
			n, err := uint64(0), error(nil)
			each := s[i+1:i+end] == "*"
			if !each {
				n, err = strconv.ParseUint(s[i+1:i+end], 10, 16)
			}
			if !each && (err != nil || n > wire.ListIndexMax || strconv.FormatUint(n, 10) != s[i+1:i+end]) {
				return nil, fmt.Errorf("an index from 0 to %d in brackets", wire.ListIndexMax)
			}
			out = append(out, step{index: int(n), list: true, each: each, key: s[i+1 : i+end]})
			i += end + 1
		} else {
			key, n := wire.TakeKey(s[i:])
			if key == "" {
				return nil, fmt.Errorf("a path such as contact.phones[0].number, without an empty step")
			}
			out = append(out, step{key: key})
			i += n
		}
		if len(out) > wire.PathDepthMax {
			return nil, fmt.Errorf("a path of at most %d steps", wire.PathDepthMax)
		}
		switch {
		case i == len(s):
			return out, nil
		case s[i] == '.':
			if i++; i == len(s) || s[i] == '[' {
				return nil, fmt.Errorf("a key after each dot of the path")
			}
		case s[i] != '[':
			return nil, fmt.Errorf("a dot or a bracket after each closing bracket of the path")
		}
	}
}
