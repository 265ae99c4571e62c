"""How the default network stands on tables of a few hundred rows, beside gradient-boosted trees and a linear model.

    python benchmarks/small_tables.py

scikit-learn's tumours, wine and diabetes; `assay train` with its defaults, three seeds. The peers are scikit-learn's
HistGradientBoosting and a linear model on standardised columns, on the same training and test rows; assay keeps its
validation split back from the training rows, so it learns from fewer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import assay
from assay.core import discovery
from assay.core.loading import for_training

SETS = {
    "tumours": (datasets.load_breast_cancer, "tabular-classification"),
    "wine": (datasets.load_wine, "tabular-classification"),
    "diabetes": (datasets.load_diabetes, "tabular-regression"),
}


def peers(names: list[str], splits: dict[str, Any], classes: bool) -> tuple[float, float]:
    """The trees' and the linear model's figure on the test rows."""

    def arrays(part: Any) -> tuple[Any, Any]:
        return np.array([[x[name] for name in names] for x in part.x]), np.array(list(part.y))

    parts = [arrays(splits["train"]), arrays(splits["validation"])]
    x, y = (np.concatenate(both) for both in zip(*parts, strict=True))
    held, truth = arrays(splits["test"])
    models = (
        (HistGradientBoostingClassifier(), LogisticRegression(max_iter=2000))
        if classes
        else (HistGradientBoostingRegressor(), RidgeCV())
    )
    found = []
    for model in models:
        fitted = make_pipeline(StandardScaler(), model).fit(x, y)
        answer = fitted.predict_proba(held) if classes else fitted.predict(held)
        found.append(log_loss(truth, answer) if classes else root_mean_squared_error(truth, answer))
    return found[0], found[1]


def main() -> None:
    for name, (load, task) in SETS.items():
        table, classes = load(), task.endswith("classification")
        names = [str(column) for column in table.feature_names]
        rows = [
            {**dict(zip(names, map(float, x), strict=True)), "target": str(y) if classes else float(y)}
            for x, y in zip(table.data, table.target, strict=True)
        ]
        trees, linear = peers(names, for_training(rows, discovery.task(task), target="target"), classes)
        metric = "log_loss" if classes else "rmse"
        ours = []
        for seed in range(3):
            model = assay.train(task, rows, target="target", seed=seed, quiet=True)
            ours.append(assay.evaluate(model, rows, quiet=True).figure(metric).value)
        print(
            f"{name}: {metric} {np.mean(ours):.3f} (seeds {np.round(ours, 3)}), trees {trees:.3f}, linear {linear:.3f}"
        )


if __name__ == "__main__":
    main()
