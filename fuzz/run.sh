#!/bin/sh
# Fuzzes one parser for a while: ./run.sh TARGET [SECONDS]
#
# TARGET is a file of targets/: json, envelope, logfmt, plain, syslog, timestamp, detect or query. SECONDS defaults to 60.
# Needs no nightly compiler: the coverage passes are LLVM's own, switched on by hand, without an address sanitizer.
# What it learns is kept in corpus/TARGET; an input that fails is written to artifacts/TARGET and the script fails.
# To try such an input again: target/*/release/TARGET artifacts/TARGET/crash-..
set -eu
cd "$(dirname "$0")"
target=${1:?usage: run.sh TARGET [SECONDS]}
seconds=${2:-60}

export CARGO_TARGET_DIR="$PWD/target"
# a target of its own for the flags, lest build scripts and macros be instrumented as well
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1" \
  cargo build --quiet --release --target "$host" --bin "$target"

mkdir -p "corpus/$target" "artifacts/$target"
"target/$host/release/$target" "corpus/$target" "seeds/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 \
  -artifact_prefix="artifacts/$target/" -print_final_stats=1
