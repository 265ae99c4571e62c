"""Decode once: encoded examples as arrays, kept memory-mapped on disk where decoding is slow.

A pack is a folder of ``.npy`` files, one an array, written as the examples stream by and renamed into place when whole;
later epochs, runs and verbs map it. It is keyed by the content of the data and by the codec that read it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.columns import Index
from assay.core.dataset import Dataset
from assay.core.errors import BudgetError, DataError
from assay.core.figure import count
from assay.core.files import digest
from assay.core.protocols import FittedInput, FittedOutput, Pack, Problems
from assay.core.source import WHOLE, Problem

BLOCK = 1024
CACHE_BYTES = 20 << 30
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Encoded:
    """A dataset as arrays.

    Attributes:
        x: arrays ``[M, …]``, by name; memory-mapped where they are kept on disk.
        rows: where each example stands in them, ``[N]``.
        y: arrays ``[N, …]``, by name; empty where there is no target.
        kept: each example's position in the dataset, ``[N]``.
        problems: what the dataset holds beside these examples.
        whole: whether an example is known by its input and target together, since it may have no input.
        groups: of all examples of the dataset, not only of those at ``kept``; ``None`` where no model answers by group.
    """

    x: Pack
    rows: Index
    y: Pack
    kept: Index
    problems: tuple[Problem, ...]
    whole: bool = False
    groups: Index | None = None

    def __len__(self) -> int:
        return len(self.kept)

    def take(self, at: Index) -> tuple[Pack, Pack]:
        """The arrays of the examples at ``at``, copied."""
        return {k: v[self.rows[at]] for k, v in self.x.items()}, {k: v[at] for k, v in self.y.items()}


def encode(
    dataset: Dataset,
    fitted_input: FittedInput,
    fitted_output: FittedOutput | None,
    *,
    store: bool,
    skip_bad: bool,
    whole: bool = False,
    progress: Progress | None = None,
) -> Encoded:
    """Encode every example; all that cannot be are named at once. For ``whole`` see `Encoded`.

    Raises:
        DataError: some examples cannot be read and ``skip_bad`` is off, or none can.
    """
    n = len(dataset)
    if store:
        x, unread = _stored(dataset, fitted_input, progress)
        rows = np.arange(n) if dataset.index is None else dataset.index
        bad = {at: unread[row] for at, row in enumerate(rows.tolist()) if row in unread} if unread else {}
    else:
        bad = {}
        x, rows = fitted_input.encode(dataset.x, bad), np.arange(n)
    wrong: Problems = {}
    y = fitted_output.encode(dataset.y, wrong) if fitted_output is not None and dataset.y is not None else {}
    bad = {**bad, **wrong}
    problems = (*dataset.split.problems, *(Problem(dataset.place(at), bad[at], at) for at in sorted(bad)))
    total = n + len(dataset.split.problems)
    if problems and not skip_bad:
        raise DataError(listing(problems, total))
    kept = np.setdiff1d(np.arange(n), np.fromiter(bad, np.int64, len(bad)))
    if not len(kept):
        raise DataError(listing(problems, total) + " Not one example is left.")
    return Encoded(x, rows[kept], {name: array[kept] for name, array in y.items()} if bad else y, kept, problems, whole)


def listing(problems: tuple[Problem, ...], total: int, most: int = 10) -> str:
    """All problems as one message: the first ``most`` in full and the count of the others."""
    lines = [f"{len(problems)} of {count(total, 'example')} cannot be used:"]
    lines += [f"  {problem}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"  … and {len(problems) - most:,} more (assay inspect lists them all)")
    lines.append("Mend them, or go on without them with --skip-bad.")
    return "\n".join(lines)


def left_out(encoded: Encoded, dataset: Dataset) -> str:
    """A note on the examples of ``dataset`` that ``skip_bad`` went on without; nothing where it holds none."""
    bad = encoded.problems
    part = "" if dataset.name == WHOLE else f" of the {dataset.name} split"
    return missed(len(bad), len(dataset) + len(dataset.split.problems), part) + "." if bad else ""


def missed(bad: int, total: int, part: str = "") -> str:
    """So many examples of so many were left out, in words.

    >>> missed(1, 25, " of the test split")
    '1 of 25 examples of the test split could not be read and was left out (--skip-bad)'
    """
    verb = "was" if bad == 1 else "were"
    return f"{bad:,} of {count(total, 'example')}{part} could not be read and {verb} left out (--skip-bad)"


def _stored(dataset: Dataset, fitted: FittedInput, progress: Progress | None) -> tuple[Pack, Problems]:
    whole = replace(dataset, name=dataset.stored or dataset.name, stored=None, index=None)
    roles = json.dumps([*dataset.roles.inputs, dataset.roles.row])
    key = digest(dataset.origin, whole.name, roles, json.dumps(fitted.to_json(), sort_keys=True), "pack 1")
    folder = cache_folder() / key
    if not (folder / "pack.json").is_file():
        _fill(folder, whole, fitted, progress)
    state = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    os.utime(folder)
    # Copy-on-write maps: nothing here writes, but only a writable array becomes a tensor without a copy.
    x = {name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in state["arrays"]}
    return x, {int(row): what for row, what in state["problems"].items()}


def _fill(folder: Path, dataset: Dataset, fitted: FittedInput, progress: Progress | None) -> None:
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        arrays: dict[str, Any] = {}
        problems: Problems = {}
        n, xs = len(dataset), dataset.x
        for start in range(0, n, BLOCK):
            found: Problems = {}
            for name, block in fitted.encode(xs[start : start + BLOCK], found).items():
                if name not in arrays:
                    shape = (n, *block.shape[1:])
                    arrays[name] = np.lib.format.open_memmap(partial / f"{name}.npy", "w+", block.dtype, shape)
                arrays[name][start : start + len(block)] = block
            problems.update({start + row: what for row, what in found.items()})
            if progress:
                progress(min(start + BLOCK, n), n)
        state = {"arrays": sorted(arrays), "problems": problems}
        for array in arrays.values():
            array.flush()
        (partial / "pack.json").write_text(json.dumps(state), encoding="utf-8")
        _make_room(folder.parent, keep=partial)
        if not folder.exists():
            partial.rename(folder)
    except OSError as error:
        raise BudgetError(
            f"The cache of decoded data at {folder.parent} could not be written ({error.strerror}). Free some space, "
            "or set ASSAY_CACHE to a folder on another disk."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def cache_folder() -> Path:
    """Where packs are kept: ``ASSAY_CACHE``, or ``assay`` in the user's cache folder."""
    if chosen := os.environ.get("ASSAY_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")).expanduser() / "assay" / "cache"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/assay").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "assay"


def _make_room(cache: Path, keep: Path) -> None:
    """Drop the packs that were used longest ago until the cache is within its bound."""
    packs = sorted((p.parent for p in cache.glob("*/pack.json") if p.parent != keep), key=lambda p: p.stat().st_mtime)
    sizes = {p: sum(f.stat().st_size for f in p.iterdir()) for p in [*packs, keep]}
    total = sum(sizes.values())
    for pack in packs:
        if total <= CACHE_BYTES:
            return
        shutil.rmtree(pack, ignore_errors=True)
        total -= sizes[pack]
