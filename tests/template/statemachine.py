"""Runs infra/statemachines/score.asl.json in moto's interpreter of state machines, with functions that answer as `score` does.

Usage: statemachine.py [ENDPOINT]. With the endpoint of the local stack's Lambda, the function is `score` itself.
"""

import io
import json
import logging
import sys
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

logging.disable(logging.CRITICAL)  # the interpreter logs each failed task

DEFINITION = Path("infra/statemachines/score.asl.json").read_text(encoding="utf-8")
# What Step Functions passes between states.
MAX_BYTES = 256 * 1024
failures = []


def expect(what, actual, expected):
    if actual != expected:
        failures.append(f"{what}: got {actual!r}, expected {expected!r}")


class Functions:
    """Lambda for the interpreter: answers invocations, and fails those that `errors` names, once for each name."""

    def __init__(self, errors=(), answer=None):
        self.errors, self.answer = list(errors), answer or self.scored
        self.payloads, self.running, self.most_running, self.lock = [], 0, 0, threading.Lock()

    def invoke(self, FunctionName, Payload, **_):
        expect("function", FunctionName, "score")
        payload = json.loads(Payload)
        with self.lock:
            self.payloads.append(payload)
            error = next((error for error in self.errors if error[0] == payload["segment"]), None)
            if error:
                self.errors.remove(error)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        time.sleep(0.05)  # the work of a segment
        with self.lock:
            self.running -= 1
        failed = {"FunctionError": "Unhandled"} if error else {}
        body = {"errorType": error[1], "errorMessage": "a test"} if error else self.answer(payload)
        return {"StatusCode": 200, "ExecutedVersion": "1", "Payload": io.BytesIO(json.dumps(body).encode()), **failed}

    @staticmethod
    def scored(payload):
        day = payload.get("as_of", "2026-11-27")
        members = {"outcome": "scored", "as_of": day, "model_version": "0f7603127a971498"}
        return members | {"segment": payload["segment"], "total_segments": payload["total_segments"], "padding": "x" * 1000}


def local(endpoint):
    """Invokes `score` of the local stack."""

    def answer(payload):
        request = urllib.request.Request(f"{endpoint}/2015-03-31/functions/score/invocations", json.dumps(payload).encode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
            return json.load(response)

    return answer


def run(functions, given, mode="DISTRIBUTED"):
    """Runs the state machine, with short pauses between retries. Returns status, output and the largest result of a state.

    A failed segment fails a map in either mode, but moto ignores it in the mode DISTRIBUTED.
    """
    definition = json.loads(DEFINITION.replace("${ScoreFunction}", "score"))
    tasks = [definition["States"]["FirstSegment"], definition["States"]["OtherSegments"]["ItemProcessor"]["States"]["Segment"]]
    if mode == "INLINE":
        definition["States"]["OtherSegments"]["ItemProcessor"]["ProcessorConfig"] = {"Mode": mode}
    for retrier in [retrier for task in tasks for retrier in task["Retry"] if "IntervalSeconds" in retrier]:
        retrier |= {"IntervalSeconds": 1, "BackoffRate": 1}
    lambda_eval_utils.boto_client_for = lambda **_: functions
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", region_name="us-east-1")
        role = "arn:aws:iam::123456789012:role/score"
        machine = client.create_state_machine(name="score", definition=json.dumps(definition), roleArn=role)
        arn = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given))["executionArn"]
        for _ in range(600):
            execution = client.describe_execution(executionArn=arn)
            if execution["status"] != "RUNNING":
                break
            time.sleep(0.1)
        events = client.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    outputs = [details.get("output", "") for event in events for details in event.values() if isinstance(details, dict)]
    return execution["status"], json.loads(execution.get("output", "null")), max(map(len, outputs))


def segments(functions):
    return sorted(payload["segment"] for payload in functions.payloads)


def check_stubs():
    functions = Functions(errors=[(3, "Retryable"), (0, "Retryable")])
    status, output, _ = run(functions, {"total_segments": 8, "as_of": "2026-11-26"})
    expected = {"as_of": "2026-11-26", "model_version": "0f7603127a971498", "total_segments": 8}
    expect("a segment that is retried", (status, output), ("SUCCEEDED", expected))
    expect("segments", segments(functions), [0, 0, 1, 2, 3, 3, 4, 5, 6, 7])
    expect("the first segment runs alone", [payload["segment"] for payload in functions.payloads[:2]], [0, 0])
    others = [payload for payload in functions.payloads if payload["segment"]]
    pinned = {(payload["as_of"], payload["model_version"], payload["total_segments"]) for payload in others}
    expect("day and model of the other segments", pinned, {tuple(expected.values())})
    expect("segments run in parallel", functions.most_running > 1, True)

    functions = Functions(errors=[(2, "NonRetryable")])
    status, _, _ = run(functions, {"total_segments": 3}, "INLINE")
    expect("a segment that cannot succeed", (status, segments(functions)), ("FAILED", [0, 1, 2]))

    functions = Functions(errors=[(1, "Retryable")] * 4)
    status, _, _ = run(functions, {"total_segments": 2}, "INLINE")
    expect("a segment that fails four times", (status, segments(functions)), ("FAILED", [0, 1, 1, 1, 1]))

    functions = Functions()
    status, _, _ = run(functions, {"total_segments": 1})
    expect("one segment", (status, functions.payloads), ("SUCCEEDED", [{"total_segments": 1, "segment": 0}]))

    functions = Functions(answer=lambda payload: {"outcome": "not_scored", "reason": "no_model", "detail": "no champion"})
    status, output, _ = run(functions, {"total_segments": 4})
    expect("nothing to score", (status, output["reason"], segments(functions)), ("SUCCEEDED", "no_model", [0]))

    functions = Functions()
    status, _, largest = run(functions, {"total_segments": 50})
    days = {payload.get("as_of") for payload in functions.payloads}
    expect("50 segments", (status, len(functions.payloads), days), ("SUCCEEDED", 50, {None, "2026-11-27"}))
    # A state's output grows with the number of segments, of which there are at most 1,000.
    if largest * 20 > MAX_BYTES:
        failures.append(f"50 segments: a state returns {largest} bytes, expected at most {MAX_BYTES // 20}")


def check_local(endpoint):
    functions = Functions(errors=[(2, "Retryable")], answer=local(endpoint))
    status, output, _ = run(functions, {"total_segments": 4, "as_of": "2018-12-01"})
    expect("score", (status, output["total_segments"], segments(functions)), ("SUCCEEDED", 4, [0, 1, 2, 2, 3]))


check_local(sys.argv[1]) if sys.argv[1:] else check_stubs()
print("\n".join(failures) or "the state machine of score ran its segments in parallel and repeated those that failed")
sys.exit(bool(failures))
