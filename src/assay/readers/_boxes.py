"""What the formats of boxes share: boxes checked one by one, and what is said of them.

Coordinates are shares of the image's width and height from here on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from assay.codecs.pictures import Size
from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest, digest_file
from assay.core.source import SPLITS, WHOLE, Problem, Source, Split
from assay.readers._places import FilePlaces

INPUT, TARGET = "image", "objects"
SLACK = 1.0  # pixels that a box may reach out of its image and is cut: editors round
ROUNDED = 0.05  # pixels by which a box may do so unsaid: numbers are written with a few decimals
_NAMED = 3  # places named in a note


@dataclass(frozen=True)
class Raw:
    """One box as a file states it: its class, its corners (x0, y0, x1, y1) whatever they are, and whether to ignore it."""

    label: str
    corners: tuple[Any, Any, Any, Any]
    ignore: bool = False


@dataclass
class Listed:
    """The images of one split with their objects, and what is wrong there.

    Attributes:
        files: the images.
        objects: those of each.
        problems: images that no example can be made of.
        empty, cut, twice: places of boxes that were left out for want of an area, that were cut at the edge of the image,
            and that stand twice.
    """

    files: list[Path] = field(default_factory=list)
    objects: list[list[dict[str, Any]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    def wrong(self, where: object, what: str) -> None:
        """Note that no example can be made there."""
        self.problems.append(Problem(str(where), what))

    def add(self, image: Path, where: object, boxes: Iterable[Raw], size: Size | None, told: Size | None) -> None:
        """An image of ``size`` (``None``: it cannot be opened, which the input will say) with its boxes, in pixels of the
        size that was ``told``, or in shares where none was."""
        pixels = told or (1, 1)
        slack = tuple(SLACK / side for side in size or told or (100, 100))
        found: list[dict[str, Any]] = []
        for at, box in enumerate(boxes, 1):
            place = f"{where}, object {at} ({box.label})"
            try:
                corners, cut = _shares(box, pixels, slack)
            except ValueError as error:
                self.wrong(where, f"object {at} ({box.label}) {error}")
                return
            if corners is None:
                self.empty.append(place)
                continue
            thing = {
                "label": box.label,
                **dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True)),
                "ignore": box.ignore,
            }
            if thing in found:
                self.twice.append(place)
                continue
            if cut:
                self.cut.append(place)
            found.append(thing)
        self.files.append(image)
        self.objects.append(found)


def _shares(box: Raw, pixels: Size, slack: Sequence[float]) -> tuple[tuple[float, float, float, float] | None, bool]:
    """Corners within the image (``None``: of no area), and whether they had to be cut.

    Raises:
        ValueError: what is wrong with them.
    """
    told = ", ".join(str(corner)[:20] for corner in box.corners)
    try:
        x0, y0, x1, y1 = (float(corner) for corner in box.corners)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"has a corner that is no number: {told}") from None
    if not all(map(isfinite, (x0, y0, x1, y1))):
        raise ValueError(f"has a corner that is no number: {told}")
    told = f"({x0:.7g}, {y0:.7g}) to ({x1:.7g}, {y1:.7g})"
    if x1 < x0 or y1 < y0:
        raise ValueError(f"has its corners in the wrong order: {told}. Draw it again, or remove it.")
    x0, y0, x1, y1 = x0 / pixels[0], y0 / pixels[1], x1 / pixels[0], y1 / pixels[1]
    if min(x0 / slack[0], y0 / slack[1], (1 - x1) / slack[0], (1 - y1) / slack[1]) < -1 - 1e-6:
        size = f" of {pixels[0]} × {pixels[1]} pixels" if pixels != (1, 1) else " (shares of its sides are 0 to 1)"
        raise ValueError(f"reaches out of the image{size}: {told}. Cut it at the edge, or remove it.")
    inside = (max(x0, 0.0), max(y0, 0.0), min(x1, 1.0), min(y1, 1.0))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        return None, False
    out = max(-x0 / slack[0], -y0 / slack[1], (x1 - 1) / slack[0], (y1 - 1) / slack[1]) * SLACK
    return inside, out > ROUNDED


def source(path: Path, form: str, found: Mapping[str, Listed], notes: Sequence[str], said: Sequence[str]) -> Source:
    """The source of all splits; ``said`` are the digests of the files that the boxes stand in.

    Raises:
        DataError: there is no image.
    """
    told = list(notes)
    for name, listed in found.items():
        of = f" of the {name} split" if name != WHOLE else ""
        told += _notes(listed, of)
        if not listed.files and not listed.problems and name != WHOLE:
            told.append(f"{path} lists no image of the {name} split: there is none.")
    if not any(listed.files for listed in found.values()):
        first = next((str(problem) for listed in found.values() for problem in listed.problems), "")
        raise DataError(f"{path} holds no image with its boxes. {first}".strip())
    splits = {}
    for name in (*SPLITS, WHOLE):
        if name in found and (found[name].files or found[name].problems):
            listed = found[name]
            columns = {INPUT: Column(listed.files), TARGET: Column(listed.objects)}
            splits[name] = Split(columns, FilePlaces(listed.files), tuple(listed.problems))
    parts = [form, *said]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for name, split in splits.items():
            parts += [name, *pool.map(_digest, found[name].files), repr(found[name].objects), str(len(split.problems))]
    return Source(
        str(path), form, splits, digest(*parts), INPUT, TARGET, tuple(told), root=path if path.is_dir() else path.parent
    )


def _digest(file: Path) -> str:
    try:
        return digest_file(file)
    except OSError:  # what cannot be read is named when it is opened
        return ""


def _notes(listed: Listed, of: str) -> list[str]:
    notes = []
    if listed.empty:
        notes.append(
            f"{_boxes(listed.empty)}{of} without area {_were(listed.empty)} left out: {_some(listed.empty)}. Draw them "
            "again if there is something."
        )
    if listed.cut:
        notes.append(
            f"{_boxes(listed.cut)}{of} reached out of the image by a pixel at most and {_were(listed.cut)} cut at its edge."
        )
    if listed.twice:
        notes.append(
            f"{_boxes(listed.twice)}{of} {_stand(listed.twice)} twice and counted once: {_some(listed.twice)}."
        )
    return notes


def _boxes(places: Sequence[str]) -> str:
    return f"{len(places):,} box{'' if len(places) == 1 else 'es'}"


def _were(places: Sequence[str]) -> str:
    return "was" if len(places) == 1 else "were"


def _stand(places: Sequence[str]) -> str:
    return "stands" if len(places) == 1 else "stand"


def _some(places: Sequence[str]) -> str:
    return "; ".join(places[:_NAMED]) + (f" and {len(places) - _NAMED} more" if len(places) > _NAMED else "")
