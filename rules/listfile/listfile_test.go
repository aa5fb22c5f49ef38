// SPDX-License-Identifier: Apache-2.0

package listfile

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// digits is the Normal of files of numbers.
func digits(dst, value []byte) ([]byte, string) {
	for _, c := range value {
		if c < '0' || c > '9' {
			return dst, "digits"
		}
	}
	return append(dst, value...), ""
}

// anything is the Normal of files of texts without regard to case.
func anything(dst, value []byte) ([]byte, string) { return append(dst, bytes.ToLower(value)...), "" }

func readText(t *testing.T, text string, how How) (*Set, []Mistake) {
	t.Helper()
	s, bad, err := Read(strings.NewReader(text), how)
	if err != nil {
		t.Fatal(err)
	}
	if (s == nil) == (bad == nil) {
		t.Fatalf("a set: %v, mistakes %v", s != nil, bad)
	}
	return s, bad
}

func TestFilesAsTheyCome(t *testing.T) {
	for name, text := range map[string]string{
		"plain":            "10001\n10002\n10003\n",
		"CRLF":             "10001\r\n10002\r\n10003\r\n",
		"no end":           "10001\n10002\n10003",
		"byte order mark":  "\ufeff10001\n10002\n10003\n",
		"space":            "  10001\t\n\n 10002 \n\n10003\n\n",
		"comments":         "# ZIP codes\n10001\n#10009\n10002\n  # end\n10003\n",
		"twice":            "10001\n10002\n10003\n10003\n10001\n10001\n",
		"in another order": "10003\n10001\n10002\n",
	} {
		s, bad := readText(t, text, How{Normal: digits})
		if bad != nil || s.Len() != 3 {
			t.Errorf("%s: %v", name, bad)
			continue
		}
		for _, v := range []string{"10001", "10002", "10003", "10009", "1000", "", "#10009"} {
			if want := v == "10001" || v == "10002" || v == "10003"; s.Has([]byte(v)) != want {
				t.Errorf("%s: %q is in the file: %v", name, v, !want)
			}
		}
	}
	if s, _ := readText(t, "# nothing yet\n", How{Normal: digits}); s.Len() != 0 || s.Has(nil) || s.Has([]byte("1")) {
		t.Error("an empty file has something")
	}
}

func TestSums(t *testing.T) {
	five, one, two := md5.Sum([]byte("ann")), sha1.Sum([]byte("ann")), sha256.Sum256([]byte("ann"))
	for sum, b := range map[Sum][]byte{MD5: five[:], SHA1: one[:], SHA256: two[:]} {
		text := hex.EncodeToString(b)
		for _, text := range []string{text, strings.ToUpper(text), "# sums\r\n" + text + "\r\n"} {
			s, bad := readText(t, text, How{Sum: sum})
			if bad != nil || !s.Has([]byte("ann")) || s.Has([]byte("bob")) || s.Has([]byte(text)) {
				t.Errorf("%v of %q: %v", sum, text, bad)
			}
		}
		for _, wrong := range []string{text[1:], text + "0", "x" + text[1:], "ann"} {
			if _, bad := readText(t, wrong, How{Sum: sum}); len(bad) != 1 || bad[0].Line != 1 {
				t.Errorf("%v of %q: %v", sum, wrong, bad)
			}
		}
		if got, err := ParseSum(sum.String()); got != sum || err != nil {
			t.Errorf("%v is read as %v, %v", sum, got, err)
		}
		// Sums where values are expected are told apart from other mistakes.
		_, bad := readText(t, text[:len(text)-1]+"a", How{Normal: digits})
		if len(bad) != 1 || !strings.Contains(bad[0].Expected, "hashed: "+sum.String()) {
			t.Errorf("%v in a plain file: %v", sum, bad)
		}
	}
	if s, err := ParseSum(""); s != Plain || err != nil {
		t.Errorf("no sum is read as %v, %v", s, err)
	}
	for _, name := range []string{"plain", "MD5", "crc32"} {
		if _, err := ParseSum(name); err == nil {
			t.Errorf("%q is read", name)
		}
	}
}

func TestMistakesHaveTheirLines(t *testing.T) {
	_, bad := readText(t, "# zips\n10001\n\nx\n10002\n"+strings.Repeat("y", LineMax+10)+"\n10003\nz",
		How{Normal: digits})
	var lines []int
	for _, m := range bad {
		lines = append(lines, m.Line)
		if m.Expected == "" || len(m.Value) > 70 {
			t.Errorf("%+v", m)
		}
	}
	if fmt.Sprint(lines) != "[4 6 8]" {
		t.Errorf("lines %v", lines)
	}
	if _, bad := readText(t, strings.Repeat("x\n", 1000), How{Normal: digits}); len(bad) != MistakesMax {
		t.Errorf("%d mistakes", len(bad))
	}
	if _, bad := readText(t, "\xff\xfe1\x000\x00", How{Normal: digits}); len(bad) != 1 {
		t.Errorf("UTF-16: %v", bad)
	}
	broken := errors.New("the disk")
	r := io.MultiReader(strings.NewReader("1\n2"), iotest.ErrReader(broken))
	if _, _, err := Read(r, How{Normal: digits}); !errors.Is(err, broken) {
		t.Errorf("an error of the reader: %v", err)
	}
}

