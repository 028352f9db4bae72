#!/usr/bin/env bash
# Checks the page of a training report in Chromium, and writes screenshots and a PDF to a folder. Not part of the check: it
# needs Chromium (in the path, or its place in CHROMIUM), python3 with venv, and PyPI.
#   tests/report_page.sh [REPORT.HTML [FOLDER]]
# The default is the report of `churn demo` on the sample log, and target/report-page.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/python.sh
venv="$target/python-report"
python_environment "$venv" tests/requirements-report.txt
folder="${2:-$target/report-page}"
mkdir -p "$folder"
report="${1:-}"
if [ -z "$report" ]; then
    report="$folder/report.html"
    cargo run --release -- demo --report "$report"
fi
exec "$venv/bin/python" tests/report_page.py "${CHROMIUM:-$(command -v chromium)}" "$report" "$folder"
