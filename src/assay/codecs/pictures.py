"""The size of an image file, of its header alone: what pixels and shares of its sides have to do with one another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from PIL import Image as Pillow

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # Pillow would run other programs for some others
_TURNED = (5, 6, 7, 8)  # values of EXIF's orientation with width and height exchanged
_ORIENTATION = 0x0112

Size: TypeAlias = tuple[int, int]


def sizes(files: Sequence[Path]) -> list[Size | None]:
    """Width and height of each image as it is seen upright; ``None`` where it is no image."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(_size, files))


def _size(file: Path) -> Size | None:
    try:
        with Pillow.open(file, formats=FORMATS) as picture:
            turned = picture.getexif().get(_ORIENTATION) in _TURNED
            return (picture.height, picture.width) if turned else (picture.width, picture.height)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None
