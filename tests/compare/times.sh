#!/bin/sh
# Compares the training time of gradient boosting with XGBoost and LightGBM, in turns on the same data and cores. Options are
# those of times.py. Needs python3 with venv, and PyPI. All files are under target/.
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh
cargo bench --quiet --workspace --bench boosting --no-run
exec "$venv/bin/python" tests/compare/times.py "$@"
