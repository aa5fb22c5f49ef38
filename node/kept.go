// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"io/fs"

	"clearpost/config"
	"clearpost/exchange"
	"clearpost/ledger"
)

// keptConfig reads a configuration that was kept beside the ledger.
func keptConfig(led *ledger.Ledger, hash string) (exchange.Config, error) {
	dir, lists, err := led.KeptConfig(hash)
	if errors.Is(err, fs.ErrNotExist) {
		return exchange.Config{}, errors.New("it is not kept beside the ledger")
	} else if err != nil {
		return exchange.Config{}, err
	}
	cfg, err := config.LoadKept(dir, lists, hash)
	if err != nil {
		return exchange.Config{}, err
	}
	return cfg.Exchange, nil
}
