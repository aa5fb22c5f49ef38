// SPDX-License-Identifier: Apache-2.0

package audit

// fileTold is what an event says of a file of leads.
type fileTold struct {
	ID    id     `json:"id"`
	Row   int    `json:"row"`
	Rows  int    `json:"rows"`
	State string `json:"state"`
}

// fileOf is what is kept of a file.
type fileOf struct {
	campaign string
	rows     int
	taken    map[int]*attempt // by row
	state    string           // "" while it is only decided
}

// batched takes a row of a file: an attempt that waits for one, and stands in no other that is or may be stored.
func (a *auditor) batched(e *event) {
	p, row := a.attempts[e.Attempt], e.File
	switch {
	case row == nil || row.ID == (id{}) || row.Row < 1 || row.Row > row.Rows:
		a.found(RuleFile, e.Lead, "attempt %s is a row of no file", e.Attempt)
		return
	case p == nil || !p.batch || p.campaign != e.Campaign:
		a.found(RuleFile, e.Lead, "attempt %s is a row of a file, and was not posted to be one", e.Attempt)
		return
	case p.outcome != open && p.outcome != unknown:
		a.found(RuleFile, e.Lead, "attempt %s is a row of file %s and was %s before", e.Attempt, row.ID,
			outcomeNames[p.outcome])
	}
	if was := a.files[p.file]; was != nil && was.state != "undone" {
		a.found(RuleFile, e.Lead, "attempt %s is a row of file %s, and of file %s", e.Attempt, p.file, row.ID)
	}
	f := a.files[row.ID]
	if f == nil {
		f = &fileOf{campaign: p.campaign, rows: row.Rows, taken: map[int]*attempt{}}
		a.files[row.ID] = f
	}
	if f.state != "" || f.campaign != p.campaign || f.rows != row.Rows || f.taken[row.Row] != nil {
		a.found(RuleFile, e.Lead, "attempt %s is row %d of %d of file %s, which is another's, or is formed", e.Attempt,
			row.Row, row.Rows, row.ID)
	}
	p.file, f.taken[row.Row] = row.ID, p
}

// fileStands takes how a file stands: what is stored, dropped or undone stays so.
func (a *auditor) fileStands(e *event) {
	if e.File == nil || a.files[e.File.ID] == nil {
		a.found(RuleFile, e.Lead, "a file without rows is told of")
		return
	}
	f := a.files[e.File.ID]
	switch f.state {
	case "stored", "dropped", "undone":
		a.found(RuleFile, e.Lead, "file %s was %s, and is %s", e.File.ID, f.state, e.File.State)
	}
	if f.state == "" && len(f.taken) != f.rows {
		a.found(RuleFile, e.Lead, "file %s has %d rows, and %d are told of", e.File.ID, f.rows, len(f.taken))
	}
	f.state = e.File.State
}

// delivered holds the end of a row that the exchange has written down to how its file stands.
func (a *auditor) delivered(e *event, p *attempt) {
	if f := a.files[p.file]; p.batch && e.By == "clearpost" && e.Outcome == "accepted" &&
		(f == nil || f.state != "stored") {
		a.found(RuleFile, e.Lead, "attempt %s is sold by a file that is not stored", e.Attempt)
	}
}

// finishFiles judges leads when all events have been read: in the files of a campaign that are stored each stands once.
func (a *auditor) finishFiles() {
	type place struct {
		lead     id
		campaign string
	}
	seen := map[place]id{}
	for i := range a.trips {
		t := &a.trips[i]
		for _, p := range t.attempts {
			f := a.files[p.file]
			if f == nil || f.state != "stored" || p.corrected {
				continue
			}
			at := place{t.lead, p.campaign}
			if other, twice := seen[at]; twice {
				a.found(RuleFile, t.lead, "it was delivered to %s in file %s, and in file %s", p.campaign, other,
					p.file)
			}
			seen[at] = p.file
		}
	}
	a.report.Counts.Files = len(a.files)
}
