"""Compares infra/template.yaml with the documentation and with the manifests of the functions.

The tables of the documentation are compared with the code by tests/it/docs.rs and tests/it/docs/iam.rs, so that what agrees with
them agrees with the code.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

from samcli.yamlhelper import yaml_parse

FUNCTIONS = ("ingest", "retrain", "predict", "monitor", "score")
# Longest share of the timeout without an alarm. Large objects take ingest until its last chunk.
DURATION_SHARES = {"ingest": 0.95, "retrain": 0.8, "predict": 0.8, "monitor": 0.8, "score": 0.8}

# The functions write their metrics in this namespace.
NAMESPACE = {"Ref": "AWS::StackName"}

text = Path("infra/template.yaml").read_text(encoding="utf-8")
template = yaml_parse(text)
resources = template["Resources"]
failures = []


def expect(what, actual, expected):
    if actual != expected:
        failures.append(f"{what}: the template has {actual!r}, expected {expected!r}")


def expect_same_set(what, actual, expected):
    for item in sorted(actual - expected, key=str):
        failures.append(f"{what}: {item} is only in the template")
    for item in sorted(expected - actual, key=str):
        failures.append(f"{what}: {item} is not in the template")


def page(name):
    return Path(f"docs/{name}.md").read_text(encoding="utf-8")


def rows(page_text, heading):
    """The rows of the tables in a section, each a list of cells, without the heads."""
    section = page_text.split(f"\n{heading}\n")[1].split("\n## ")[0]
    lines = section.splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line, following in zip(lines, lines[1:] + [""])
        if line.startswith("|") and not line.startswith("|---") and not following.startswith("|---")
    ]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def properties(logical_id):
    return resources[logical_id]["Properties"]


def of_type(type_name):
    return {name: resource for name, resource in resources.items() if resource["Type"] == type_name}


def logical_id(function):
    return f"{function.capitalize()}Function"


def check_functions():
    """Memory, timeout, tracing and architecture: documentation, manifest and template agree."""
    expect("functions", sorted(of_type("AWS::Serverless::Function")), sorted(map(logical_id, FUNCTIONS)))
    documented = {quoted(row[0])[0]: row for row in rows(page("deployment"), "## Functions")}
    expect("documented functions", sorted(documented), sorted(FUNCTIONS))
    shared = template["Globals"]["Function"]
    for function in FUNCTIONS:
        own = properties(logical_id(function))
        manifest = tomllib.loads(Path(f"functions/{function}/Cargo.toml").read_text(encoding="utf-8"))
        metadata = manifest["package"]["metadata"]["lambda"]["bin"][function]
        deploy = metadata["deploy"]
        _, memory, timeout, _ = documented[function]
        amount, unit = timeout.split()
        expect(f"{function}: memory in the documentation", f"{own['MemorySize']:,} MB", memory)
        expect(f"{function}: timeout in the documentation", own["Timeout"], int(amount) * {"seconds": 1, "minutes": 60}[unit])
        expect(f"{function}: memory in the manifest", own["MemorySize"], deploy["memory"])
        expect(f"{function}: timeout in the manifest", own["Timeout"], deploy["timeout"])
        expect(f"{function}: tracing in the manifest", shared["Tracing"].lower(), deploy["tracing"])
        # Values that differ between accounts stand in the template only.
        constants = {name: value for name, value in environment(function).items() if isinstance(value, str)}
        expect(f"{function}: environment in the manifest", constants, metadata.get("env", {}))
        build = resources[logical_id(function)]["Metadata"]
        expect(f"{function}: build", (build["BuildMethod"], build["BuildProperties"]), ("rust-cargolambda", {"Binary": function}))
        expect(f"{function}: code", own["CodeUri"], f"../functions/{function}")
    architecture = template["Parameters"]["Architecture"]["Default"]
    commands = re.findall(r"cargo lambda build .*", page("deployment"))
    expect("deployment: builds for the architecture", {f"--{architecture}" in command for command in commands}, {True})


def environment(function):
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    return shared | properties(logical_id(function)).get("Environment", {}).get("Variables", {})


def check_environment():
    """Every variable is a setting of the function, and every function knows all stores."""
    settings = {}
    for section in re.findall(r"\n(## .*)\n", page("configuration")):
        for row in rows(page("configuration"), section):
            if len(row) == 3:
                names = re.findall(r"`(\w+)`", section) or FUNCTIONS
                for function in names:
                    settings.setdefault(function, set()).add(quoted(row[0])[0])
    stores = {quoted(row[0])[0] for row in rows(page("configuration"), "## All functions")}
    telemetry = {quoted(row[0])[0] for row in rows(page("configuration"), "## Log and metrics")}
    for function in FUNCTIONS:
        variables = set(environment(function))
        expect_same_set(f"{function}: settings", variables - settings[function] - stores - telemetry, set())
        expect_same_set(f"{function}: names of the stores", variables & stores, stores)


def resource_name(arn):
    """The resource of a statement as the documentation names it."""
    if arn == "*":
        return "*"
    if isinstance(arn, str):
        raise ValueError(f"unexpected resource {arn}")
    (kind, value), = arn.items()
    if kind == "Ref":
        return {"AlertTopic": "alert topic"}.get(value) or failures.append(f"unexpected resource {value}")
    if kind == "Fn::GetAtt":
        target = value if isinstance(value, str) else ".".join(value)
        name, attribute = target.split(".")
        expect(f"attribute of {name}", attribute, "Arn")
        return {
            "StoreBucket": "store bucket",
            "IngestQueue": "queue of `ingest`",
            "IngestFailures": "`IngestFailures`",
            "FailedRuns": "`FailedRuns`",
        }.get(name) or ("log group" if name.endswith("Logs") else failures.append(f"unexpected resource {name}"))
    stack = re.escape("${AWS::StackName}")
    account = re.escape("${AWS::Region}:${AWS::AccountId}")
    for pattern, form in (
        (r"\$\{StoreBucket\.Arn\}/(.+)", r"store bucket: `\1`"),
        (rf"arn:\$\{{AWS::Partition\}}:s3:::{stack}-logs-\$\{{AWS::AccountId\}}-\$\{{AWS::Region\}}(/\*)?", "logs bucket"),
        (rf"arn:\$\{{AWS::Partition\}}:dynamodb:{account}:table/{stack}-(\w+)\$\{{TableSuffix\}}(/index/[\w-]+)?", r"`\1\2`"),
        (rf"arn:\$\{{AWS::Partition\}}:lambda:{account}:function:{stack}-(\w+)(:live)?", r"function \1"),
        (rf"arn:\$\{{AWS::Partition\}}:events:{account}:event-bus/\$\{{EventBusName\}}", "event bus"),
    ):
        if re.fullmatch(pattern, value):
            return re.sub(f"^{pattern}$", form, value)
    raise ValueError(f"unexpected resource {value}")


def statements(function, policy_name):
    role = properties(f"{function.capitalize()}Role")
    found = []
    for policy in role["Policies"]:
        if policy["PolicyName"] == policy_name:
            found += policy["PolicyDocument"]["Statement"]
    return found


def permissions(function, policy_name):
    found = set()
    for statement in statements(function, policy_name):
        expect(f"{function}: effect of {statement['Sid']}", statement["Effect"], "Allow")
        names = statement["Resource"]
        for name in names if isinstance(names, list) else [names]:
            name = resource_name(name)
            name = "itself" if name == f"function {function}" else name
            found |= {(function, action, name) for action in statement["Action"]}
    return found


def documented_permissions(heading):
    found = set()
    for functions, actions, cell in rows(page("deployment"), heading):
        bucket, colon, keys = cell.partition(": ")
        targets = [f"{bucket}: `{key}`" for key in quoted(keys)] if colon else [part.strip() for part in cell.split(",")]
        for function in quoted(functions):
            for action in quoted(actions):
                found |= {(function, action, target) for target in targets}
    return found


def check_permissions():
    """Each role allows exactly the documented actions. tests/it/docs/iam.rs compares the first table with the calls in code."""
    for policy, heading in (("calls", "## IAM actions"), ("lambda", "## IAM actions of Lambda")):
        documented = documented_permissions(heading)
        # A permission to list is one on the bucket: S3 has no narrower form.
        documented = {
            (function, action, target.split(":")[0] if action == "s3:ListBucket" else target)
            for function, action, target in documented
        }
        actual = set().union(*(permissions(function, policy) for function in FUNCTIONS))
        expect_same_set(f"policy {policy}", actual, documented)
    key = properties("KeyPolicy")
    (statement,) = key["PolicyDocument"]["Statement"]
    expect("key policy", (statement["Action"], statement["Resource"]), (["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KmsKeyArn"}))
    for function in FUNCTIONS:
        role = {"Ref": f"{function.capitalize()}Role"}
        expect(f"{function}: role of the key policy", role in key["Roles"], True)
        policies = [policy["PolicyName"] for policy in properties(role["Ref"])["Policies"]]
        expect(f"{function}: policies", policies, ["calls", "lambda"])
        expect(f"{function}: managed policies", properties(f"{function.capitalize()}Role").get("ManagedPolicyArns"), None)
        expect(f"{function}: role", properties(logical_id(function))["Role"], {"Fn::GetAtt": [f"{function.capitalize()}Role", "Arn"]})
    for line in text.splitlines():
        if re.search(r'Resource: "\*"', line) and "#" not in line:
            failures.append(f"a wildcard without a reason: {line.strip()}")


def check_alarms():
    """The metrics that need an alarm have one, and each alarm has its first steps in the documentation."""
    alarms = of_type("AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        own = alarm["Properties"]
        if own.get("Namespace") == NAMESPACE:
            expect(f"{name}: dimensions", [dimension["Name"] for dimension in own["Dimensions"]], ["service"])
    watched = {
        (alarm["Properties"]["Dimensions"][0]["Value"], alarm["Properties"]["MetricName"])
        for alarm in alarms.values()
        if alarm["Properties"].get("Namespace") == NAMESPACE and alarm["Properties"]["Threshold"] == 0
    }
    marked = {(quoted(row[0])[0], quoted(row[1])[0]) for row in rows(page("monitoring"), "## Metrics") if row[3] == "yes"}
    expect_same_set("alarms on metrics", watched, marked)
    known = {(quoted(row[0])[0], quoted(row[1])[0]) for row in rows(page("monitoring"), "## Metrics")}
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(re.sub(r"\$\{[^}]+\}", "name", body))["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    on_dashboard = {(metric[3], metric[1]) for metric in metrics if metric[0] == "${AWS::StackName}" and metric[2] == "service"}
    expect_same_set("metrics on the dashboard", on_dashboard - known, set())
    for name, alarm in alarms.items():
        expect(f"{name}: actions", alarm["Properties"]["AlarmActions"], [{"Ref": "AlarmTopic"}])
    for function in FUNCTIONS:
        name = f"{function.capitalize()}Duration"
        timeout = properties(logical_id(function))["Timeout"] * 1000
        expect(name, properties(name)["Threshold"], round(timeout * DURATION_SHARES[function]))
    documented = {name for row in rows(page("operations"), "## Alarms") for name in quoted(row[0])}
    expect_same_set("documented alarms", set(alarms), documented)


def check_tables():
    documented = {}
    for row in rows(page("deployment"), "## Resources"):
        for name in quoted(row[0]):
            documented[name] = tuple(quoted(row[1]))
    actual = {}
    for name, table in of_type("AWS::DynamoDB::Table").items():
        keys = [key["AttributeName"] for key in table["Properties"]["KeySchema"]]
        lifetime = table["Properties"].get("TimeToLiveSpecification", {}).get("AttributeName")
        indexes = [index["IndexName"] for index in table["Properties"].get("GlobalSecondaryIndexes", [])]
        actual[name] = tuple(keys + [lifetime] * (lifetime is not None) + indexes)
    expect("tables", actual, documented)


def check_storage():
    """What moto does not create from a template. Nothing is public, unversioned, without backup or kept without end."""
    policies = {name: policy["Properties"] for name, policy in resources.items() if policy["Type"].endswith("Policy")}
    for name, bucket in of_type("AWS::S3::Bucket").items():
        own = bucket["Properties"]
        expect(f"{name}: versions", own["VersioningConfiguration"], {"Status": "Enabled"})
        expect(f"{name}: public access", (len(own["PublicAccessBlockConfiguration"]), set(own["PublicAccessBlockConfiguration"].values())), (4, {True}))
        expect(f"{name}: owner", own["OwnershipControls"], {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
        rules = {rule["Id"]: rule for rule in own["LifecycleConfiguration"]["Rules"]}
        expect(f"{name}: old versions", rules["old-versions"]["NoncurrentVersionExpiration"], {"NoncurrentDays": 30})
        expired = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules.values() if "Prefix" in rule}
        expected = {
            "snapshots/": {"Ref": "SnapshotDays"},
            "quarantine/": {"Ref": "QuarantineDays"},
            "exports/": {"Ref": "ExportDays"},
        }
        expect(f"{name}: expiration", expired, expected if name == "StoreBucket" else {})
    for name, table in of_type("AWS::DynamoDB::Table").items():
        own = table["Properties"]
        expect(f"{name}: backup", own["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": True})
        expect(f"{name}: protection", (own["DeletionProtectionEnabled"], table["DeletionPolicy"]), (True, "Retain"))
        expect(f"{name}: name", own["TableName"], {"Fn::Sub": f"${{AWS::StackName}}-{name}"})
    for name in [*of_type("AWS::S3::Bucket"), *of_type("AWS::SQS::Queue"), *of_type("AWS::SNS::Topic")]:
        denied = [
            statement["Condition"]
            for statement in policies[f"{name}Policy"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        expect(f"{name}: without TLS", denied, [{"Bool": {"aws:SecureTransport": "false"}}])
    for function in FUNCTIONS:
        own = properties(logical_id(function))
        is_exclusive = own.get("ReservedConcurrentExecutions") == {"Fn::If": ["ReservesConcurrency", 1, {"Ref": "AWS::NoValue"}]}
        expect(f"{function}: runs one at a time", is_exclusive, function in ("retrain", "monitor"))
        failed = own.get("EventInvokeConfig", {}).get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        queues = {"predict": None, "ingest": "IngestFailures", "retrain": "FailedRuns", "monitor": "FailedRuns", "score": "FailedRuns"}
        expect(f"{function}: on failure", failed, queues[function] and {"Fn::GetAtt": [queues[function], "Arn"]})
    for name, schedule in of_type("AWS::Scheduler::Schedule").items():
        target = schedule["Properties"]["Target"]
        expect(f"{name}: dead letters", target["DeadLetterConfig"], {"Arn": {"Fn::GetAtt": ["FailedRuns", "Arn"]}})
    machine = properties("ScoreStateMachine")
    at_once = json.loads(Path("infra", machine["DefinitionUri"]).read_text(encoding="utf-8"))["States"]["OtherSegments"]["MaxConcurrency"]
    reserved = properties("ScoreFunction")["ReservedConcurrentExecutions"]
    expect("score: concurrency", reserved, {"Fn::If": ["ReservesConcurrency", {"Fn::If": ["UsesSegments", at_once, 1]}, {"Ref": "AWS::NoValue"}]})
    expect("responses of the queue", properties("IngestQueueMapping")["FunctionResponseTypes"], ["ReportBatchItemFailures"])


def check_parameters():
    documented = {
        quoted(row[0])[0]: ("".join(quoted(row[1])), row[2].rstrip(".")) for row in rows(page("deployment"), "## Parameters")
    }
    actual = {name: (str(spec["Default"]), spec["Description"].rstrip(".")) for name, spec in template["Parameters"].items()}
    expect("parameters", actual, documented)


def check_api():
    """The routes are those of the page, none is open, and no log of the API contains a path."""
    documented = {quoted(row[0])[0] for row in rows("\n" + page("api"), "# API")}
    routes = {route["Properties"]["RouteKey"]: route["Properties"] for route in of_type("AWS::ApiGatewayV2::Route").values()}
    documented |= {route.replace("GET ", "HEAD ") for route in documented}
    expect("routes", {key.replace("+}", "}") for key in routes}, documented)
    by_parameter = {"Fn::If": ["UsesJwt", "JWT", "AWS_IAM"]}
    for key, route in routes.items():
        expected = "AWS_IAM" if key.startswith("DELETE") else by_parameter
        expect(f"{key}: authorization", route["AuthorizationType"], expected)
    logged = set(re.findall(r"\$context\.[\w.]+", properties("ApiStage")["AccessLogSettings"]["Format"]))
    personal = {name for name in logged if re.search("path|identity|claims|sourceIp|userAgent", name, re.IGNORECASE)}
    expect("personal data in the log of the API", personal, set())


for check in (check_functions, check_environment, check_permissions, check_alarms, check_tables, check_storage, check_parameters,
              check_api):
    check()
print("\n".join(failures) or f"the template agrees with the documentation: {len(resources)} resources")
sys.exit(bool(failures))
