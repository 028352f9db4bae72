"""Validates the invocations in events/ against the schemas in events/schemas/, and checks that the schemas reject what the
functions reject. The schemas list the settings of docs/configuration.md, which tests/it/docs.rs compares with the code.

Usage: payloads.py [--update]. With --update, the settings in the schemas are replaced by those of the documentation.
"""

import json
import re
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

ACCEPTED = {
    "ingest": ["s3-put.json"],
    "retrain": ["retrain.json", "promote.json", "check.json"],
    "monitor": ["monitor.json"],
    "score": ["score.json"],
    "predict": ["predict.json", "users.json", "erase.json"],
}
# As the unit tests of the functions' payloads have them.
REJECTED = {
    "ingest": [
        {"action": "list"},
        {"action": "reingest", "key": "a", "prefix": "b"},
        {"action": "reingest", "key": "a", "start_after": "b"},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}]},
        {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
        {},
    ],
    "retrain": [
        {"horizon_dayz": 7},
        {"horizon_days": "seven"},
        {"action": "promote", "version": "challenger"},
        {"action": "rollback", "version": "champion", "reason": "a test"},
        {"action": "evaluate", "window_days": 7},
        {"action": "check", "version": "champion"},
        {"action": "forget"},
        [1],
    ],
    "monitor": [{"psi_bin": 10}, {"psi_bins": "ten"}, {"action": "list"}, 7],
    "score": [{"as_off": "2026-11-20"}, {"as_of": "soon"}, {"segment": -1}, {"control_share": "none"}, {"action": "list"}, 7],
    "predict": [{"rawPath": "/predict"}, {"user_id": "30"}, {"httpMethod": "POST", "path": "/predict"}, {"warmer": False}, []],
}

# Settings of more types than that of their default.
TYPES = {"forest_class_weight": ["string", "number"], "actions_file": ["string", "null"]}


def type_of(name, default):
    try:
        value = json.loads(default)
    except ValueError:
        value = default
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    spec = {"type": TYPES.get(name) or (["number", "null"] if value is None else kinds[type(value)])}
    return spec | ({"items": {"type": "string" if isinstance(value[0], str) else "number"}} if isinstance(value, list) else {})


def documented_settings(function):
    """The settings of a function that its payload may contain, each with its schema."""
    page = Path("docs/configuration.md").read_text(encoding="utf-8")
    sections = [text for text in page.split("\n## ") if text.startswith(f"`{function}`") and "notifications" not in text.split("\n")[0]]
    rows = re.findall(r"^\| `CHURN_(\w+)` \| `(.*?)` \|", "\n".join(sections), re.MULTILINE)
    return {name.lower(): type_of(name.lower(), default) for name, default in rows}


failures = []
root = Path("events")
for name, files in ACCEPTED.items():
    schema = json.loads((root / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for file in files:
        errors = validator.iter_errors(json.loads((root / file).read_text(encoding="utf-8")))
        failures += [f"{file}: {error.message}" for error in errors]
    failures += [f"{name}: accepts {payload}" for payload in REJECTED[name] if validator.is_valid(payload)]
    if "settings" in schema.get("$defs", {}):
        documented = documented_settings(name)
        listed = schema["$defs"]["settings"]["properties"]
        if sys.argv[1:] == ["--update"]:
            schema["$defs"]["settings"]["properties"] = documented
            text = json.dumps(schema, indent=2, ensure_ascii=False)
            (root / "schemas" / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
        elif listed != documented:
            differing = sorted({*listed, *documented} - {key for key in listed if documented.get(key) == listed[key]})
            failures.append(f"{name}: settings differ from the documentation (--update corrects them): {', '.join(differing)}")
unused = {path.name for path in root.glob("*.json")} - {file for files in ACCEPTED.values() for file in files}
failures += [f"{file} has no schema" for file in sorted(unused)]
# Events of each HTTP service, and erasures that IAM did not authorize.
validator = Draft202012Validator(json.loads((root / "schemas" / "predict.json").read_text(encoding="utf-8")))
for path in sorted(Path("tests/events").glob("*.json")):
    event = json.loads(path.read_text(encoding="utf-8"))
    if validator.is_valid(event) == (path.stem == "websocket"):
        failures.append(f"predict: {path.name} is {'accepted' if path.stem == 'websocket' else 'rejected'}")
    text = json.dumps(event).replace('"POST"', '"DELETE"').replace("/predict", "/users/30")
    if validator.is_valid(json.loads(text)):
        failures.append(f"predict: accepts an erasure without IAM from {path.stem}")
erasure = json.loads((root / "erase.json").read_text(encoding="utf-8"))
del erasure["requestContext"]["authorizer"]
if validator.is_valid(erasure):
    failures.append("predict: accepts an erasure without IAM")
print("\n".join(failures) or "the invocations in events/ match their schemas")
sys.exit(bool(failures))
