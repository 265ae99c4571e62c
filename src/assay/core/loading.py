"""From what the user names to datasets with roles and splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.core.dataset import Dataset, Roles
from assay.core.divide import TEST_SHARE, divide, keys_of, validation_share
from assay.core.errors import DataError, nearest
from assay.core.figure import count
from assay.core.located import located
from assay.core.reading import read
from assay.core.roles import again, assign
from assay.core.source import FUTURE, WHOLE, Source
from assay.core.task import Task


def for_training(
    data: Any,
    task: Task,
    *,
    test: Any = None,
    inputs: Sequence[str] = (),
    target: str | None = None,
    ignore: Sequence[str] = (),
    group: str | None = None,
    validation: float | None = None,
) -> dict[str, Dataset]:
    """The splits ``train``, ``validation`` and ``test`` of ``data``; those it does not hold are made from ``train``.

    ``test`` names other data to test on. ``validation`` is the share held out of ``train`` where the data holds no
    validation split (``None``: by size; 0: none, and the last checkpoint is kept).

    Raises:
        DataError: it cannot be read, or has no column for a role, or a split is empty.
    """
    source = examples(read(data, getattr(task.input, "usual", None)), task)
    roles = assign(source, task, inputs=inputs, target=target, ignore=ignore)
    splits = _datasets(located(source, task, roles), roles)
    if test is not None:
        other = examples(read(test, getattr(task.input, "usual", None)), task)
        found = again(other, task, roles)
        held = _datasets(located(other, task, found), found)
        splits["test"] = held.get("test") or held.get(WHOLE) or next(iter(held.values()))
        if splits["test"].roles.target is None and roles.target is not None:
            raise DataError(f'The test data {other.name} has no target column "{roles.target}".')
    learn = whole = splits.pop(WHOLE, None) or splits.get("train")
    if learn is None or whole is None:
        why = "".join(f" {note}" for note in source.notes)
        raise DataError(f"{source.name} holds no training data, only: {', '.join(source.splits)}.{why}")
    if "test" not in splits:
        parts = divide(learn, {"train": 1 - TEST_SHARE, "test": TEST_SHARE}, group=group)
        learn, splits["test"] = parts["train"], parts["test"]
    if "validation" not in splits and validation != 0:
        share = validation_share(len(learn)) if validation is None else validation
        parts = divide(learn, {"train": 1 - share, "validation": share}, group=group)
        learn, splits["validation"] = parts["train"], parts["validation"]
    splits["train"] = learn if learn.name == "train" else learn.named("train")
    for name, dataset in splits.items():
        if not len(dataset):
            raise _empty(name, source, whole, group)
    return {name: splits[name] for name in ("train", "validation", "test") if name in splits}


def for_judging(
    data: Any,
    task: Task,
    roles: Roles,
    *,
    split: str | None = None,
    made: dict[str, Any] | None = None,
    target: bool = True,
    ahead: bool = True,
) -> Dataset:
    """The data to judge a model on: the test split where there is one; without ``target``, what has none yet (`FUTURE`),
    or, where not ``ahead``, that only where there is nothing else.

    ``made`` is how the model's training divided its own data (``{"origin", "group", "test"}``): when ``data`` is that very
    data, the same examples are held out again, so that nothing is judged on what it was trained on. Where none were held
    out of it (its test data was other data), all of it is handed back as what it is: ``train``.

    Raises:
        DataError: there is no such split, a column is missing, or the target is.
    """
    source = examples(read(data, getattr(task.input, "usual", None)), task)
    found = again(source, task, roles)
    if target and found.target is None and task.evaluate is None:
        columns = next(iter(source.splits.values())).columns
        raise DataError(
            f'{source.name} has no target column "{roles.target}" to judge by. {nearest(str(roles.target), columns)}'
        )
    source = located(source, task, found)
    splits = _datasets(source, found)
    whole = splits.get(WHOLE) or (splits.get("train") if "test" not in splits else None)
    if whole is not None and made is not None and made["origin"] == source.fingerprint:
        shares = {"train": 1 - TEST_SHARE, "test": TEST_SHARE}
        parts = divide(whole, shares, group=made["group"]) if made["test"] else {"train": whole.named("train")}
        splits = {**parts, **{name: held for name, held in splits.items() if name not in ("train", WHOLE)}}
    if split is not None:
        if split not in splits:
            raise DataError(f'{source.name} has no split "{split}". {nearest(split, splits)}')
        return splits[split]
    future = () if target else (FUTURE,)
    for name in (*(future if ahead else ()), "test", WHOLE, "validation", "train", *future):
        if name in splits:
            return splits[name]
    why = "".join(f" {note}" for note in source.notes)
    raise DataError(f"{source.name} holds no examples to judge by, only: {', '.join(splits) or 'nothing'}.{why}")


def for_inspection(
    data: Any, task: Task, *, inputs: Sequence[str] = (), target: str | None = None, ignore: Sequence[str] = ()
) -> dict[str, Dataset]:
    """Every split just as it stands on disk."""
    source = examples(read(data, getattr(task.input, "usual", None)), task)
    roles = assign(source, task, inputs=inputs, target=target, ignore=ignore, needs_target=False)
    splits = _datasets(located(source, task, roles), roles)
    return {name: dataset for name, dataset in splits.items() if name != FUTURE or len(splits) == 1}


def examples(source: Source, task: Task) -> Source:
    """The source with a row an example, where the task makes its examples of what was read."""
    return task.pair.arrange(source, task.input, task.output) if task.pair and task.pair.arrange else source


def _empty(name: str, source: Source, whole: Dataset, group: str | None) -> DataError:
    """A split without an example: how many there were to make it of, and the ways out."""
    said = [f"The {name} split of {source.name} is empty."]
    n = len(whole)
    if name in source.splits or not n:
        pass
    elif group:
        said.append(f'With --group "{group}", its few values leave none for it.')
    else:
        different = len(set(keys_of(whole)))
        inside = f", {different:,} of them different: equal ones go into one split together" if different < n else ""
        said.append(f"It is to be held out of {count(n, 'example')}{inside}. That leaves none for it.")
    if problems := [problem for split in source.splits.values() for problem in split.problems]:
        said.append(f"Besides, {len(problems):,} could not be read, the first {problems[0]}.")
    instead = {
        "test": ", or name other data to test on with --test",
        "validation": ", or train without it: --validation 0",
    }
    said.append(f"Give more data{instead.get(name, '')}.")
    return DataError(" ".join(said))


def _datasets(source: Source, roles: Roles) -> dict[str, Dataset]:
    return {
        name: Dataset(name, split, roles, source.fingerprint, remarks=source.notes)
        for name, split in source.splits.items()
    }
