// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"context"
	"errors"
	"time"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"

	"clearpost/lead"
	"clearpost/wire/request"
)

// Batch is how a campaign's leads are gathered into files. It never changes.
type Batch struct {
	Row     *request.Request // its body is a row, as the ledger keeps it
	Format  string
	Columns []string // of a CSV file
	CSV     CSV
	XML     DocumentSpec
	ages    []age.Recipient
	pgp     openpgp.EntityList
	Name    string // with its placeholders
	Send    Send
	RowsMax int
	AgeMax  time.Duration // since the whole lead came, when its file is formed
	To      To
	// what its buyer says of each row; nil: nothing
	Response *Response
}

// Send is when a file is formed.
type Send struct {
	Rows int           // 0: however many wait
	Wait time.Duration // 0: however long they do
	At   []int         // minutes of the day, rising
	Zone *time.Location
}

// To is where files are stored: one of these is not nil.
type To struct {
	Folder       *Folder
	SFTP         *SFTP
	FTPS         *FTPS
	S3           *S3
	HTTP         *HTTP
	Mail         *Mail
	AllowPrivate bool // the server may be one of the own network
	Stay         bool // what is not there was never stored
}

// Folder is a directory of this machine.
type Folder struct{ Path string }

// SFTP is a directory of an SFTP server. It holds secrets.
type SFTP struct {
	Address        string // host:port
	User, Password string
	Key            string
	HostKeys       []string
	Folder         string
	Timeout        time.Duration
}

// FTPS is a directory of an FTP server that speaks TLS. It holds secrets.
type FTPS struct {
	Address, User, Password string
	Implicit                bool
	CA                      string
	Folder                  string
	Timeout                 time.Duration
}

// S3 is a bucket. It holds secrets.
type S3 struct {
	Host                   string // host:port, or host
	TLS                    bool
	Region, Bucket, Prefix string
	AccessKey, SecretKey   string
	PathStyle              bool
	CA                     string
	Timeout                time.Duration
}

// HTTP is a URL that takes uploads. It holds secrets.
type HTTP struct {
	URL, Method string
	Headers     map[string]string
	CA          string
	Timeout     time.Duration
}

// Mail is a mail server, and what it is given. It holds secrets.
type Mail struct {
	Address, User, Password, TLS string
	CA                           string
	From                         string
	To                           []string
	Subject, Text                string // with placeholders
	Timeout                      time.Duration
}

// Kind names the way, for people.
func (t *To) Kind() string {
	switch {
	case t.Folder != nil:
		return "folder"
	case t.SFTP != nil:
		return "sftp"
	case t.FTPS != nil:
		return "ftps"
	case t.S3 != nil:
		return "s3"
	case t.HTTP != nil:
		return "http"
	}
	return "mail"
}

// File is a file that is decided: what is stored is these bytes under this name, or nothing.
type File struct {
	ID     lead.ID
	Name   string
	Bytes  []byte
	SHA256 string // of Bytes, in hexadecimal digits
	Rows   int

	Subject, Text string // of the e-mail that it goes by
}

// Partial is what it is called until it is whole: no other file is, not even one of another campaign or another node
// that is to have the same name in the end.
func (f *File) Partial() string { return f.Name + "." + f.ID.String() + PartialSuffix }

// Standing is how a file stands where it is to be stored.
type Standing uint8

// The standings.
const (
	Absent Standing = iota // neither under its final name nor under the one that it has till then
	Staged                 // whole, under the name that it has till then
	Stored                 // whole, under its final name
	Taken                  // something else stands under its final name
	Alike                  // what stands under its final name is as long, may not be read, and may be another file
)

// Place is where files are stored, while it is open. One goroutine uses it.
type Place interface {
	// Look tells how a file stands.
	Look(ctx context.Context, f *File) (Standing, error)
	// Stage brings the whole file there, under a name by which nobody takes it, over whatever stood there.
	Stage(ctx context.Context, f *File) error
	// Store has what is staged stand under its final name, at once and over nothing, or hands the file over. After
	// ErrUnclear it may have; after another error it certainly has not.
	Store(ctx context.Context, f *File) error
	// Repeats tells whether storing a file twice is the same as once, even if somebody has taken it in between.
	Repeats() bool
	Close() error
}

// ErrUnclear says that nobody can tell whether a file is stored.
var ErrUnclear = errors.New("nobody can tell whether the file is stored")

// PartialSuffix is what the name of a file ends in until it is whole.
const PartialSuffix = ".part"
