// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"clearpost/wire"
)

// keyStep is one step of a JSON path of an answer: a key, which may be the index of a list; an index from the end; or
// all that is there.
type keyStep struct {
	key  string
	back int  // 1 is the last element of a list; 0: by the key
	all  bool // each element of a list, each value of an object
}

var errPath = errors.New(
	"a path such as bids[0].price, bids[*].price, bids[-1].price or $.status, without an empty step")

// parsePath reads a JSON path of an answer; $ alone is the whole document. The error says what was expected.
func parsePath(s string) ([]keyStep, error) {
	if len(s) > wire.PathBytesMax {
		return nil, fmt.Errorf("a path of at most %d bytes", wire.PathBytesMax)
	}
	switch rest, ok := strings.CutPrefix(s, "$"); {
	case ok && rest == "":
		return nil, nil
	case ok && (rest[0] == '.' || rest[0] == '['):
		s = strings.TrimPrefix(rest, ".")
	}
	var out []keyStep
	for i := 0; ; {
		var st keyStep
		if i < len(s) && s[i] == '[' {
			inner, n, ok := takeBracket(s[i:])
			if !ok {
				return nil, fmt.Errorf("a closing bracket in the path")
			}
			if st, ok = bracketStep(inner); !ok {
				return nil, fmt.Errorf("an index from 0 to %d, -1 for the last, * for all, or a quoted key in brackets",
					wire.ListIndexMax)
			}
			i += n
		} else {
			key, n := wire.TakeKey(s[i:])
			if key == "" {
				return nil, errPath
			}
			st.key = key
			i += n
		}
		if out = append(out, st); len(out) > wire.PathDepthMax {
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

// takeBracket is what stands within the brackets at the beginning of a text, and the bytes that it takes with them.
func takeBracket(s string) (inner string, n int, ok bool) {
	if len(s) > 2 && (s[1] == '\'' || s[1] == '"') {
		end := strings.Index(s[2:], string(s[1])+"]")
		if end < 0 {
			return "", 0, false
		}
		return s[1 : end+3], end + 4, true
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return "", 0, false
	}
	return s[1:end], end + 1, true
}

func bracketStep(inner string) (keyStep, bool) {
	if inner == "*" {
		return keyStep{all: true}, true
	}
	if len(inner) > 2 && (inner[0] == '\'' || inner[0] == '"') {
		return keyStep{key: inner[1 : len(inner)-1]}, true
	}
	digits, back := strings.CutPrefix(inner, "-")
	n, err := strconv.ParseUint(digits, 10, 16)
	switch {
	case err != nil || n > wire.ListIndexMax || strconv.FormatUint(n, 10) != digits || back && n == 0:
		return keyStep{}, false
	case back:
		return keyStep{key: inner, back: int(n)}, true
	}
	return keyStep{key: inner}, true
}
