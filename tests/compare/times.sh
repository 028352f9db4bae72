#!/bin/sh
# Times gradient boosting as trained here against XGBoost and LightGBM, in turns on the same data and cores: times.py, which
# takes the options. Needs python3 with venv, and PyPI. Everything it makes is under target/.
set -eu
cd "$(dirname "$0")/../.."
. tests/python.sh
cargo bench --quiet --workspace --bench boosting --no-run
exec "$venv/bin/python" tests/compare/times.py "$@"
