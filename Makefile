# Everything a developer types. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOLS := $(CURDIR)/bin/tools
GOLANGCI_VERSION := v2.7.2
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da
BENCHSTAT := $(TOOLS)/benchstat-$(BENCHSTAT_VERSION)
WEB_SOURCES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -not -name '*.go' -print)
STAGE := test/tools/stage.sh
CLIENT_TESTS := go run ./test/tools/clienttests
FUZZ_TIME ?= 20s
BENCH ?= .
SOAK ?= 10m
ARGS ?=

.PHONY: help run demo build release test test-rest test-all lint fuzz bench soak setup clean \
	bench-compare bench-base bench-macro bench-latency screenshots tools clients clients-all race-binary

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: build ## build everything and start the server (ARGS="--config my.yaml")
	exec bin/weir serve $(ARGS)

demo: build ## the same with a built-in clip as live/demo
	exec bin/weir demo $(ARGS)

build: web/dist/index.html ## build the console and the program into bin/weir
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags '-s -w -X main.version=$(VERSION)' -o bin/weir ./cmd/weir

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run build
	@touch $@

# npm writes this file last, so it stands for a complete installation.
web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

# test is what a change must pass; it stays below twelve minutes on two cores
# once its tools are there. Each stage has its own limit.
test: ## install what is missing, then check everything that is quick
	@$(STAGE) 10m 'install clients' $(MAKE) clients
	@$(STAGE) 10m 'install tools' $(MAKE) tools
	@$(STAGE) 5m 'build' $(MAKE) build
	@$(STAGE) 3m 'vet' go vet -tags e2e ./...
	@$(STAGE) 5m 'lint' $(MAKE) lint
	@$(STAGE) 9m 'unit tests and fuzz corpora, race detector on' env CGO_ENABLED=1 $(CLIENT_TESTS) -again 2 -- -race -timeout 7m -- ./...
	@$(STAGE) 2m 'console: types' npm --prefix web run check
	@$(STAGE) 2m 'console: tests' npm --prefix web test
	@$(STAGE) 5m 'end to end, quick' $(CLIENT_TESTS) -- -tags e2e -count=1 -parallel 4 -timeout 3m -run '^TestQuick' -- ./test/e2e

# PLAIN are tests of what browsers show and encode, of loads, delays and pauses: with
# the race detector in the server they take long, or measure it. The others run with it.
PLAIN := ^TestFull(Load|HLSLoad|RelayBackOff|RelayChain|AudioOfBrowsers|WHIPChromium|WHEP(Chromium|Sync|Silence|Latency|BFrames)|ChromiumPlayer(Latency|Codecs|Bounded|Embedded))$$

# test-rest is test-all without test, for machines that report them apart.
test-rest: build
	@$(STAGE) 10m 'install more clients' $(MAKE) clients-all
	@$(STAGE) 10m 'install ffmpeg 9' go test -tags e2e -count=1 -timeout 590s -run '^TestSetup' ./test/e2e
	@$(STAGE) 4m 'samples of the documents, sound, damaged indexes' $(CLIENT_TESTS) -- -tags e2e -count=1 -p 1 -timeout 3m -run '^TestFull' -- ./test/docs ./pkg/transcode ./protocols/record/library
	@$(STAGE) 14m 'end to end, the server as it is' $(CLIENT_TESTS) -- -tags e2e -count=1 -parallel 4 -timeout 12m -run '$(PLAIN)' -- ./test/e2e
	@$(STAGE) 4m 'race-detecting server' $(MAKE) race-binary
	@$(STAGE) 25m 'end to end, every client, race detector in the server' env WEIR_BIN=$(CURDIR)/bin/weir-race $(CLIENT_TESTS) -- -tags e2e -count=1 -parallel 4 -timeout 23m -run '^Test(Quick|Full)' -skip '$(PLAIN)' -- ./test/e2e
	@$(STAGE) 7m 'soaks of 60 s' env CGO_ENABLED=1 WEIR_SOAK=60s go test -race -count=1 -p 1 -timeout 6m -run '^TestSoak' ./...
	@$(STAGE) 4m 'soak of the whole server' env WEIR_BIN=$(CURDIR)/bin/weir-race WEIR_SOAK=60s go test -tags e2e -count=1 -timeout 210s -run '^TestSoakServer$$' ./test/e2e
	@$(STAGE) 10m 'fuzz' $(MAKE) fuzz FUZZ_TIME=20000x

