// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"strings"

	"clearpost/lead"
)

type answerCompiler struct {
	spec    *AnswerSpec
	out     *Answer
	numbers map[string]int // a path's canonical text → its number
	defects []lead.Defect
}

// CompileAnswer compiles a spec; post says that it reads answers to posts. All mistakes are returned at once, with paths relative to
// the spec; the Answer is nil if there is any.
func CompileAnswer(spec *AnswerSpec, post bool) (*Answer, []lead.Defect) {
	c := &answerCompiler{spec: spec, numbers: map[string]int{}, out: &Answer{post: post, root: &keyNode{path: -1, index: -1}}}
	c.compile()
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return c.out, nil
}

func (c *answerCompiler) bad(path, value, format string, args ...any) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: fmt.Sprintf(format, args...)})
}

func (c *answerCompiler) compile() {
	switch c.spec.Format {
	case "", "json":
	case "form":
		c.out.format = answerForm
	case "text":
		c.out.format = answerText
	default:
		c.bad("format", c.spec.Format, "one of json, form, text")
	}
	c.compileSuccess()
	price, token := weightDecisive, weightDecisive
	if c.out.post {
		price, token = weightPrice, weightNone
	}
	c.out.price = c.value("price", c.spec.Price, price)
	c.out.token = c.value("token", c.spec.Token, token)
	c.out.reference = c.value("reference", c.spec.Reference, weightNone)
	c.out.reason = c.value("reason", c.spec.Reason, weightNone)
	if c.out.reason == nil && c.out.format == answerText {
		c.out.reason = &value{whole: true}
	}
	c.compileReasons()
	c.compileTypes()
	if len(c.out.paths) > AnswerPathsMax {
		c.bad("", strconv.Itoa(len(c.out.paths))+" paths", "at most %d different paths", AnswerPathsMax)
	}
}

func (c *answerCompiler) compileSuccess() {
	if len(c.spec.Success) == 0 || len(c.spec.Success) > ConditionsMax {
		c.bad("success", strconv.Itoa(len(c.spec.Success))+" conditions", "1 to %d conditions that all hold for a success", ConditionsMax)
		return
	}
	positive, status := false, false
	for i := range c.spec.Success {
		k := c.condition(i)
		c.out.conditions = append(c.out.conditions, k)
		positive = positive || k.test != testNone && k.test != testAbsent
		status = status || len(k.status) > 0
	}
	if positive || c.out.format == answerText && status || len(c.defects) > 0 {
		return
	}
	c.bad("success", "", "a condition on what the body holds: a status, or a missing value, is no receipt (format text may do with a status)")
}

func (c *answerCompiler) condition(i int) condition {
	s := &c.spec.Success[i]
	k := condition{rule: "success[" + strconv.Itoa(i) + "]", status: s.Status, path: -1, exact: s.CaseSensitive}
	for j, st := range s.Status {
		if st < 200 || st > 599 {
			c.bad(fmt.Sprintf("%s.status[%d]", k.rule, j), strconv.Itoa(st), "an HTTP status from 200 to 599")
		}
	}
	tests := 0
	if s.Equals != nil {
		tests++
		k.test, k.values = testEquals, []string{c.text(k.rule+".equals", *s.Equals)}
	}
	if s.In != nil {
		tests++
		k.test = testEquals
		if len(s.In) == 0 || len(s.In) > AlternativesMax {
			c.bad(k.rule+".in", strconv.Itoa(len(s.In))+" values", "1 to %d values", AlternativesMax)
		}
		for j, v := range s.In {
			k.values = append(k.values, c.text(fmt.Sprintf("%s.in[%d]", k.rule, j), v))
		}
	}
	if s.Exists != nil {
		tests++
		if k.test = testAbsent; *s.Exists {
			k.test = testPresent
		}
	}
	if s.Matches != "" {
		tests++
		if k.test, k.words = testWords, splitWords(s.Matches); len(k.words) == 0 || len(s.Matches) > PathBytesMax {
			c.bad(k.rule+".matches", s.Matches, "one or more words, at most %d bytes", PathBytesMax)
		}
	}
	switch {
	case tests > 1:
		c.bad(k.rule, "", "one of equals, in, exists, matches; two tests are two conditions")
	case tests == 0 && len(s.Status) == 0:
		c.bad(k.rule, "", "one of equals, in, exists, matches, or a list of statuses")
	case tests == 0 && s.Path != "":
		c.bad(k.rule, s.Path, "a test of what stands at the path: equals, in, exists or matches")
	case tests > 0 && (s.Path != "" || c.out.format != answerText):
		if k.path = c.path(k.rule+".path", s.Path, weightDecisive); k.path >= 0 && k.test == testAbsent {
			c.out.paths[k.path].absent = true
			c.markAbsent(k.path)
		}
	}
	return k
}

// text is a value to compare with: its text without the space around it.
func (c *answerCompiler) text(path string, v Scalar) string {
	t := strings.Trim(v.Text, " \t\r\n")
	if v.Kind == ScalarNone || t == "" || len(t) > PathBytesMax {
		c.bad(path, v.Text, "a single value of 1 to %d bytes (for nothing there, exists: false)", PathBytesMax)
	}
	return t
}

