#!/usr/bin/env bash
# Runs the commands of README.md and docs/: every block marked `sh`, in the order of the pages, against the release build. Blocks
# marked `sh no-run` need an AWS account or another toolchain. Commands that .ci/run runs itself are only looked up there. Needs
# Rust, curl, openssl, python3 with venv, and PyPI. Servers listen on 127.0.0.1 only.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

. tests/python.sh
. tests/servers.sh

cargo build --quiet --release --bin churn
cargo test --quiet --release --workspace --test it --no-run # builds deployed-churn, which has the feature png

read -r http s3 dynamodb lambda mlflow < <(free_ports 5)

runs_in_ci() { grep -qF -- "$1" "$root/.ci/run" || { echo "not in .ci/run: $1" >&2 && return 1; }; }

# The commands of the pages.
cargo() {
    case "$*" in
        "run --release -- up")
            start up "$target/release/churn" up --http-port "$http" --s3-port "$s3" \
                --dynamodb-port "$dynamodb" --lambda-port "$lambda"
            wait_for up accepts_connections "$http"
            ;;
        "run --release -- "*) "$target/release/churn" "${@:4}" ;;
        "run --release --features png -- "*) "$target/release/deployed-churn" "${@:6}" ;;
        *) runs_in_ci "cargo $*" ;;
    esac
}
bash() { [ "$*" = .ci/run ]; }
pip() { [ "$1" = install ] && grep -q "^$2\b" "$root/tests/requirements.txt"; }
mlflow() {
    MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
        start mlflow "$venv/bin/mlflow" "$@" --workers 1
    wait_for mlflow accepts_connections "$mlflow"
}

# Each block is a file, named for its page and line.
mkdir "$work/blocks" "$work/bin" "$work/pages"
pages=(README.md docs/*.md)
for i in "${!pages[@]}"; do
    awk -v name="$work/blocks/$(printf '%02d' "$i")-$(basename "${pages[i]}" .md)" '
        /^```/ && file { close(file); file = ""; next }
        /^```sh$/ { file = sprintf("%s:%03d", name, NR); next }
        file { print >file }' "${pages[i]}"
done
# The default ports may be in use.
sed -i "s/127\.0\.0\.1:8080/127.0.0.1:$http/g; s/127\.0\.0\.1:9000/127.0.0.1:$s3/g
    s/127\.0\.0\.1:5000/127.0.0.1:$mlflow/g; s/--port 5000/--port $mlflow/g" "$work/blocks/"*

# `report --open` looks for a browser.
printf '#!/bin/sh\n' >"$work/bin/xdg-open"
chmod +x "$work/bin/xdg-open"
export PATH="$work/bin:$PATH" no_proxy=127.0.0.1
ln -s "$root/events" "$work/pages/events"

passed=0
for block in "$work/blocks/"*; do
    name=$(basename "$block")
    set +e
    (cd "$work/pages" && set -e && . "$block") >"$work/output" 2>&1
    status=$?
    set -e
    if [ "$status" -ne 0 ]; then
        echo "FAILED  $name"
        cat "$block" "$work/output"
        exit 1
    fi
    # An upload is ingested in the background.
    if grep -q /churn-logs/ "$block"; then wait_for up grep -q " events, " "$work/up.log"; fi
    echo "ok      $name"
    passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
