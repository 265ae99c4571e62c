"""A figure is a number that carries its evidence: interval, sample size, unit and direction."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

Better = Literal["higher", "lower", "neither"]

ACRONYMS = {"bleu": "BLEU", "chrf": "chrF", "ndcg": "NDCG", "mrr": "MRR", "map": "mAP", "ap": "AP", "ap50": "AP50",
            "ap75": "AP75", "f1": "F1", "mae": "MAE", "rmse": "RMSE", "wer": "WER", "cer": "CER", "auc": "AUC", "roc": "ROC",
            "tpr": "TPR", "fpr": "FPR", "jpeg": "JPEG"}  # fmt: skip
_ACRONYM = re.compile(rf"\b({'|'.join(ACRONYMS)})\b")


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        name: what was measured, as the field names it (``accuracy``, ``log_loss`` …).
        value: the point estimate, in ``unit``.
        low, high: the ends of the 95 % interval; ``None`` where none can be stated (a count of bytes).
        n: how many examples (or runs) it rests on.
        unit: ``""`` for a pure ratio.
        better: which direction is good.
        group: the subgroup it speaks of, as ``column=value``; ``None`` for the whole.

    >>> print(Figure(name="accuracy", value=0.9, low=0.85, high=0.94, n=150, better="higher"))
    accuracy 0.900 [0.850, 0.940] (n = 150)
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    better: Better = "neither"
    group: str | None = None

    def __str__(self) -> str:
        where = f" where {self.group}" if self.group else ""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name}{where} {number(self.value)}{unit}{self.interval()} (n = {self.n:,})"

    def interval(self) -> str:
        """The interval as text with a leading blank, or nothing where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f" [{number(self.low)}, {number(self.high)}]"

    def to_json(self) -> dict[str, Any]:
        """The figure as the record's JSON object; a value that is not finite becomes ``null``."""
        return {
            "name": self.name,
            "value": finite(float(self.value)),
            "low": finite(None if self.low is None else float(self.low)),
            "high": finite(None if self.high is None else float(self.high)),
            "n": self.n,
            "unit": self.unit,
            "better": self.better,
            "group": self.group,
        }

    @staticmethod
    def from_json(state: dict[str, Any]) -> Figure:
        """The inverse of `to_json`."""
        value = state["value"]
        return Figure(**{**state, "value": math.nan if value is None else value})


def human(name: str) -> str:
    """The name of a metric or column with blanks for underscores, and acronyms as the field writes them.

    >>> human("log_loss"), human("validation_ndcg@10"), human("map_gap")
    ('log loss', 'validation NDCG@10', 'mAP gap')
    """
    return _ACRONYM.sub(lambda found: ACRONYMS[found[0]], name.replace("_", " ").strip())


def number(value: float) -> str:
    """A number for people: four significant digits, no more.

    >>> number(0.98765), number(12345.6), number(0.0000123), number(float("nan"))
    ('0.988', '12,346', '1.23e-05', 'not defined')
    >>> number(-0.002), number(-0.0009)
    ('−0.002', '−0.0009')
    """
    if not math.isfinite(value):
        return "not defined" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if size >= 1000 or (value == int(value) and size >= 1):
        text = f"{size:,.0f}"
    elif size >= 10:
        text = f"{size:.1f}"
    elif size >= 0.001 or size == 0:
        text = f"{size:.3f}"
    else:
        text = f"{size:.3g}"
    return f"−{text}" if value < 0 else text


def count(n: int, noun: str) -> str:
    """A count with its noun.

    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def finite(value: Any) -> Any:
    """A value as JSON has it, in lists and objects too: a number that is not finite becomes ``None``.

    >>> finite([1, 0.5, float("nan"), {"a": float("inf")}, "b"])
    [1, 0.5, None, {'a': None}, 'b']
    """
    if isinstance(value, dict):
        return {name: finite(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
