"""Translates infra/template.yaml as CloudFormation's SAM transform does.

Usage: translate.py CODE_BUCKET [PARAMETER=VALUE…]

Prints the translated template as JSON. The code of each function is the object `<function>.zip` of CODE_BUCKET.
"""

import json
import sys

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

code_bucket, *given = sys.argv[1:]
with open("infra/template.yaml", encoding="utf-8") as file:
    template = yaml_parse(file.read())
parameters = {name: spec.get("Default") for name, spec in template["Parameters"].items()}
parameters |= dict(parameter.split("=", 1) for parameter in given)
parameters |= {"AWS::Region": "us-east-1", "AWS::Partition": "aws", "AWS::StackName": "churn", "AWS::AccountId": "123456789012"}
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        function = resource["Metadata"]["BuildProperties"]["Binary"]
        resource["Properties"]["CodeUri"] = {"Bucket": code_bucket, "Key": f"{function}.zip"}
    if resource["Type"] == "AWS::Serverless::StateMachine":
        resource["Properties"]["DefinitionUri"] = {"Bucket": code_bucket, "Key": "score.asl.json"}
translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
json.dump(translator.translate(template, parameters), sys.stdout, indent=1, default=str)
