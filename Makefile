# `make` alone lists the tasks: each line below that carries a `##` comment. The work itself is in scripts/.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Seconds for each fuzz target, and which ones.
SECONDS ?= 60
FUZZ_TARGETS ?= json envelope logfmt plain syslog timestamp detect query
# How often chaos kills the job.
KILLS ?= 200
# How long soak lasts.
MINUTES ?= 30
# Logs that searches are measured over; each takes about 360 bytes of disk. The last fifth comes while searches are made.
LOGS ?= 12500000
# More arguments for demo, chaos, soak and bench: make demo ARGS="--rate 50000"
ARGS ?=

.PHONY: help
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Build and start the demo: made-up services, live views on http://127.0.0.1:8000
	cargo run --release --locked -- demo $(ARGS)

.PHONY: test
test: ## Install what is needed, then check and test everything, against a real Kafka and a real PostgreSQL
	@scripts/setup
	@scripts/test

.PHONY: setup
setup: ## Install the Debian packages that building and testing need (names them if not root)
	@scripts/setup

.PHONY: kafka
kafka: ## Start a real Apache Kafka on 127.0.0.1:9092 (scripts/kafka --help for more)
	@scripts/kafka start

.PHONY: kafka-stop
kafka-stop: ## Stop it; its data stays in .kafka
	@scripts/kafka stop

.PHONY: chaos
chaos: ## Kill the job KILLS=200 times on a real Kafka; nothing may be lost or told twice (ARGS="--seed 7" replays)
	cargo build --release --locked -p highwater -p highwater-chaos
	target/release/highwater-chaos --kills $(KILLS) $(ARGS)

.PHONY: soak
soak: ## Half of full speed for MINUTES=30 on a real Kafka; neither memory nor descriptors may grow
	cargo build --release --locked -p highwater -p highwater-chaos
	target/release/highwater-soak --minutes $(MINUTES) $(ARGS)

.PHONY: bench
bench: ## Measure speed and memory beside the yardsticks, as a table; then the log store (bench-search)
	cargo run --release --locked -p highwater-benches -- $(ARGS)
	$(MAKE) bench-search

.PHONY: bench-micro
bench-micro: ## Measure parsers, merges and detectors one by one
	cargo bench --locked -p highwater-benches --bench micro -- $(ARGS)

.PHONY: bench-incidents
bench-incidents: ## Measure how soon scripted incidents are found, and what is told for nothing (ARGS="--days 1 --rates 100,1000 --noises 0.08,0.3 --windows 10,60")
	cargo run --release --locked -p highwater-benches --bin incidents -- $(ARGS)

.PHONY: bench-search
bench-search: ## Measure the log store: indexing, size, searches over four fifths of LOGS=12500000 made-up logs
	cargo build --release --locked
	cargo build --release --locked -p highwater-logstore --example measure
	target/release/highwater generate --count $(LOGS) --rate 2000 --fast --to target/bench-search.json
	rm -rf target/bench-search
	target/release/examples/measure target/bench-search.json target/bench-search

.PHONY: bench-http
bench-http: ## Measure the HTTP API while logs flow in: view reads a second with their latencies, and 1000 live readers
	cargo build --release --locked
	scripts/bench-http $(ARGS)

.PHONY: contract
contract: ## Hold the HTTP API to its own description with schemathesis
	cargo build --locked
	scripts/contract

.PHONY: dashboard
dashboard: ## Drive the page in a browser against the binary; its pictures are left in target/screenshots
	cargo build --locked
	scripts/dashboard

.PHONY: fuzz
fuzz: ## Fuzz every parser, SECONDS=60 each (FUZZ_TARGETS="json syslog" for some)
	@set -e; for target in $(FUZZ_TARGETS); do fuzz/run.sh "$$target" $(SECONDS); done

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: lint
lint: ## Formatting, clippy and shellcheck, warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck scripts/{bench-http,contract,dashboard,kafka,postgres,setup,test} .ci/run; \
	else echo "shellcheck is not installed: scripts unchecked"; fi

.PHONY: doc
doc: ## Build the API documentation, warnings as errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

.PHONY: deny
deny: ## Check licences, advisories and sources of all dependencies
	@command -v cargo-deny >/dev/null || { echo "needs cargo-deny: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --locked check
