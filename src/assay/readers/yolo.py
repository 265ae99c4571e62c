"""Boxes as YOLO has them: ``images/``, ``labels/`` with a text an image, the classes in ``data.yaml`` or ``classes.txt``.

https://docs.ultralytics.com/datasets/detect. A line is ``class x y width height``: the number of the class, and the centre
and the sides of the box in shares of the image's; or the class and the corners of an outline, of which the box around it is
taken. An image without a text file shows no object.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from assay.codecs.pictures import sizes
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import SPLITS, WHOLE, Source
from assay.readers._boxes import Listed, Raw, source
from assay.readers._names import WORDS
from assay.readers._pictures import amount, bounded, images_in, split_folders, within
from assay.readers._yaml import Plain, parse

FORMAT = "YOLO"
LAYOUT = (
    "images/train/1.jpg, labels/train/1.txt …; or train/images/1.jpg, train/labels/1.txt …; data.yaml or classes.txt"
)

MOST_BYTES = 16 << 20  # of one text file
_CONFIGURATIONS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_CLASSES = ("classes.txt", "obj.names", "labels/classes.txt", "train/labels/classes.txt", "labels/train/classes.txt")


def reads(path: object) -> bool:
    """Whether ``path`` is a folder with labels of this kind, or its ``data.yaml``."""
    if not isinstance(path, Path):
        return False
    if path.is_file():
        return path.name in _CONFIGURATIONS and bool(_usual(path.parent))
    return path.is_dir() and bool(_usual(path))


def read(path: Path) -> Source:
    """The images at ``path`` and their ``objects``.

    A line that is none of a box, a class that has no name, text without its image and a box that is out of its image are
    problems; a box without area is left out, and said. Where nobody names the classes they are numbers.

    Raises:
        DataError: ``data.yaml`` cannot be understood, or there is no image.
    """
    root = path if path.is_dir() else path.parent
    notes: list[str] = []
    hashes: list[str] = []
    file = path if path.is_file() else next((root / n for n in _CONFIGURATIONS if (root / n).is_file()), None)
    state: dict[str, Plain] = {}
    if file is not None:
        content = bounded(file, MOST_BYTES)
        hashes.append(digest(content))
        state = parse(content.decode("utf-8", "replace"), str(file))
    names = _names(root, file, state, notes)
    usual = _usual(root)
    folders = _stated(root, state, notes)
    if folders:
        _unnamed(root, state, folders, usual, notes)
    else:
        folders = usual
    found = {
        split: _split(root, folders[split], names, notes, hashes) for split in (*SPLITS, WHOLE) if split in folders
    }
    return source(path, FORMAT, found, notes, [*hashes, *(f"{key}={name}" for key, name in names.items())])


def _usual(root: Path) -> dict[str, list[Path]]:
    """The folders of images with a folder of labels beside them, by split, as the usual layouts have them."""
    if (root / "images").is_dir() and (root / "labels").is_dir():
        inside = split_folders(root / "images")
        found = {split: [f for f in folders if _labels(f).is_dir()] for split, folders in inside.items()}
        if any(found.values()):
            return {split: folders for split, folders in found.items() if folders}
        return {WHOLE: [root / "images"]} if next((root / "labels").glob("*.txt"), None) else {}
    both = {
        split: [f / "images" for f in folders if (f / "images").is_dir() and (f / "labels").is_dir()]
        for split, folders in split_folders(root).items()
    }
    return {split: folders for split, folders in both.items() if folders}


def _labels(images: Path) -> Path:
    """The folder of labels for one of images: the last ``images`` of its path exchanged."""
    parts = list(images.parts)
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == "images":
            return Path(*parts[:at], "labels", *parts[at + 1 :])
    return images


def _stated(root: Path, state: Mapping[str, Plain], notes: list[str]) -> dict[str, list[Path]]:
    """The folders of images that ``data.yaml`` names, by split; those that are not there are said."""
    found: dict[str, list[Path]] = {}
    base = str(state.get("path") or "")
    for key, split in WORDS.items():
        given = state.get(key)
        if not given or isinstance(given, dict):
            continue
        for name in given if isinstance(given, list) else [given]:
            # Exporters write "../train/images" of what stands beside the file; what leaves the root is never followed.
            plain = str(name).replace("\\", "/")
            while plain.startswith(("../", "./")):
                plain = plain.partition("/")[2]
            tried = (within(root, root / start, plain) for start in (base, "") if not plain.startswith("/"))
            folder = next((f for f in tried if f is not None and f.is_dir() and within(root, f, ".")), None)
            if folder is None:
                notes.append(f'data.yaml names "{name}" for {key}, which is no folder in {root}; it was left out.')
            else:
                inside = folder / "images" if (folder / "images").is_dir() else folder
                found.setdefault(split, []).append(inside)
    return found


def _unnamed(
    root: Path,
    state: Mapping[str, Plain],
    folders: Mapping[str, list[Path]],
    usual: Mapping[str, list[Path]],
    notes: list[str],
) -> None:
    """Say what ``data.yaml`` leaves out: labelled images beside those that it names; and a ``path`` that is not there."""
    base, own = str(state.get("path") or "."), root.absolute().name
    there = within(root, root, base)
    if Path(base).name != own and not (there is not None and there.is_dir()):
        notes.append(
            f'data.yaml names the path "{base}", which is no folder in {root}: its folders are those of {root}.'
        )
    taken = {os.path.realpath(folder) for named in folders.values() for folder in named}
    said = {split for key, split in WORDS.items() if state.get(key)}
    left = [(split, folder) for split in sorted(usual.keys() - said - {WHOLE}) for folder in usual[split]]
    notes += [
        f"data.yaml names no {split} images: {amount(len(images))} in {folder}, which has labels, left out. Name them there."
        for split, folder in left
        if os.path.realpath(folder) not in taken and (images := images_in(folder))
    ]


def _names(root: Path, file: Path | None, state: Mapping[str, Plain], notes: list[str]) -> dict[str, str]:
    """The classes' names by their numbers as text; none where they are the numbers themselves."""
    given = state.get("names")
    if isinstance(given, list):
        return {str(at): name for at, name in enumerate(given)}
    if isinstance(given, dict):
        return {str(key): str(name) for key, name in given.items()}
    if given is not None:
        raise DataError(f"{file}: its names are neither a list nor numbers with names: {str(given)[:60]}.")
    for name in _CLASSES:
        listed = within(root, root, name)
        if listed is not None and listed.is_file():
            lines = bounded(listed, MOST_BYTES).decode("utf-8", "replace").splitlines()
            return {str(at): line.strip() for at, line in enumerate(lines) if line.strip()}
    notes.append("Nothing names the classes (data.yaml, classes.txt), so they are called by their numbers.")
    return {}


