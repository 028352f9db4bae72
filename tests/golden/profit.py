"""Golden values for functions/retrain/training/src/profit, from EMP-PY 2.0.4 and SciPy 1.17.1.

    pip install EMP-PY==2.0.4 scipy==1.17.1 numpy==2.4.6 && python tests/golden/profit.py > tests/golden/profit.json

EMP-PY is a translation of the R package EMP of Bravo, vanden Broucke and Verbraken, the authors' implementation of Verbraken,
Verbeke and Baesens (2013). Here, each of its values is compared with the definition: the integral over the acceptance of the profit
of the best threshold, by quadrature. The profit curve is in no library: it is written out once more with NumPy.
"""

import json

import numpy as np
from EMP.metrics import empChurn
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution

rng = np.random.default_rng(20261126)
DEFAULTS = dict(alpha=6.0, beta=14.0, clv=200.0, d=10.0, f=1.0)


def counts(y, p):
    """Churning and staying users at or above each probability, from no user to all, as shares of all users."""
    levels = np.unique(p)[::-1]
    at = lambda rows: [np.sum(rows & (p >= level)) for level in levels]
    return np.array([[0, *at(y)], [0, *at(~y)]]) / len(y)


def profits(gamma, churning, staying, clv, d, f):
    return clv * (gamma * (1 - d / clv) - f / clv) * churning - (d + f) * staying


def quadrature(y, p, alpha, beta, clv, d, f):
    churning, staying = counts(y, p)
    law = beta_distribution(alpha, beta)

    def best(gamma):
        profit = profits(gamma, churning, staying, clv, d, f)
        return profit.max(), (churning + staying)[profit.argmax()]

    # The share to contact jumps where another threshold becomes the best.
    ends = np.linspace(0, 1, 401)
    integral = lambda part: sum(
        quad(lambda gamma: best(gamma)[part] * law.pdf(gamma), a, b, limit=200)[0] for a, b in zip(ends, ends[1:])
    )
    return integral(0), integral(1)


def curve(y, p, alpha, beta, clv, d, f):
    churning, staying = counts(y, p)
    shares = np.linspace(0, 1, 21)
    at = lambda part: np.interp(shares, churning + staying, part)
    return profits(alpha / (alpha + beta), at(churning), at(staying), clv, d, f).tolist()


def case(name, y, p, **changed):
    settings = DEFAULTS | changed
    y, p = np.asarray(y, bool), np.asarray(p, float)
    found = empChurn(p, y, **settings)
    empc, share = quadrature(y, p, **settings)
    assert abs(found.EMP - empc) < 1e-6 * max(1, abs(empc)), (name, found.EMP, empc)
    assert abs(found.EMP_fraction - share) < 1e-3, (name, found.EMP_fraction, share)
    return {
        "name": name,
        "settings": settings,
        "labels": y.tolist(),
        "probabilities": p.tolist(),
        "empc": float(found.EMP),
        "empc_share": float(found.EMP_fraction),
        "curve": curve(y, p, **settings),
    }


def drawn(rows, rate, signal):
    y = rng.random(rows) < rate
    p = np.clip(rate + signal * (y - rate) + 0.1 * rng.standard_normal(rows), 0.001, 0.999)
    return y, np.round(p, 3)


few, many = drawn(60, 0.2, 0.2), drawn(400, 0.1, 0.1)
tied = (many[0], np.round(many[1], 1))
cases = [
    case("few rows", *few),
    case("many rows", *many),
    case("ties", *tied),
    case("weak", *drawn(300, 0.06, 0.02)),
    case("high value", *many, clv=1000.0),
    case("costly offer", *many, d=60.0),
    case("costly contact", *many, f=8.0),
    case("free contact", *many, f=0.0),
    case("rare acceptance", *many, alpha=1.5, beta=20.0),
    case("frequent acceptance", *few, alpha=20.0, beta=2.5),
]
print(json.dumps(cases))
