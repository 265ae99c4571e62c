"""Files of images beside the files that describe them: found within a root, by split, and the sizes stated of them.

A size is of the image as it is seen upright, (width, height).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.codecs.media import IMAGES as IMAGES
from assay.codecs.pictures import Size
from assay.core.errors import DataError
from assay.core.source import SPLITS, WHOLE
from assay.readers._names import WORDS, split_word

LARGEST = 1_000_000  # pixels of a side that a file may state
_LONGEST = 255  # letters of a name


def within(root: Path, folder: Path, name: Any) -> Path | None:
    """The file ``name`` of ``folder``; ``None`` where no file can have that name, or it leaves the root after all links."""
    if not isinstance(name, str) or not name or "\0" in name or len(name) > _LONGEST:
        return None
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return None
    path = folder / name.replace("\\", "/")
    return path if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)) else None


def stated(width: Any, height: Any) -> Size | None:
    """A size as a file states it, in numbers or text; ``None`` where it is none.

    >>> stated("640", 480), stated(0, 480), stated(None, 1), stated(float("inf"), 1)
    ((640, 480), None, None, None)
    """
    try:
        size = (int(float(width)), int(float(height)))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) >= 1 and max(size) <= LARGEST else None


def disagree(size: Size | None, told: Size | None) -> str | None:
    """What is wrong where the stated size has another shape than the image: its boxes would lie elsewhere.

    >>> disagree((640, 480), (480, 640))
    'is stated to be 480 × 640 pixels, but is 640 × 480 (was it turned?). Annotate it again as it is.'
    >>> disagree((320, 240), (640, 480))
    """
    if size is None or told is None or abs(size[0] * told[1] / (size[1] * told[0]) - 1) < 0.02:
        return None
    turned = " (was it turned?)" if abs(size[1] * told[1] / (size[0] * told[0]) - 1) < 0.02 else ""
    return (
        f"is stated to be {told[0]} × {told[1]} pixels, but is {size[0]} × {size[1]}{turned}. "
        "Annotate it again as it is."
    )


def split_folders(root: Path) -> dict[str, list[Path]]:
    """The folders right in ``root`` that a split is named after, by split."""
    found: dict[str, list[Path]] = {}
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if split_word(entry.name) and entry.is_dir())
    for name in names:
        found.setdefault(WORDS[str(split_word(name))], []).append(root / name)
    return found


def one_each(found: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The file or folder of each split, in the order of splits.

    Raises:
        DataError: a split has several.
    """
    for split, paths in found.items():
        if len(paths) > 1:
            named = ", ".join(path.name for path in paths)
            raise DataError(f"{paths[0].parent} holds {named}, which all name the {split} split. Keep one of them.")
    return {split: found[split][0] for split in (*SPLITS, WHOLE) if found.get(split)}


def images_in(folder: Path) -> list[Path]:
    """The image files right in a folder, by name; hidden ones are not."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith(".") and Path(e.name).suffix.lower() in IMAGES)
    return [folder / name for name in names]


def amount(count: int) -> str:
    """So many images, in words.

    >>> amount(1), amount(2000)
    ('1 image', '2,000 images')
    """
    return f"{count:,} image{'' if count == 1 else 's'}"


def bounded(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes.

    Raises:
        DataError: it is larger.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(f"{path} has more than the {most:,} bytes that are read of such a file.")
    return content
