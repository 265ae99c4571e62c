"""Plain text: a file is one document.

A document keeps its line breaks, whatever their kind, as ``\\n``.
"""

from __future__ import annotations

from pathlib import Path

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.source import Source, Split
from assay.readers._places import FilePlaces
from assay.readers._splits import Part, files_of, gather, holds_splits, is_file_of
from assay.readers._text import open_text, survey

FORMAT = "plain text"
LAYOUT = "book.txt (or .gz); or a folder with train.txt, validation.txt, test.txt, in shards if need be"

SUFFIXES = (".txt",)
COLUMN = "text"


def reads(path: object) -> bool:
    """Whether ``path`` is a ``.txt`` file, or a folder with one for a split."""
    if not isinstance(path, Path):
        return False
    if path.is_dir():  # beside folders of images and labels such a file lists images
        return holds_splits(path, SUFFIXES) and not ((path / "images").is_dir() and (path / "labels").is_dir())
    return is_file_of(path, SUFFIXES)


def read(path: Path) -> Source:
    """The documents at ``path``: one row a file, whose column ``text`` is the target where nobody says otherwise.

    Raises:
        DataError: a file is empty, holds white space alone, or is not text; names the file and line.
    """
    return gather(path, FORMAT, files_of(path, SUFFIXES), _part)


def _part(path: Path) -> Part:
    found = survey(path)
    with open_text(path, found.encoding) as file:
        text = file.read()
    if not text.strip():
        raise DataError(f"{path} holds nothing but white space.")
    return Part(Split({COLUMN: Column([text])}, FilePlaces((path,))), found.digest, found.notes, target=COLUMN)
