#!/usr/bin/env bash
# Runs it/mlflow_real.rs against an MLflow tracking server with SQLite and artifacts in a temporary folder. Needs python3 with
# venv, and PyPI. All files are under target/ or in the temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
. tests/servers.sh
cargo test --quiet --release --workspace --test it --no-run

port="$(free_ports 1)"
# Without telemetry, and without processes for jobs, which the tests do not use.
MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false start mlflow "$venv/bin/mlflow" server \
    --host 127.0.0.1 --port "$port" --workers 1 --backend-store-uri "sqlite:///$work/mlflow.db" \
    --artifacts-destination "$work/artifacts"
wait_for mlflow "$venv/bin/python" -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/health')"

CHURN_TEST_MLFLOW="http://127.0.0.1:$port" cargo test --release --workspace --test it -- --ignored mlflow_real
