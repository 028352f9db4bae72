#!/bin/sh
# Trains on simulated logs of different seeds, and compares the ranking of the users of another, larger log with models of
# scikit-learn, LightGBM and XGBoost on the same rows (ranking.py). Needs python3 with venv, and PyPI. CHURN is the command of
# the binary. All files are under target/.
#
#     tests/compare/ranking.sh [logs [interval of the cutoffs in days]]
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh
. tests/compare/rows.sh
logs=${1:-20} interval=${2:-2}
churn=${CHURN:-"cargo run --release --quiet --"}
work="$target/compare/ranking"
mkdir -p "$work"

# Exports the rows of a simulated log: FILE USERS SEED INTERVAL.
export_rows() {
    rm -rf "$work/data"
    $churn simulate --users "$2" --days 60 --seed "$3" --out "$work/log.json.zst" > /dev/null
    $churn demo --data "$work/data" --training "{\"cutoff_interval_days\":$4,\"candidates\":[\"logistic_regression\"]}" \
        "$work/log.json.zst" > "$work/demo.txt"
    cp "$(exported_rows "$work/data")" "$1"
}

# Simulated users do not depend on the calendar, so other users of the same days are as good as those of a later period.
export_rows "$work/other.parquet" 3000 1001 7
files=""
for seed in $(seq 1 "$logs"); do
    export_rows "$work/$seed.parquet" 500 "$seed" 1
    files="$files $work/$seed.parquet"
done
# shellcheck disable=SC2086
cargo run --release --quiet -p churn-training --example rows -- \
    "$work/other.parquet" "{\"cutoff_interval_days\":$interval}" $files > "$work/ours.jsonl"
# shellcheck disable=SC2086
exec "$venv/bin/python" tests/compare/ranking.py "$work/ours.jsonl" "$interval" "$work/other.parquet" $files
