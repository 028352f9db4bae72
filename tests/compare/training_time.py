"""Time and peak memory of a training with the default settings, by number of rows. `tests/compare/training_time.sh` runs this script.

    python tests/compare/training_time.py examples/rows folder rows ...

The rows are those of the logs of `tests/compare/ranking.sh` in `folder`, at daily cutoffs. For more rows than they have (about
150,000), their users are taken several times under other names, which changes the result, but hardly the time. The time is that of
the training alone: no log is read, and nothing is stored.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    logs = [folder / f"{seed}.parquet" for seed in range(1, 21)]
    schema, path = pq.read_schema(logs[0]), folder / "many.parquet"
    print(f"{os.cpu_count()} cores\n    rows    users  seconds   CPU s     MB  ROC-AUC of users of another log")
    for wanted in map(int, sys.argv[3:]):
        parts, rows, copy = [], 0, 0
        while rows < wanted:
            for log in logs:
                part = pd.read_parquet(log)
                part["user_id"] = f"{copy}-{log.stem}-" + part["user_id"]
                train = part["split"] == "train"
                users = part.loc[train, "user_id"].unique()
                share = (wanted - rows) / train.sum()
                if share < 1:
                    part = part[part["user_id"].isin(users[: round(share * len(users))])]
                parts.append(part)
                rows += int((part["split"] == "train").sum())
                if share <= 1:
                    rows = wanted
                    break
            copy += 1
        table = pa.Table.from_pandas(pd.concat(parts), preserve_index=False).cast(schema)
        pq.write_table(table, path, compression="NONE")
        settings = json.dumps({"cutoff_interval_days": 1})
        child = subprocess.Popen([program, folder / "other.parquet", settings, path], stdout=subprocess.PIPE, text=True)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"{program} failed")
        line = json.loads(output)
        print(f"{line['train']['rows']:8} {line['train']['users']:8} {line['seconds']:8.1f} {usage.ru_utime + usage.ru_stime:7.1f} "
              f"{usage.ru_maxrss / 1024:6.0f} {line['other']['roc_auc']:8.4f}", flush=True)
    path.unlink()


if __name__ == "__main__":
    main()
