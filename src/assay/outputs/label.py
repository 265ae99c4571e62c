"""One label out of several classes: cross-entropy, probabilities with a fitted temperature, accuracy and its kin.

Legend: N examples, B batch, C classes, k tally columns.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assay.core.columns import ABSENT, Column
from assay.core.errors import DataError
from assay.core.metric import Array, Metric, ratio
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.record import Table
from assay.outputs import _label_rates
from assay.outputs._label_metrics import label_tables, macro_f1

MOST_CLASSES = 100_000
COUNTED = 100  # above this many classes the tally holds no column a class: it would not fit in memory
LISTED = 10  # probabilities listed in a prediction

_RIGHT, _ONE, _LOSS, _BRIER, _CLASSES = 0, 1, 2, 3, 4  # columns of the tally; then C × (hits, predicted, actual)


@dataclass(frozen=True)
class Label:
    """A single label out of classes that the training data names."""

    names = ("label", "class", "target", "category", "y", "name")
    probabilities = "probability"

    def fit(self, ys: Sequence[Any]) -> FittedLabel:
        """The classes are the values found, in the order of numbers where all are whole numbers, else of the alphabet.

        Raises:
            DataError: there is one class only, or so many that they are no classes.
        """
        counts = Counter(name for y in _cells(ys) if (name := text(y)) is not None)
        if len(counts) < 2:
            only = f'is "{next(iter(counts))}"' if counts else "is missing"
            raise DataError(f"Every training label {only}: to learn to tell classes apart takes at least two of them.")
        if len(counts) > MOST_CLASSES or (len(counts) > 100 and len(counts) > 0.9 * counts.total()):
            example = ", ".join(f'"{name}"' for name in list(counts)[:3])
            raise DataError(
                f"The target has {len(counts):,} distinct values in {counts.total():,} examples ({example} …): these "
                "are not classes. Name another column with --target, or predict a number."
            )
        return FittedLabel(classes=tuple(sorted(counts, key=_order(counts))))

    def load(self, state: JSON) -> FittedLabel:
        """The inverse of `FittedLabel.to_json`.

        Raises:
            ValueError: the state is none that `FittedLabel.to_json` gives.
        """
        classes, temperature = state["classes"], float(state["temperature"])
        if (
            not all(isinstance(name, str) for name in classes)
            or len(set(classes)) < len(classes)
            or not 0 < temperature < math.inf
        ):
            raise ValueError(f"no classes and temperature of a label: {str(state)[:80]}")
        return FittedLabel(classes=tuple(classes), temperature=temperature)

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """``yes`` where the sign is +1, ``no`` where it is −1."""
        return ["yes" if sign > 0 else "no" for sign in signs]


@dataclass(frozen=True)
class FittedLabel:
    """Labels as positions among ``classes``.

    Attributes:
        classes: their names.
        temperature: what logits are divided by, fitted on held-out answers (Guo et al. 2017, arXiv:1706.04599).
    """

    classes: tuple[str, ...]
    temperature: float = 1.0

    guided: ClassVar[bool] = False
    probabilities: ClassVar[str] = Label.probabilities

    @property
    def dims(self) -> JSON:
        """One logit a class."""
        return {"width": len(self.classes)}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Accuracy, log-loss, Brier score and, up to 100 classes, macro-averaged F1."""
        plain = (
            ratio("accuracy", _RIGHT, _ONE, better="higher", proportion=True),
            ratio("log_loss", _LOSS, _ONE, better="lower", unit="nats"),
            ratio("brier_score", _BRIER, _ONE, better="lower"),
        )
        return (*plain, macro_f1(_CLASSES, len(self.classes))) if self._counted else plain

    @cached_property
    def rates(self) -> tuple[Metric, ...]:
        """What a fairness audit compares beside the metrics; see `assay.outputs._label_rates`."""
        return _label_rates.rates(self.classes)

    @property
    def parities(self) -> Mapping[str, tuple[str, ...]]:
        """Demographic parity, equal opportunity and equalized odds, as names of `rates`."""
        return _label_rates.parities(self.classes)

    def rated(self, answers: Pack, y: Pack) -> Array:
        """The tallies of `rates`, ``[B, k]``."""
        return _label_rates.rated(self.classes, answers["probability"], y["label"])

    @property
    def _counted(self) -> bool:
        return len(self.classes) <= COUNTED

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.classes)}

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``{"label": int64 [N]}``; a label that is missing or was not in the training data is a problem."""
        known: dict[Any, int | str] = {}
        found = np.zeros(len(ys), dtype=np.int64)
        for at, y in enumerate(_cells(ys)):
            key = y if isinstance(y, str | int) else str(y)
            if key not in known:
                known[key] = self._position(y)
            position = known[key]
            if isinstance(position, str):
                problems[at] = position
            else:
                found[at] = position
        return {"label": found}

    def plain(self, y: Pack) -> NDArray[np.int64]:
        """The class of each example, ``[N]``."""
        return np.asarray(y["label"], dtype=np.int64)

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """Logits ``[B, C]``."""
        return network(**x)  # type: ignore[no-any-return]

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Cross-entropy in nats, ``[B]``."""
        return self.objective(raw, y, 0.0)

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """Cross-entropy against labels smoothed by ``smoothing``, ``[B]`` (Szegedy et al. 2016)."""
        logits = raw if self.temperature == 1.0 else raw / self.temperature
        return functional.cross_entropy(logits.float(), y["label"], reduction="none", label_smoothing=smoothing)

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """Kullback–Leibler divergence of ``b``'s probabilities from ``a``'s, in nats, ``[B]``."""
        log_a = functional.log_softmax(a.float() / self.temperature, dim=-1)
        log_b = functional.log_softmax(b.float() / self.temperature, dim=-1)
        return (log_a.exp() * (log_a - log_b)).sum(-1).clamp_min(0)

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """``{"probability": float32 [B, C]}``."""
        with torch.inference_mode():
            raw = self.forward(network, x).float() / self.temperature
            return {"probability": raw.softmax(-1).cpu().numpy()}

    def rows(self, answers: Pack) -> list[JSON]:
        """The label, its probability as confidence, and the most probable classes."""
        probability = answers["probability"]
        order = np.argsort(-probability, axis=1, kind="stable")[:, :LISTED]
        return [
            {
                "label": self.classes[top[0]],
                "confidence": float(row[top[0]]),
                "probabilities": {self.classes[c]: float(row[c]) for c in top},
            }
            for top, row in zip(order.tolist(), probability, strict=True)
        ]

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Right, 1, loss, Brier; then by class: hits, predicted, actual. ``[B, k]``."""
        p, label = answers["probability"].astype(np.float64), y["label"]
        n, c = p.shape
        rows = np.arange(n)
        predicted = p.argmax(1)
        out = np.zeros((n, _CLASSES + (3 * c if self._counted else 0)))
        out[:, _RIGHT] = predicted == label
        out[:, _ONE] = 1
        out[:, _LOSS] = -np.log(np.maximum(p[rows, label], np.finfo(np.float32).tiny))
        out[:, _BRIER] = (p**2).sum(1) - 2 * p[rows, label] + 1
        if self._counted:
            out[rows, _CLASSES + label] = predicted == label
            out[rows, _CLASSES + c + predicted] = 1
            out[rows, _CLASSES + 2 * c + label] = 1
        return out

    def own(self, answers: Pack) -> Pack:
        """The most probable label, as `encode` gives it."""
        return {"label": answers["probability"].argmax(1).astype(np.int64)}

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedLabel:
        """The temperature at which held-out logits ``[B, C]`` have the least log-loss, found by golden section.

        A few held-out answers that are all right must not make the model certain of everything: as in Platt (1999), a
        label counts for ``(N + 1) / (N + 2)`` and not for 1.
        """
        pairs = [(raw.detach().double().cpu(), y["label"].cpu()) for raw, y in answers]
        logits, label = torch.cat([raw for raw, _ in pairs]), torch.cat([label for _, label in pairs])
        n, c = logits.shape
        doubt = c / (c - 1) / (n + 2)  # shared by all classes, the label's own included

        def log_loss(log_temperature: float) -> float:
            return float(functional.cross_entropy(logits / math.exp(log_temperature), label, label_smoothing=doubt))

        return replace(self, temperature=round(math.exp(_least(log_loss, -2.5, 2.5)), 4))

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """1 where the label is right, 0 where not, ``[B]``."""
        return np.asarray(answers["probability"].argmax(1) == y["label"], dtype=np.float64)

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """Confusion, quality by class, and confidence against accuracy."""
        return label_tables(self.classes, answers["probability"], y["label"])

    def to_json(self) -> JSON:
        """Everything that `Label.load` needs."""
        return {"classes": list(self.classes), "temperature": self.temperature}

    def _position(self, y: Any) -> int | str:
        name = text(y)
        if name is None:
            return "it has no label"
        if name in self._positions:
            return self._positions[name]
        close = difflib.get_close_matches(name, self.classes, n=1, cutoff=0.6)
        offer = f' Did you mean "{close[0]}"?' if close else ""
        shown = ", ".join(self.classes[:10]) + (" …" if len(self.classes) > 10 else "")
        return f'the label "{name}" was not in the training data.{offer} Known: {shown}'


def text(y: Any) -> str | None:
    """A raw label as the name of its class; ``None`` where it is missing.

    >>> text(3), text(3.0), text(" cat "), text(float("nan")), text("?"), text(True)
    ('3', '3', 'cat', None, None, 'True')
    """
    if y is None or (isinstance(y, float) and math.isnan(y)):
        return None
    if isinstance(y, float | np.floating) and float(y).is_integer():
        y = int(y)
    name = str(y).strip()
    return None if name in ABSENT else name


def _cells(ys: Sequence[Any]) -> Sequence[Any]:
    return ys.tolist() if isinstance(ys, Column) else ys


def _order(counts: Counter[str]) -> Any:
    whole = all(name.lstrip("-").isdecimal() for name in counts)
    return (lambda name: (int(name), name)) if whole else (lambda name: name)


def _least(function: Any, low: float, high: float, steps: int = 40) -> float:
    """Where a function with one valley is least between ``low`` and ``high`` (golden-section search)."""
    share = (math.sqrt(5) - 1) / 2
    left, right = high - share * (high - low), low + share * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(steps):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - share * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + share * (high - low)
            at_right = function(right)
    return (low + high) / 2
