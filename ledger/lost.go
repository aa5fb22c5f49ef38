// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// ErrLost is what an error of Open is where the log lacks events that were durable, or where one cannot be read. What
// is there is left as it is: Recover goes on from it.
var ErrLost = errors.New("ledger: events are lost")

// Lost is an ErrLost: the log ends before the last event that somebody is known to have had from it. A last batch that
// was torn by a crash is no loss: nobody was told of it, and nobody has it.
type Lost struct {
	Dir      string
	Ends     uint64    // the log's last seq in order; 0: it has none
	To       uint64    // the highest seq that was given out: Ends+1 to To are missing
	KnownBy  []string  // who had them
	Readable uint64    // of them that stand in the files all the same, whole
	Leads    []lead.ID // some of those they belong to, as far as the views know, at most 20
	LeadsN   int       // how many leads these are
	File     string    // why the log ends there, "" = nothing of it is known
	NoMeta   bool      // the list of the log's files is lost, and perhaps nothing else
}

// leadsTold is how many leads of lost events are named.
const leadsTold = 20

// Is implements errors.Is.
func (*Lost) Is(target error) bool { return target == ErrLost }

// Error implements error.
func (e *Lost) Error() string {
	var b strings.Builder
	switch {
	case e.NoMeta:
		fmt.Fprintf(&b, "%s: %s", ErrLost, e.File)
	default:
		fmt.Fprintf(&b, "%s: the log in %s ends at event %d, and %d more were durable: numbers %d to %d (%s).",
			ErrLost, e.Dir, e.Ends, e.To-e.Ends, e.Ends+1, e.To, strings.Join(e.KnownBy, "; "))
		if e.File != "" {
			fmt.Fprintf(&b, " %s.", e.File)
		}
		fmt.Fprintf(&b, " %d of them can still be read.", e.Readable)
		if e.LeadsN > 0 {
			fmt.Fprintf(&b, " They are of %d leads:", e.LeadsN)
			for _, id := range e.Leads {
				b.WriteString(" " + id.String())
			}
			if more := e.LeadsN - len(e.Leads); more > 0 {
				fmt.Fprintf(&b, " and %d more", more)
			}
			b.WriteString(".")
		}
	}
	b.WriteString("\n" + wayOn)
	return b.String()
}

const wayOn = "Nothing was changed. If this is a copy that was made while the exchange ran, by other means than " +
	"clearpost backup, nothing is lost but the copy: make it anew with clearpost backup. If a backup or the disk has " +
	"the missing files, put them back. Else: clearpost ledger recover takes back what can be read, with --from-kafka " +
	"also what was shipped, and with --accept-loss goes on without the rest: lost numbers are never given out again, " +
	"caps keep their counts, and quotes from before are over"

// Damaged is an ErrLost: a record of the log cannot be read.
type Damaged struct {
	File   string
	Offset int64 // 0: not known
	Seq    uint64
	Near   time.Time // of the last readable record before it; zero: there is none near
	Err    error
}

// Is implements errors.Is.
func (*Damaged) Is(target error) bool { return target == ErrLost }

// Unwrap implements errors.Unwrap.
func (e *Damaged) Unwrap() error { return e.Err }

// Error implements error.
func (e *Damaged) Error() string {
	when := ""
	if !e.Near.IsZero() {
		when = ", shortly after " + e.Near.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("event %d%s cannot be read: %s at byte %d: %s\n"+
		"clearpost ledger verify lists all such events. %s",
		e.Seq, when, e.File, e.Offset, e.Err, wayOn)
}

// witness is who, beside the log, knows how far it went.
type witness struct {
	to uint64
	by []string
}

func (w *witness) has(who string, seq uint64) {
	if seq > 0 {
		w.by = append(w.by, fmt.Sprintf("%s %d", who, seq))
	}
	w.to = max(w.to, seq)
}

// witnesses asks the views, the cursor and the base. The views may not be open: then they are no witness.
func (l *Ledger) witnesses() (w witness, err error) {
	w.has("the views have event", l.views.applied.Load())
	if l.views.isOpen() {
		shipped, _, err := l.views.cursor()
		if err != nil {
			return w, err
		}
		w.has("Kafka has event", shipped)
	}
	base, err := readBase(l.cfg.Dir)
	if err != nil {
		return w, err
	}
	if base != nil {
		w.has("the counts of "+baseName+" go to event", base.Seq)
	}
	return w, nil
}

// tellLost fills in what the views know of the missing events.
func (l *Ledger) tellLost(err error, w witness) error {
	var lost *Lost
	if !errors.As(err, &lost) {
		return err
	}
	lost.Dir = l.journal.dir
	lost.KnownBy = append(w.by, lost.KnownBy...)
	if lost.NoMeta || !l.views.isOpen() {
		return err
	}
	e := l.eachLost(lost.Ends, lost.To, func(_ uint64, id lead.ID, first bool) {
		if !first {
			return
		}
		if lost.LeadsN++; len(lost.Leads) < leadsTold {
			lost.Leads = append(lost.Leads, id)
		}
	})
	return errors.Join(err, e)
}

// eachLost tells which of the events behind a seq the views know, lead by lead.
func (l *Ledger) eachLost(behind, to uint64, fn func(seq uint64, id lead.ID, first bool)) error {
	var before lead.ID
	return l.views.each([]byte{keyLead}, false, func(k, _ []byte) bool {
		if len(k) != 1+16+8 {
			return true
		}
		if seq := seqAtEnd(k); seq > behind && seq <= to {
			id := lead.ID(k[1:17])
			fn(seq, id, id != before)
			before = id
		}
		return true
	})
}

// losses is what was accepted as lost.
type losses struct {
	UpTo uint64 `json:"up_to_seq"` // quotes and open attempts of leads from before are left alone
}

const lossesName = "losses.json"

// LostUpTo is the seq up to which leads may lack events that were accepted as lost, 0: none do. Such leads are answered
// for and not sold any more.
func (l *Ledger) LostUpTo() (uint64, error) {
	b, err := os.ReadFile(filepath.Join(l.cfg.Dir, lossesName))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var x losses
	if err := json.Unmarshal(b, &x); err != nil {
		return 0, fmt.Errorf("ledger: %s: %w", lossesName, err)
	}
	return x.UpTo, nil
}

func (v *views) isOpen() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.db != nil
}
