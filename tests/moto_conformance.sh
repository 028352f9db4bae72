#!/usr/bin/env bash
# Runs it/s3_conformance.rs against moto, an independent implementation of S3, to check that the embedded server agrees with
# it. Needs python3 with venv, and PyPI. All files are under target/ or in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
. tests/servers.sh
cargo test --quiet --release --workspace --test it --no-run

port="$(free_ports 1)"
start moto "$venv/bin/python" tests/moto_s3.py "$port"
wait_for moto accepts_connections "$port"

CHURN_TEST_S3_ENDPOINT="http://127.0.0.1:$port" cargo test --release --workspace --test it -- s3_conformance --skip beyond_moto
