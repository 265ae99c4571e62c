"""Claim: fair training halves the gap in true-positive rate between men and women on Adult, for at most a point of accuracy.

    python benchmarks/fair_training.py DATA [SEEDS]

DATA is the folder with ``adult.data``, ``adult.test`` and ``adult.names`` (UCI). Trains ``tabular-classification`` without
the column ``sex``, plainly and with each way of fair training by ``sex``, some of them at several strengths, with SEEDS (3)
seeds each. Beside it, where fairlearn is installed: logistic regression, plain and under ExponentiatedGradient
(Agarwal et al. 2018) with the constraints TruePositiveRateParity and EqualizedOdds.

Prints the curve of accuracy × gap on the test rows, means over seeds, with 95 % intervals of a bootstrap over test rows (the
same draws for all, so that differences are paired). Ends with status 1 where no way of fair training has at most half the
plain gap and loses at most one point of accuracy.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import assay
from assay.core.loading import for_judging
from assay.core.reading import read
from assay.core.source import Split

BY, POSITIVE = "sex", ">50K"
DRAWS, MOST = 1000, 0.01
WAYS: tuple[tuple[str | None, float], ...] = (
    (None, 0.0),
    ("reweigh", 0.15),
    ("reweigh", 0.3),
    ("reweigh", 1.0),
    ("group-dro", 1.0),
    ("resample", 1.0),
)
Answers = NDArray[np.float64]  # the probability that the label is said to be positive, [N]


@dataclass(frozen=True)
class Truth:
    positive: NDArray[np.bool_]
    women: NDArray[np.bool_]

    def measures(self, answers: Answers, at: NDArray[np.int64]) -> tuple[float, float, float]:
        """Accuracy, and the gaps (men − women) in true- and false-positive rate, of the rows ``at``."""
        said, positive, women = answers[at], self.positive[at], self.women[at]
        right = float(np.where(positive, said, 1 - said).mean())
        gaps = [said[(positive == of) & ~women].mean() - said[(positive == of) & women].mean() for of in (True, False)]
        return right, float(gaps[0]), float(gaps[1])


def network(data: str, seed: int, method: str | None, strength: float) -> Answers:
    """What the network says of the test rows, trained without the column of groups."""
    options: dict[str, Any] = {"ignore": (BY,)}
    if method:
        options = {"fair_by": BY, "fair_method": method, "fair_strength": strength}
    model = assay.train("tabular-classification", data, seed=seed, **options)
    answers = model.answer(for_judging(data, model.task, model.roles)).columns["probability"].argmax(1)
    return (answers == model.output.classes.index(POSITIVE)).astype(np.float64)


def cells(split: Split, name: str) -> NDArray[np.str_]:
    return np.array([str(cell).strip().rstrip(".") for cell in split.columns[name].tolist()])


def logistic(data: str) -> dict[str, Answers]:
    """Logistic regression, plain and under fairlearn's reduction."""
    from fairlearn.reductions import EqualizedOdds, ExponentiatedGradient, TruePositiveRateParity
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    source = read(data)
    assert source.target
    learn, held = source.splits["train"], source.splits["test"]
    names = [name for name in learn.columns if name not in (BY, source.target)]
    numeric = [name for name in names if all(c is None or _number(c) for c in learn.columns[name][:50])]
    words = [name for name in names if name not in numeric]
    scaler, coder = StandardScaler(), OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=20)

    def matrix(split: Split, *, fit: bool) -> NDArray[np.float64]:
        numbers = np.array([[float(c or 0) for c in split.columns[name].tolist()] for name in numeric]).T
        texts = np.column_stack([cells(split, name) for name in words])
        of = "fit_transform" if fit else "transform"
        return np.hstack([getattr(scaler, of)(numbers), getattr(coder, of)(texts)])

    x, test = matrix(learn, fit=True), matrix(held, fit=False)
    y, sex = (cells(learn, source.target) == POSITIVE).astype(int), cells(learn, BY)
    found = {"logistic, plain": LogisticRegression(max_iter=300).fit(x, y).predict(test).astype(np.float64)}
    for constraint in (TruePositiveRateParity(), EqualizedOdds()):
        reduced = ExponentiatedGradient(LogisticRegression(max_iter=300), constraint, max_iter=25)
        reduced.fit(x, y, sensitive_features=sex)
        name = f"logistic, ExponentiatedGradient({type(constraint).__name__})"
        found[name] = reduced._pmf_predict(test)[:, 1]  # it draws its answers: their mean
    return found


def _number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def main() -> int:
    """Print the curve; the exit status."""
    data, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    source = read(data)
    assert source.target
    held = source.splits["test"]
    truth = Truth(cells(held, source.target) == POSITIVE, cells(held, BY) == "Female")
    rng = np.random.default_rng(0)
    n = len(truth.positive)
    draws = [np.arange(n), *(rng.integers(n, size=n) for _ in range(DRAWS))]
    print(f"{n:,} test rows, of them {int((truth.positive & truth.women).sum())} women with {POSITIVE}")
    found: dict[str, NDArray[np.float64]] = {}
    base = ""

    def note(name: str, answers: list[Answers]) -> None:
        measured = [[truth.measures(each, at) for each in answers] for at in draws]
        found[name] = np.mean(measured, axis=1)  # [1 + DRAWS, 3]
        shown = [_with_interval(found[name][:, k]) for k in range(3)]
        each = ", ".join(f"{truth.measures(a, draws[0])[1]:+.3f}" for a in answers)
        print(f"{name:<52} accuracy {shown[0]}  TPR gap {shown[1]} ({each})  FPR gap {shown[2]}", flush=True)
        if name != base and base:
            less = np.abs(found[base][:, 1]) - np.abs(found[name][:, 1])
            cost = found[base][:, 0] - found[name][:, 0]
            print(
                f"{'':<52} gap smaller by {_with_interval(less)}, accuracy less by {_with_interval(cost)}", flush=True
            )

    for method, strength in WAYS:
        name = f"network, {method} {strength:g}" if method else "network, plain"
        note(name, [network(data, seed, method, strength) for seed in range(seeds)])
        base = base or name
    try:
        for name, answers in logistic(data).items():
            base = name if name == "logistic, plain" else "logistic, plain"
            note(name, [answers])
    except ImportError:
        print("fairlearn is not installed: without its curve")
    plain = found["network, plain"][0]
    passed = [
        name
        for name, all_draws in found.items()
        if name.startswith("network, ")
        and abs(all_draws[0, 1]) <= abs(plain[1]) / 2
        and plain[0] - all_draws[0, 0] <= MOST
    ]
    print(
        f"\nat most half the plain gap of {plain[1]:+.4f} for at most {MOST:.0%} of accuracy: {', '.join(passed) or 'none'}"
    )
    return 0 if passed else 1


def _with_interval(values: NDArray[np.float64]) -> str:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.4f} [{low:.4f}, {high:.4f}]"


if __name__ == "__main__":
    sys.exit(main())
