"""Golden values for common/src/metrics, from scikit-learn 1.9.1 and NumPy 2.4.6.

    pip install scikit-learn==1.9.1 numpy==2.4.6 && python tests/golden/metrics.py > tests/golden/metrics.json
"""

import json
import math
import re
import warnings

import numpy as np
from sklearn import metrics as m
from sklearn.calibration import calibration_curve

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20261120)


def reliability(y, p):
    """scikit-learn's curve, with the number of rows in each bin, which it does not return."""
    observed, predicted = calibration_curve(y, p, n_bins=10, strategy="quantile")
    edges = np.percentile(p, np.linspace(0, 1, 11) * 100)
    rows = np.bincount(np.searchsorted(edges[1:-1], p), minlength=11)
    rows = rows[rows > 0]
    assert len(rows) == len(observed)
    curve = zip(rows.tolist(), predicted.tolist(), observed.tolist())
    return [{"rows": r, "predicted": p, "observed": o} for r, p, o in curve]


def case(name, labels, probabilities, threshold):
    y = np.asarray(labels, dtype=bool)
    p = np.asarray(probabilities, dtype=float)
    predicted = p >= threshold
    both = 0 < y.sum() < len(y)
    tn, fp, fn, tp = m.confusion_matrix(y, predicted, labels=[False, True]).ravel()
    options = dict(labels=[False, True], target_names=["stays", "churns"], zero_division=np.nan)
    text = m.classification_report(y, predicted, **options)
    # If no prediction is correct, scikit-learn prints the support as "2.0".
    text = re.sub(r"\d+\.0$", lambda found: found[0][:-2].rjust(len(found[0])), text, flags=re.M)
    curve = reliability(y, p)
    return {
        "name": name,
        "labels": y.tolist(),
        "probabilities": p.tolist(),
        "threshold": threshold,
        "confusion": {"tn": int(tn), "fp": int(fp), "fn": int(fn), "tp": int(tp)},
        "roc_auc": m.roc_auc_score(y, p) if both else None,
        "pr_auc": m.average_precision_score(y, p) if y.any() else None,
        "log_loss": m.log_loss(y, np.column_stack([1 - p, p]), labels=[False, True]),
        "brier": float(np.mean((p - y) ** 2)),
        "reliability": curve,
        "ece": sum(b["rows"] * abs(b["predicted"] - b["observed"]) for b in curve) / len(y),
        "report": m.classification_report(y, predicted, output_dict=True, **options),
        "text": text,
    }


def undefined_is_none(x):
    if isinstance(x, dict):
        return {k: undefined_is_none(v) for k, v in x.items()}
    return None if isinstance(x, float) and math.isnan(x) else x


y = rng.random(200) < 0.25
p = np.clip(0.25 + 0.3 * (y - 0.25) + rng.normal(0, 0.2, 200), 0, 1)
cases = [
    case("continuous, some probabilities 0 and 1", y, p, 0.5),
    case("heavy ties", y, np.round(p * 5) / 5, 0.4),
    case("all tied", y[:40], np.full(40, 0.3), 0.3),
    case("perfect", [False, False, True, True], [0.0, 0.2, 0.7, 1.0], 0.5),
    case("worst", [False, False, True, True], [1.0, 0.7, 0.2, 0.0], 0.5),
    case("nothing called positive", [False, True, False, True, False], [0.1, 0.2, 0.3, 0.05, 0.2], 0.5),
    case("everything called positive", [False, True, False], [0.6, 0.7, 0.9], 0.5),
    case("only negatives", [False] * 4, [0.1, 0.6, 0.3, 0.2], 0.5),
    case("only positives", [True] * 4, [0.1, 0.6, 0.3, 0.2], 0.5),
    case("one row", [True], [0.5], 0.5),
]
print(json.dumps([undefined_is_none(c) for c in cases], allow_nan=False, separators=(",", ":")).replace('},{"name"', '},\n{"name"'))
