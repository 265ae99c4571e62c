"""Claim: on the Adult census the default table network is as good as boosted trees, to within a few percent.

    python benchmarks/adult.py DATA [SEEDS]

DATA is the folder with ``adult.data``, ``adult.test`` and ``adult.names`` (UCI). Trains ``tabular-classification`` with
its defaults and scikit-learn's HistGradientBoostingClassifier with its own, on the same columns of the same training
rows, with SEEDS (3) seeds each, and judges both on the test rows, which nothing is selected on.

Ends with status 1 where the mean accuracy is below 0.858 or the mean log-loss more than 8 % above that of the trees.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import OrdinalEncoder

import assay
from assay.core.metric import ratio
from assay.core.reading import read
from assay.core.source import Split
from assay.methods.intervals import figures

BAR, AIM = (0.858, 1.08), (0.868, 1.03)
METRICS = (
    ratio("accuracy", 0, 2, better="higher", proportion=True),
    ratio("log_loss", 1, 2, better="lower", unit="nats"),
)


def columns_of(split: Split, target: str) -> tuple[list[NDArray[Any]], list[bool], NDArray[Any]]:
    """The columns as arrays (numbers with NaN, else text), which of them are text, and the target."""
    arrays, text = [], []
    for name, column in split.columns.items():
        cells = column.tolist()
        if name == target:
            continue
        try:
            arrays.append(np.array([np.nan if cell is None else float(cell) for cell in cells]))
            text.append(False)
        except ValueError:
            arrays.append(np.array([cell or "missing" for cell in cells], dtype=object))
            text.append(True)
    return arrays, text, np.array(split.columns[target].tolist())


def trees(data: str, seed: int) -> tuple[list[Any], float]:
    """The figures of boosted trees on the test rows, and the seconds of their training."""
    source = read(data)
    assert source.target
    learn, text, y = columns_of(source.splits["train"], source.target)
    held, _, truth = columns_of(source.splits["test"], source.target)
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)

    def matrix(arrays: list[NDArray[Any]], *, fit: bool) -> NDArray[np.float64]:
        words = np.column_stack([a for a, is_text in zip(arrays, text, strict=True) if is_text])
        coded = coder.fit_transform(words) if fit else coder.transform(words)
        return np.column_stack([coded, *(a for a, is_text in zip(arrays, text, strict=True) if not is_text)])

    began = time.perf_counter()
    model = HistGradientBoostingClassifier(random_state=seed, categorical_features=list(range(sum(text))))
    model.fit(matrix(learn, fit=True), y)
    seconds = time.perf_counter() - began
    chances = model.predict_proba(matrix(held, fit=False))
    own = chances[np.arange(len(truth)), np.searchsorted(model.classes_, truth)]
    right = model.classes_[chances.argmax(axis=1)] == truth
    tallies = np.column_stack([right, -np.log(own), np.ones(len(truth))])
    return list(figures(METRICS, tallies)), seconds


def network(data: str, seed: int) -> tuple[list[Any], float]:
    """The figures of the default table network on the test rows, and the seconds of its training."""
    began = time.perf_counter()
    model = assay.train("tabular-classification", data, seed=seed)
    seconds = time.perf_counter() - began
    record = assay.evaluate(model, data)
    return [record.figure(metric.name) for metric in METRICS], seconds


def main() -> int:
    """Print the figures; the exit status."""
    data, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    means = {}
    for name, learner in (("trees", trees), ("network", network)):
        values = []
        for seed in range(seeds):
            found, seconds = learner(data, seed)
            values.append([figure.value for figure in found])
            print(f"{name:<8} seed {seed}: {'; '.join(map(str, found))}; {seconds:.1f} s", flush=True)
        means[name] = np.mean(values, axis=0)
        print(f"{name:<8} mean: accuracy {means[name][0]:.4f}, log_loss {means[name][1]:.4f}", flush=True)
    accuracy, share = float(means["network"][0]), float(means["network"][1] / means["trees"][1])
    print(f"\naccuracy {accuracy:.4f} (bar {BAR[0]}, aim {AIM[0]})")
    print(f"log_loss {share:.3f} times that of the trees (bar {BAR[1]}, aim {AIM[1]})")
    return 0 if accuracy >= BAR[0] and share <= BAR[1] else 1


if __name__ == "__main__":
    sys.exit(main())
