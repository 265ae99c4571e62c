"""From what the user names to the examples that are explained, each with the answer of which it is asked why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, DataError, Unsupported
from assay.core.files import digest
from assay.core.loading import for_judging
from assay.core.model import Model
from assay.core.protocols import Pack, Problems
from assay.verbs._explain_player import Case, claims, quantity
from assay.verbs._given import amount, neither, opened, shortened

USUAL = 100  # examples of data that are explained where nobody says how many
LISTED = 10
OTHERS = 4  # examples whose targets each true one is set against, where that costs no further answer
PLAYED = 8  # examples that are played to meet single moments


@dataclass(frozen=True)
class Found:
    """What there is to explain.

    Attributes:
        cases: the examples.
        rows: what the model answers to each, for people.
        data: what a record says of the data.
        notes: sentences.
    """

    cases: tuple[Case, ...]
    rows: tuple[dict[str, Any], ...]
    data: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Raw:
    place: str
    x: Any
    y: Any
    known: bool  # whether there is a true target


def find(
    model: Model,
    inputs: Sequence[Any],
    *,
    n: int | None,
    target: str | None,
    split: str | None,
    skip_bad: bool,
    seed: int,
) -> Found:
    """The examples that ``inputs`` name, ``n`` of them by chance where it is given.

    Raises:
        ConfigError: there is no input, ``n`` is more than there are, or ``target`` is no answer of this model.
        DataError: an input cannot be read, or has no parts.
    """
    if not len(inputs):
        raise ConfigError("There is no input to explain. Name a file, a folder, or one raw input.")
    if n is not None and n < 1:
        raise ConfigError(f"--n {n}: it takes a whole number of examples, 1 or more.")
    notes: list[str] = []
    raws, data = _chosen(model, inputs, n, split, seed, notes)
    problems: Problems = {}
    x = model.input.encode([raw.x for raw in raws], problems)
    if problems and not skip_bad:
        listed = "\n".join(f"  {shortened(raws[at].place)}: {problems[at]}" for at in sorted(problems)[:LISTED])
        raise DataError(f"{len(problems)} of {amount(len(raws))} cannot be read:\n{listed}")
    kept = np.array([at for at in range(len(raws)) if at not in problems], dtype=np.int64)
    if problems:
        notes.append(f"{amount(len(problems))} could not be read and were left out (--skip-bad).")
    if not len(kept):
        raise DataError("Not one input is left to explain.")
    raws = [raws[at] for at in kept.tolist()]
    x = {name: array[kept] for name, array in x.items()}
    answers = model.decode(x)
    y = model.output.own(answers) if target is None else _target(model, target, len(raws))
    truths = _truths(model, raws, np.random.default_rng([seed, 1]))
    cases, rows = [], []
    told = model.output.rows(answers)
    bare = 0
    for at, raw in enumerate(raws):
        one, answer = _at(x, at), _at(y, at)
        parts = model.input.parts(one)
        if not parts:
            bare += 1
            continue
        cases.append(Case(raw.place, raw.x, one, answer, truths.get(at, ()), parts, claims(model, answer), draw=at))
        rows.append(told[at])
    if not cases:
        raise DataError(
            f"{shortened(raws[0].place)} has no part that could be taken out: there is nothing to explain its answer by."
        )
    if bare:
        notes.append(f"{amount(bare)} had no part that could be taken out and were left out.")
    return Found(tuple(cases), tuple(rows), {**data, "n": len(cases)}, tuple(notes))


def _chosen(
    model: Model, inputs: Sequence[Any], n: int | None, split: str | None, seed: int, notes: list[str]
) -> tuple[list[_Raw], dict[str, Any]]:
    """The raw inputs that are asked for: those named one by one, and some of those in data."""
    cells: list[_Raw] = []
    datasets: list[Dataset] = []
    for name, given, is_data in opened(model, inputs):
        if is_data:
            datasets.append(_dataset(model, given, split))
            notes += datasets[-1].remarks
        else:
            cells.append(_Raw(name, given, None, known=False))
    if model.task.evaluate and datasets:
        played = datasets[0]
        data = {"fingerprint": played.fingerprint, "split": played.name}
        return _in_play(model, played, n, seed, notes), data
    sizes = [len(dataset) for dataset in datasets]
    total = len(cells) + sum(sizes)
    if n is not None and n > total:
        raise ConfigError(f"--n {n}: there {'is' if total == 1 else 'are'} only {amount(total)} to explain.")
    rng = np.random.default_rng([seed, 0])
    if n is not None:
        at = np.sort(rng.choice(total, n, replace=False))
    else:
        some = min(USUAL, sum(sizes))
        at = np.concatenate([np.arange(len(cells)), len(cells) + np.sort(rng.choice(sum(sizes), some, replace=False))])
    if len(at) < total:
        verb = "is" if len(at) == 1 else "are"
        notes.append(f"{len(at):,} of {amount(total)}, chosen at random, {verb} explained (--n).")
    ends = np.cumsum([len(cells), *sizes])
    found = []
    for row in at.tolist():
        source = int(np.searchsorted(ends, row, side="right"))
        if source == 0:
            found.append(cells[row])
            continue
        dataset = datasets[source - 1]
        example = dataset[row - int(ends[source - 1])]
        found.append(_Raw(example.where, example.x, example.y, known=dataset.roles.target is not None))
    names = {dataset.name for dataset in datasets}
    data = {
        "fingerprint": digest(*(d.fingerprint for d in datasets), *(str(cell.x) for cell in cells), str(at.tolist()))
    }
    return found, data | ({"split": names.pop()} if len(names) == 1 and not cells else {})


def _in_play(model: Model, dataset: Dataset, n: int | None, seed: int, notes: list[str]) -> list[_Raw]:
    """Single answers of a task whose examples are played: at moments that were met on the way.

    Raises:
        Unsupported: this task cannot tell what was met.
    """
    met = getattr(model.input, "moments", None)
    if met is None:
        raise Unsupported(
            f"An example of {model.task.name} is judged as a whole, and has no single answer to explain. Name raw inputs."
        )

    def decide(raws: list[Any]) -> list[Any]:
        return [next(iter(row.values())) for row in model.predict(raws)]

    found = met(dataset.x[:PLAYED], decide, n or USUAL, seed)
    if n is not None and len(found) < n:
        raise ConfigError(f"--n {n}: {PLAYED} examples had only {len(found):,} moments to explain.")
    notes.append(f"Explained are {len(found):,} answers at moments that were met by chance in {PLAYED} examples.")
    return [_Raw(f"moment {at + 1}", raw, None, known=False) for at, raw in enumerate(found)]


def _dataset(model: Model, data: Any, split: str | None) -> Dataset:
    try:
        return for_judging(
            data, model.task, model.roles, split=split, made=model.lineage.get("made"), target=False, ahead=False
        )
    except DataError as error:
        raise neither(data, model, error) from error


def _target(model: Model, target: str, n: int) -> Pack:
    """The answer that ``target`` says, for each of ``n`` examples.

    Raises:
        ConfigError: this model cannot give it.
        Unsupported: what is explained does not depend on it.
    """
    problems: Problems = {}
    y = model.output.encode([target], problems)
    if problems:
        raise ConfigError(f"--target {target}: {problems[0]}")
    impossible = getattr(model.output, "impossible", None)
    if impossible is not None and (why := impossible(target)):
        raise ConfigError(f"--target {target}: {why}")
    if quantity(model, y):
        raise Unsupported(
            f"--target {target}: this model's answer is a quantity, and what is explained is the quantity itself: which "
            "parts raise it and which lower it. Leave --target out."
        )
    return {name: np.repeat(array, n, axis=0) for name, array in y.items()}


def _truths(model: Model, raws: Sequence[_Raw], rng: np.random.Generator) -> dict[int, tuple[Pack, ...]]:
    """The true target of each example, and those of some others, chosen by chance; as far as they are known."""
    known = [at for at, raw in enumerate(raws) if raw.known]
    problems: Problems = {}
    y = model.output.encode([raws[at].y for at in known], problems) if known else {}
    order = rng.permutation([at for at in range(len(known)) if at not in problems])
    count = min(1 if getattr(model.output, "guided", True) else OTHERS, len(order) - 1)
    if count < 1:
        return {}
    rolled = [np.roll(order, turn).tolist() for turn in range(count + 1)]
    return {known[ats[0]]: tuple(_at(y, at) for at in ats) for ats in zip(*rolled, strict=True)}


def _at(pack: Pack, at: int) -> Pack:
    return {name: np.ascontiguousarray(array[at : at + 1]) for name, array in pack.items()}
