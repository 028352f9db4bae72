#!/bin/sh
# Runs it/s3_conformance.rs against moto, an independent implementation of S3, to check that the embedded server agrees with
# it. Needs python3 with venv, and PyPI. All files are under target/.
set -eu
cd "$(dirname "$0")/.."

. tests/python.sh
log="$target/moto-server.log"
cargo test --quiet --workspace --test it --no-run

port="$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT INT TERM

endpoint="http://127.0.0.1:$port"
tries=0
until "$venv/bin/python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/moto-api/").read()' \
    "$endpoint" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -ge 100 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "moto did not start:" >&2
        cat "$log" >&2
        exit 1
    fi
    sleep 0.2
done

CHURN_TEST_S3_ENDPOINT="$endpoint" cargo test --workspace --test it -- s3_conformance --skip beyond_moto
