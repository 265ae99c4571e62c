"""CIFAR-10 and CIFAR-100 as Toronto distributes them: the binary layout and the one pickled by Python.

Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009); https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import WHOLE, Source, Split
from assay.readers import _pickles
from assay.readers._places import Places, RowPlaces

FORMAT = "cifar"
LAYOUT = (
    "cifar-10-batches-bin/ or cifar-10-batches-py/ (data_batch_1 … test_batch), or cifar-100-binary/, cifar-100-python/"
)

PIXELS = 32 * 32 * 3
MOST_BYTES = 1 << 30  # of one batch file
_FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-binary", "cifar-100-python")


@dataclass(frozen=True)
class _Kind:
    """One of the four layouts."""

    pickled: bool
    labels: tuple[str, ...]  # columns, in the order in which the binary layout has their bytes
    keys: tuple[str, ...]  # of the pickled dict, for each column
    names: tuple[str, ...]  # files with a name a line (binary), or keys of the meta file (pickled), for each column
    meta: str  # the file that the keys are in


_KINDS = {
    "10-bin": _Kind(False, ("label",), (), ("batches.meta.txt",), ""),
    "10-py": _Kind(True, ("label",), ("labels",), ("label_names",), "batches.meta"),
    "100-bin": _Kind(False, ("coarse_label", "label"), (), ("coarse_label_names.txt", "fine_label_names.txt"), ""),
    "100-py": _Kind(
        True,
        ("coarse_label", "label"),
        ("coarse_labels", "fine_labels"),
        ("coarse_label_names", "fine_label_names"),
        "meta",
    ),
}


def reads(path: object) -> bool:
    """Whether ``path`` is one of the four layouts' folders, or holds one."""
    return isinstance(path, Path) and path.is_dir() and _locate(path) is not None


def read(path: Path) -> Source:
    """The images ``uint8 [N, 32, 32, 3]`` and their labels: names where the names file is there, else numbers.

    CIFAR-100's target is the fine label; ``coarse_label`` is an attribute. Where only the test batch is there, it is
    the whole. The pickled layout is read without running anything that the file names.

    Raises:
        DataError: a batch is missing, has a size that no batch has, has a label without a name, or a pickle asks for
            more than arrays.
    """
    located = _locate(path)
    if located is None:
        raise DataError(f"{path} holds no CIFAR batches: {LAYOUT}.")
    folder, kind, files = located
    names = {label: _names(folder, kind, at) for at, label in enumerate(kind.labels)}
    read_splits = {split: _split(paths, kind, names) for split, paths in files.items()}
    splits = {split: found for split, (found, _) in read_splits.items()}
    fingerprint = digest(FORMAT, *(part for split, (_, content) in read_splits.items() for part in (split, content)))
    if list(splits) == ["test"]:
        splits = {WHOLE: splits["test"]}
    other = [name for name in _FOLDERS if (path / name).is_dir() and path / name != folder]
    notes = (f"{path} also holds {', '.join(other)}; {folder.name} was read.",) if other else ()
    return Source(str(path), FORMAT, splits, fingerprint, "image", "label", notes, root=folder)


def _locate(path: Path) -> tuple[Path, _Kind, dict[str, list[Path]]] | None:
    for folder in (path, *(path / name for name in _FOLDERS)):
        for name, kind in _KINDS.items():
            ending = "" if kind.pickled else ".bin"
            if name.startswith("10-"):
                train = [f"data_batch_{at}{ending}" for at in range(1, 6)]
                files = {"train": train, "test": [f"test_batch{ending}"]}
            elif (folder / ("meta" if kind.pickled else "fine_label_names.txt")).is_file():
                files = {"train": [f"train{ending}"], "test": [f"test{ending}"]}
            else:
                continue
            found = {split: [folder / file for file in given] for split, given in files.items()}
            held = {split: paths for split, paths in found.items() if any(file.is_file() for file in paths)}
            if held:
                return folder, kind, held
    return None


def _split(paths: Sequence[Path], kind: _Kind, names: dict[str, list[str] | None]) -> tuple[Split, str]:
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"{paths[0].parent} lacks {', '.join(missing)}. Copy or unpack the data set again.")
    pixels = hashlib.blake2b(digest_size=16)  # the same for both layouts
    starts, parts = [0], []
    for path in paths:
        images_NHWC, numbers_by_label = _batch(path, kind)
        pixels.update(images_NHWC.data)
        starts.append(starts[-1] + len(images_NHWC))
        parts.append(numbers_by_label)
    places = Places(tuple(RowPlaces(path, "image") for path in paths), tuple(starts[:-1]))
    labels = {}
    content = [pixels.digest()]
    for at, label in enumerate(kind.labels):
        numbers = np.concatenate([part[at] for part in parts])
        labels[label] = Column(_named(numbers, names[label], places))
        content += [numbers.tobytes(), "\n".join(names[label] or ()).encode()]
    split = Split(
        {"image": Column(LateImages(tuple(paths), tuple(starts), kind)), "label": labels.pop("label"), **labels}, places
    )
    return split, digest(*content)


