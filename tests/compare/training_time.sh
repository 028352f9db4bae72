#!/bin/sh
# Time and peak memory of trainings by number of rows (training_time.py). The rows are those of tests/compare/ranking.sh, which has to
# run first.
#
#     tests/compare/training_time.sh [rows ...]
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh
[ $# -gt 0 ] || set -- 10000 30000 100000 300000 1000000
cargo build --release --quiet -p churn-training --example rows
exec "$venv/bin/python" tests/compare/training_time.py "$target/release/examples/rows" "$target/compare/ranking" "$@"
