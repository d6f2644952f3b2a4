# The front door. `make help` lists what there is; CMake, pytest and npm do the work.
.DEFAULT_GOAL := help
JOBS ?= 2
DEPS := build/deps
export PATH := $(CURDIR)/$(DEPS)/bin:$(PATH)

.PHONY: help setup build dev check test acceptance demo bench lint fmt fuzz sizes ui clean

help: ## what each word does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## install everything that building and testing need (Debian, npm, pip, Maven packages)
	@tools/setup test

$(DEPS)/stamps/librdkafka:
	@tools/setup build

ui/dist/index.html: $(DEPS)/stamps/librdkafka $(shell find ui/src ui/public ui/index.html ui/*.ts ui/*.json api -type f 2>/dev/null)
	@tools/setup build
	cd ui && npm run --silent build

ui: ui/dist/index.html ## build the web UI alone

build: $(DEPS)/stamps/librdkafka ui/dist/index.html ## the release binary: build/release/highway
	@tools/setup build
	@cmake --preset release >build/release-configure.log || { cat build/release-configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS)

dev: $(DEPS)/stamps/librdkafka ui/dist/index.html ## the binary and the tests with ASan and UBSan: build/dev
	@tools/setup build
	@cmake --preset dev >build/dev-configure.log || { cat build/dev-configure.log; exit 1; }
	@cmake --build --preset dev -j $(JOBS)

check: dev ## the inner loop: unit tests under sanitizers
	@ctest --test-dir build/dev -L unit --output-on-failure -j $(JOBS)

test: ## set up, build, and run every test once against the real systems
	@tools/run_tests

acceptance: test ## the long campaigns
	@tools/run_tests acceptance

demo: build ## start everything, send real events, land them in a table, show the rows
	@examples/demo

bench: setup build ## first measures, ours beside Apache Kafka
	@$(DEPS)/test-venv/bin/python bench/run.py

lint: ## layers, formatting of names and files, compiler warnings
	@tools/setup lint
	@tools/check_layers
	@tools/lint

fmt: ## format the C sources
	@tools/setup lint
	@git ls-files '*.c' '*.h' | xargs clang-format -i

fuzz: ## ten minutes over all fuzz targets (SECONDS=600)
	@tools/setup lint
	@tools/run_fuzz $(or $(SECONDS),600)

sizes: ## biggest files
	@git ls-files '*.c' '*.h' '*.ts' '*.tsx' '*.py' | xargs wc -l | sort -rn | head -25

clean: ## remove builds, keep installed dependencies
	rm -rf build/dev build/release build/tsan build/fuzz ui/dist
