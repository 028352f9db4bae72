"""Golden values for functions/monitor/src/stats, from SciPy 1.17.1 and NumPy 2.4.6.

    pip install scipy==1.17.1 numpy==2.4.6 && python tests/golden/drift.py > tests/golden/drift.json

PSI is in no library we trust: here it is written out once more, with NumPy, from the definition in psi.rs.
"""

import json

import numpy as np
from scipy.stats import chi2, false_discovery_control, ks_2samp

rng = np.random.default_rng(20261120)
MAX_BINS = 10
nan = np.nan


def edges(x):
    x = np.sort(x[~np.isnan(x)])
    distinct = np.unique(x)
    if len(distinct) == 1:
        return np.array([x[0], np.nextafter(x[0], np.inf)])
    if len(distinct) <= MAX_BINS:
        return (distinct[1:] + distinct[:-1]) / 2
    if len(distinct) == len(x) and len(x) % MAX_BINS == 0:  # no ties: every bin gets the same number
        ends = np.arange(1, MAX_BINS) * (len(x) // MAX_BINS)
        return (x[ends - 1] + x[ends]) / 2
    raise ValueError("only plain cases have a golden value")


def counts(x, e):
    missing = np.isnan(x)
    bins = np.bincount(np.searchsorted(e, x[~missing], side="right"), minlength=len(e) + 1)
    return np.append(bins, missing.sum())


def case(name, a, b):
    a, b = np.round(np.asarray(a, float), 6), np.round(np.asarray(b, float), 6)
    e = edges(a)
    p, q = counts(a, e), counts(b, e)
    p, q = p[(p + q) > 0] + 0.5, q[(p + q) > 0] + 0.5
    p, q = p / p.sum(), q / q.sum()
    psi, scale = np.sum((p - q) * np.log(p / q)), 1 / len(a) + 1 / len(b)
    present_a, present_b = a[~np.isnan(a)], b[~np.isnan(b)]
    ks = ks_2samp(present_a, present_b, method="exact")
    as_list = lambda x: [None if np.isnan(v) else float(v) for v in x]
    return {
        "name": name,
        "baseline": as_list(a),
        "current": as_list(b),
        "missing": [float(np.isnan(a).mean()), float(np.isnan(b).mean())],
        "psi": {"value": psi, "bins": len(p), "p_value": chi2.sf(psi / scale, len(p) - 1) if len(p) > 1 else 1.0},
        "ks": {"statistic": ks.statistic, "p_value": ks.pvalue, "exact": len(present_a) * len(present_b) <= 10_000},
    }


def with_missing(x, share):
    return np.where(rng.random(len(x)) < share, nan, x)


normal = lambda n, mean=0.0: rng.normal(mean, 1, n)
cases = [
    case("continuous, the same, small", normal(100), normal(60)),
    case("continuous, shifted, small", normal(100), normal(60, 0.6)),
    case("continuous, the same", normal(1000), normal(80)),
    case("continuous, shifted", normal(1000), normal(80, 0.4)),
    case("continuous, a batch of 30", normal(500), normal(30, 0.7)),
    case("more missing", np.append(normal(450), np.full(40, nan)), with_missing(normal(150), 0.3)),
    case("counts", rng.poisson(1.5, 300).clip(0, 6), rng.poisson(2, 90).clip(0, 8)),
    case("binary", rng.random(300) < 0.1, rng.random(90) < 0.2),
    case("constant and still so", np.full(100, 3.0), np.full(50, 3.0)),
    case("constant no more", np.full(100, 3.0), np.append(np.full(45, 3.0), [2, 2, 2, 4, 5])),
    case("constant, both large", np.full(300, 0.1), np.full(70, 0.1)),
    case("one current row", normal(200), normal(1)),
]
p_values = [[0.01, 0.04, 0.03, 0.005, 0.9, 0.04], [1.0], [0.0, 0.5, 0.5], rng.random(40).tolist()]
golden = {
    "cases": cases,
    "benjamini_hochberg": [{"p": p, "adjusted": false_discovery_control(p).tolist()} for p in p_values],
}
print(json.dumps(golden, allow_nan=False, separators=(",", ":")).replace('},{"name"', '},\n{"name"'))