// A set has what the file has and nothing else, whatever is in it and however it is cut into pieces.
func TestASetHasWhatItsFileHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 3, 50, 5000, 20000}).Draw(t, "lines")
		spread := rapid.SampledFrom([]int{1, 100, 1 << 40}).Draw(t, "spread")
		seed := rapid.Uint64().Draw(t, "seed")
		var text strings.Builder
		in := map[string]bool{}
		for i := range n {
			v := fmt.Sprint((seed + uint64(i)*0x9e3779b97f4a7c15) % uint64(spread))
			in[v] = true
			text.WriteString(v + "\n")
		}
		var r io.Reader = strings.NewReader(text.String())
		if rapid.Bool().Draw(t, "in small pieces") && n < 100 {
			r = iotest.OneByteReader(r)
		}
		var read int64
		s, bad, err := Read(r, How{Normal: digits, Size: int64(text.Len()), Progress: func(n int64) { read = n }})
		if err != nil || bad != nil || s.Len() != len(in) || read != int64(text.Len()) {
			t.Fatalf("%v %v: %d values of %d, %d bytes of %d", err, bad, s.Len(), len(in), read, text.Len())
		}
		if got, want := s.Values(), slices.Sorted(maps.Keys(in)); !slices.Equal(got, want) {
			t.Fatalf("%d values of %d are told", len(got), len(want))
		}
		for v := range in {
			if !s.Has([]byte(v)) || s.Has([]byte(v+"x")) {
				t.Fatalf("%s is in the file: %v", v, s.Has([]byte(v)))
			}
		}
		if most := 60*s.Len() + 4096; n >= 5000 && s.Bytes() > most {
			t.Fatalf("%d bytes for %d values", s.Bytes(), s.Len())
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("# a\r\nAnn\r\nbob"), uint8(Plain))
	f.Add([]byte("d41d8cd98f00b204e9800998ecf8427e\n"), uint8(MD5))
	f.Fuzz(func(t *testing.T, text []byte, sum uint8) {
		s, bad, err := Read(bytes.NewReader(text), How{Sum: Sum(sum % 4), Normal: anything})
		if err != nil || (s == nil) == (len(bad) == 0) {
			t.Fatalf("%v, %v, %v", s, bad, err)
		}
		for _, m := range bad {
			if m.Line < 1 || m.Line > bytes.Count(text, []byte("\n"))+1 || m.Expected == "" {
				t.Fatalf("%+v", m)
			}
		}
		if s == nil || sum%4 != 0 {
			return
		}
		lines := 0
		for i, line := range bytes.Split(text, []byte("\n")) {
			if i == 0 {
				line = bytes.TrimPrefix(line, []byte("\ufeff"))
			}
			if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
				if lines++; !s.Has(bytes.ToLower(line)) {
					t.Fatalf("line %q is not in the set", line)
				}
			}
		}
		if s.Len() > lines || lines > 0 && s.Len() == 0 {
			t.Fatalf("%d values of %d lines", s.Len(), lines)
		}
	})
}

func TestHasAllocatesNothing(t *testing.T) {
	for sum := Plain; sum <= SHA256; sum++ {
		s := newSet(sum, []key{sum.of([]byte("78704")), sum.of([]byte("78705"))})
		in, out := []byte("78704"), []byte("10001")
		if n := testing.AllocsPerRun(100, func() {
			if !s.Has(in) || s.Has(out) {
				t.Fatal("78704 is in the file")
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations", sum, n)
		}
	}
}

// numbers is a file of so many phone numbers, made as it is read.
type numbers struct {
	left int
	at   uint64
	rest []byte
}

func (n *numbers) Read(p []byte) (int, error) {
	if len(n.rest) == 0 {
		for n.left > 0 && len(n.rest) < 1<<15 {
			n.at = n.at*6364136223846793005 + 1442695040888963407
			n.rest = fmt.Appendf(n.rest, "%010d\n", n.at>>32%8_000_000_000+2_000_000_000)
			n.left--
		}
	}
	if len(n.rest) == 0 {
		return 0, io.EOF
	}
	k := copy(p, n.rest)
	n.rest = n.rest[k:]
	return k, nil
}

func BenchmarkTenMillion(b *testing.B) {
	if testing.Short() {
		b.Skip("it takes seconds and 200 MB")
	}
	const n = 10_000_000
	all, err := io.ReadAll(&numbers{left: n})
	if err != nil {
		b.Fatal(err)
	}
	var s *Set
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if s, _, err = Read(bytes.NewReader(all), How{Normal: digits, Size: int64(len(all))}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "bytes/entry")
	})
	b.Run("has", func(b *testing.B) {
		for i := 0; b.Loop(); i += 7919 * 11 {
			if at := i % len(all); !s.Has(all[at : at+10]) {
				b.Fatalf("%s is not in the set", all[at:at+10])
			}
		}
	})
	b.Run("has not", func(b *testing.B) {
		var line [10]byte
		for i := 0; b.Loop(); i++ {
			if s.Has(strconv.AppendInt(line[:0], int64(i), 10)) {
				b.Fatal(i)
			}
		}
	})
	b.Run("only the sum", func(b *testing.B) {
		text := []byte("2125552368")
		for b.Loop() {
			if Plain.of(text) == (key{}) {
				b.Fatal("none")
			}
		}
	})
}
