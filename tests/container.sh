#!/usr/bin/env bash
# Checks infra/Dockerfile: with hadolint, and by running the instructions of its last stage in a folder. With `--build`, builds the
# image with docker or podman instead, from target/release/churn, starts it and waits until it is healthy. Needs root, iproute2,
# Rust, python3 with venv, and PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
. tests/servers.sh

"$venv/bin/hadolint" infra/Dockerfile

if [ "${1-}" = --build ]; then
    builder="$(command -v docker || command -v podman)"
    cargo build --quiet --locked --release
    "$builder" build --file infra/Dockerfile --build-arg BINARY=prebuilt --tag churn .
    container="$("$builder" run --detach --publish 127.0.0.1:8080:8080 churn)"
    trap '"$builder" rm --force "$container" >/dev/null; clean_up' EXIT
    wait_for pids "$builder" exec "$container" churn status --url http://127.0.0.1:8080
    curl --fail --silent http://127.0.0.1:8080/openapi.json >/dev/null
    exit
fi

cargo test --quiet --release --workspace --test it --no-run # builds deployed-churn
strip -o "$work/churn" "$target/release/deployed-churn"
mkdir "$work/root"
# The servers listen on all addresses of a network that has only loopback.
unshare --mount --net sh -c 'ip link set lo up && "$@"' sh "$venv/bin/python" tests/container.py "$work/churn" "$work/root"
