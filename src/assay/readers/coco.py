"""Boxes as COCO has them: one JSON file a split, with ``images``, ``annotations`` and ``categories``.

https://cocodataset.org/#format-data. A ``bbox`` is x, y, width and height in pixels; ``iscrowd`` objects are to be ignored.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from assay.codecs.pictures import Size, sizes
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import WHOLE, Source
from assay.readers._boxes import Listed, Raw, source
from assay.readers._names import WORDS, split_word
from assay.readers._pictures import (
    amount,
    bounded,
    disagree,
    images_in,
    one_each,
    split_folders,
    stated,
    within,
)

FORMAT = "COCO"
LAYOUT = (
    "annotations/instances_train.json … and images in train/, images/train/, images/; or train/_annotations.coco.json …"
)

MOST_BYTES = 1 << 30
_LOOK = 1 << 16  # bytes of a file that `reads` looks at
_BESIDE = ("_annotations.coco.json", "annotations.json", "annotations.coco.json")
_MOST_FILES = 200  # JSON files of a folder that are looked at
_TRIED = 50  # images whose place is looked for


def reads(path: object) -> bool:
    """Whether ``path`` is a JSON file of this kind, or a folder with some in one of the layouts."""
    if not isinstance(path, Path):
        return False
    if path.is_file():
        return path.suffix.lower() == ".json" and _looks(path)
    return path.is_dir() and bool(_files(path))


def read(path: Path) -> Source:
    """The images at ``path`` and their ``objects``. An image without annotations shows none.

    An annotation of an image or category that the file lacks, an image that is not there and a box that is out of its image
    are problems; a box without area is left out, and said.

    Raises:
        DataError: a file is no JSON of this kind, an id stands twice, or two files name one split.
    """
    files = {WHOLE: path} if path.is_file() else one_each(_files(path))
    root = path.parent if path.is_file() else path
    notes: list[str] = []
    hashes: list[str] = []
    found: dict[str, Listed] = {}
    for split, file in files.items():
        content = bounded(file, MOST_BYTES)
        hashes.append(digest(content))
        listed = _split(root, split, file, _parsed(file, content), notes)
        if listed is not None:
            found[split] = listed
    return source(path, FORMAT, found, notes, hashes)


def _files(folder: Path) -> dict[str, list[Path]]:
    """The JSON files of each split; `WHOLE` where the name says none. Those of boxes are ``instances`` in COCO itself."""
    found: dict[str, list[Path]] = {}
    for split, folders in split_folders(folder).items():
        beside = [inside / name for inside in folders for name in _BESIDE]
        if files := [file for file in beside if file.is_file() and _looks(file)]:
            found[split] = files
    if not found:
        where = folder / "annotations" if (folder / "annotations").is_dir() else folder
        for file in sorted(islice(where.glob("*.json"), _MOST_FILES)):
            if not file.name.startswith(".") and _looks(file):
                found.setdefault(_split_of(file.stem), []).append(file)
    boxes = {split: [file for file in files if file.stem.startswith("instances")] for split, files in found.items()}
    return {split: boxes[split] or files for split, files in found.items()}


def _split_of(stem: str) -> str:
    """The split that a file's name says in any of its words: ``instances_val2017`` is ``validation``."""
    words = (split_word(word) for word in stem.replace("-", "_").replace(".", "_").split("_"))
    return next((WORDS[word] for word in words if word), WHOLE)


def _looks(file: Path) -> bool:
    if file.name.endswith(".coco.json") or file.name.startswith("instances_"):
        return True  # it can be meant as nothing else: reading it says what is wrong
    try:
        with file.open("rb") as opened:
            head = opened.read(_LOOK)
    except OSError:
        return False
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(
        key in head for key in (b'"images"', b'"annotations"', b'"categories"')
    )


def _parsed(file: Path, content: bytes) -> dict[str, Any]:
    try:
        state = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is no JSON: {error}.") from error
    lacking = [key for key in ("images",) if not isinstance(state.get(key) if isinstance(state, dict) else None, list)]
    if lacking:
        raise DataError(f"{file} has no list of {lacking[0]}: it is no annotation file of COCO's kind.")
    for key in ("annotations", "categories"):
        if not isinstance(state.get(key, []), list) or not all(isinstance(entry, dict) for entry in state.get(key, [])):
            raise DataError(f"{file}: its {key} are no list of objects.")
    if not all(isinstance(image, dict) for image in state["images"]):
        raise DataError(f"{file}: its images are no list of objects.")
    return dict(state)


