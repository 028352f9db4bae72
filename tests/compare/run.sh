#!/bin/sh
# Simulates a log of 5,000 users, trains on it, and compares the candidates with scikit-learn, XGBoost and LightGBM on the same
# rows and folds (boosters.py). Needs python3 with venv, and PyPI. All files are under target/.
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

# The file names of the local S3 server are not the keys: find the exported rows by their content.
for file in "$work"/data/s3/buckets/churn-store/data/*; do
    if grep -q user_group "$file" && [ "$(head -c 4 "$file")" = PAR1 ]; then rows="$file"; fi
done
exec "$venv/bin/python" tests/compare/boosters.py "$rows" "$work/report.json"