def _split(root: Path, folders: list[Path], names: Mapping[str, str], notes: list[str], hashes: list[str]) -> Listed:
    listed = Listed()
    bare = 0
    for folder in folders:
        labels = _labels(folder)
        images = images_in(folder)
        stems = {image.stem for image in images}
        for image, size in zip(images, sizes(images), strict=True):
            file = within(root, labels, f"{image.stem}.txt")
            if file is None or within(root, folder, image.name) is None:
                listed.wrong(image, f"it or its labels are a link that leaves {root}. Copy it into the folder.")
                continue
            try:
                content = bounded(file, MOST_BYTES) if file.is_file() else b""
                boxes = _lines(content, names)
            except (ValueError, DataError) as error:
                listed.wrong(file, str(error))
                continue
            bare += not file.is_file()
            hashes.append(digest(content))
            listed.add(image, file, boxes, size, None)
        for file in sorted(labels.glob("*.txt")):
            if file.stem not in stems and file.name not in ("classes.txt", "train.txt", "val.txt", "test.txt"):
                listed.wrong(file, f"there is no image {file.stem} in {folder}. Add it, or remove the labels.")
    if bare:
        notes.append(f"Without a text file, and so without an object: {amount(bare)} in {folders[0]}.")
    return listed


def _lines(content: bytes, names: Mapping[str, str]) -> list[Raw]:
    """The boxes of a text file.

    Raises:
        ValueError: what is wrong with it, with the line.
    """
    boxes = []
    for at, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        kind = words[0].removesuffix(".0")
        if names and kind not in names:
            shown = ", ".join(list(names)[:10]) + (" …" if len(names) > 10 else "")
            raise ValueError(f'line {at}: the class "{kind[:20]}" has no name. Known: {shown}.')
        if not kind.isdecimal():
            raise ValueError(f'line {at}: "{kind[:20]}" is no number of a class.')
        try:
            numbers = [float(word) for word in words[1:]]
        except ValueError:
            raise ValueError(f"line {at} holds what is no number: {line.strip()[:60]}") from None
        if len(numbers) == 4:
            x, y, width, height = numbers
            corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        elif len(numbers) >= 6 and len(numbers) % 2 == 0:
            corners = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
        else:
            raise ValueError(
                f"line {at} has {len(words)} numbers; accepted are the class, x, y, width and height, or the class and the "
                "corners of an outline."
            )
        boxes.append(Raw(names.get(kind, kind), corners))
    return boxes
