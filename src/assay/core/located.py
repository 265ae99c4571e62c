"""Cells that name files, found from the folder that the table stands in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.columns import Column
from assay.core.dataset import Roles
from assay.core.errors import DataError
from assay.core.files import digest, digest_file
from assay.core.source import Source, Split
from assay.core.task import Task


def located(source: Source, task: Task, roles: Roles) -> Source:
    """The source with the names in its input or target column as paths from `Source.root`, where those are files.

    The fingerprint then takes in the content of the files: the name of a file says nothing of what is in it.

    Raises:
        DataError: a name leaves the root; names the place.
    """
    root = source.root
    if root is None:
        return source
    if task.input.files and roles.inputs:
        source = _located(source, root, roles.inputs[0])
    if roles.target and getattr(task.output, "files", False):  # an answer that is a file is named like an input
        source = _located(source, root, roles.target)
    return source


def _located(source: Source, root: Path, name: str) -> Source:
    splits: dict[str, Split] = {}
    contents = [source.fingerprint]
    for key, split in source.splits.items():
        column = split.columns.get(name)
        if column is None or not any(isinstance(cell, str) for cell in column[:20]):
            splits[key] = split
            continue
        cells = _paths(column, root, split)
        contents += _digests(cells)
        splits[key] = replace(split, columns={**split.columns, name: Column(cells)})
    return replace(source, splits=splits, fingerprint=digest(*contents)) if len(contents) > 1 else source


def _paths(column: Column, root: Path, split: Split) -> list[Any]:
    top = os.path.realpath(root)
    cells: list[Any] = []
    for at, cell in enumerate(column):
        if not isinstance(cell, str):
            cells.append(cell)
            continue
        path = root / cell.strip()
        real = os.path.realpath(path)
        if os.path.commonpath([top, real]) != top:
            raise DataError(
                f'{split.place(at)}: "{cell}" is outside {root}, the folder of the table, and no file outside it is '
                "opened. Move the table to a folder that holds all files, and name them from there."
            )
        cells.append(path)
    return cells


def _digests(cells: Iterable[Any]) -> list[str]:
    paths = [cell for cell in cells if isinstance(cell, Path)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda path: digest_file(path) if path.is_file() else "", paths))
