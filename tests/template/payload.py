"""Validates one payload against the schema of its function.

Usage: payload.py FUNCTION FILE
"""

import json
import sys
from pathlib import Path

from jsonschema import validate

function, file = sys.argv[1:]
schemas = Path(__file__).resolve().parents[2] / "events" / "schemas"
schema = json.loads((schemas / f"{function}.json").read_text(encoding="utf-8"))
validate(json.loads(Path(file).read_text(encoding="utf-8")), schema)
