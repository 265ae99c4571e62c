"""Found objects as the files that label tools and COCO's evaluator take: COCO, Pascal VOC, YOLO.

All of them name images by their files, and two of them count in pixels, so each image must be a file whose header tells
its size. What is written here, the readers of data take again.
"""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET  # writes only
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from assay.codecs.pictures import Size, sizes
from assay.core.errors import DataError
from assay.core.protocols import JSON

Files: TypeAlias = dict[str, bytes]
Image: TypeAlias = tuple[str, Size, list[JSON]]  # its name, its width and height in pixels, and the objects found there


def boxes_files(form: str, inputs: Sequence[Any], rows: Sequence[JSON], labels: Sequence[str]) -> Files:
    """The content of each file, by its path from the one folder or file (``""``) that was asked for.

    Args:
        form: one of `FORMS`.
        inputs: the raw inputs.
        rows: the answers to them, as `assay.outputs.boxes.FittedBoxes.rows` gives them.
        labels: the classes.

    Raises:
        DataError: an input is no file, or two of them would be described by one file; names it.
    """
    paths = [_path(given, at) for at, given in enumerate(inputs, 1)]
    top = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""  # noqa: PTH120 - text is asked for
    images: list[Image] = []
    for path, size, row in zip(paths, sizes([Path(path) for path in paths]), rows, strict=True):
        if size is None:
            raise DataError(f"{path}: its size in pixels cannot be read, and boxes in pixels need it.")
        images.append((Path(os.path.relpath(path, top)).as_posix(), size, row["objects"]))
    return FORMS[form](images, labels)


def _path(given: Any, at: int) -> str:
    path = given.get("path") if isinstance(given, Mapping) else given
    if not isinstance(path, str | Path) or not Path(path).is_file():
        raise DataError(
            f"Input {at} is no image file, and files of boxes name images by their files. Save the images as files, or "
            "write the answers as .jsonl, which names any input."
        )
    return os.path.abspath(path)  # noqa: PTH100 - links are not to be followed: the name that was given counts


def _coco(images: Sequence[Image], labels: Sequence[str]) -> Files:
    """https://cocodataset.org/#format-data, where an object has a ``score`` too, as in a file of results."""
    ids = {label: at for at, label in enumerate(labels, 1)}
    found: list[JSON] = []
    for image, (_, (width, height), objects) in enumerate(images, 1):
        for thing in objects:
            x0, y0, x1, y1 = (
                round(side * pixels, 2) for side, pixels in zip(thing["box"], (width, height) * 2, strict=True)
            )
            box = [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]  # of rounded corners, so that none leaves the image
            found.append(
                {
                    "id": len(found) + 1,
                    "image_id": image,
                    "category_id": ids[thing["label"]],
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "score": thing["confidence"],
                }
            )
    state = {
        "images": [
            {"id": at, "file_name": name, "width": width, "height": height}
            for at, (name, (width, height), _) in enumerate(images, 1)
        ],
        "annotations": found,
        "categories": [{"id": at, "name": label} for label, at in ids.items()],
    }
    return {"": (json.dumps(state) + "\n").encode()}


def _voc(images: Sequence[Image], _labels: Sequence[str]) -> Files:
    """http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf, section 5; corners are whole pixels."""
    stems = _stems(images, "Pascal VOC")
    files = {"ImageSets/Main/default.txt": _text("".join(f"{stem}\n" for stem in stems))}
    for stem, (name, (width, height), objects) in zip(stems, images, strict=True):
        root = ET.Element("annotation")
        _put(root, "filename", _plain(Path(name).name))
        size = ET.SubElement(root, "size")
        _put(size, "width", width)
        _put(size, "height", height)
        for thing in objects:
            x0, y0, x1, y1 = thing["box"]
            left, top = min(round(x0 * width), width - 1), min(round(y0 * height), height - 1)
            entry = ET.SubElement(root, "object")
            _put(entry, "name", _plain(thing["label"]))
            _put(entry, "difficult", 0)
            corners = ET.SubElement(entry, "bndbox")
            _put(corners, "xmin", left)
            _put(corners, "ymin", top)
            _put(corners, "xmax", max(round(x1 * width), left + 1))  # a box without area would be none
            _put(corners, "ymax", max(round(y1 * height), top + 1))
        ET.indent(root)
        files[f"Annotations/{stem}.xml"] = ET.tostring(root, "utf-8", xml_declaration=True) + b"\n"
    return files


def _yolo(images: Sequence[Image], labels: Sequence[str]) -> Files:
    """https://docs.ultralytics.com/datasets/detect: class, centre and sides, in shares of the image's sides."""
    numbers = {label: at for at, label in enumerate(labels)}
    files = {"classes.txt": _text("".join(f"{_plain(label)}\n" for label in labels))}
    for stem, (_, _, objects) in zip(_stems(images, "YOLO"), images, strict=True):
        lines = []
        for thing in objects:
            x0, y0, x1, y1 = thing["box"]
            box = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
            lines.append(f"{numbers[thing['label']]} {' '.join(f'{side:.7f}' for side in box)}\n")
        files[f"labels/{stem}.txt"] = _text("".join(lines))
    return files


FORMS: dict[str, Callable[[Sequence[Image], Sequence[str]], Files]] = {"coco.json": _coco, "voc": _voc, "yolo": _yolo}


def _stems(images: Sequence[Image], form: str) -> list[str]:
    """The names of the files that describe the images.

    Raises:
        DataError: two images would have the same.
    """
    known: dict[str, str] = {}
    for name, *_ in images:
        stem = Path(name).stem
        if stem in known:
            raise DataError(
                f'Two images are called "{stem}" ({known[stem]} and {name}), and {form} describes an image in a file of '
                "its name. Answer them apart, or write a .coco.json."
            )
        known[stem] = name
    return list(known)


def _put(parent: ET.Element, tag: str, value: object) -> None:
    ET.SubElement(parent, tag).text = str(value)


def _plain(name: str) -> str:
    """A name in one line, of letters that XML and UTF-8 have.

    >>> _plain("white\\x00 blood\\ncell")
    'white blood cell'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def _text(content: str) -> bytes:
    return content.encode("utf-8", "surrogateescape")
