"""Golden values for functions/monitor/src/effect, from statsmodels 0.15.0, SciPy 1.17.1 and NumPy 2.4.6.

    pip install statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 && python tests/golden/effect.py > tests/golden/effect.json

No Python library has the stratified interval: here it is written out once more, with NumPy, from Yan and Su (2010). The script
fails if it differs from the interval that the tests of the R package tern give as externally validated.
"""

import json

import numpy as np
from scipy.stats import norm
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    power_proportions_2indep,
    proportion_confint,
    samplesize_proportions_2indep_onetail,
)

rng = np.random.default_rng(20261126)


def wilson(p, n, z):
    alpha = 2 * norm.sf(z)
    return np.array([proportion_confint(x, m, alpha=alpha, method="wilson") for x, m in zip(p * n, n)]).T


def stratified(strata, z):
    """`strata`: users and churned users of treatment, then of control. The strata without users of both are left out."""
    n1, x1, n2, x2 = np.array([s for s in strata if s[0] and s[2]], float).T
    w = n1 * n2 / (n1 + n2)
    w /= w.sum()

    def limits(n, x):
        p = x / n
        v = p * (1 - p) / n
        q = z * np.sqrt(np.sum(w**2 * v)) / np.sum(w * np.sqrt(v))
        low, high = wilson(p, n, q)
        return w @ p, w @ low, w @ high, np.sum(w**2 / n)

    p1, l1, u1, k1 = limits(n1, x1)
    p2, l2, u2, k2 = limits(n2, x2)
    d = p1 - p2
    return [
        d,
        d - z * np.sqrt(k1 * l1 * (1 - l1) + k2 * u2 * (1 - u2)),
        d + z * np.sqrt(k2 * l2 * (1 - l2) + k1 * u1 * (1 - u1)),
    ]


def newcombe(n1, x1, n2, x2):
    low, high = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff", alpha=0.05)
    return {"strata": [[n1, x1, n2, x2]], "difference": [x1 / n1 - x2 / n2, max(low, -1), min(high, 1)]}


def sequence_quantile(t, alpha=0.05, tuned_for=1000):
    """Waudby-Smith et al. (2024), theorem 2.2: half the width of the interval, in standard errors."""
    rho = np.sqrt((-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / tuned_for)
    half = np.sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * np.log(np.sqrt(t * rho**2 + 1) / alpha))
    return half * np.sqrt(t)


def users_needed(rate, effect, power, share):
    ratio = share / (1 - share)
    n = samplesize_proportions_2indep_onetail(-rate * effect, rate, power, ratio=ratio, alpha=0.05)
    reached = power_proportions_2indep(-rate * effect, rate, n, ratio=ratio, alpha=0.05).power
    assert abs(reached - power) < 1e-3, (reached, power)
    return {"rate": rate, "effect": effect, "power": power, "control_share": share,
            "users": int(np.ceil(n) + np.ceil(n * ratio))}


# The data of tests/testthat/test-prop_diff.R in tern: 80 rows in 6 strata, drawn with R's seed 1.
tern = [[9, 8, 6, 3], [4, 4, 12, 6], [5, 2, 5, 2], [7, 5, 4, 3], [7, 6, 8, 3], [8, 5, 5, 3]]
assert np.allclose(stratified(tern, norm.ppf(0.975)), [0.2539, 0.0347, 0.4454], atol=5e-5)

# Table II of Newcombe (1998).
paper = [(70, 56, 80, 48), (10, 9, 10, 3), (7, 6, 7, 2), (56, 5, 29, 0), (10, 0, 20, 0), (10, 0, 10, 0), (10, 10, 20, 0),
         (10, 10, 10, 0)]
strata = [tern]
for k in (2, 5, 20):
    n = np.stack([rng.integers(20, 900, k), rng.integers(5, 100, k)], axis=1)
    x = rng.binomial(n, [0.2, 0.3])
    strata.append(np.stack([n[:, 0], x[:, 0], n[:, 1], x[:, 1]], axis=1).tolist())
strata.append(strata[1] + [[40, 3, 0, 0], [0, 0, 7, 2]])

golden = {
    "newcombe": [newcombe(*case) for case in paper + [(900, 180, 100, 27), (4000, 90, 400, 11)]],
    "stratified": [{"strata": s, "difference": stratified(s, norm.ppf(0.975))} for s in strata],
    "sequence_quantile": [{"users": t, "quantile": sequence_quantile(t)} for t in (1, 10, 300, 1000, 10_000, 1_000_000)],
    "users_needed": [
        users_needed(*case)
        for case in [(0.3, 0.3, 0.8, 0.1), (0.3, 0.3, 0.8, 0.5), (0.1, 0.2, 0.9, 0.1), (0.6, 0.1, 0.8, 0.3), (0.05, 0.9, 0.95, 0.2)]
    ],
}
print(json.dumps(golden, allow_nan=False, separators=(",", ":")).replace("},{", "},\n{"))
