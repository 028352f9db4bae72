#!/usr/bin/env bash
# Checks the OpenAPI document that `predict` serves: with openapi-spec-validator, and with schemathesis, which sends requests made
# from the document to the local stack: no status 5xx, no status, header or body that is not documented, no invalid request accepted. Needs Rust, python3 with
# venv, and PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
. tests/servers.sh

cargo test --quiet --release --workspace --test it --no-run # builds deployed-churn
export no_proxy=127.0.0.1

read -r http s3 dynamodb lambda < <(free_ports 4)
start stack env CHURN_MODEL_REFRESH_SECONDS=0 "$target/release/deployed-churn" up --data "$work/data" --retrain off --monitor off --http-port "$http" \
    --s3-port "$s3" --dynamodb-port "$dynamodb" --lambda-port "$lambda"
wait_for stack accepts_connections "$http"
url="http://127.0.0.1:$http"

curl --fail --silent --show-error "$url/openapi.json" >"$work/openapi.json"
"$venv/bin/openapi-spec-validator" "$work/openapi.json"
"$venv/bin/python" tests/openapi.py "$work/openapi.json" "$work/local.json"

# Deterministic: the same requests each time. Requests that match the schema may be invalid, such as times in the future, so that the
# check of their acceptance is left out.
fuzz() {
    (cd "$work" && "$venv/bin/schemathesis" run "$work/local.json" --url "$url" --max-examples 40 --generation-deterministic \
        --no-color --warnings off "$@")
}

# Without a model, when 503 is as documented, and with a small one of the sample log.
fuzz --phases examples,coverage --exclude-checks positive_data_acceptance,not_a_server_error
"$venv/bin/python" - "http://127.0.0.1:$s3" <<'PYTHON'
import sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local-secret")
s3.upload_file("events/sample.json.gz", "churn-logs", "sample.json.gz")
PYTHON
wait_for stack grep -q "sample.json.gz: .* events" "$work/stack.log"
"$target/release/deployed-churn" invoke retrain --data "$work/data" '{"candidates": ["logistic_regression"], "logistic_l2": [1000.0],
    "bootstrap_resamples": 100, "gate_non_inferiority_margin": 1, "gate_max_ece": 1, "gate_max_calibration_in_the_large": 100,
    "leakage_roc_auc_limit": 1}' >"$work/retrain.log" || { cat "$work/retrain.log" && exit 1; }
wait_for stack curl --fail --silent "$url/model"
fuzz --phases examples,coverage,fuzzing --exclude-checks positive_data_acceptance