class LateImages(Sequence[NDArray[np.uint8]]):
    """The images of several batches ``[32, 32, 3]``; one batch at a time is in memory, and whole runs are read in order."""

    def __init__(self, paths: tuple[Path, ...], starts: tuple[int, ...], kind: _Kind) -> None:
        self._paths, self._starts, self._kind = paths, starts, kind
        self._held: tuple[int, NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return self._starts[-1]

    def forget(self) -> None:
        """Let go of the batch that is held; it is read again when it is asked for."""
        self._held = None

    def __getitem__(self, at: Any) -> Any:
        which = bisect_right(self._starts, at) - 1
        held = self._held
        if held is None or held[0] != which:
            held = self._held = (which, _batch(self._paths[which], self._kind)[0])
        return held[1][at - self._starts[which]]


def _batch(path: Path, kind: _Kind) -> tuple[NDArray[np.uint8], list[NDArray[np.int64]]]:
    return (_pickled if kind.pickled else _binary)(path, kind)


def _binary(path: Path, kind: _Kind) -> tuple[NDArray[np.uint8], list[NDArray[np.int64]]]:
    width = len(kind.labels) + PIXELS
    size = _size(path)
    if size % width:
        raise DataError(
            f"{path} has {size:,} bytes, which is not a number of records of {width:,} bytes. Copy it again."
        )
    rows = np.fromfile(path, np.uint8).reshape(-1, width)
    numbers = [rows[:, at].astype(np.int64) for at in range(len(kind.labels))]
    return _pixels(rows[:, len(kind.labels) :]), numbers


def _pickled(path: Path, kind: _Kind) -> tuple[NDArray[np.uint8], list[NDArray[np.int64]]]:
    batch = _unpickle(path)
    rows = batch.get("data")
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != PIXELS:
        raise DataError(f'{path} holds no array "data" of {PIXELS:,} bytes an image.')
    numbers = []
    for key in kind.keys:
        given = batch.get(key)
        if not isinstance(given, list) or len(given) != len(rows) or not all(type(value) is int for value in given):
            raise DataError(f'{path} holds no list "{key}" of {len(rows):,} whole numbers, one an image.')
        numbers.append(np.array(given, dtype=np.int64))
    return _pixels(rows), numbers


def _unpickle(path: Path) -> dict[str, Any]:
    _size(path)
    try:
        value = _pickles.loads(path.read_bytes())
    except _pickles.Refused as error:
        raise DataError(
            f"{path} asks Python for {error}. CIFAR's batches hold only lists and arrays of unsigned bytes, so it "
            "was not read: it may be hostile."
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is no pickled batch: {error}. Copy or download it again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no dict but a {type(value).__name__}.")
    return {key.decode("latin-1") if isinstance(key, bytes) else str(key): item for key, item in value.items()}


def _size(path: Path) -> int:
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise DataError(f"{path} has {size:,} bytes; a batch has some, and at most {MOST_BYTES:,}.")
    return size


def _pixels(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _names(folder: Path, kind: _Kind, at: int) -> list[str] | None:
    """The names of the classes of one label column, or ``None`` where the file that holds them is not there."""
    path = folder / (kind.meta or kind.names[at])
    if not path.is_file():
        return None
    if not kind.pickled:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    given = _unpickle(path).get(kind.names[at])
    if not isinstance(given, list) or not all(isinstance(name, bytes | str) for name in given):
        raise DataError(f'{path} holds no list "{kind.names[at]}".')
    return [name.decode("latin-1") if isinstance(name, bytes) else name for name in given]


def _named(numbers: NDArray[np.int64], names: list[str] | None, places: Places) -> pa.ChunkedArray:
    if names is None:
        return pa.chunked_array([pa.array(numbers)])
    wrong = np.flatnonzero((numbers < 0) | (numbers >= len(names)))
    if len(wrong):
        at = int(wrong[0])
        raise DataError(f"{places(at)}: its label is {numbers[at]}, but there are {len(names)} names of classes.")
    return pa.chunked_array([pa.array(names, pa.string()).take(pa.array(numbers))])
