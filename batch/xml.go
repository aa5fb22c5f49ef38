// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"regexp"
)

var elementName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)

// xml compiles how an XML file is written.
func (c *compiler) xml() {
	s := c.spec.XML
	if c.out.Format != "xml" {
		if s != (DocumentSpec{}) {
			c.bad("xml", "", "nothing here: the format is not xml")
		}
		return
	}
	if s.Root == "" {
		s.Root = "leads"
	}
	if s.Row == "" {
		s.Row = "lead"
	}
	for path, name := range map[string]string{"xml.root": s.Root, "xml.row": s.Row} {
		if !elementName.MatchString(name) {
			c.bad(path, name, "the name of an element")
		}
	}
	c.out.XML = s
}

// writeXML writes rows, each an element, into one document.
func (b *Batch) writeXML(rows []string) []byte {
	var out bytes.Buffer
	out.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + b.XML.Root + ">\n")
	for _, r := range rows {
		out.WriteString(r + "\n")
	}
	out.WriteString("</" + b.XML.Root + ">\n")
	return out.Bytes()
}
