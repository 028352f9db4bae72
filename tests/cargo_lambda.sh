#!/usr/bin/env bash
# Runs the binary of each function under cargo-lambda, an independent emulator of Lambda, with the invocations in events/ and
# the local stores. Needs Rust, python3 with venv, and PyPI. All files are under target/ or in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
. tests/servers.sh
passed=0
failed=0

# Invokes function `$1` with the file `$2` and checks the Python expression `$3` on its `response`.
check() {
    local response
    if response="$(timeout 300 cargo lambda invoke "$1" --invoke-address 127.0.0.1 --invoke-port "$lambda_port" \
        --data-file "$2" 2>&1)" &&
        "$venv/bin/python" - "$response" "$3" <<'PYTHON'
import json, sys
response, expression = json.loads(sys.argv[1]), sys.argv[2]
sys.exit(not eval(expression, {"response": response, "json": json}))
PYTHON
    then
        passed=$((passed + 1))
        echo "ok      $1 < $2"
    else
        failed=$((failed + 1))
        echo "FAILED  $1 < $2: expected $3"
        echo "--- log"
        cat "$work/$1.log"
        echo "--- response"
    fi
    printf '%.400s\n' "$response"
}

# Runs the pre-traffic hook of the template against function `$2` of the Lambda endpoint at port `$1`. It must report `$3`, after a
# response that contains `$4`.
check_hook() {
    local output
    if output="$(AWS_ENDPOINT_URL_LAMBDA="http://127.0.0.1:$1" "$venv/bin/python" tests/template/hook.py "$3" "$2" 2>&1)" &&
        grep -qF -- "$4" <<<"$output"; then
        passed=$((passed + 1))
        echo "ok      pre-traffic hook: $3, $4"
    else
        failed=$((failed + 1))
        echo "FAILED  pre-traffic hook: expected $3, $4"
        echo "$output"
    fi
}

export PATH="$PATH:$venv/bin"

# The programs of the cross-function tests, from the same main.rs files: nothing to compile after `cargo test`.
cargo test --quiet --release --workspace --test it --no-run

read -r http_port s3_port dynamodb_port runtime_port lambda_port < <(free_ports 5)

start stack "$target/release/deployed-churn" up --data "$work/data" --retrain off --monitor off --score off --http-port "$http_port" \
    --s3-port "$s3_port" --dynamodb-port "$dynamodb_port" --lambda-port "$runtime_port"
wait_for stack accepts_connections "$s3_port"
wait_for stack accepts_connections "$dynamodb_port"

export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$s3_port" AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:$dynamodb_port"
# The emulator has other deadlines, and no endpoint at which `ingest` could invoke itself to continue.
export CHURN_MIN_REMAINING_SECONDS=0
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local-secret AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

# The event must describe the uploaded object, otherwise it is an event of another version for `ingest`.
"$venv/bin/python" - events/s3-put.json events/sample.json.gz "$work/s3-put.json" <<'PYTHON'
import hashlib, json, sys, time, boto3
event = json.load(open(sys.argv[1]))
s3 = event["Records"][0]["s3"]
body = open(sys.argv[2], "rb").read()
described, actual = (s3["object"]["size"], s3["object"]["eTag"]), (len(body), hashlib.md5(body).hexdigest())
if described != actual:
    sys.exit(f"{sys.argv[1]} has size and eTag {described}, {sys.argv[2]} has {actual}")
boto3.client("s3", region_name="us-east-1").put_object(Bucket=s3["bucket"]["name"], Key=s3["object"]["key"], Body=body)
# Newer than the event of the upload, which the stack delivers itself.
s3["object"]["sequencer"] = "00%08X00000000" % (int(time.time()) + 60)
json.dump(event, open(sys.argv[3], "w"))
PYTHON

# The stack also ingests the object. Wait for that, so that it does not affect the checks below.
wait_for stack grep -q "sample.json.gz: .* events" "$work/stack.log"

# Only the emulator. If it starts the functions itself, it finds only those of one `--package`, and compiles the dependencies
# again for the features of each package.
start emulator cargo lambda watch --only-lambda-apis --invoke-address 127.0.0.1 --invoke-port "$lambda_port"
wait_for emulator accepts_connections "$lambda_port"

# Starts function `$1` as Lambda does.
serve() {
    start "$1" env AWS_LAMBDA_RUNTIME_API="http://127.0.0.1:$lambda_port/.rt/$1" AWS_LAMBDA_FUNCTION_NAME="$1" \
        AWS_LAMBDA_FUNCTION_VERSION='$LATEST' AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024 "$target/release/deployed-$1"
}

lines="$(gzip -dc events/sample.json.gz | wc -l)"
object='response["objects"][0]'
body='json.loads(response["body"])'

# The first delivery is newer than the stack's by its sequencer, the second is a duplicate.
serve ingest
check ingest "$work/s3-put.json" "$object['outcome'] == 'ingested' and $object['lines'] == $lines"
check ingest "$work/s3-put.json" "$object['outcome'] == 'already_ingested' and $object['lines'] == $lines"
check_hook "$runtime_port" predict Succeeded model-not-available
check_hook "$runtime_port" nothing Failed "the hook failed"
CHECK=false check_hook "$runtime_port" nothing Succeeded ""
serve retrain
# The emulator's deadline leaves no time for the leakage checks, without which the gate rejects every model.
check retrain events/retrain.json "response['outcome'] == 'trained' and response['registered_as'] == 'challenger'"
check retrain events/promote.json "response['outcome'] == 'champion_set' and response['change']['actor'] == 'operator'"
# From here on there is a champion.
serve predict
check predict events/predict.json "response['statusCode'] == 200 and 0 <= $body['churn_probability'] <= 1"
check_hook "$lambda_port" predict Succeeded churn_probability
check predict events/users.json "response['statusCode'] == 200 and $body['next_cursor'] is None"
serve monitor
check monitor events/monitor.json "response['outcome'] == 'reported'"
serve score
check score events/score.json "response['outcome'] == 'scored'"
check predict events/erase.json "response['statusCode'] == 200 and $body['deleted_items'] > 0"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
