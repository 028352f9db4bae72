"""Reads a unit graph of cargo from the standard input, and fails if a crate of the program is not optimised."""

import json
import sys

units = json.load(sys.stdin)["units"]
compiled = [
    unit
    for unit in units
    if unit["mode"] == "build" and unit["platform"] and "custom-build" not in unit["target"]["kind"]
]
slow = sorted({unit["target"]["name"] for unit in compiled if unit["profile"]["opt_level"] == "0"})
print(f"not optimised: {', '.join(slow)}" if slow else f"sam build optimises all {len(compiled)} crates of predict")
sys.exit("no crates in the unit graph" if not compiled else bool(slow))
