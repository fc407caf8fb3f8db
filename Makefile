# `make` prints the targets. Recipes longer than a line are scripts in .ci and Tests/Lab.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export SWIFT_BACKTRACE := enable=no

PREFIX ?= /usr/local
DESTDIR ?=
SECONDS := 60
RELEASE := .build/release/gantryd
STYLE := --configuration .swift-format --parallel --recursive
SOURCES := Package.swift Sources Tests
# Lab hosts need root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env env "PATH=$$PATH")

.PHONY: help
help: ## what can be made
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | sort | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

.PHONY: run
run: build ## start the daemon on this machine's libvirt (or a private one) and show it at work; Ctrl-C ends it
	@$(AS_ROOT) Tests/Lab/tour $(RELEASE)

.PHONY: test
test: packages toolchain ## install what is missing, build, run all tests, on real hosts with booted guests too
	@.ci/test

.PHONY: build
build: packages toolchain ## the daemon as one file, optimised: .build/release/gantryd
	@swift build -c release --product gantryd --static-swift-stdlib

.PHONY: lint
lint: toolchain ## style, strictly
	@swift format lint --strict $(STYLE) $(SOURCES)

.PHONY: format
format: toolchain ## put all sources into style
	@swift format --in-place $(STYLE) $(SOURCES)

.PHONY: fuzz
fuzz: packages toolchain ## run every fuzz target for a while: make fuzz SECONDS=600
	@.ci/fuzz $(SECONDS)

.PHONY: bench
bench: build ## measure against named floors in one run; history is kept
	@$(AS_ROOT) Tests/Bench/run $(RELEASE)

.PHONY: lab
lab: packages ## two libvirt hosts and the tiny guest, to play with; see Tests/Lab/README.md
	@$(AS_ROOT) Tests/Lab/build-guest
	@$(AS_ROOT) Tests/Lab/hosts-up 2

.PHONY: docs
docs: packages toolchain ## the sources' documentation as web pages: .build/docs
	@.ci/docs

.PHONY: install
install: ## copy the daemon, its unit and its configuration (PREFIX, DESTDIR); run make build first
	@test -x $(RELEASE) || { echo "run make build first" >&2; exit 1; }
	install -D -m 755 -s $(RELEASE) $(DESTDIR)$(PREFIX)/bin/gantryd
	install -D -m 644 systemd/gantryd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gantryd.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's#/usr/bin/gantryd#$(PREFIX)/bin/gantryd#; s#/usr/share/doc#$(PREFIX)/share/doc#' systemd/gantryd.service \
	    > $(DESTDIR)$(PREFIX)/lib/systemd/system/gantryd.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/gantry $(wildcard README.md SECURITY.md CHANGELOG.md LICENSE openapi.yaml)
	test -e $(DESTDIR)/etc/gantry/gantry.yaml || install -D -m 644 config/gantry.yaml $(DESTDIR)/etc/gantry/gantry.yaml
	@test -n "$(DESTDIR)" || echo "now: systemd-sysusers && systemctl daemon-reload && systemctl enable --now gantryd"

.PHONY: packages
packages: ## install the Debian packages that are missing
	@.ci/packages

.PHONY: toolchain
toolchain: # is there a Swift?
	@.ci/toolchain
