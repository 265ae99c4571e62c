"""Who is input and who is target among the columns of a source."""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.dataset import Roles
from assay.core.errors import DataError, nearest
from assay.core.source import Source, Split
from assay.core.task import Task


def assign(
    source: Source,
    task: Task,
    *,
    inputs: Sequence[str] = (),
    target: str | None = None,
    ignore: Sequence[str] = (),
    needs_target: bool = True,
) -> Roles:
    """The roles that the user named, or else those that the format or the usual names give.

    Raises:
        DataError: a column does not exist, or cannot be guessed; the message lists the columns.
    """
    split = next(iter(source.splits.values()))
    for name in (*inputs, *ignore, *([target] if target else [])):
        _exists(name, split, source)
    if target is None:
        target = _target(source, split, task, taken=inputs, needed=needs_target and task.evaluate is None)
    if twice := [name for name in ignore if name in inputs or name == target]:
        other = "target" if twice[0] == target else "input"
        raise DataError(f'The column "{twice[0]}" cannot be both ignored and {other}.')
    if target in inputs:
        raise DataError(f'The column "{target}" cannot be both input and target.')
    if task.input.row:
        chosen = tuple(inputs) or tuple(name for name in split.columns if name != target and name not in ignore)
        if not chosen:
            raise DataError(f"{source.name} has no column left to learn from beside the target.")
        return Roles(inputs=chosen, row=True, target=target)
    if len(inputs) > 1:
        raise DataError(f"{task.name} takes one input column; --input names {len(inputs)}: {', '.join(inputs)}.")
    found, able = (tuple(inputs), []) if inputs else _input(source, split, task, target)
    if found is None:
        raise DataError(
            f"Which column of {source.name} is the input of {task.name}? Name it with --input: {_unclear(able, split)}"
        )
    return Roles(inputs=found, row=False, target=target)


def again(source: Source, task: Task, roles: Roles) -> Roles:
    """The roles that a model was trained with, found in new data; a target that is missing there is ``None``.

    Raises:
        DataError: an input column is missing; names it and the nearest.
    """
    split = next(iter(source.splits.values()))
    target = roles.target if roles.target in split.columns else None
    if target is None and roles.target is not None and not task.input.row and source.target in split.columns:
        sole = len(split.columns) == 1 and not task.input.optional  # the one column there is is asked about
        target = None if sole or source.target in roles.inputs else source.target
    if roles.row:
        missing = [name for name in roles.inputs if name not in split.columns]
        if missing:
            raise DataError(
                f'{source.name} lacks the column "{missing[0]}" that the model was trained with'
                + (f" (and {len(missing) - 1} more: {', '.join(missing[1:6])})" if len(missing) > 1 else "")
                + f". {nearest(missing[0], split.columns)}"
            )
        return Roles(inputs=roles.inputs, row=True, target=target)
    if roles.inputs and roles.inputs[0] in split.columns:
        return Roles(inputs=roles.inputs, row=False, target=target)
    found, able = _input(source, split, task, target)
    if found is None:
        named = f' "{roles.inputs[0]}"' if roles.inputs else ""
        raise DataError(
            f"{source.name} has no column{named} for {task.name} to read, and {_unclear(able, split)} Give the column that "
            "the model is to read the name that it had in training."
        )
    return Roles(inputs=found, row=False, target=target)


def _exists(name: str, split: Split, source: Source) -> None:
    if name not in split.columns:
        raise DataError(f'{source.name} has no column "{name}". {nearest(name, split.columns)}')


def _target(source: Source, split: Split, task: Task, *, taken: Sequence[str], needed: bool) -> str | None:
    if source.target:
        return source.target
    usual = [name for name in task.output.names if name in split.columns and name not in taken]
    if usual:
        return usual[0]
    if not needed:
        return None
    raise DataError(
        f"Which column of {source.name} is the target? Name it with --target. Columns: {', '.join(split.columns)}."
    )


def _input(
    source: Source, split: Split, task: Task, target: str | None
) -> tuple[tuple[str, ...] | None, Sequence[str]]:
    """The column that can only be the input, or ``None``; and those that could be."""
    if source.input and source.input != target:
        return (source.input,), ()
    able = [n for n, c in split.columns.items() if n != target and any(task.input.accepts(cell) for cell in c[:20])]
    usual = [name for name in task.input.names if name in able]
    if usual:
        return (usual[0],), able
    if task.input.optional:
        return (), able
    return ((able[0],) if len(able) == 1 else None), able


def _unclear(able: Sequence[str], split: Split) -> str:
    return (
        f"these could be it: {', '.join(able)}."
        if able
        else f"none of these looks like it: {', '.join(split.columns)}."
    )
