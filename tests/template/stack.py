"""Creates the translated template as stacks in moto, as far as moto goes, and reads the resources back.

Usage: stack.py TRANSLATED_TEMPLATE CODE_BUCKET, with AWS_ENDPOINT_URL.
"""

import ast
import io
import json
import sys
import zipfile

import boto3

# What moto's CloudFormation does not create. A type that it learns to create fails the test, so that it is read back then.
NOT_CREATED = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
}
STACK, ACCOUNT, REGION = "churn", "123456789012", "us-east-1"

path, code_bucket = sys.argv[1:]
session = boto3.Session(region_name=REGION)
failures = []


def expect(what, actual, expected):
    if actual != expected:
        failures.append(f"{what}: got {actual!r}, expected {expected!r}")


def without_aliases(value, aliases):
    """The template with each reference to an alias replaced by one to its function."""
    if isinstance(value, list):
        return [without_aliases(item, aliases) for item in value]
    if isinstance(value, dict):
        if value.get("Ref") in aliases:
            return {"Fn::GetAtt": [aliases[value["Ref"]], "Arn"]}
        return {key: without_aliases(item, aliases) for key, item in value.items()}
    return value


def refers_to(value, names):
    if isinstance(value, list):
        return any(refers_to(item, names) for item in value)
    if isinstance(value, dict):
        target = value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]
        return target in names or any(refers_to(item, names) for item in value.values())
    return isinstance(value, str) and any(f"${{{name}" in value for name in names)


