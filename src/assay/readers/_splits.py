"""One file, or a folder with a file (or its shards) for each split: what all formats of one table a file share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from assay.core.columns import joined
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import WHOLE, Source, Split
from assay.readers._names import split_files, suffix
from assay.readers._places import Places


@dataclass(frozen=True)
class Part:
    """What one file gave.

    Attributes:
        split: its rows.
        digest: the hash of its content.
        notes: what a user should know of how it was read.
        input: the column that the file itself says is the input, if it does.
        target: the same for the target.
    """

    split: Split
    digest: str
    notes: tuple[str, ...] = ()
    input: str | None = None
    target: str | None = None


def holds_splits(folder: Path, suffixes: Collection[str]) -> bool:
    """Whether ``folder`` has a file of such a suffix that a split is named after."""
    return bool(split_files(folder, suffixes))


def gather(path: Path, form: str, files: dict[str, list[Path]], read: Callable[[Path], Part]) -> Source:
    """The source of ``files`` by split, each read by ``read``.

    Raises:
        DataError: shards of a split differ in their columns, or splits share none.
    """
    splits: dict[str, Split] = {}
    hashes: list[str] = [form]
    notes: list[str] = []
    hints: set[tuple[str | None, str | None]] = set()
    for name, paths in files.items():
        parts = [read(file) for file in paths]
        splits[name] = join([part.split for part in parts], [str(file) for file in paths])
        hashes += [name, *(part.digest for part in parts)]
        notes += [note for part in parts for note in part.notes]
        hints |= {(part.input, part.target) for part in parts}
    notes += _compare(path, splits, files)
    given, wanted = hints.pop() if len(hints) == 1 else (None, None)
    return Source(
        name=str(path),
        format=form,
        splits=splits,
        fingerprint=digest(*hashes),
        input=given,
        target=wanted,
        notes=tuple(notes),
        root=path if path.is_dir() else path.parent,
    )


def files_of(path: Path, suffixes: Collection[str]) -> dict[str, list[Path]]:
    """The files to read by split: the file itself, or those of a folder that splits are named after."""
    return split_files(path, suffixes) if path.is_dir() else {WHOLE: [path]}


def is_file_of(path: Path, suffixes: Collection[str]) -> bool:
    """Whether ``path`` is a file with one of the suffixes, gzipped or not."""
    return path.is_file() and suffix(path) in suffixes


def join(splits: Sequence[Split], names: Sequence[str]) -> Split:
    """Splits with the same columns, one after another; the columns stand as in the first.

    Raises:
        DataError: the columns differ; names the file that does and the columns.
    """
    first = splits[0]
    if len(splits) == 1:
        return first
    for split, name in zip(splits[1:], names[1:], strict=True):
        if set(split.columns) != set(first.columns):
            raise DataError(f"{name} has other columns than {names[0]}: {_difference(first, split)}.")
    starts = (0, *accumulate(len(split) for split in splits[:-1]))
    return Split(
        columns={name: joined([split.columns[name] for split in splits]) for name in first.columns},
        place=Places(tuple(split.place for split in splits), starts),
        problems=tuple(problem for split in splits for problem in split.problems),
    )


def _compare(path: Path, splits: dict[str, Split], files: dict[str, list[Path]]) -> list[str]:
    names = list(splits)
    notes = []
    for name in names[1:]:
        one, other = splits[names[0]], splits[name]
        if set(one.columns) == set(other.columns):
            continue
        if not set(one.columns) & set(other.columns):
            raise DataError(
                f"{files[name][0]} and {files[names[0]][0]} have no column in common: {_difference(one, other)}. "
                "Does the first line of each hold the names of the columns?"
            )
        notes.append(f"The {name} split of {path} has other columns than {names[0]}: {_difference(one, other)}.")
    return notes


def _difference(one: Split, other: Split) -> str:
    lacks = [name for name in one.columns if name not in other.columns]
    more = [name for name in other.columns if name not in one.columns]
    return "; ".join(
        f"{verb} {', '.join(_short(name) for name in found[:5])}"
        + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        for verb, found in (("it lacks", lacks), ("it adds", more))
        if found
    )


def _short(name: str) -> str:
    return f'"{name[:40]}…"' if len(name) > 40 else f'"{name}"'
