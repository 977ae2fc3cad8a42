# SPDX-License-Identifier: Apache-2.0
#
# scripts/setup installs what a target needs and the machine lacks; Go, git and make have to be there.

GO ?= go
# How long make up watches: on a terminal until Ctrl-C.
DURATION ?= $(if $(CI),5s,$(if $(MAKE_TERMOUT),,10s))

version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ldflags := -X main.version=$(version)
captures := $(sort $(wildcard $(foreach end,pcap pcapng,testdata/*.$(end) testdata/*.$(end).gz testdata/*.$(end).zst)))

# With libpcap's header and a C compiler, weir has the libpcap mode and replay --filter.
ifneq ($(and $(wildcard /usr/include/pcap.h),$(shell command -v gcc)),)
variant := CGO_ENABLED=1
variant_tags := libpcap
else
variant := CGO_ENABLED=0
endif
comma := ,
# KAFKA=1: with the output kafka, 3 MB more.
all_tags := $(variant_tags)$(if $(KAFKA),$(if $(variant_tags),$(comma))kafka)
tags := $(if $(all_tags),-tags $(all_tags))

# The packages to test in both variants.
libpcap_packages = $(shell scripts/libpcap-packages)

# The packages to test. The race detector sees only the test process; the tests of internal/agent and internal/testing/soak
# start the real program, and take long.
packages = $(if $(RACE),$(filter-out %/internal/agent %/internal/testing/soak,$(shell $(GO) list ./...)),./...)

.PHONY: help up demo replay build static release packages test soak guest fuzz page lint bench record generate clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

up: build ## start a sink and its page, enrol this machine, and watch its interfaces (root); DURATION=1m ends it
	@as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; command -v sudo >/dev/null || \
	  { echo 'make up: capturing needs root, and sudo is missing; run it as root' >&2; exit 1; }; fi; \
	$$as_root bin/weir check && $$as_root scripts/up $(if $(DURATION),-d $(DURATION)) -- --output table

demo: build ## a gateway with clients and servers in namespaces of its own, weir on it, and a summary
	@scripts/setup demo
	@scripts/demo bin/weir

replay: build ## build weir and show the flows of the bundled captures
	bin/weir replay --output table $(captures)

build: ## bin/weir, with the libpcap mode where libpcap's header and gcc are installed; bin/weir-sink (KAFKA=1: with Kafka)
	@scripts/setup build sink
	$(variant) $(GO) build $(tags) -ldflags '$(ldflags)' -o bin/weir ./cmd/weir
	CGO_ENABLED=1 $(GO) build -ldflags '$(ldflags)' -o bin/weir-sink ./cmd/weir-sink

static: ## bin/weir-static: pure Go, no libc, stripped
	@scripts/setup build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(ldflags)' -o bin/weir-static ./cmd/weir

release: ## bin/release: weir for amd64, arm64, armv7, mipsle and riscv64, bills of materials, checksums; checked
	@scripts/setup build release
	GO='$(GO)' scripts/release
	GO='$(GO)' scripts/release check

packages: release ## bin/packages: deb, rpm, apk and ipk of what make release builds, and of weir-sink if make build made it
	GO='$(GO)' scripts/packages $(if $(wildcard bin/weir-sink),-s)

test: ## all tests, about 15 minutes (root; else those that need it are skipped); RACE=1 with the race detector
	@scripts/setup test$(if $(CI), container)
	$(GO) test -json -timeout 30m$(if $(RACE), -race) $(packages) | $(GO) run ./scripts/progress
	$(if $(libpcap_packages),$(GO) test -json -timeout 30m$(if $(RACE), -race) -tags libpcap $(libpcap_packages) | $(GO) run ./scripts/progress)
	$(GO) test -json -timeout 30m$(if $(RACE), -race) -tags kafka ./internal/export/kafka | $(GO) run ./scripts/progress

soak: build ## hours of traffic, kills and restarts (root); scripts/soak --help explains how to shorten it
	scripts/soak

guest: ## weir on other kernels, in qemu; KERNELS='5.10 newest' for some of them (default: all)
	@scripts/setup guest
	GO='$(GO)' scripts/guest test $(or $(KERNELS),all)

fuzz: ## every fuzz target, FUZZ_COUNT (20000) inputs each
	@GO='$(GO)' FUZZ_COUNT='$(FUZZ_COUNT)' scripts/fuzz

page: build ## tests of the sink's page, in Node.js and in Chromium
	@scripts/setup page demo
	web/scripts/test

lint: ## formatting, vet, staticcheck, layering, sizes, licences, scripts
	@scripts/setup lint
	@GO='$(GO)' scripts/lint

bench: build static ## benchmarks, side by side with peers
	@scripts/setup bench
	cd bench && ./run

record: ## record testdata/ anew from real programs (root)
	@scripts/setup record
	testdata/record/run

generate: ## regenerate gen/, with the tools pinned in tools/go.mod
	@scripts/setup generate
	$(GO) generate ./...
	$(GO) -C bench generate ./...

clean: ## remove bin/
	rm -rf bin
