"""Several files as one: a pattern with ``*``, such as ``data/part-*.parquet``."""

from __future__ import annotations

import glob
from pathlib import Path

from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.reading import read as read_one
from assay.core.source import WHOLE, Source
from assay.readers._splits import join

FORMAT = "shards"
LAYOUT = '"data/part-*.parquet", "*.csv" … (a quoted pattern: files of one format and the same columns)'


def reads(path: object) -> bool:
    """Whether ``path`` is a pattern, and no file of that very name exists."""
    return isinstance(path, str) and glob.has_magic(path) and not path.startswith("hf:")


def read(path: str) -> Source:
    """The rows of all files that the pattern matches, in the order of their names, as one split.

    Raises:
        DataError: nothing matches, or a file differs from the first in its format or columns; names it.
    """
    pattern = str(Path(path).expanduser())
    files = sorted(Path(name) for name in glob.glob(pattern, recursive=True))  # noqa: PTH207 (it may be absolute)
    if not files:
        raise DataError(f'No file matches "{path}". Accepted: a pattern such as {LAYOUT}.')
    sources = [_read(file) for file in files]
    first = sources[0]
    for file, source in zip(files, sources, strict=True):
        if source.format != first.format:
            raise DataError(f"{file} is {source.format}, but {files[0]} is {first.format}. Shards have one format.")
        if list(source.splits) != [WHOLE]:
            raise DataError(f"{file} is a folder with splits; a pattern names files. Name the folder alone.")
    return Source(
        name=path,
        format=first.format,
        splits={WHOLE: join([source.splits[WHOLE] for source in sources], [str(file) for file in files])},
        fingerprint=digest(FORMAT, *(source.fingerprint for source in sources)),
        input=first.input,
        target=first.target,
        notes=tuple(note for source in sources for note in source.notes),
        root=first.root if len({source.root for source in sources}) == 1 else None,
    )


def _read(file: Path) -> Source:
    if file.is_dir():
        raise DataError(f"{file} is a folder; a pattern names files. Give the folder alone, or {file}/*.")
    return read_one(file)
