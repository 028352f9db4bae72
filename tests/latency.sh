#!/usr/bin/env bash
# Measures `predict` as it is deployed: start, latency, throughput, size and memory, and, in the same run, the latency of a
# service of FastAPI, pandas and scikit-learn. Its program is tests/benches/latency. Prints measurements and has no limits: the
# speed of a machine varies. Needs Rust, gcc, openssl, python3 with venv, and PyPI; the deploy profile takes minutes to compile.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
. tests/servers.sh
python_environment "$target/python-latency" tests/requirements-latency.txt

cargo build --quiet --profile deploy --package predict
cargo test --quiet --release --workspace --bench latency --no-run # and the other functions

# A certificate of 127.0.0.1, its root, and a file with the root and those of the system.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=churn-test-root \
    -keyout "$work/root.key" -out "$work/root.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 \
    -keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
openssl x509 -req -in "$work/server.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -CAcreateserial -days 1 \
    -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$work/server.pem" 2>/dev/null
bundle="$("$venv/bin/python" -c 'import ssl; print(ssl.get_default_verify_paths().cafile or "")')"
cat ${bundle:+"$bundle"} "$work/root.pem" >"$work/all-roots.pem"

read -r port < <(free_ports 1)
start service "$target/python-latency/bin/python" tests/compare/service.py "$port"
wait_for service accepts_connections "$port"

cargo test --quiet --release --workspace --bench latency -- "$target/deploy/predict" "$work" "http://127.0.0.1:$port"
memory="$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(tail -n 1 "$work/pids")/status")"
echo "peak memory of the other service: $((memory / 1000)) MB"
