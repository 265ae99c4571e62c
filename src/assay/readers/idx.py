"""IDX, the format of MNIST and Fashion-MNIST: a big-endian header with the shape, then bytes; gzipped or not.

http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes and Burges 1998).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import WHOLE, Source, Split
from assay.readers._places import RowPlaces

FORMAT = "idx"
LAYOUT = "a folder with train-images-idx3-ubyte and train-labels-idx1-ubyte and/or t10k-images-… (or .gz), as MNIST's"

MOST_BYTES = 4 << 30
_PARTS = {"train": "train", "test": "t10k"}


def reads(path: object) -> bool:
    """Whether ``path`` is a folder with IDX images of either part."""
    return isinstance(path, Path) and path.is_dir() and any(_find(path, word, "images", 3) for word in _PARTS.values())


def read(path: Path) -> Source:
    """The images ``uint8 [N, H, W]`` and the labels (integers: the format names no classes).

    Where only the ``t10k`` part is there, it is the whole.

    Raises:
        DataError: a file is missing, is no IDX, or holds more or fewer bytes than its header says.
    """
    splits: dict[str, Split] = {}
    hashes: list[str] = [FORMAT]
    for name, word in _PARTS.items():
        images = _find(path, word, "images", 3)
        if images is None:
            continue
        labels = _find(path, word, "labels", 1)
        if labels is None:
            raise DataError(f"{images} has no labels beside it. Put {word}-labels-idx1-ubyte (or .gz) there.")
        x_NHW, y_N = load(images), load(labels)
        if len(x_NHW) != len(y_N):
            raise DataError(f"{images} holds {len(x_NHW):,} images, but {labels.name} {len(y_N):,} labels.")
        if not len(x_NHW):
            raise DataError(f"{images} holds no images.")
        columns = {"image": Column(x_NHW), "label": Column(pa.chunked_array([pa.array(y_N.astype(np.int64))]))}
        splits[name] = Split(columns, RowPlaces(images, "image"))
        hashes += [name, *(hashlib.blake2b(part.data, digest_size=16).hexdigest() for part in (x_NHW, y_N))]
    if list(splits) == ["test"]:
        splits = {WHOLE: splits["test"]}
    return Source(str(path), FORMAT, splits, digest(*hashes), input="image", target="label", root=path)


def load(path: Path) -> NDArray[Any]:
    """The array of unsigned bytes in an IDX file.

    Raises:
        DataError: the header is not that of unsigned bytes, or the content is not as long as it says (at most 4 GiB).
    """
    gzipped = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if gzipped else path.open("rb") as file:
            return _load(file, path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip file ({error}). Copy or download it again.") from error


def _load(file: BinaryIO | gzip.GzipFile, path: Path) -> NDArray[Any]:
    magic = file.read(4)
    rank = magic[3] if len(magic) == 4 else 0
    if magic[:3] != b"\0\0\x08" or not 1 <= rank <= 4:
        raise DataError(f"{path} does not begin as an IDX file of unsigned bytes (0x000008…) but with 0x{magic.hex()}.")
    header = file.read(4 * rank)
    if len(header) < 4 * rank:
        raise DataError(f"{path} ends within its header.")
    shape = tuple(np.frombuffer(header, ">u4").tolist())
    size = math.prod(shape)
    if size > MOST_BYTES:
        raise DataError(f"{path} claims {size:,} bytes (shape {shape}); at most {MOST_BYTES:,} are read.")
    content = bytearray()
    while len(content) <= size and (block := file.read(min(1 << 24, size + 1 - len(content)))):
        content += block
    if len(content) != size:
        held = f"only {len(content):,}" if len(content) < size else "more"
        raise DataError(f"{path} should hold {size:,} bytes (shape {shape}) after its header, and holds {held}.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _find(folder: Path, word: str, what: str, rank: int) -> Path | None:
    names = (f"{word}-{what}-idx{rank}-ubyte", f"{word}-{what}.idx{rank}-ubyte")
    return next((p for name in names for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
