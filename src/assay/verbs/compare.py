"""What changed between two models? Paired differences on the same examples, overall and by subgroup, with the flips.

Differences are B minus A. Both models answer the same examples, so the intervals are of the difference itself, and far
narrower than those of two separate figures. Of many subgroups one differs by chance: the verdicts are corrected for that.

Examples:
  assay compare models/before models/after photos/
  assay compare models/a models/b people.csv --by sex
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, DataError
from assay.core.figure import Figure, human, number
from assay.core.loading import for_judging
from assay.core.metric import Array
from assay.core.model import Answers, Model
from assay.core.packing import Encoded
from assay.core.protocols import JSON
from assay.core.reading import read
from assay.core.record import Record, Table
from assay.core.seen import recall
from assay.core.verb import Outcome, Watch
from assay.learners.devices import device
from assay.methods.groups import groupings, remarks
from assay.methods.intervals import adjust, figures, paired
from assay.methods.proportions import wilson
from assay.verbs import evaluate
from assay.verbs._evidence import keep_evidence
from assay.verbs._oddities import oddities

SHOWN = 30


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``compare``.

    Attributes:
        by: columns whose values make subgroups; numbers are cut at their quartiles.
        split: the split to judge on; the test split by default.
        device: auto, cpu, cuda, mps.
        skip_bad: go on without examples that cannot be read, and say so in the record.
    """

    by: tuple[str, ...] = ()
    split: str | None = None
    device: str = "auto"
    skip_bad: bool = False


def run(a: Model, b: Model, data: Any, config: Config, watch: Watch) -> Outcome:
    """Compare ``b`` with ``a`` on ``data``; the record goes on the card of ``b``.

    Raises:
        ConfigError: the two answer different questions.
        DataError: the data cannot be read, or lacks a column.
    """
    began = time.perf_counter()
    if a.task.name != b.task.name:
        raise ConfigError(f"A is a model for {a.task.name} and B for {b.task.name}: they cannot be compared.")
    _check_names(a, b)
    where = device(config.device)
    a, b = a.to(where), b.to(where)
    dataset = _held_out_by_both(a, b, data, config.split)
    columns = {name: dataset.column(name) for name in config.by}
    before, after = _answers(a, dataset, config, watch), _answers(b, dataset, config, watch)
    tallies_a, tallies_b, kept, at_a, at_b = _same(before, after)
    if tallies_a.shape != tallies_b.shape:
        raise ConfigError("A and B were trained for different targets: their answers cannot be compared.")
    groups = groupings({name: column.take(kept) for name, column in columns.items()})
    metrics = [m for m in b.output.metrics if m.name in {metric.name for metric in a.output.metrics}]
    of_a = figures(metrics, tallies_a, groups=groups)
    of_b = figures(metrics, tallies_b, groups=groups)
    differences, p_values = paired(metrics, tallies_a, tallies_b, groups=groups)
    verdict_a = a.output.verdict(*_at(before, at_a))
    verdict_b = b.output.verdict(*_at(after, at_b))
    flips, table = _flips(dataset, kept, verdict_a, verdict_b, (a, before, at_a), (b, after, at_b))
    notes = [_headline(differences[0], p_values[0]), *dataset.remarks, *remarks(groups)]
    for name, model, answers in (("A", a, before), ("B", b, after)):
        notes += [f"{name}: {note}" for note in oddities(model, _as_trained(model, dataset))]
        if note := evaluate.seen_before(answers.encoded, recall(model.hash)):
            notes.append(f"{name}: {note}")
    record = Record(
        verb="compare",
        task=b.task.name,
        model={"hash": b.hash, "against": a.hash},
        data={"fingerprint": dataset.fingerprint, "n": len(kept), "split": dataset.name},
        figures=(*differences, *flips),
        tables=(_verdicts(of_a, of_b, differences, p_values), table),
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
    )
    keep_evidence(b, record, watch)
    return Outcome(record, record)


def _check_names(a: Model, b: Model) -> None:
    """Figures of two models mean the same only where classes do.

    Raises:
        ConfigError: they know other ones.
    """
    of_a, of_b = (tuple(getattr(model.output, "labels", model.output.classes)) for model in (a, b))
    if of_a == of_b:
        return
    alone = [f'A alone knows "{name}"' for name in of_a if name not in of_b]
    alone += [f'B alone knows "{name}"' for name in of_b if name not in of_a]
    more = f" and {len(alone) - 4:,} more" if len(alone) > 4 else ""
    named = f" ({', '.join(alone[:4])}{more})" if alone else ""
    raise ConfigError(f"A and B were trained for different targets{named}: their answers cannot be compared.")


