"""Golden values for functions/retrain/training/src/candidates/forest: the metrics of scikit-learn 1.9.1's
RandomForestClassifier on the data that the Rust test generates, bit for bit.

    pip install scikit-learn==1.9.1 numpy==2.4.6 && python tests/golden/forest.py > tests/golden/forest.json
"""

import json

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss, roc_auc_score

N_FEATURES = 12


class SplitMix64:
    """https://prng.di.unimi.it/splitmix64.c; numbers in 0..1 with 24 bits, so that an f32 holds them exactly."""

    def __init__(self, state):
        self.state = state

    def uniform(self):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 40) / 2**24


def generate(seed, rows):
    """Exclusive-or of two features, an interaction of a count and a binary one, a vee; six features of noise."""
    rng = SplitMix64(seed)
    features, labels = [], []
    for _ in range(rows):
        x = [rng.uniform() for _ in range(N_FEATURES)]
        x[6] = float(int(x[6] * 6))
        x[7] = float(int(x[7] * 3))
        x[8] = float(x[8] < 0.5)
        x[9] = 3.0
        p = 0.05
        p += 0.35 * ((x[0] > 0.5) != (x[1] > 0.5))
        p += 0.25 * (x[6] >= 3.0 and x[8] == 1.0)
        p += 0.4 * abs(x[2] - 0.5)
        labels.append(rng.uniform() < p)
        if rng.uniform() < 0.2:
            x[2] = float("nan")
        features.append(x)
    return np.array(features, dtype=np.float32), np.array(labels)


x, y = generate(1, 4000)
x_test, y_test = generate(2, 4000)
model = RandomForestClassifier(n_estimators=200, max_depth=8, min_samples_leaf=5, random_state=0).fit(x, y)
p = model.predict_proba(x_test)[:, 1]
print(
    json.dumps(
        {
            "train_positives": int(y.sum()),
            "test_positives": int(y_test.sum()),
            "roc_auc": roc_auc_score(y_test, p),
            "log_loss": log_loss(y_test, p),
            "prior_log_loss": log_loss(y_test, np.full(len(y_test), y.mean())),
            "importances": model.feature_importances_.tolist(),
        },
        indent=2,
    )
)
