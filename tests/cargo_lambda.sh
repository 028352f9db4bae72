#!/usr/bin/env bash
# Runs each function under cargo-lambda, an independent emulator of Lambda, on the invocations in events/, against the local
# stores. Needs Rust, python3 with venv, and PyPI. Everything it makes is under target/ or in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

functions=(ingest retrain predict monitor)
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
venv="$target/cargo-lambda-venv"
work="$(mktemp -d)"
stack=
emulator=
passed=0
failed=0

# Ends what `$1` started, and waits for it.
stop() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

clean_up() {
    stop "$emulator"
    stop "$stack"
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits up to a minute until process `$1` accepts connections on port `$2`, or shows its log `$3`.
wait_for_port() {
    for _ in $(seq 300); do
        kill -0 "$1" 2>/dev/null || break
        if (: <"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then return 0; fi
        sleep 0.2
    done
    echo "nothing answers on port $2:" >&2
    cat "$3" >&2
    return 1
}

# Invokes function `$1` with the file `$2`, and checks that the Python expression `$3` holds of its `answer`.
check() {
    local answer
    if answer="$(cargo lambda invoke "$1" --invoke-address 127.0.0.1 --invoke-port "$lambda_port" --data-file "$2" 2>&1)" &&
        "$venv/bin/python" - "$answer" "$3" <<'PYTHON'
import json, sys
answer, expression = json.loads(sys.argv[1]), sys.argv[2]
sys.exit(not eval(expression, {"answer": answer, "json": json}))
PYTHON
    then
        passed=$((passed + 1))
        echo "ok      $1 < $2"
    else
        failed=$((failed + 1))
        echo "FAILED  $1 < $2: not $3"
        echo "--- its log"
        cat "$work/$1.log"
        echo "--- its answer"
    fi
    printf '%.400s\n' "$answer"
}

# Starts function `$1` under the emulator. One at a time: `cargo lambda watch` finds a function only among the workspace's
# default members or, as here, in the package that it is given.
watch() {
    cargo lambda watch --package "$1" --ignore-changes --invoke-address 127.0.0.1 --invoke-port "$lambda_port" \
        >"$work/$1.log" 2>&1 &
    emulator=$!
    wait_for_port "$emulator" "$lambda_port" "$work/$1.log"
}

unwatch() {
    stop "$emulator"
    emulator=
}

if ! [ -e "$venv/complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check boto3
    # Without zig, which only cross-compilation needs.
    command -v cargo-lambda >/dev/null ||
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps 'cargo-lambda==1.9.*'
    touch "$venv/complete"
fi
export PATH="$PATH:$venv/bin"

# Beforehand, so that no invocation waits for the compiler.
cargo build --quiet --package churn-local --bin churn
for function in "${functions[@]}"; do
    cargo build --quiet --package "$function"
done

read -r http_port s3_port dynamodb_port runtime_port lambda_port < <("$venv/bin/python" -c '
import socket
sockets = [socket.socket() for _ in range(5)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')

"$target/debug/churn" up --data "$work/data" --retrain off --monitor off --http-port "$http_port" --s3-port "$s3_port" \
    --dynamodb-port "$dynamodb_port" --lambda-port "$runtime_port" >"$work/stack.log" 2>&1 &
stack=$!
for port in "$s3_port" "$dynamodb_port"; do
    wait_for_port "$stack" "$port" "$work/stack.log"
done

export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$s3_port" AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:$dynamodb_port"
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local-secret AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

# The event must tell of the very object that is uploaded, or `ingest` would rightly take it for another version.
"$venv/bin/python" - events/s3-put.json events/sample.json.gz <<'PYTHON'
import hashlib, json, sys, boto3
s3 = json.load(open(sys.argv[1]))["Records"][0]["s3"]
body = open(sys.argv[2], "rb").read()
told, true = (s3["object"]["size"], s3["object"]["eTag"]), (len(body), hashlib.md5(body).hexdigest())
if told != true:
    sys.exit(f"{sys.argv[1]} tells of size and eTag {told}, {sys.argv[2]} has {true}")
boto3.client("s3", region_name="us-east-1").put_object(Bucket=s3["bucket"]["name"], Key=s3["object"]["key"], Body=body)
PYTHON

# The stack ingests it, too; its part must be over before the second delivery is compared with the first.
for _ in $(seq 300); do
    if grep -q 'ingested' "$work/stack.log"; then break; fi
    sleep 0.2
done

lines="$(gzip -dc events/sample.json.gz | wc -l)"
object='answer["objects"][0]'
body='json.loads(answer["body"])'

# To `ingest` the event is newer than the stack's own, by its sequencer; the second time it is known.
watch ingest
check ingest events/s3-put.json "$object['outcome'] == 'ingested' and $object['lines'] == $lines"
check ingest events/s3-put.json "$object['outcome'] == 'already_ingested' and $object['lines'] == $lines"
unwatch
watch retrain
check retrain events/retrain.json "answer['outcome'] == 'trained'"
unwatch
watch predict
check predict events/predict.json "answer['statusCode'] == 200 and 0 <= $body['churn_probability'] <= 1"
unwatch
watch monitor
check monitor events/monitor.json "answer['outcome'] == 'reported'"
unwatch

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
