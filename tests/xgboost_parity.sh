#!/bin/sh
# Runs xgboost_parity.rs against PyPI's xgboost. Needs python3 with venv, and PyPI. Everything it makes is under target/.
set -eu
cd "$(dirname "$0")/.."

venv="${CARGO_TARGET_DIR:-target}/xgboost-venv"
if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import xgboost' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'xgboost-cpu==3.*'
fi
CHURN_TEST_PYTHON="$(cd "$venv/bin" && pwd)/python" cargo test --workspace --test xgboost_parity
