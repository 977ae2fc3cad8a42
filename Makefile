# SPDX-License-Identifier: Apache-2.0
#
# What a target needs and the machine lacks, scripts/setup installs; Go, git and make have to be there.

GO ?= go
FUZZTIME ?= 10s

version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ldflags := -X main.version=$(version)
captures := $(sort $(wildcard $(foreach end,pcap pcapng,testdata/*.$(end) testdata/*.$(end).gz testdata/*.$(end).zst)))

# With libpcap's header and a C compiler, weir has the libpcap mode and replay --filter.
ifneq ($(and $(wildcard /usr/include/pcap.h),$(shell command -v gcc)),)
variant := CGO_ENABLED=1
tags := -tags libpcap
else
variant := CGO_ENABLED=0
endif

# The packages to test in both variants.
libpcap_packages = $(shell scripts/libpcap-packages)

.PHONY: help up demo build static test fuzz lint bench record generate clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

up: build ## build weir and show the flows of the bundled captures
	bin/weir replay --output table $(captures)

demo: build ## the same, a capture at a time; the lab with live traffic comes with the live agent
	@scripts/demo bin/weir $(captures)

build: ## bin/weir, with the libpcap mode where libpcap's header and gcc are installed
	@scripts/setup build
	$(variant) $(GO) build $(tags) -ldflags '$(ldflags)' -o bin/weir ./cmd/weir

static: ## bin/weir-static: pure Go, no libc, stripped
	@scripts/setup build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(ldflags)' -o bin/weir-static ./cmd/weir

test: ## all tests; RACE=1 with the race detector
	@scripts/setup test
	$(GO) test$(if $(RACE), -race) ./...
	$(if $(libpcap_packages),$(GO) test$(if $(RACE), -race) -tags libpcap $(libpcap_packages))

fuzz: ## every fuzz target for FUZZTIME (10s), or all of them in FUZZ_TOTAL seconds
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' scripts/fuzz

lint: ## formatting, vet, staticcheck, layering, sizes, licences, scripts
	@scripts/setup lint
	@GO='$(GO)' scripts/lint

bench: build static ## benchmarks, side by side with peers
	@scripts/setup bench
	cd bench && ./run

record: ## record testdata/ anew from real programs (root)
	@scripts/setup record
	testdata/record/run

generate: ## gen/ from its sources, with the tools pinned in tools/go.mod
	@scripts/setup generate
	$(GO) generate ./...

clean: ## remove bin/
	rm -rf bin
