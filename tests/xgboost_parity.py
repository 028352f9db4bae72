"""Loads a model that `retrain` exported into XGBoost and prints the margin of every row. See xgboost_parity.rs.

    python tests/xgboost_parity.py model.json rows.json
"""

import json
import sys

import numpy as np
import xgboost

booster = xgboost.Booster(model_file=sys.argv[1])
with open(sys.argv[2]) as file:
    rows = np.array(json.load(file), dtype=np.float32)  # null = missing
margins = booster.predict(xgboost.DMatrix(rows), output_margin=True)
print(json.dumps([float(margin) for margin in margins]))
