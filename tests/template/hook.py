"""Runs the pre-traffic hook of infra/template.yaml against predict in the local stack, with what it would report to CodeDeploy.

Usage: hook.py EXPECTED_STATUS FUNCTION, with AWS_ENDPOINT_URL_LAMBDA.
"""

import os
import sys

import boto3
import yaml


class Loader(yaml.SafeLoader):
    """Reads the tags of CloudFormation as their values."""


def value_of(loader, _, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


Loader.add_multi_constructor("!", value_of)
with open("infra/template.yaml", encoding="utf-8") as file:
    hook = yaml.load(file, Loader)["Resources"]["PreTrafficFunction"]["Properties"]

expected, version = sys.argv[1:]
reported = []


class CodeDeploy:
    def put_lifecycle_event_hook_execution_status(self, **report):
        reported.append(report)


connect = boto3.client
boto3.client = lambda service: CodeDeploy() if service == "codedeploy" else connect(service)
os.environ |= {"CHECK": os.environ.get("CHECK", "true"), "NEW_VERSION": version}
module = {}
exec(hook["Code"]["ZipFile"], module)
try:
    module["handler"]({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, None)
except Exception as error:
    print(f"the hook failed: {error}")
if reported != [{"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": expected}]:
    sys.exit(f"the hook reported {reported}, expected {expected}")
