"""RecBole's atomic files: a table of events (``.inter``), with what is known of the users (``.user``) beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import WHOLE, Source, Split
from assay.readers import delimited
from assay.readers._names import check_columns

FORMAT = "interactions"
LAYOUT = "name.inter (TAB between columns, typed names as user_id:token in line 1), or a folder with one"

SUFFIX, USERS = ".inter", ".user"


def reads(path: object) -> bool:
    """Whether ``path`` is an ``.inter`` file, or a folder with exactly one."""
    return isinstance(path, Path) and _file(path) is not None


def read(path: Path) -> Source:
    """The events at ``path``, every cell a string; the types are taken off the names of the columns.

    Where a ``.user`` file of the same name stands beside it, its columns come along, found by the first one.

    Raises:
        DataError: as `assay.readers.delimited.read`; or a user stands in the ``.user`` file twice.
    """
    file = _file(path)
    assert file is not None
    source = _plain(delimited.read(file))
    split = source.splits[WHOLE]
    beside = file.with_suffix(USERS)
    if beside.is_file():
        users = _plain(delimited.read(beside))
        split = _joined(split, users.splits[WHOLE], beside)
        source = replace(
            source, fingerprint=digest(source.fingerprint, users.fingerprint), notes=source.notes + users.notes
        )
    return replace(source, name=str(path), format=FORMAT, splits={WHOLE: split})


def _file(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == SUFFIX else None
    found = [entry for entry in sorted(path.glob(f"*{SUFFIX}")) if entry.is_file()] if path.is_dir() else []
    return found[0] if len(found) == 1 else None


def _plain(source: Source) -> Source:
    split = source.splits[WHOLE]
    names = [name.split(":")[0].strip() for name in split.columns]
    check_columns(names, f"{source.name}:1")
    columns = dict(zip(names, split.columns.values(), strict=True))
    return replace(source, splits={WHOLE: replace(split, columns=columns)})


def _joined(events: Split, users: Split, path: Path) -> Split:
    """The events with the columns of their users; ``None`` for a user that the second table lacks."""
    key = next(iter(users.columns))
    if key not in events.columns:
        raise DataError(f'{path}: its first column is "{key}", and the events have no such column.')
    rows: dict[str, int] = {}
    for row, name in enumerate(users.columns[key].tolist()):
        if name in rows:
            raise DataError(f'{users.place(row)}: the {key} "{name}" stands in {users.place(rows[name])} already.')
        rows[name] = row
    at = [rows.get(name) for name in events.columns[key].tolist()]
    added = {}
    for name, column in users.columns.items():
        if name not in events.columns:
            cells = column.tolist()
            added[name] = Column([None if row is None else cells[row] for row in at])
    return replace(events, columns={**events.columns, **added}, problems=events.problems + users.problems)
