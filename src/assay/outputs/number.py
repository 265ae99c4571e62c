"""One number: squared error on a standardised scale, a prediction interval from held-out residuals.

Legend: N examples, B batch, k tally columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.core.columns import ABSENT, Column
from assay.core.errors import DataError
from assay.core.metric import Array, Metric, ratio
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.record import Table

LEVEL = 0.9  # of the prediction interval
SHOWN = 500  # points of the residual plot

_SQUARED, _ABSOLUTE, _ONE, _SUM, _SUM_SQUARED, _COVERED = range(6)  # columns of the tally


@dataclass(frozen=True)
class Number:
    """A single real number."""

    names = ("target", "y", "value", "number", "label", "price", "score", "rating", "age")

    def fit(self, ys: Sequence[Any]) -> FittedNumber:
        """The mean and standard deviation of the training targets.

        Raises:
            DataError: not one of them is a number, or all are the same.
        """
        found = [value for y in _cells(ys) if isinstance(value := as_number(y), float)]
        if not found:
            example = next(iter(_cells(ys)), None)
            raise DataError(
                f"Not one training target is a number (the first is {example!r}). To predict classes, choose a task of "
                "classification."
            )
        values = np.asarray(found)
        with np.errstate(over="ignore"):
            mean, scale = float(values.mean()), float(values.std())
        if not math.isfinite(mean) or not math.isfinite(scale):
            raise DataError(
                f"The training targets reach {np.abs(values).max():.3g}, too large to work with. Rescale them."
            )
        if scale <= 1e-12 * max(1.0, abs(mean)):
            raise DataError(f"Every training target is {found[0]:g}: there is nothing to learn.")
        return FittedNumber(mean=mean, scale=scale)

    def load(self, state: JSON) -> FittedNumber:
        """The inverse of `FittedNumber.to_json`."""
        return FittedNumber(**state)

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """10 plus or minus 3, with a little noise."""
        return [float(value) for value in 10 + 3 * signs + rng.normal(0, 0.3, len(signs))]


@dataclass(frozen=True)
class FittedNumber:
    """Numbers on the scale of the training targets.

    Attributes:
        mean, scale: of the training targets, in their own unit.
        half: half the width of the 90 % prediction interval, in that unit: the quantile of held-out absolute errors
            (split conformal prediction, Lei et al. 2018, JASA); ``None`` before any were held out.
    """

    mean: float
    scale: float
    half: float | None = None

    classes = ()
    guided = False

    @property
    def dims(self) -> JSON:
        """One number."""
        return {"width": 1}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Root mean squared error, mean absolute error, R², and how often the prediction interval holds the truth."""
        found = [
            Metric("rmse", lambda s: np.sqrt(_divide(s[..., _SQUARED], s[..., _ONE])), better="lower"),
            ratio("mae", _ABSOLUTE, _ONE, better="lower"),
            Metric("r2", _r2(self.scale), better="higher"),
        ]
        if self.half is not None:
            found.append(ratio("interval_coverage", _COVERED, _ONE, better="neither", proportion=True))
        return tuple(found)

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``{"number": float64 [N], "standard": float32 [N]}``; what is missing, no number or not finite is a problem."""
        found = np.full(len(ys), self.mean)
        for at, y in enumerate(_cells(ys)):
            value = as_number(y)
            if isinstance(value, float):
                found[at] = value
            else:
                problems[at] = value
        return {"number": found, "standard": ((found - self.mean) / self.scale).astype(np.float32)}

    def plain(self, y: Pack) -> NDArray[np.float64]:
        """The numbers in their own unit, ``[N]``."""
        return np.asarray(y["number"], dtype=np.float64)

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """Standardised answers, ``[B]``."""
        return network(**x).squeeze(-1)  # type: ignore[no-any-return]

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Squared error in units of the training targets' variance, ``[B]``."""
        return (raw.float() - y["standard"]) ** 2

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss: a number has no labels to smooth."""
        return self.loss(raw, y)

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """Squared difference in units of the variance, ``[B]``."""
        return (a.float() - b.float()) ** 2

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """``{"number": float64 [B]}`` in the unit of the targets."""
        with torch.inference_mode():
            return {"number": self.forward(network, x).double().cpu().numpy() * self.scale + self.mean}

    def rows(self, answers: Pack) -> list[JSON]:
        """The number and, as confidence, its 90 % prediction interval."""
        values = [float(value) for value in answers["number"]]
        if self.half is None:
            return [{"number": value} for value in values]
        return [
            {"number": value, "low": value - self.half, "high": value + self.half, "confidence": LEVEL}
            for value in values
        ]

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Squared and absolute error, 1, the centred target and its square, whether the interval holds it. ``[B, 6]``."""
        error = answers["number"] - y["number"]
        centred = (y["number"] - self.mean) / self.scale
        covered = np.abs(error) <= (self.half or 0.0)
        return np.stack([error**2, np.abs(error), np.ones_like(error), centred, centred**2, covered], axis=1)

    def own(self, answers: Pack) -> Pack:
        """The predicted numbers, as `encode` gives them."""
        number = np.asarray(answers["number"], dtype=np.float64)
        return {"number": number, "standard": ((number - self.mean) / self.scale).astype(np.float32)}

    def explained(self, raw: Tensor, y: Tensors) -> Tensor:
        """The predicted number in its own unit, ``[B, 1]``: how far off a target it is would hide in which direction."""
        return (raw.double() * self.scale + self.mean).unsqueeze(1)

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedNumber:
        """The prediction interval from held-out answers ``[B]``; left out where fewer than nine are held out."""
        found = [
            (raw.detach().double() - y["standard"].double()).abs().cpu().numpy() * self.scale for raw, y in answers
        ]
        errors = np.sort(np.concatenate(found))
        rank = math.ceil((len(errors) + 1) * LEVEL)
        return replace(self, half=float(errors[rank - 1]) if rank <= len(errors) else None)

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """Minus the absolute error, ``[B]``."""
        return -np.abs(np.asarray(answers["number"] - y["number"], dtype=np.float64))

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """Predicted against actual, at most 500 points evenly chosen."""
        at = np.unique(np.linspace(0, len(y["number"]) - 1, num=min(SHOWN, len(y["number"]))).astype(int))
        rows = tuple((float(answers["number"][i]), float(y["number"][i])) for i in at)
        return (Table("residuals", ("predicted", "actual"), rows),)

    def to_json(self) -> JSON:
        """Everything that `Number.load` needs."""
        return {"mean": self.mean, "scale": self.scale, "half": self.half}


def as_number(y: Any) -> float | str:
    """A raw target as a finite number, or what is wrong with it.

    >>> as_number("3.5"), as_number(True), as_number("tall"), as_number(float("inf"))
    (3.5, 1.0, "the target 'tall' is not a number", 'the target inf is not finite')
    """
    if y is None or (isinstance(y, str) and y.strip() in ABSENT):
        return "it has no target"
    try:
        value = float(y)
    except (TypeError, ValueError):
        return f"the target {y!r} is not a number"
    if math.isnan(value):
        return "it has no target (NaN)"
    return value if math.isfinite(value) else f"the target {y} is not finite"


def _cells(ys: Sequence[Any]) -> Sequence[Any]:
    return ys.tolist() if isinstance(ys, Column) else ys


def _divide(top: Array, bottom: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(top / bottom)


def _r2(scale: float) -> Any:
    def of(sums: Array) -> Array:
        spread = sums[..., _SUM_SQUARED] - _divide(sums[..., _SUM] ** 2, sums[..., _ONE])
        spread = np.where(spread > 1e-12 * sums[..., _SUM_SQUARED], spread, np.nan)  # one example, or all alike
        return np.asarray(1 - sums[..., _SQUARED] / scale**2 / spread)

    return of
