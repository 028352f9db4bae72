"""Checks the examples of an OpenAPI document: each agrees with its schema, each body has one, and each problem type occurs. Writes
the document for the local stack, which authorizes every request.

Usage: openapi.py DOCUMENT LOCAL_DOCUMENT
"""

import json
import sys

from jsonschema import Draft202012Validator

# A card is long: docs/training.md describes it.
WITHOUT_EXAMPLE = {("/model", "200"), ("/openapi.json", "200"), ("/docs", "200")}
with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
failures, types = [], set()


def check(where, content, needs_example):
    for media_type, body in content.items():
        examples = body.get("examples", {})
        if not examples and needs_example and "message" not in body["schema"].get("properties", {}):
            failures.append(f"{where}: no example of {media_type}")
        validator = Draft202012Validator({**body["schema"], "components": document["components"]})
        for name, example in examples.items():
            failures.extend(f"{where}, {name}: {error.message}" for error in validator.iter_errors(example["value"]))
            if media_type == "application/problem+json":
                types.add(example["value"]["type"])


for path, item in document["paths"].items():
    for method in {"get", "post", "delete"} & set(item):
        operation = item[method]
        check(f"{method} {path}", operation.get("requestBody", {}).get("content", {}), True)
        for status, response in operation["responses"].items():
            check(f"{method} {path} {status}", response.get("content", {}), (path, status) not in WITHOUT_EXAMPLE)
for name, response in document["components"]["responses"].items():
    check(name, response["content"], True)
known = set(document["components"]["schemas"]["ProblemDetails"]["properties"]["type"]["enum"])
failures += [f"no example of {name}" for name in sorted(known - types)]
del document["security"], document["components"]["securitySchemes"]
for item in document["paths"].values():
    for operation in item.values():
        if isinstance(operation, dict):
            operation.pop("security", None)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(document, file)
print("\n".join(failures) or f"the examples of {len(document['paths'])} paths agree with their schemas")
sys.exit(bool(failures))
