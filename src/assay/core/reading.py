"""From whatever the user names as data to a `Source`: the readers are found by walking their package."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core import discovery
from assay.core.errors import DataError, nearest
from assay.core.source import Source, as_reader
from assay.core.split_column import by_column

READERS = "assay.readers"  # a string: the core imports no reader


def read(data: Any, usual: str | None = None) -> Source:
    """The source that ``data`` names: a path, a pattern of files, a data set id, a table in memory, or a source itself.

    Args:
        data: what the user named.
        usual: the format that is most likely meant where nothing of that name is there.

    >>> read([{"text": "good", "label": 1}, {"text": "bad", "label": 0}]).splits["all"].columns["text"].tolist()
    ['good', 'bad']

    Raises:
        DataError: there is no such file (offers the nearest name), it is in no format that is read (lists them), or it
            is damaged (names the file and line).
        Unsupported: it needs a library that is not installed.
    """
    if isinstance(data, Source):
        return data
    given = _located(data)
    try:
        claims = [module for module in readers() if as_reader(module).reads(given)]
        if len(claims) == 1:
            return by_column(as_reader(claims[0]).read(given))
    except OSError as error:
        where = error.filename or data
        raise DataError(f"{where} cannot be read: {error.strerror or error}.") from error
    if claims:
        raise DataError(
            f"{data} can be read in {len(claims)} ways. Name the file or the folder that is meant:\n"
            + "\n".join(f"  {module.FORMAT}: {module.LAYOUT}" for module in claims)
        )
    if isinstance(given, str):
        raise _missing(given, usual)
    raise DataError(
        f"{_found(given)}\nAccepted is one of:\n"
        + "\n".join(f"  {module.FORMAT}: {module.LAYOUT}" for module in readers())
    )


def claimed(data: Any) -> bool:
    """Whether ``data`` is in a format that is read. Cheap: looks at names and first bytes."""
    try:
        given = _located(data)
        return any(as_reader(module).reads(given) for module in readers())
    except (DataError, OSError):
        return False


def readers() -> list[ModuleType]:
    """Every module that reads a format, by name."""
    return [discovery.module(READERS, name) for name in discovery.names(READERS)]


def _located(data: Any) -> Any:
    """A path as a `Path` where it exists and as a string where not; anything else as it is."""
    if not isinstance(data, str | os.PathLike):
        return data
    text = os.fspath(data)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise DataError(f"{data!r} is not the name of a file or folder.")
    try:
        path = Path(text).expanduser()
        return path if path.exists() else text
    except (OSError, RuntimeError) as error:  # a name that is too long, a home that is not known
        raise DataError(f"{text[:80]!r} cannot be looked up: {error}.") from error


def _missing(given: str, usual: str | None) -> DataError:
    """No such path: what its usual format takes it for, the nearest name beside it, or the id of a data set."""
    for module in readers():
        if usual == module.FORMAT and (offer := getattr(module, "offer", None)):
            return DataError(f'There is no "{given}". {offer(given)}')
    path = Path(given).expanduser()
    parent = next(folder for folder in path.parents if folder.is_dir())
    first = path.relative_to(parent).parts[0]
    try:
        names = [entry.name for entry in os.scandir(parent) if not entry.name.startswith(".")]
    except OSError:
        names = []
    hub = ""
    if given.count("/") <= 1 and not path.suffix and not path.is_absolute() and not given.startswith((".", "~")):
        hub = f" (A data set of the HuggingFace hub is written hf:{given}.)"
    there = "" if str(parent) == "." else f" in {parent}"
    return DataError(f'There is no "{first}"{there}. {nearest(first, names)}{hub}')


def _found(given: Any) -> str:
    """What is there instead of a format that is read."""
    if not isinstance(given, Path):
        if isinstance(given, Sequence) and not len(given):
            return f"There is nothing in this {type(given).__name__}."
        return f"A {type(given).__name__} is no data that can be read."
    if not given.is_dir():
        size = given.stat().st_size
        return f"{given} ({size:,} bytes) is in no format that is read."
    folders: list[str] = []
    suffixes: Counter[str] = Counter()
    with os.scandir(given) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(f"{entry.name}/")
            else:
                suffixes[Path(entry.name).suffix or entry.name] += 1
    held = [*sorted(folders)[:8], *(["…"] if len(folders) > 8 else [])]
    held += [f"{count} × {suffix}" for suffix, count in suffixes.most_common(8)]
    return f"{given} is in no format that is read. It holds: {', '.join(held) or 'nothing'}."