func (c *answerCompiler) value(name string, s *ValueSpec, w weight) *value {
	if s == nil {
		return nil
	}
	v := &value{optional: s.Optional}
	switch {
	case s.Unit == "" || name == "price" && s.Unit == "units":
	case name == "price" && s.Unit == "cents":
		v.cents = true
	case name == "price":
		c.bad("price.unit", s.Unit, "units or cents")
	default:
		c.bad(name+".unit", s.Unit, "no unit: only a price has one")
	}
	if s.Optional && name != "token" {
		c.bad(name+".optional", "true", "optional for the token only")
	}
	switch {
	case s.Path != "" && len(s.Paths) > 0:
		c.bad(name+".paths", "", "path or paths, not both")
	case len(s.Paths) > CandidatesMax:
		c.bad(name+".paths", strconv.Itoa(len(s.Paths))+" paths", "at most %d paths", CandidatesMax)
	case s.Path == "" && len(s.Paths) == 0 && name == "reason" && c.out.format == answerText:
		v.whole = true
	case len(s.Paths) == 0:
		v.paths = append(v.paths, c.path(name+".path", s.Path, w))
	}
	if s.Path == "" && len(s.Paths) <= CandidatesMax {
		for i, p := range s.Paths {
			v.paths = append(v.paths, c.path(fmt.Sprintf("%s.paths[%d]", name, i), p, w))
		}
	}
	return v
}

func (c *answerCompiler) compileReasons() {
	if len(c.spec.Reasons) > ReasonsMax {
		c.bad("reasons", strconv.Itoa(len(c.spec.Reasons)), "at most %d reasons", ReasonsMax)
		return
	}
	if len(c.spec.Reasons) > 0 && c.out.reason == nil {
		c.bad("reasons", "", "a reason (path) in whose text they are looked for")
	}
	for i, s := range c.spec.Reasons {
		at := "reasons[" + strconv.Itoa(i) + "]"
		no, known := lead.RefusalByName(s.Refusal)
		if !known || no >= 100 {
			c.bad(at+".refusal", s.Refusal, "one of %s", buyerRefusals())
		}
		if s.Match == "" || len(s.Match) > PathBytesMax {
			c.bad(at+".match", s.Match, "words of 1 to %d bytes", PathBytesMax)
		}
		c.out.reasons = append(c.out.reasons, reason{at, foldASCII(s.Match), no})
	}
}

func buyerRefusals() string {
	var names []string
	for _, i := range lead.Refusals() {
		if i.Number < 100 {
			names = append(names, i.Name)
		}
	}
	return strings.Join(names, ", ")
}

func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func (c *answerCompiler) compileTypes() {
	if len(c.spec.ContentTypes) > ContentTypesMax {
		c.bad("content_types", strconv.Itoa(len(c.spec.ContentTypes)), "at most %d content types", ContentTypesMax)
	}
	for i, t := range c.spec.ContentTypes {
		kind, sub, ok := strings.Cut(t, "/")
		if !ok || !headerName(kind) || !headerName(sub) {
			c.bad(fmt.Sprintf("content_types[%d]", i), t, "a type such as application/json, without parameters")
		}
	}
	c.out.types = c.spec.ContentTypes
}

// path numbers a path, or returns -1 with a defect.
func (c *answerCompiler) path(at, s string, w weight) int {
	part := -1
	var steps []step
	key := s
	switch c.out.format {
	case answerJSON:
		var err error
		if steps, err = parsePath(s); err != nil {
			c.bad(at, s, "%s", err)
			return -1
		}
		key = ""
		for _, st := range steps {
			key += st.key + "\x00"
		}
	case answerForm:
		if s == "" || len(s) > PathBytesMax {
			c.bad(at, s, "a name of 1 to %d bytes", PathBytesMax)
			return -1
		}
	default:
		if n, err := strconv.ParseUint(s, 10, 16); err == nil && n <= ListIndexMax {
			part = int(n)
		} else if words := splitWords(s); len(words) != 1 || len(words[0]) != len(s) || len(s) > PathBytesMax {
			c.bad(at, s, "for text one word that stands before the value, or the number of a part from 0 to %d", ListIndexMax)
			return -1
		}
	}
	n, known := c.numbers[key]
	if !known {
		n = len(c.out.paths)
		c.numbers[key] = n
		c.out.paths = append(c.out.paths, answerPath{text: s, part: part})
	}
	c.out.paths[n].weight = max(c.out.paths[n].weight, w)
	if c.out.format == answerJSON {
		c.out.root.add(steps, n, w)
	}
	return n
}

// add puts a path into the tree. A step has the greatest weight of the paths that it lies on.
func (n *keyNode) add(steps []step, path int, w weight) {
	for _, st := range steps {
		var kid *keyNode
		for _, k := range n.kids {
			if k.key == st.key {
				kid = k
			}
		}
		if kid == nil {
			kid = &keyNode{key: st.key, path: -1, index: -1}
			if i, err := strconv.ParseUint(st.key, 10, 31); err == nil && strconv.FormatUint(i, 10) == st.key {
				kid.index = int(i)
			}
			n.kids = append(n.kids, kid)
		}
		kid.weight = max(kid.weight, w)
		n = kid
	}
	n.path = path
}

// markAbsent marks the place of a path at which nothing may be.
func (c *answerCompiler) markAbsent(path int) {
	var mark func(n *keyNode)
	mark = func(n *keyNode) {
		n.absent = n.absent || n.path == path
		for _, k := range n.kids {
			mark(k)
		}
	}
	mark(c.out.root)
}
