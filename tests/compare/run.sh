#!/bin/sh
# Simulates a log of 5,000 users, trains on it, and compares the candidates with scikit-learn, XGBoost and LightGBM on the same
# rows and folds (boosters.py). Needs python3 with venv, and PyPI. All files are under target/.
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh
. tests/compare/rows.sh

work="$target/compare"
mkdir -p "$work"
churn="cargo run --release --quiet --"
log="$work/log.json.zst"
$churn simulate --users 5000 --days 120 --seed 1 --events-per-user-day 5 --out "$log"
rm -rf "$work/data"
# All rows are in the search, so that the others have the same folds.
$churn demo --data "$work/data" --training '{"max_search_rows":1000000}' "$log"

$churn report --data "$work/data" --json "$work/report.json" > /dev/null

rows=$(exported_rows "$work/data")
exec "$venv/bin/python" tests/compare/boosters.py "$rows" "$work/report.json"
