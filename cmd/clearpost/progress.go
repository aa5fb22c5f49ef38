// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressFrom is from how many bytes on the reading of a file of values is shown.
const progressFrom = 32 << 20

// progressOf shows how far a large file of values is read, where somebody is looking; nil elsewhere.
func progressOf(w io.Writer) func(file string, read, size int64) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(file string, read, size int64) {
		if size < progressFrom {
			return
		}
		if bar == nil {
			bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(f), progressbar.OptionSetWidth(20),
				progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetDescription(file))
		}
		// The bar only decorates: what it cannot draw is no failure.
		if _ = bar.Set64(read); read >= size {
			_ = bar.Finish()
			bar = nil
		}
	}
}
