"""Computes the tables of docs/cost.md, and one of docs/scoring.md, from the prices and measurements of docs/cost.md.

Usage: cost.py [--update]. Without --update, fails if a table on the page is another one.
"""

import math
import re
import sys
from pathlib import Path

PAGE = Path("docs/cost.md")
# Lambda has one vCPU at this memory.
MB_PER_VCPU = 1769
text = PAGE.read_text(encoding="utf-8")
inputs = {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", text, re.MULTILINE)}


def value(name):
    return inputs[name]


def usd(amount):
    """Three significant digits, without an exponent."""
    if amount == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(amount)))
    return f"{amount:,.{digits}f}"


def hours(seconds):
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("|" + "|".join(cell if cell == "---" else f" {cell} " for cell in line) + "|" for line in lines)


def lambda_usd(seconds, megabytes):
    return value("lambda_request") + seconds * megabytes / 1024 * value("lambda_gb_second")


def share(megabytes):
    """Of a full core, at most one: the functions scan and score on one thread."""
    return min(1, megabytes / MB_PER_VCPU)


def history_bytes(users):
    """Of the table UserHistory."""
    events = users * value("events_per_user_day") * value("retention_days")
    return events / 1e6 * value("item_bytes_per_million_events")


def scan_units(size):
    """Eventually consistent: half a unit for 4 KB."""
    return size / 4096 / 2


def prediction():
    memory = 512
    seconds = value("predict_ms") / 1000 / share(memory)
    units = math.ceil(history_bytes(1) / 4096) / 2
    parts = [
        ("HTTP API", value("http_api_request")),
        (f"Lambda, 512 MB, {seconds * 1000:.0f} ms", lambda_usd(seconds, memory)),
        (f"DynamoDB, {units:g} read units", units * value("read_unit")),
        ("logs", value("log_bytes_per_request") / 1e9 * value("log_gb")),
    ]
    return [[f"one million predictions: {name}", usd(amount * 1e6)] for name, amount in parts] + [
        ["**one million predictions**", f"**{usd(sum(amount for _, amount in parts) * 1e6)}**"]
    ]


def ingest():
    memory = 1024
    rate = min(value("ingest_mb_per_s") * share(memory), value("network_mb_per_s"))
    million_events = 1e9 / value("bytes_per_event") / 1e6
    parts = [
        (f"Lambda, 1,024 MB, {1000 / rate:.0f} s", lambda_usd(1000 / rate, memory)),
        (f"DynamoDB, {million_events * value('write_units_per_million_events'):,.0f} write units",
         million_events * value("write_units_per_million_events") * value("write_unit")),
    ]
    stored = million_events * value("item_bytes_per_million_events") / 1e9
    month = stored * (value("table_gb_month") + value("backup_gb_month")) + value("s3_gb_month")
    return [[f"one GB ingested: {name}", usd(amount)] for name, amount in parts] + [
        ["**one GB ingested**", f"**{usd(sum(amount for _, amount in parts))}**"],
        [f"storage of one GB for a month: {stored * 1000:.0f} MB of table with backups, and the log in S3", usd(month)],
    ]


def large_train_users():
    """Users of the largest measured training."""
    return value("large_train_rows") / value("rows_per_user")


def large_train_seconds_per_user():
    """On one core, with the scan: reading a user takes as long as in `score`."""
    return value("large_train_cpu_seconds") / large_train_users() + value("score_us_per_user") / 1e6


def training():
    memory = 2048
    users = value("train_users")
    seconds = value("train_cpu_seconds") / (memory / MB_PER_VCPU)
    size = history_bytes(users)
    parts = lambda_usd(seconds, memory) + scan_units(size) * value("read_unit")
    large, vcpus, gigabytes = 1_000_000, 8, 64
    length = large_train_seconds_per_user() * large / vcpus
    container = length / 3600 * (vcpus * value("fargate_vcpu_hour") + gigabytes * value("fargate_gb_hour"))
    container += scan_units(history_bytes(large)) * value("read_unit")
    return [
        [f"**one training, {users:,.0f} users**: Lambda, 2,048 MB, {seconds:.0f} s; scan of {size / 1e6:,.0f} MB", f"**{usd(parts)}**"],
        [f"one training, {large:,} users, if its work grows with them: Fargate, {vcpus} vCPU, {gigabytes} GB, {hours(length)}; scan",
         usd(container)],
    ]


def night_seconds(users, memory):
    """Of all invocations of `score` together: the network, or the core of one thread."""
    network = history_bytes(users) / 1e6 / value("network_mb_per_s")
    return max(network, users * value("score_us_per_user") / 1e6 / share(memory))


