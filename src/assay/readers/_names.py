"""What file and column names say: the suffix, the split, and names that no column may have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from assay.core.errors import DataError
from assay.core.source import SPLITS
from assay.core.split_column import WORDS as WORDS

_SPLIT = re.compile(rf"({'|'.join(WORDS)})(?:[-_.]?\d.*)?", re.IGNORECASE | re.DOTALL)


def split_word(stem: str) -> str | None:
    """The word with which a name says its split, a shard's number aside.

    >>> split_word("Train-00000-of-00002"), split_word("val2017"), split_word("trainer")
    ('train', 'val', None)
    """
    match = _SPLIT.fullmatch(stem)
    return match[1].lower() if match else None


def suffix(path: Path) -> str:
    """The suffix that tells the format, in lower case, whether the file is gzipped or not.

    >>> suffix(Path("a/Train.CSV.gz"))
    '.csv'
    """
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def split_files(folder: Path, suffixes: Collection[str]) -> dict[str, list[Path]]:
    """The files of a folder that a split is named after, by split; several are shards, in the order of their names.

    Raises:
        DataError: two names mean the same split, such as ``val.csv`` and ``dev.csv``.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        word = split_word(_stem(path))
        if word and suffix(path) in suffixes and path.is_file():
            found.setdefault(WORDS[word], []).append(path)
    for split, paths in found.items():
        stems = [_stem(path) for path in paths]
        if len({split_word(stem) for stem in stems}) > 1 or len(set(stems)) < len(stems):
            names = ", ".join(path.name for path in paths)
            raise DataError(f"{folder} holds {names}, which all name the {split} split. Keep one of them.")
    return {split: found[split] for split in SPLITS if split in found}


def check_columns(names: Sequence[str], where: str) -> None:
    """Refuse columns that cannot be told apart or be named.

    Raises:
        DataError: a name stands twice or is empty; says at which positions (the first is 1).
    """
    if not names:
        raise DataError(f"{where}: no columns.")
    empty = [str(at) for at, name in enumerate(names, 1) if not name]
    if empty:
        raise DataError(
            f"{where}: column {', '.join(empty)} of {len(names)} has no name. Name every column (if pandas wrote the "
            "file: index=False)."
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [f'"{n}" (columns {", ".join(str(i) for i, o in enumerate(names, 1) if o == n)})' for n in twice[:5]]
        raise DataError(f"{where}: a column name stands more than once: {'; '.join(places)}. Rename all but one.")


def _stem(path: Path) -> str:
    return path.name[: len(path.name.lower().removesuffix(".gz")) - len(suffix(path))]
