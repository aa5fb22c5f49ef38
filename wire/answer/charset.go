// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	charset "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// decodeCharset is the body as UTF-8 without a byte order mark. UTF-16 is known by its mark. Of a body that is not
// UTF-8 the charset is looked for in the declared type, and in the declaration of XML and HTML; JSON has none. It is
// false if there is none, or if it does not fit the bytes.
func (a *Answer) decodeCharset(contentType, body []byte) ([]byte, bool) {
	if len(body) > 1 && (body[0] == 0xff && body[1] == 0xfe || body[0] == 0xfe && body[1] == 0xff) {
		if len(body)%2 != 0 {
			return nil, false
		}
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM), body)
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if a.format == formatJSON && len(a.inside) == 0 || utf8.Valid(body) {
		return body, true
	}
	name := charsetIn(headerCharset, contentType)
	if name == "" && a.format != formatForm {
		name = charsetIn(bodyCharset, body[:min(len(body), 1024)])
	}
	if name == "" {
		return body, a.format == formatJSON
	}
	enc, err := htmlindex.Get(name)
	if err != nil || enc == unicode.UTF8 {
		return nil, false
	}
	return decodeWith(enc, body)
}

var (
	headerCharset = regexp.MustCompile(`(?i)charset\s*=\s*["']?([\w.:-]{1,40})`)
	bodyCharset   = regexp.MustCompile(`(?i)<(?:\?xml|meta)[^>]{1,200}?(?:encoding|charset)\s*=\s*["']?([\w.:-]{1,40})`)
)

func charsetIn(re *regexp.Regexp, b []byte) string {
	if m := re.FindSubmatch(b); m != nil {
		return string(m[1])
	}
	return ""
}

// decodeWith decodes a body; one with bytes that the charset does not have is not taken.
func decodeWith(enc charset.Encoding, body []byte) ([]byte, bool) {
	out, err := enc.NewDecoder().Bytes(body)
	if err != nil || len(out) > 4*BytesMax || bytes.ContainsRune(out, utf8.RuneError) {
		return nil, false
	}
	return out, true
}