def _held_out_by_both(a: Model, b: Model, data: Any, split: str | None) -> Dataset:
    """The examples that each of the two would be judged on: what either was trained on is left out.

    Raises:
        DataError: none is left.
    """
    source = read(data)
    of_a, of_b = (for_judging(source, m.task, m.roles, split=split, made=m.lineage.get("made")) for m in (a, b))
    if of_a.index is None and of_b.index is None:
        return of_b
    both = np.flatnonzero(np.isin(_rows(of_b), _rows(of_a)))
    if not len(both):
        raise DataError(
            "A and B were trained on data that was divided differently, and no example was held out from both. Compare "
            "them on other data, or train both with the same --input and --group."
        )
    return of_b.take(both)


def _rows(dataset: Dataset) -> NDArray[np.int64]:
    return np.arange(len(dataset)) if dataset.index is None else dataset.index


def _answers(model: Model, dataset: Dataset, config: Config, watch: Watch) -> Answers:
    return model.answer(_as_trained(model, dataset), skip_bad=config.skip_bad, watch=watch)


def _as_trained(model: Model, dataset: Dataset) -> Dataset:
    """The dataset with the columns that the model reads, where an example is a row of them."""
    return replace(dataset, roles=model.roles) if model.roles.row else dataset


def _same(a: Answers, b: Answers) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The tallies of the examples that both could read."""
    assert a.tallies is not None
    assert b.tallies is not None
    kept, at_a, at_b = np.intersect1d(a.encoded.kept, b.encoded.kept, assume_unique=True, return_indices=True)
    return a.tallies[at_a], b.tallies[at_b], kept, at_a, at_b


def _at(answers: Answers, at: NDArray[np.int64]) -> tuple[dict[str, Any], dict[str, Any]]:
    encoded: Encoded = answers.encoded
    return {k: v[at] for k, v in answers.columns.items()}, {k: v[at] for k, v in encoded.y.items()}


def _headline(difference: Figure, p: float) -> str:
    if math.isnan(p) or p >= 0.05:
        return f"No difference in {_name(difference)} is shown: {_amount(difference)}."
    better = (difference.value > 0) == (difference.better == "higher")
    return f"B is {'better' if better else 'worse'} than A in {_name(difference)}: {_amount(difference)}."


def _amount(difference: Figure) -> str:
    unit = f" {difference.unit}" if difference.unit else ""
    return f"the difference is {number(difference.value)}{unit}{difference.interval()} (n = {difference.n:,})"


def _name(difference: Figure) -> str:
    return human(difference.name.removesuffix("_difference"))


def _verdicts(
    of_a: Sequence[Figure], of_b: Sequence[Figure], differences: Sequence[Figure], p_values: Sequence[float]
) -> Table:
    adjusted = adjust(p_values)
    rows = []
    for a, b, d, p, holm in zip(of_a, of_b, differences, p_values, adjusted, strict=True):
        verdict = "no difference shown"
        if holm < 0.05:
            verdict = "better" if (d.value > 0) == (d.better == "higher") else "worse"
            verdict = "changed" if d.better == "neither" else verdict
        rows.append((_name(d), d.group or "all", a.value, b.value, d.value, d.low, d.high, d.n, p, holm, verdict))
    columns = ("metric", "group", "A", "B", "difference", "low", "high", "n", "p", "p_adjusted", "verdict")
    note = (
        "Verdicts on B, corrected for the number of rows (Holm): a false one among all of them is rarer than 1 in 20."
    )
    return Table("differences", columns, tuple(tuple(_plain(cell) for cell in row) for row in rows), note)


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _flips(
    dataset: Dataset,
    kept: NDArray[np.int64],
    verdict_a: NDArray[np.float64],
    verdict_b: NDArray[np.float64],
    a: tuple[Model, Answers, NDArray[np.int64]],
    b: tuple[Model, Answers, NDArray[np.int64]],
) -> tuple[list[Figure], Table]:
    """How many answers became better and worse, and those that changed most."""
    n = len(kept)
    change = verdict_b - verdict_a
    found = []
    for name, better, count in (
        ("became_right", "higher", int((change > 0).sum())),
        ("became_wrong", "lower", int((change < 0).sum())),
    ):
        low, high = wilson(count, n)
        found.append(Figure(name, count / n, low, high, n, "", better))  # type: ignore[arg-type]
    order = np.argsort(-np.abs(change), kind="stable")[:SHOWN]
    order = order[change[order] != 0]
    rows_a, rows_b = (m.output.rows({k: v[at[order]] for k, v in s.columns.items()}) for m, s, at in (a, b))
    rows = []
    for at, row_a, row_b in zip(order.tolist(), rows_a, rows_b, strict=True):
        example = dataset[int(kept[at])]
        answers = (_answer(row_a), _answer(row_b))
        actual = getattr(b[0].output, "summary", str)(example.y)
        rows.append((example.where, actual, *answers, "better" if change[at] > 0 else "worse"))
    total = int((change != 0).sum())
    note = f"{total:,} of {n:,} answers became better or worse; the {len(rows)} largest changes are listed."
    return found, Table("flips", ("where", "actual", "A", "B", "change"), tuple(rows), note)


def _answer(row: JSON) -> str:
    """The answer; where none was looked for, the score of the target."""
    return str(next(value for value in row.values() if value is not None))
