#!/bin/sh
# Simulates a log of 5,000 users, trains on it, and holds the candidates against scikit-learn, XGBoost and LightGBM on the
# same rows and folds: boosters.py. Needs python3 with venv, and PyPI. Everything it makes is under target/.
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh

work="$target/compare"
mkdir -p "$work"
churn="cargo run --release --quiet --"
log="$work/log.json.zst"
[ -f "$log" ] || $churn simulate --users 5000 --days 120 --seed 1 --events-per-user-day 5 --out "$log"
rm -rf "$work/data"
$churn demo --data "$work/data" "$log"

$churn report --data "$work/data" --json "$work/report.json" > /dev/null

# The local S3 keeps each object as a file of another name: find the rows by what is in them.
for file in "$work"/data/s3/buckets/churn-store/data/*; do
    if grep -q user_group "$file" && [ "$(head -c 4 "$file")" = PAR1 ]; then rows="$file"; fi
done
exec "$venv/bin/python" tests/compare/boosters.py "$rows" "$work/report.json"
