# SPDX-License-Identifier: Apache-2.0
# Most targets are steps of .ci/run, where the commands stand.

.DEFAULT_GOAL := help
.PHONY: help run test race integration fuzz bench sim kill mutants lint check parts-stop

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

run: ## run the demo: an exchange, simulated buyers and sellers, until Ctrl-C
	go run ./cmd/clearpost demo

test: ## all tests that need no outside part
	.ci/run test

race: ## the same tests, shortened, under the race detector
	.ci/run race

integration: ## tests against real parts, which .ci/parts installs and starts
	.ci/run integration

fuzz: ## every fuzz target for FUZZ_TIME (1s)
	.ci/run fuzz

bench: ## the benchmarks of the ping path and their baselines
	go test -run '^$$' -bench . ./bench

SEEDS ?= 200
sim: ## SEEDS (200) simulations of sellers, buyers, faults and crashes, each judged by the auditor
	go test ./exchange -run '^TestSim$$' -seeds $(SEEDS) -steps 120 -timeout 2h -v | grep -v level=

KILLS ?= 200
WAITING ?= 50
kill: ## KILLS (200) kills of an exchange under load, and WAITING (50) while leads wait, judged by the auditor
	go test ./cmd/clearpost -run '^TestKilled' -kills $(KILLS) -kills-waiting $(WAITING) -timeout 2h -v

mutants: ## one mistake in the engine at a time: which test finds it
	go -C tools run ./mutants

lint: ## go.mod, gofmt, go vet, staticcheck
	.ci/run tidy format vet lint

check: ## everything that CI does
	.ci/run

parts-stop: ## end real parts that were started by hand with .ci/parts start
	.ci/parts stop
