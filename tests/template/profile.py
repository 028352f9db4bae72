"""Reads a unit graph of cargo from the standard input, and fails if a crate of the program is not optimised, or has debug assertions."""

import json
import sys

units = json.load(sys.stdin)["units"]
compiled = [
    unit
    for unit in units
    if unit["mode"] == "build" and unit["platform"] and "custom-build" not in unit["target"]["kind"]
]
least = {True: "3", False: "1"}  # of our packages, of dependencies
slow = sorted({
    unit["target"]["name"] for unit in compiled
    if unit["profile"]["opt_level"] < least[unit["pkg_id"].startswith("path+file:")]
})
checked = sorted({unit["target"]["name"] for unit in compiled if unit["profile"]["debug_assertions"] or unit["profile"]["overflow_checks"]})
if not compiled:
    sys.exit("no crates in the unit graph")
if slow or checked:
    sys.exit(f"not optimised: {', '.join(slow)}; with debug assertions or overflow checks: {', '.join(checked)}")
print(f"sam build optimises all {len(compiled)} crates of predict")
