"""Deploys each function to moto with `cargo lambda deploy`, and compares its configuration with the template.

Usage: deploy.py BINARIES, a folder with the binary of each function, with AWS_ENDPOINT_URL and the stack `churn`.
"""

import os
import platform
import subprocess
import sys

import boto3

STACK = "churn"
binaries = sys.argv[1]
client = boto3.Session(region_name="us-east-1").client("lambda")
failures = []


def expect(what, actual, expected):
    if actual != expected:
        failures.append(f"{what}: got {actual!r}, expected {expected!r}")


def deploy(binary, name, *options):
    command = ["cargo", "lambda", "deploy", "--binary-path", os.path.join(binaries, binary), "--alias", "live", *options, name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


def variables(configuration):
    return configuration.get("Environment", {}).get("Variables", {})


def alias_version(name):
    return client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]


for function in ("ingest", "retrain", "predict", "monitor", "score"):
    of_stack = client.get_function_configuration(FunctionName=f"{STACK}-{function}")

    # Create: memory, timeout and tracing come from the manifest, and are those of the template.
    deploy(function, function)
    created = client.get_function_configuration(FunctionName=function)
    for member in ("MemorySize", "Timeout", "Runtime", "Handler"):
        expect(f"{function}: {member}", created[member], of_stack[member])
    # moto ignores the tracing of a template. tests/template/compare.py compares it with the manifest.
    expect(f"{function}: tracing", created["TracingConfig"]["Mode"], "Active")
    architecture = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    expect(f"{function}: architecture", created["Architectures"], [architecture])
    expect(f"{function}: alias", alias_version(function), "1")

    # Update: the environment of the template, and a new version.
    given = ",".join(f"{name}={value}" for name, value in variables(of_stack).items())
    deploy(function, function, "--env-var", given)
    updated = client.get_function_configuration(FunctionName=function)
    expect(f"{function}: environment", variables(updated), variables(of_stack))
    expect(f"{function}: memory after the update", updated["MemorySize"], of_stack["MemorySize"])
    expect(f"{function}: alias after the update", alias_version(function), "2")

    # The function of the stack: new code, the same configuration.
    deploy(function, f"{STACK}-{function}")
    after = client.get_function_configuration(FunctionName=f"{STACK}-{function}")
    for member in ("MemorySize", "Timeout", "Environment", "Role"):
        expect(f"{STACK}-{function}: {member}", after[member], of_stack[member])
    expect(f"{STACK}-{function}: new code", after["CodeSha256"] != of_stack["CodeSha256"], True)
    versions = client.list_versions_by_function(FunctionName=f"{STACK}-{function}")["Versions"]
    expect(f"{STACK}-{function}: alias", alias_version(f"{STACK}-{function}"), versions[-1]["Version"])

print("\n".join(failures) or "cargo lambda deploy: 5 functions created, updated, and configured as in the template")
sys.exit(bool(failures))