test-all: ## test with every client, a race-detecting server, soaks and fuzzing
	@$(MAKE) test
	@$(MAKE) test-rest

release: web/dist/index.html ## archives for all systems, SBOM and checksums in bin/release
	@rm -rf bin/release
	go run ./test/tools/release -version $(VERSION) -out bin/release

lint: $(GOLANGCI) ## lint the Go code
	$(GOLANGCI) run --allow-parallel-runners --build-tags e2e ./...

fuzz: ## fuzz each target for FUZZ_TIME, such as 20s or 30000x
	@test/tools/fuzz.sh $(FUZZ_TIME)

bench: ## benchmarks of the hot paths (BENCH=pattern); docs/performance.md knows more
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

# bench-compare tells what a change has done to them since bench-base was run.
bench-compare: $(BENCHSTAT)
	@mkdir -p bin/bench
	test/bench/record.sh '$(BENCH)' > bin/bench/new.txt
	$(BENCHSTAT) -ignore machine base=test/bench/base.txt new=bin/bench/new.txt

bench-base:
	@mkdir -p bin/bench
	test/bench/record.sh > bin/bench/base.txt
	@mv bin/bench/base.txt test/bench/base.txt

# bench-macro measures the whole server (ARGS="-run players-1000").
bench-macro: build
	go run ./test/bench/macro $(ARGS)

# bench-latency measures from encoder to picture in Chromium (ARGS="-run TestLatency/ll-hls"),
# and what servers that fetch from one another add.
bench-latency: build
	WEIR_LATENCY=15s go test -tags e2e -count=1 -timeout 15m -v -run '^Test(Latency|FullRelayChain)$$' $(ARGS) ./test/e2e

# The Chinese picture needs a font with Chinese, such as fonts-droid-fallback.
screenshots: build ## take the pictures of docs/console.md anew
	@mkdir -p docs/images
	go test -tags e2e -count=1 -timeout 5m -run '^TestFullChromium(Pages|Recordings)$$' ./test/e2e -update

soak: race-binary ## everything at once, for SOAK=10m each, race detector on; bin/soak gets a report
	CGO_ENABLED=1 WEIR_SOAK=$(SOAK) go test -race -count=1 -p 1 -timeout 0 -run '^TestSoak' ./...
	WEIR_BIN=$(CURDIR)/bin/weir-race WEIR_SOAK=$(SOAK) go test -tags e2e -count=1 -timeout 0 -run '^Test(SoakServer|FullRelayDemand|FullRecordCrash)$$' ./test/e2e

setup: clients-all tools web/node_modules/.package-lock.json ## install all that development needs

clean: ## remove what was built, keep downloaded tools
	rm -rf bin/weir bin/weir-race web/dist/assets web/dist/index.html

tools: $(GOLANGCI)

$(GOLANGCI):
	@mkdir -p $(TOOLS)
	CGO_ENABLED=0 GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(TOOLS)/golangci-lint $@

$(BENCHSTAT):
	@mkdir -p $(TOOLS)
	CGO_ENABLED=0 GOBIN=$(TOOLS) go install golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)
	@mv $(TOOLS)/benchstat $@

clients:
	@test/install.sh quick

clients-all:
	@test/install.sh all

race-binary: web/dist/index.html
	CGO_ENABLED=1 go build -race -tags nomsgpack -o bin/weir-race ./cmd/weir
