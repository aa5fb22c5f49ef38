// SPDX-License-Identifier: Apache-2.0

package batch

import "clearpost/wire/request"

// Spec is how a campaign's leads are gathered into files, as configured.
type Spec struct {
	Format string  `yaml:"format"` // csv (the default), jsonl
	CSV    CSVSpec `yaml:"csv"`    // how a CSV file is written
	// of a file: letters, digits, `-`, `_`, `.`, and {campaign}, {buyer}, {date}, {time}, {id}, {rows}
	Name   string              `yaml:"name"`
	Fields []request.FieldSpec `yaml:"fields"` // of a row, in their order: the columns of a CSV file
	Send   SendSpec            `yaml:"send"`   // when a file is formed
	// of one file at most (1000): the rest waits for the next
	RowsMax int `yaml:"rows_max"`
	// a lead that is older when its file is formed is not delivered, and is no sale (72)
	LeadAgeMaxH int    `yaml:"lead_age_max_h"`
	To          ToSpec `yaml:"to"` // where files are stored
}

// CSVSpec is how a CSV file is written.
type CSVSpec struct {
	Separator string `yaml:"separator"` // between columns: one sign, or tab (,)
	Quotes    string `yaml:"quotes"`    // needed (the default): around values that need them; or all
	Header    *bool  `yaml:"header"`    // the first line has the names of the columns (true)
	// utf-8 (the default), utf-8-bom, utf-16le, iso-8859-1, windows-1252; a sign that it lacks is written as ?
	Encoding string `yaml:"encoding"`
	LineEnd  string `yaml:"line_end"` // crlf (the default) or lf
	// guard (the default): a value that a spreadsheet would take for a formula gets an apostrophe before it; or keep
	Formulas string `yaml:"formulas"`
}

// SendSpec is when a file is formed: as soon as one of these is so.
type SendSpec struct {
	Rows     int      `yaml:"rows"`     // so many leads wait
	WaitMin  int      `yaml:"wait_min"` // the first of them has waited for so many minutes
	At       []string `yaml:"at"`       // times of day, such as "07:30", at which whatever waits is sent
	Timezone string   `yaml:"timezone"` // IANA name; of these times and of those in names; absent: the buyer's, else UTC
}

// ToSpec is where files are stored: one of these.
type ToSpec struct {
	Folder *FolderSpec `yaml:"folder"` // a directory of this machine
	SFTP   *SFTPSpec   `yaml:"sftp"`   // a server that speaks SSH
}

// FolderSpec is a directory of this machine, or one that is mounted.
type FolderSpec struct {
	Path string `yaml:"path"` // absolute; it must be there
}

// SFTPSpec is a directory of an SFTP server. It has a password, a key, or both.
type SFTPSpec struct {
	Address  string `yaml:"address"`  // host, or host:port (port 22)
	User     string `yaml:"user"`     // who logs in
	Password string `yaml:"password"` // best as ${env:NAME}
	Key      string `yaml:"key"`      // a private key in PEM, best as ${file:PATH}
	// the server's keys, each as a line of known_hosts or of a .pub file has it, such as `ssh-ed25519 AAAA...`
	HostKeys  []string `yaml:"host_keys"`
	Folder    string   `yaml:"folder"`     // on the server; absent: where the login leads
	TimeoutMS int      `yaml:"timeout_ms"` // of connecting, and of each step without progress (30000)
}

// Limits.
const (
	RowsMost     = 10_000
	RowsDefault  = 1000
	RowBytesMax  = 16 << 10 // of a row, as the ledger keeps it
	FileBytesMax = 32 << 20 // of a file before it is encrypted: where its rows come to more, the rest waits
	NameBytesMax = 128
	AgeHoursMost = 24 * 30
	ageDefault   = 72
	waitMost     = 7 * 24 * 60
	timesMost    = 24
)