def for_moto(template):
    resources = template["Resources"]
    aliases = {
        name: resource["Properties"]["FunctionName"]["Ref"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Alias"
    }
    dropped = {name for name, resource in resources.items() if resource["Type"] in NOT_CREATED}
    kept = {name: resource for name, resource in resources.items() if name not in dropped}
    kept = without_aliases(kept, aliases)
    for name, resource in list(kept.items()):
        depends = resource.get("DependsOn", [])
        depends = [other for other in ([depends] if isinstance(depends, str) else depends) if other not in dropped]
        kept[name] = {**{key: value for key, value in resource.items() if key != "DependsOn"}, "DependsOn": depends}
        if refers_to(resource, dropped):
            del kept[name]
    gone = set(resources) - set(kept)
    outputs = {name: output for name, output in template["Outputs"].items() if not refers_to(output, gone)}
    rest = {key: value for key, value in template.items() if key != "Rules"}
    return {**rest, "Resources": kept, "Outputs": outputs}, gone


def upload_code():
    s3 = session.client("s3")
    s3.create_bucket(Bucket=code_bucket)
    for function in ("ingest", "retrain", "predict", "monitor", "score"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("bootstrap", function)
        s3.put_object(Bucket=code_bucket, Key=f"{function}.zip", Body=archive.getvalue())
    with open("infra/statemachines/score.asl.json", "rb") as file:
        s3.put_object(Bucket=code_bucket, Key="score.asl.json", Body=file.read())


def create(name, template, **parameters):
    cloudformation = session.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    created = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    # Resources whose condition is false have no id in moto, and neither do versions and permissions have a physical one.
    return {resource["LogicalResourceId"]: resource.get("PhysicalResourceId") for resource in created if "LogicalResourceId" in resource}


def check_buckets():
    s3 = session.client("s3")
    for kind in ("logs", "store"):
        bucket = f"{STACK}-{kind}-{ACCOUNT}-{REGION}"
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        expect(f"{bucket}: encryption", rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")


def check_tables():
    dynamodb = session.client("dynamodb")
    for name in ("UserHistory", "IngestLedger", "UserRisk", "ErasedUsers"):
        table = dynamodb.describe_table(TableName=f"{STACK}-{name}")["Table"]
        expect(f"{name}: billing", table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        expect(f"{name}: deletion protection", table["DeletionProtectionEnabled"], True)
        keys = [key["AttributeName"] for key in table["KeySchema"]]
        partition_key = "source" if name == "IngestLedger" else "user_id"
        expect(f"{name}: keys", keys, [partition_key] + ["day_source"] * (name == "UserHistory"))


def check_queues(physical):
    sqs = session.client("sqs")
    attributes = {
        name: sqs.get_queue_attributes(QueueUrl=physical[name], AttributeNames=["All"])["Attributes"]
        for name in ("IngestQueue", "IngestFailures", "FailedRuns")
    }
    for name, found in attributes.items():
        expect(f"{name}: retention", found["MessageRetentionPeriod"], "1209600")
        expect(f"{name}: encryption", found["SqsManagedSseEnabled"], "true")
    redrive = json.loads(attributes["IngestQueue"]["RedrivePolicy"])
    expect("IngestQueue: redrive", redrive, {"deadLetterTargetArn": attributes["IngestFailures"]["QueueArn"], "maxReceiveCount": 5})
    timeout = int(attributes["IngestQueue"]["VisibilityTimeout"])
    ingest = session.client("lambda").get_function_configuration(FunctionName=f"{STACK}-ingest")
    expect("IngestQueue: visibility timeout", timeout, 6 * ingest["Timeout"])
    mappings = session.client("lambda").list_event_source_mappings(EventSourceArn=attributes["IngestQueue"]["QueueArn"])
    (mapping,) = mappings["EventSourceMappings"]
    expect("mapping: function", mapping["FunctionArn"], ingest["FunctionArn"])
    expect("mapping: batch", mapping["BatchSize"], 10)


def check_functions(physical):
    client = session.client("lambda")
    for name in ("ingest", "retrain", "predict", "monitor", "score"):
        function = client.get_function_configuration(FunctionName=f"{STACK}-{name}")
        expect(f"{name}: runtime", (function["Runtime"], function["Handler"]), ("provided.al2023", "bootstrap"))
        variables = {
            "POWERTOOLS_METRICS_NAMESPACE": STACK,
            "CHURN_LOGS_BUCKET": f"{STACK}-logs-{ACCOUNT}-{REGION}",
            "CHURN_STORE_BUCKET": f"{STACK}-store-{ACCOUNT}-{REGION}",
            "CHURN_HISTORY_TABLE": f"{STACK}-UserHistory",
            "CHURN_LEDGER_TABLE": f"{STACK}-IngestLedger",
            "CHURN_RISK_TABLE": f"{STACK}-UserRisk",
            "CHURN_ERASED_USERS_TABLE": f"{STACK}-ErasedUsers",
        }
        variables |= {"CHURN_EVENT_BUS": "default"} if name in ("retrain", "score") else {}
        variables |= {"CHURN_ALERT_TOPIC": physical["AlertTopic"], "CHURN_EXPORT_AUDIENCE": "off"} if name == "score" else {}
        expect(f"{name}: environment", function["Environment"]["Variables"], variables)


def check_roles(physical):
    iam = session.client("iam")
    for name in ("IngestRole", "RetrainRole", "PredictRole", "MonitorRole", "ScoreRole"):
        policies = iam.list_role_policies(RoleName=physical[name])["PolicyNames"]
        expect(f"{name}: policies", sorted(policies), ["calls", "lambda"])
        attached = iam.list_attached_role_policies(RoleName=physical[name])["AttachedPolicies"]
        expect(f"{name}: managed policies", attached, [])
        for policy in policies:
            document = iam.get_role_policy(RoleName=physical[name], PolicyName=policy)["PolicyDocument"]
            document = ast.literal_eval(document) # moto returns the policy of a stack as Python prints it
            for statement in document["Statement"]:
                targets = statement["Resource"]
                for target in targets if isinstance(targets, list) else [targets]:
                    unresolved = not isinstance(target, str) or "${" in target
                    broad = target == "*" and statement["Sid"] != "Traces"
                    expect(f"{name}: {statement['Sid']}: {target}", unresolved or broad, False)


def check_rest(physical):
    logs = {group["logGroupName"]: group for group in session.client("logs").describe_log_groups()["logGroups"]}
    names = {f"/aws/lambda/{STACK}-{name}" for name in ("ingest", "retrain", "predict", "monitor", "score")}
    expect("log groups", names - set(logs), set())
    expect("retention of logs", {logs[name].get("retentionInDays") for name in names}, {30})
    events = session.client("events")
    rule = next(rule for rule in events.list_rules()["Rules"] if "churn.retrain" in rule.get("EventPattern", ""))
    targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    expect("rule: targets", [target["Arn"] for target in targets], [physical["AlarmTopic"]])
    topics = {topic["TopicArn"] for topic in session.client("sns").list_topics()["Topics"]}
    expect("topics", topics, {physical["AlarmTopic"], physical["AlertTopic"]})


def check_options(template):
    """A second stack, with the parameters that change resources."""
    name = f"{STACK}-options"
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    physical = create(
        name, template, KmsKeyArn=key, UserIdKeySecret="user-id-key", TableSuffix="-restored", IngestTrigger="direct", EventBusName="ops",
        ScoreSegments="8",
    )
    machine = session.client("stepfunctions").describe_state_machine(stateMachineArn=physical["ScoreStateMachine"])
    expect("state machine", machine["name"], f"{name}-score")
    bucket = f"{name}-store-{ACCOUNT}-{REGION}"
    rule = session.client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    expected = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    expect("key: bucket", rule["ApplyServerSideEncryptionByDefault"], expected)
    queue = session.client("sqs").get_queue_attributes(QueueUrl=physical["IngestQueue"], AttributeNames=["All"])["Attributes"]
    expect("key: queue", queue["KmsMasterKeyId"], key)
    policies = session.client("iam").list_role_policies(RoleName=physical["RetrainRole"])["PolicyNames"]
    expect("key: policies", sorted(policies), ["calls", "key", "lambda"])
    function = session.client("lambda").get_function_configuration(FunctionName=f"{name}-retrain")
    variables = function["Environment"]["Variables"]
    # moto does not resolve the reference to the secret.
    expect("user-id key", variables["CHURN_USER_ID_KEY"], "{{resolve:secretsmanager:user-id-key}}")
    expect("restored table", variables["CHURN_HISTORY_TABLE"], f"{name}-UserHistory-restored")
    expect("bus", variables["CHURN_EVENT_BUS"], "ops")


with open(path, encoding="utf-8") as file:
    template = json.load(file)
upload_code()
template, gone = for_moto(template)
physical = create(STACK, template)
unconditional = {name for name, resource in template["Resources"].items() if "Condition" not in resource}
expect("resources that were not created", unconditional - set(physical), set())
check_buckets()
check_tables()
check_queues(physical)
check_functions(physical)
check_roles(physical)
check_rest(physical)
session.client("events").create_event_bus(Name="ops")
check_options(template)
print("\n".join(failures) or f"moto created {len(physical)} resources; it does not create {len(gone)}")
sys.exit(bool(failures))
