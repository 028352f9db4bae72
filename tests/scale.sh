#!/usr/bin/env bash
# Measures time and memory of ingesting one uncompressed object of 0.3, 1 and 3 GB on the local stack. Needs 6 GB of disk.
#   tests/scale.sh [USERS…]      default: 390 1300 3500 users, 90 days each
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[ $# -gt 0 ] || set -- 390 1300 3500
for users in "$@"; do
    log="$folder/log.json"
    cargo run --release --quiet -- simulate --users "$users" --days 90 --seed 7 --out "$log"
    printf '\n== %s users, %s MB\n' "$users" "$(($(stat -c %s "$log") / 1000000))"
    TMPDIR="$folder" cargo run --release --quiet -- bench "$log"
    rm "$log"
done
