"""JSON Lines: one object a line, gzipped or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import DataError
from assay.core.source import Problem, Source, Split
from assay.readers._names import check_columns
from assay.readers._places import LinePlaces
from assay.readers._splits import Part, files_of, gather, holds_splits, is_file_of
from assay.readers._tables import records
from assay.readers._text import open_text, survey

FORMAT = "jsonl"
LAYOUT = 'rows.jsonl (or .gz), one {"column": value, …} a line; or a folder with train.jsonl, test.jsonl …'

SUFFIXES = (".jsonl", ".ndjson")


def reads(path: object) -> bool:
    """Whether ``path`` is a JSON Lines file, or a folder with one for a split."""
    if not isinstance(path, Path):
        return False
    return holds_splits(path, SUFFIXES) if path.is_dir() else is_file_of(path, SUFFIXES)


def read(path: Path) -> Source:
    """The objects at ``path``: their keys are the columns, a missing one is ``None``, nested values stay as they are.

    A line that is not one object is a problem, not a row; blank lines are passed over.

    Raises:
        DataError: not one line is an object, or the file is not text; names the file and line.
    """
    return gather(path, FORMAT, files_of(path, SUFFIXES), _part)


def _part(path: Path) -> Part:
    found = survey(path)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    problems: list[Problem] = []
    with open_text(path, found.encoding) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = _object(line)
            except ValueError as error:
                problems.append(Problem(f"{path}:{number}", f"{error}: {line.strip()[:60]!r}"))
            else:
                rows.append(row)
                lines.append(number)
    if not rows:
        first = f" The first: {problems[0]}." if problems else ""
        raise DataError(f'{path} holds no line that is one JSON object ({{"column": value, …}}).{first}')
    columns = records(rows)
    check_columns(list(columns), str(path))
    places = LinePlaces(path, np.array(lines))
    return Part(Split(columns, places, tuple(problems)), found.digest, found.notes)


def _object(line: str) -> dict[str, Any]:
    """One line's object.

    Raises:
        ValueError: says in words what it is instead.
    """
    try:
        value = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno})") from None
    except ValueError:
        raise ValueError("a number with too many digits") from None
    if not isinstance(value, dict):
        raise ValueError(f"not an object but a {_KINDS.get(type(value), 'null')}")
    if "\\ud" in line.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair, which is no character") from None
    return value


_KINDS = {list: "list", str: "string", int: "number", float: "number", bool: "truth value"}