def night_read_units(users):
    """The scan of the histories, half a unit for each record, and a part of the search for orphans: the scan of the records, and a
    consistent read of a history for each."""
    search = scan_units(users * value("risk_item_bytes")) + users
    return scan_units(history_bytes(users)) + users / 2 + search / value("orphan_search_days")


def night_write_units(users):
    return users * value("changed_share") * value("write_units_per_record")


def night(users):
    memory = 1769
    seconds = night_seconds(users, memory)
    segments = min(1000, max(1, math.ceil(seconds / (value("lambda_seconds") / 2))))
    size = history_bytes(users)
    read = night_read_units(users) * value("read_unit")
    write = night_write_units(users) * value("write_unit")
    run = segments * value("lambda_request") + seconds * memory / 1024 * value("lambda_gb_second")
    run += (2 * segments + 4) * value("transition") if segments > 1 else 0
    reading = scan_units(size) / value("table_read_units_per_s")
    return {
        "users": f"{users:,}",
        "`UserHistory`": f"{size / 1e9:,.2f} GB",
        "segments": f"{segments:,}",
        "time at least": hours(max(seconds / segments, reading)),
        "read units": f"{night_read_units(users):,.0f}",
        "write units": f"{night_write_units(users):,.0f}",
        "Lambda, all segments": hours(seconds),
        "reads": usd(read),
        "Lambda and states": usd(run),
        "writes of `UserRisk`": usd(write),
        "one night": f"**{usd(read + run + write)}**",
    }


def nights(columns, sizes):
    return table(columns, [[night(users)[column] for column in columns] for users in sizes])


def scoring():
    columns = ["users", "read units", "write units", "Lambda, all segments", "reads", "writes of `UserRisk`", "Lambda and states",
               "one night"]
    return nights(columns, (1_000_000, 10_000_000, 100_000_000))


def results():
    columns = ["users", "`UserHistory`", "segments", "time at least", "reads", "Lambda and states", "writes of `UserRisk`", "one night"]
    nightly = nights(columns, (10_000, 1_000_000, 100_000_000))
    return table(["what", "USD"], prediction() + ingest() + training()) + "\n\nOne night of `score`, in USD:\n\n" + nightly


def scan():
    rows = []
    for users in (10_000, 1_000_000, 100_000_000):
        size = history_bytes(users)
        scanned, exported = scan_units(size) * value("read_unit"), size / 1e9 * value("export_gb")
        rows.append([f"{users:,}", f"{size / 1e9:,.2f} GB", usd(scanned), usd(exported), f"{exported / scanned:.1f}"])
    return table(["users", "`UserHistory`", "scan, USD", "export, USD", "ratio"], rows)


def limits():
    per_user = history_bytes(1)
    memory_per_user = value("large_train_mb") / large_train_users()
    seconds_per_user = large_train_seconds_per_user() / (2048 / MB_PER_VCPU)
    found = [
        ("`retrain`: 2,048 MB of memory for rows and fit", 2048 / memory_per_user),
        ("`retrain`: 10,240 MB of memory for rows and fit", value("lambda_max_mb") / memory_per_user),
        ("`retrain` with 2,048 MB: 15 minutes, if its time grows with the users", value("lambda_seconds") / seconds_per_user),
        ("`score` in one invocation: 15 minutes", value("lambda_seconds") / night_seconds(1, 1769)),
        ("one table: a scan within an hour at the rate of a new table", 3600 * value("table_read_units_per_s") / scan_units(per_user)),
        ("`score` in 1,000 segments: 15 minutes", 1000 * value("lambda_seconds") / night_seconds(1, 1769)),
    ]
    return table(["limit", "users"], [[name, f"{float(f'{users:.2g}'):,.0f}"] for name, users in sorted(found, key=lambda row: row[1])])


def filled(page, content):
    """The text of a page with these tables."""
    updated = page.read_text(encoding="utf-8")
    for name, computed in content:
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        lines = computed()
        updated, count = re.subn(pattern, lambda found: f"{found[1]}\n{lines}\n\n{found[2]}", updated, count=1, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"{page}: no place for {name}")
    return updated


for page, content in (
    (PAGE, (("results", results), ("scan", scan), ("limits", limits))),
    (Path("docs/scoring.md"), (("nights", scoring),)),
):
    updated = filled(page, content)
    if sys.argv[1:] == ["--update"]:
        page.write_text(updated, encoding="utf-8")
    elif updated != page.read_text(encoding="utf-8"):
        sys.exit(f"{page} does not agree with its inputs: run python3 tests/cost.py --update")
    print(f"{page} agrees with the prices and measurements of {PAGE}")
