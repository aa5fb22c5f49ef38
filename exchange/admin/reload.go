// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"time"

	"clearpost/alerts"
	"clearpost/config/tree"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

// Hooks are what the server cannot do or know itself.
type Hooks struct {
	Statuses func(fn func(status int, n int64)) // the sellers' answers by HTTP status
	Reload   func(by string) Reload             // reads the configuration's directory again
	Config   func() ConfigStatus
	Load     func() LoadStatus // what the sellers' door carries and sends away; nil: there is no door
	Identity func() Identity
	Backup   func(to string) (ledger.Backup, error) // copies the data into a directory that is not there yet
	Report   func() (*report.View, error)           // what find and report read; an error says why there is none
	// how buyers pay; with apply that is put into force. nil: nobody reckons it
	Standings func(ctx context.Context, apply bool) ([]Standing, error)
	Alerts    *alerts.Watch // nil: nobody is told of anything
	Memory    int64         // bytes that the node keeps to; 0: none
	Offline   bool          // opened by a verb, beside no running node
}

// Identity says which directories a node serves, so that a verb that is given others, or copies of them, does not speak
// to it. A directory, and the file that identifies the data, is told by its device and inode.
type Identity struct {
	ID        string `json:"id"` // of the data directory
	Node      string `json:"node"`
	PID       int    `json:"pid"`
	DataDir   string `json:"data_dir"`
	Data      FileID `json:"data"` // the data directory's identity.json
	ConfigDir string `json:"config_dir"`
	Config    FileID `json:"config"` // the configuration directory, as it is now
}

// FileID is a file or directory on this machine. Both numbers are 0 where it is not known.
type FileID struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// Who asks for a reload.
const (
	ByCommand = "command" // clearpost reload, or POST /v1/reload
	BySignal  = "signal"  // SIGHUP
	ByWatch   = "watch"   // the directory has changed
)

// How a reload ends.
const (
	Applied   = "applied"   // the directory's configuration is in force
	Unchanged = "unchanged" // it was already: nothing was done
	Refused   = "refused"   // the configuration before stays in force, whole
)

// Reload is how one reading of the configuration's directory ended.
type Reload struct {
	Result   string         `json:"result"`
	At       time.Time      `json:"at"`
	By       string         `json:"by"`
	Config   string         `json:"config"`             // hash of the configuration in force after it
	Problems []tree.Problem `json:"problems,omitempty"` // refused: all mistakes of all files
	Restart  []string       `json:"restart,omitempty"`  // refused: keys of clearpost.yaml whose change needs a restart
	Error    string         `json:"error,omitempty"`    // refused: why, in a line
}

// ConfigStatus is which configuration is in force, and how it came to be.
type ConfigStatus struct {
	Hash    string           `json:"hash"`
	Since   time.Time        `json:"since"`
	Reloads map[string]int64 `json:"reloads"` // since the start, by result
	Last    *Reload          `json:"last_reload,omitempty"`
}
