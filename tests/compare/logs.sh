#!/bin/sh
# Simulates logs of different seeds, trains on each, and prints the calibration of each model on its held-out rows
# (calibration.py). CHURN is the command of the binary. All files are under target/.
#
#     tests/compare/logs.sh [logs [users [days [settings]]]]
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh
logs=${1:-20} users=${2:-500} days=${3:-60} settings=${4:-"{}"}
churn=${CHURN:-"cargo run --release --quiet --"}
work="$target/compare/logs"
mkdir -p "$work"

reports=""
for seed in $(seq 1 "$logs"); do
    name="$work/$users-$days-$seed"
    $churn simulate --users "$users" --days "$days" --seed "$seed" --out "$name.json.zst" > /dev/null
    rm -rf "$work/data"
    $churn demo --data "$work/data" --training "$settings" "$name.json.zst" > "$name.txt" 2> "$name.err"
    $churn report --data "$work/data" --json "$name-report.json" > /dev/null
    reports="$reports $name-report.json"
done
# shellcheck disable=SC2086
exec "$venv/bin/python" tests/compare/calibration.py $reports
