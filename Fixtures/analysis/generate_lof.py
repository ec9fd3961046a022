"""Writes lof.json: unit vectors and their local outlier factors as scikit-learn computes them.

    pip install scikit-learn==1.9.1 && python generate_lof.py
"""
import json
import numpy as np
from sklearn.neighbors import LocalOutlierFactor

random = np.random.default_rng(20)
centres = random.standard_normal((4, 12))
spread = np.array([0.1, 0.3, 0.6, 0.2])
which = random.integers(0, 4, 150)
x = np.vstack([centres[which] + spread[which, None] * random.standard_normal((150, 12)), random.standard_normal((10, 12))])
x = (x / np.linalg.norm(x, axis=1, keepdims=True)).round(6)
unit = x / np.linalg.norm(x, axis=1, keepdims=True)
factors = {}
for k in (3, 10, 20):
    model = LocalOutlierFactor(n_neighbors=k, algorithm="brute").fit(unit)
    factors[str(k)] = (-model.negative_outlier_factor_).round(6).tolist()
json.dump({"vectors": x.tolist(), "factors": factors}, open("lof.json", "w"))
