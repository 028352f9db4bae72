"""Training time of gradient boosting: ours (functions/retrain/training/benches/boosting.rs) and the histogram methods of
XGBoost and LightGBM, in turns on the same rows, with the same number of threads, 100 rounds of depth 6 and 64 bins. The
conversion of the data is included. `tests/compare/times.sh` runs this script.

    python tests/compare/times.py [--rows N] [--turns N] [--threads N ...]

Prints each turn, and per library the shortest turn with its ratio to ours. On a busy machine, compare the CPU time on one
thread: OpenMP, which the other two use, spins while it waits for a core.
"""

import argparse
import os
import re
import subprocess
import time

import lightgbm
import numpy as np
import xgboost

FEATURES, ROUNDS, DEPTH, RATE = 45, 100, 6, 0.1


def uniform(n):
    """The numbers of functions/retrain/training/benches/boosting.rs."""
    z = (n + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def ours(rows, threads):
    """Wall and CPU seconds of one fit."""
    command = ["cargo", "bench", "--quiet", "--workspace", "--bench", "boosting", "--", str(rows), "1"]
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return [float(seconds) for seconds in re.search(r": ([\d.]+) s, CPU ([\d.]+) s", printed).groups()]


def timed(fit):
    start, cpu = time.perf_counter(), time.process_time()
    fit()
    return [time.perf_counter() - start, time.process_time() - cpu]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    args = parser.parse_args()
    numbers = uniform(np.arange(args.rows * (FEATURES + 1), dtype=np.uint64)).reshape(args.rows, FEATURES + 1)
    x = np.ascontiguousarray(numbers[:, :FEATURES])
    y = numbers[:, FEATURES] < 0.02 + 0.2 * x[:, 0] * x[:, 1] + np.where(x[:, 2] > 0.7, 0.1, 0)
    tree = dict(max_depth=DEPTH, learning_rate=RATE)

    def fit_xgboost(threads):
        params = tree | dict(objective="binary:logistic", tree_method="hist", nthread=threads, max_bin=64)
        xgboost.train(params, xgboost.DMatrix(x, y, nthread=threads), ROUNDS)

    def fit_lightgbm(threads):
        params = tree | dict(objective="binary", num_leaves=2**DEPTH, num_threads=threads, max_bin=63, verbosity=-1)
        lightgbm.train(params, lightgbm.Dataset(x, y, params=params), ROUNDS)

    print(f"{args.rows} rows of {FEATURES} features, {ROUNDS} rounds of depth {DEPTH}, in seconds")
    for threads in args.threads:
        shortest = {}
        for turn in range(args.turns):
            for name, durations in [
                ("ours", ours(args.rows, threads)),
                ("XGBoost", timed(lambda: fit_xgboost(threads))),
                ("LightGBM", timed(lambda: fit_lightgbm(threads))),
            ]:
                print(f"{threads} threads, turn {turn + 1}: {name:<8} {durations[0]:6.2f}, CPU {durations[1]:6.2f}")
                shortest[name] = np.minimum(shortest.get(name, np.inf), durations)
        for name, (wall, cpu) in shortest.items():
            ratios = shortest["ours"] / [wall, cpu]
            print(f"{threads} threads, shortest: {name:<8} {wall:6.2f}, CPU {cpu:6.2f};"
                  f" ours takes {ratios[0]:.2f} times the wall time, {ratios[1]:.2f} times the CPU time")


if __name__ == "__main__":
    main()
