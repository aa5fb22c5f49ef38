// SPDX-License-Identifier: Apache-2.0

package batch

import "clearpost/wire/request"

// Spec is how a campaign's leads are gathered into files, as configured.
type Spec struct {
	Format  string       `yaml:"format"`  // csv (the default), jsonl, xlsx, xml
	CSV     CSVSpec      `yaml:"csv"`     // how a CSV file is written
	XML     DocumentSpec `yaml:"xml"`     // how an XML file is written
	Encrypt EncryptSpec  `yaml:"encrypt"` // for whom it is encrypted; absent: it is not
	// of a file: letters, digits, `-`, `_`, `.`, and {campaign}, {buyer}, {date}, {time}, {id}, {rows}
	Name   string              `yaml:"name"`
	Fields []request.FieldSpec `yaml:"fields"` // of a row, in their order: the columns of a CSV file
	Send   SendSpec            `yaml:"send"`   // when a file is formed
	// of one file at most (1000): the rest waits for the next
	RowsMax int `yaml:"rows_max"`
	// a lead that is older when its file is formed is not delivered, and is no sale (72)
	LeadAgeMaxH int    `yaml:"lead_age_max_h"`
	To          ToSpec `yaml:"to"` // where files are stored
	// where the buyer's files appear that say what became of each row; absent: it says nothing
	Response *ResponseSpec `yaml:"response"`
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

// DocumentSpec is how an XML file is written.
type DocumentSpec struct {
	Root string `yaml:"root"` // the element around all rows (leads)
	Row  string `yaml:"row"`  // the element of a row (lead)
}

// EncryptSpec is for whom a file is encrypted: by age or by OpenPGP.
type EncryptSpec struct {
	Age []string `yaml:"age"` // recipients, such as age1...
	PGP string   `yaml:"pgp"` // the buyer's public key in ASCII armor, best as ${file:PATH}
}

// DecryptSpec is by which key a response is read: of age or of OpenPGP.
type DecryptSpec struct {
	Age        string `yaml:"age"`        // identities, as age-keygen writes them, best as ${file:PATH}
	PGP        string `yaml:"pgp"`        // private keys in ASCII armor, best as ${file:PATH}
	Passphrase string `yaml:"passphrase"` // of these keys, best as ${env:NAME}; absent: they have none
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
	FTPS   *FTPSSpec   `yaml:"ftps"`   // an FTP server that speaks TLS
	S3     *S3Spec     `yaml:"s3"`     // a bucket of S3, or of what speaks its API
	HTTP   *HTTPSpec   `yaml:"http"`   // a URL that takes uploads
	Mail   *MailSpec   `yaml:"mail"`   // an e-mail with the file attached
	// folder, sftp, ftps, s3: nobody takes files away, so that one which is not there was never stored
	FilesStay bool `yaml:"files_stay"`
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

// FTPSSpec is a directory of an FTP server that speaks TLS.
type FTPSSpec struct {
	Address  string `yaml:"address"`  // host, or host:port (port 21, implicit: 990)
	User     string `yaml:"user"`     // who logs in
	Password string `yaml:"password"` // best as ${env:NAME}
	Implicit bool   `yaml:"implicit"` // TLS from the first byte; false: after AUTH TLS
	// the authority of its certificate in PEM, best as ${file:PATH}; absent: those that the machine knows
	CA        string `yaml:"ca"`
	Folder    string `yaml:"folder"`     // on the server; absent: where the login leads
	TimeoutMS int    `yaml:"timeout_ms"` // of connecting, and of each step without progress (30000)
}

// S3Spec is a bucket.
type S3Spec struct {
	// scheme and host, such as https://s3.us-east-1.amazonaws.com; http only with allow_private_addresses
	Endpoint  string `yaml:"endpoint"`
	Region    string `yaml:"region"`     // such as us-east-1
	Bucket    string `yaml:"bucket"`     // it must be there
	Prefix    string `yaml:"prefix"`     // before the name, such as incoming/
	AccessKey string `yaml:"access_key"` // best as ${env:NAME}
	SecretKey string `yaml:"secret_key"` // best as ${env:NAME}
	PathStyle bool   `yaml:"path_style"` // the bucket stands in the path, not in the host
	CA        string `yaml:"ca"`         // as of ftps
	TimeoutMS int    `yaml:"timeout_ms"` // of connecting, and of each step without progress (30000)
}

// HTTPSpec is a URL that takes uploads: the file is the body.
type HTTPSpec struct {
	// {name} stands for the file's name; http only with allow_private_addresses
	URL    string `yaml:"url"`
	Method string `yaml:"method"` // PUT (the default), which may be repeated, or POST, which may not
	// that are sent besides, by name; best with ${env:NAME} where they are secret
	Headers   map[string]string `yaml:"headers"`
	CA        string            `yaml:"ca"`         // as of ftps
	TimeoutMS int               `yaml:"timeout_ms"` // of connecting, and of each step without progress (30000)
}

// MailSpec is a mail server, and the e-mail that it is given.
type MailSpec struct {
	Server   string `yaml:"server"`   // host, or host:port (port 587, implicit: 465)
	User     string `yaml:"user"`     // who logs in; absent: nobody does
	Password string `yaml:"password"` // best as ${env:NAME}
	// starttls (the default), implicit, or none, which needs allow_private_addresses
	TLS       string   `yaml:"tls"`
	CA        string   `yaml:"ca"`         // as of ftps
	From      string   `yaml:"from"`       // the sender's address
	To        []string `yaml:"to"`         // the recipients' addresses
	Subject   string   `yaml:"subject"`    // with the placeholders of names ({name} too)
	Text      string   `yaml:"text"`       // of the e-mail, likewise; absent: what the file is called
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