def _split(root: Path, split: str, file: Path, state: dict[str, Any], notes: list[str]) -> Listed | None:
    if "annotations" not in state:
        notes.append(f"{file} has no annotations and was left out: it can be neither learned from nor judged by.")
        return None
    images = _by_id(file, "image", state["images"])
    categories = _by_id(file, "category", state.get("categories", []))
    labels = {key: _text(key if entry.get("name") is None else entry["name"]) for key, entry in categories.items()}
    if nameless := [label for key, label in labels.items() if categories[key].get("name") is None]:
        notes.append(f"{file} gives no name to category {', '.join(nameless[:5])}: it is called by its id.")
    listed = Listed()
    boxes, wrong = _boxes(file, state["annotations"], images, labels, listed)
    folder = _folder(root, file, split, images)
    kept: list[tuple[Path, Any, Size | None]] = []
    for key, entry in images.items():
        image = within(root, folder, entry.get("file_name"))
        where = f"{file}, image {key} ({str(entry.get('file_name'))[:80]})"
        if key in wrong:
            listed.wrong(where, wrong[key])
        elif image is None:
            listed.wrong(where, f"is not named, or leaves {root}. Copy it into the folder.")
        elif not image.is_file():
            listed.wrong(where, f"there is no such file in {folder}. Add it, or remove it from the JSON.")
        else:
            kept.append((image, key, stated(entry.get("width"), entry.get("height"))))
    for (image, key, told), size in zip(kept, sizes([image for image, *_ in kept]), strict=True):
        if why := disagree(size, told):
            listed.wrong(f"{file}, image {key} ({image.name})", why)
        elif told is None and size is None and boxes.get(key):
            listed.wrong(f"{file}, image {key} ({image.name})", "states no size, and cannot be opened.")
        else:
            listed.add(image, f"{file}, image {key} ({image.name})", boxes.get(key, []), size, told or size or (1, 1))
    known = {within(root, folder, entry.get("file_name")) for entry in images.values()}
    if more := [image for image in images_in(folder) if image not in known]:
        notes.append(f"{amount(len(more))} in {folder} not named in {file.name}: left out ({more[0].name} …).")
    return listed


def _boxes(
    file: Path, annotations: list[dict[str, Any]], images: Mapping[Any, Any], labels: Mapping[Any, str], listed: Listed
) -> tuple[dict[Any, list[Raw]], dict[Any, str]]:
    """The boxes by image, and what is wrong with the annotations of others."""
    boxes: dict[Any, list[Raw]] = {}
    wrong: dict[Any, str] = {}
    for at, entry in enumerate(annotations):
        key, category = _key(entry.get("image_id")), _key(entry.get("category_id"))
        box = entry.get("bbox")
        where = f"annotation {entry.get('id', at)}"
        if key not in images:
            listed.wrong(f"{file}, {where}", f"there is no image of the id {str(key)[:40]}.")
        elif category not in labels:
            wrong[key] = f"{where} has the category {str(category)[:40]}, which the file does not name."
        elif not isinstance(box, list) or len(box) != 4 or not all(_number(side) for side in box):
            wrong[key] = f"{where} has no bbox of four numbers (x, y, width, height): {str(entry.get('bbox'))[:60]}."
        elif entry.get("iscrowd", 0) not in (0, 1):
            wrong[key] = f"{where} has iscrowd = {str(entry['iscrowd'])[:20]}; it is 0 or 1."
        else:
            x, y, width, height = box
            boxes.setdefault(key, []).append(
                Raw(labels[category], (x, y, x + width, y + height), entry.get("iscrowd") == 1)
            )
    return boxes, wrong


def _by_id(file: Path, kind: str, entries: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Entries by their id.

    Raises:
        DataError: an id is missing or stands twice: nobody can say what belongs to it.
    """
    keys = [_key(entry.get("id")) for entry in entries]
    if None in keys:
        raise DataError(f"{file}: {kind} {keys.index(None) + 1} has no id.")
    key, count = Counter(keys).most_common(1)[0] if keys else (None, 0)
    if count > 1:
        raise DataError(f"{file}: the {kind} id {key} stands {count} times. Give each {kind} its own.")
    return dict(zip(keys, entries, strict=True))


def _key(value: Any) -> Any:
    """A value of JSON that can be looked up."""
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _text(value: Any) -> str:
    """A name that can be written as UTF-8."""
    return str(value).encode("utf-8", "replace").decode().strip()


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _folder(root: Path, file: Path, split: str, images: Mapping[Any, Mapping[str, Any]]) -> Path:
    """Where most of the images are: beside the file, or in the folder of its split."""
    words = [word for word, name in WORDS.items() if name == split]
    words += [word for word in file.stem.replace("-", "_").split("_") if split_word(word)]
    folders = [file.parent, root, root / "images", root / "JPEGImages", file.parent / "images"]
    folders += [folder / word for folder in (root, root / "images") for word in dict.fromkeys(words)]
    some = [entry.get("file_name") for entry in list(images.values())[:_TRIED]]

    def held(folder: Path) -> int:
        return sum((path := within(root, folder, name)) is not None and path.is_file() for name in some)

    return max((folder for folder in dict.fromkeys(folders) if folder.is_dir()), key=held)
