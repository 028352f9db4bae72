"""Golden values for functions/retrain/training/src/calibration.rs, from scikit-learn 1.9.1 and NumPy 2.4.6.

    pip install scikit-learn==1.9.1 numpy==2.4.6 && python tests/golden/calibration.py > tests/golden/calibration.json
"""

import json

import numpy as np
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

rng = np.random.default_rng(20261120)


def case(name, scores, labels):
    scores, labels = np.round(np.asarray(scores, float), 6), np.asarray(labels, bool)
    at = np.unique(np.round(np.append(scores, np.linspace(scores.min() - 1, scores.max() + 1, 41)), 6))
    platt = _SigmoidCalibration().fit(scores, labels)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    # `retrain` clips rates.
    margin = 1 / (len(labels) + 2)
    rates = np.clip(isotonic.y_thresholds_, margin, 1 - margin)
    return {
        "name": name,
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "at": at.tolist(),
        "platt": platt.predict(at).tolist(),
        "isotonic": np.interp(at, isotonic.X_thresholds_, rates).tolist(),
    }


margins = rng.normal(-2, 1.5, 300)
shares = np.clip(rng.beta(2, 8, 200), 0, 1)
cases = [
    case("margins, overconfident", margins, rng.random(300) < 1 / (1 + np.exp(-margins / 2 - 0.5))),
    case("probabilities, class-weighted", shares, rng.random(200) < shares / 3),
    case("ties", np.round(margins[:120]), rng.random(120) < 1 / (1 + np.exp(-margins[:120]))),
    case("a few rows", [0.1, 0.4, 0.35, 0.8, 0.7], [False, True, False, True, False]),
]
print(json.dumps(cases, allow_nan=False, separators=(",", ":")).replace('},{"name"', '},\n{"name"'))
