#!/usr/bin/env bash
# Checks infra/template.yaml: with cfn-lint, `sam validate`, checkov; against the documentation and the manifests of the functions;
# as a stack in moto, with `cargo lambda deploy` into it and the commands of docs/operations.md and docs/scoring.md. Checks the invocations in events/
# against their schemas. Needs Rust, python3 with venv, binutils, and PyPI. All files are under target/ or in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

. tests/python.sh
. tests/servers.sh
tools="$target/python-template"
python_environment "$tools" tests/requirements-template.txt
cargo test --quiet --release --workspace --test it --no-run # builds the functions

export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
export AWS_REGION=$AWS_DEFAULT_REGION SAM_CLI_TELEMETRY=0

"$tools/bin/python" tests/cost.py
"$tools/bin/python" tests/template/payloads.py
"$tools/bin/python" tests/template/compare.py
"$venv/bin/python" tests/template/statemachine.py
PATH="$PATH:$tools/bin" cfn-lint infra/template.yaml
"$tools/bin/sam" validate --lint --template infra/template.yaml
"$tools/bin/checkov" --file infra/template.yaml --framework cloudformation --compact --quiet --skip-download

# `sam build` runs `cargo lambda build --release` in the folder of a function. The unit graph of cargo is unstable.
triple="$(rustc --print host-tuple)"
(cd functions/predict && RUSTC_BOOTSTRAP=1 cargo build --release --target "$triple" -Z unstable-options --unit-graph) |
    "$tools/bin/python" tests/template/profile.py

"$tools/bin/python" tests/template/translate.py code >"$work/stack.json" 2>"$work/translate.log" || { cat "$work/translate.log" && exit 1; }

port="$(free_ports 1)"
start moto env MOTO_IAM_LOAD_MANAGED_POLICIES=true "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
wait_for moto accepts_connections "$port"
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" no_proxy=127.0.0.1

"$venv/bin/python" tests/template/stack.py "$work/stack.json" code

mkdir "$work/binaries" "$work/pages"
for function in ingest retrain predict monitor score; do
    strip -o "$work/binaries/$function" "$target/release/deployed-$function"
done
PATH="$PATH:$venv/bin" "$venv/bin/python" tests/template/deploy.py "$work/binaries"

# The blocks marked `sh moto`, in one shell: later ones use the variables of earlier ones.
awk '/^ *```/ && on { on = 0; next } /^ *```sh moto$/ { on = 1; next } on' docs/scoring.md docs/operations.md >"$work/operations.sh"
ln -s "$root/events" "$work/pages/events"

# The AWS CLI. moto needs containers to run a function: of an invocation, the alias and the payload are checked.
aws() {
    echo "aws $*" >>"$work/commands"
    if [ "$1 $2" != "lambda invoke" ]; then
        "$venv/bin/aws" --endpoint-url "$AWS_ENDPOINT_URL" "$@" # the variable does not reach SQS
        return
    fi
    local name payload function
    name="$(sed 's/.*--function-name \([^ ]*\).*/\1/' <<<"$*")" payload="$(sed 's/.*fileb:\/\/\([^ ]*\).*/\1/' <<<"$*")"
    "$venv/bin/aws" lambda get-alias --function-name "${name%:*}" --name "${name#*:}"
    function="${name%:*}"
    "$tools/bin/python" "$root/tests/template/payload.py" "${function#churn-}" "$payload"
}
store=churn-store-123456789012-us-east-1
for key in snapshots/run/part.parquet manifests/sample; do
    "$venv/bin/aws" s3 cp --only-show-errors events/retrain.json "s3://$store/$key"
done
set +e
(cd "$work/pages" && set -e && . "$work/operations.sh") >"$work/operations.log" 2>&1
status=$?
set -e
if [ "$status" -ne 0 ]; then
    tail -1 "$work/commands"
    cat "$work/operations.log"
    exit 1
fi
left="$("$venv/bin/aws" s3 ls --recursive "s3://$store/" | awk '{ print $4 }')"
[ "$left" = manifests/sample ] || { echo "left in the store bucket: $left" && exit 1; }
echo "docs/scoring.md, docs/operations.md: $(wc -l <"$work/commands") commands ran"
