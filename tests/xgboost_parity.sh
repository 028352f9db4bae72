#!/bin/sh
# Runs it/xgboost_parity.rs with XGBoost. Needs python3 with venv, and PyPI. All files are under target/.
set -eu
cd "$(dirname "$0")/.."

. tests/python.sh
CHURN_TEST_PYTHON="$venv/bin/python" cargo test --release --workspace --test it -- --ignored xgboost_parity
