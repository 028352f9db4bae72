#!/bin/sh
# Runs it/mlflow_real.rs against an MLflow tracking server with SQLite and artifacts in a temporary folder. Needs python3 with
# venv, and PyPI. All files are under target/ or in the temporary folder.
set -eu
cd "$(dirname "$0")/.."

. tests/python.sh
cargo test --quiet --workspace --test it --no-run

work="$(mktemp -d)"
log="$work/server.log"
server=
clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port="$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
# Without telemetry, and without processes for jobs, which the tests do not use.
MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false "$venv/bin/mlflow" server \
    --host 127.0.0.1 --port "$port" --workers 1 --backend-store-uri "sqlite:///$work/mlflow.db" \
    --artifacts-destination "$work/artifacts" >"$log" 2>&1 &
server=$!

url="http://127.0.0.1:$port"
tries=0
until "$venv/bin/python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/health").read()' \
    "$url" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -ge 300 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "mlflow did not start:" >&2
        cat "$log" >&2
        exit 1
    fi
    sleep 0.2
done

CHURN_TEST_MLFLOW="$url" cargo test --workspace --test it -- --ignored mlflow_real
