"""Boxes as Pascal VOC has them: an XML file beside each image or in ``Annotations/``, splits in ``ImageSets/Main/*.txt``.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf, section 5. Corners are taken as lines between pixels, as the
editors that write this format today mean them (``xmin`` = ``xmax`` is a box without area); VOC's own files number pixels
from 1 and include the last, so their boxes come out one pixel to the right at their left and upper sides.

The XML is hostile until shown otherwise: a document type, and with it every entity, is refused.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # builds the tree only; the parser below refuses what is dangerous
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.parsers import expat

from assay.codecs.pictures import Size, sizes
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import SPLITS, WHOLE, Source
from assay.readers._boxes import Listed, Raw, source
from assay.readers._names import WORDS
from assay.readers._pictures import (
    IMAGES,
    amount,
    bounded,
    disagree,
    images_in,
    one_each,
    split_folders,
    stated,
    within,
)

FORMAT = "Pascal VOC"
LAYOUT = (
    "Annotations/1.xml, JPEGImages/1.jpg and, if any, ImageSets/Main/train.txt …; or train/1.xml beside train/1.jpg …"
)

MOST_BYTES = 16 << 20  # of one XML file
_DEEPEST = 50
_IMAGE_FOLDERS = ("JPEGImages", "images", "Images")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def reads(path: object) -> bool:
    """Whether ``path`` is a folder with annotations of this kind, in one of the layouts."""
    return isinstance(path, Path) and path.is_dir() and bool(_places(path))


def read(path: Path) -> Source:
    """The images at ``path`` and their ``objects``; difficult ones are to be ignored.

    An annotation without its image, one that is no XML of this kind, and a box that is out of its image are problems; a box
    without area is left out, and said.

    Raises:
        DataError: there is no image with its boxes, or a list of images is too large.
    """
    notes: list[str] = []
    found: dict[str, Listed] = {}
    hashes: list[str] = []
    for split, folder in one_each(_places(path)).items():
        wanted = _listed(folder, split, notes)
        for name, stems in wanted.items():
            found[name] = _split(path, folder, stems, notes, hashes)
        _unlisted(folder, wanted, notes)
    return source(path, FORMAT, found, notes, hashes)


def _places(path: Path) -> dict[str, list[Path]]:
    """The folders that hold annotations, by split; `WHOLE` where it is ``path`` itself."""
    if _holds(path):
        return {WHOLE: [path]}
    inside = {split: [f for f in folders if _holds(f)] for split, folders in split_folders(path).items()}
    return {split: folders for split, folders in inside.items() if folders}


def _holds(folder: Path) -> bool:
    if (folder / "Annotations").is_dir():
        return next((folder / "Annotations").glob("*.xml"), None) is not None
    first = next(folder.glob("*.xml"), None)
    return first is not None and any(first.with_suffix(suffix).is_file() for suffix in IMAGES)


def _listed(folder: Path, split: str, notes: list[str]) -> dict[str, list[str] | None]:
    """The names of the images of each split (without suffix); ``None`` is all that there are."""
    lists = folder / "ImageSets" / "Main"
    named = {word: lists / f"{word}.txt" for word in (*WORDS, "trainval") if (lists / f"{word}.txt").is_file()}
    if split != WHOLE or not named:
        return {split: None}
    if "train" in named:
        named.pop("trainval", None)
    found: dict[str, list[str] | None] = {}
    for word, file in named.items():
        name = "train" if word == "trainval" else WORDS[word]
        if name in found:
            raise DataError(f"{lists} holds two lists of the {name} split, one is {file.name}. Keep one.")
        lines = bounded(file, MOST_BYTES).decode("utf-8", "replace").splitlines()
        stems = [line.split()[0] for line in lines if line.strip()]  # a second word says whether a class is there
        if len(set(stems)) < len(stems):
            notes.append(f"{file} names {amount(len(stems) - len(set(stems)))} twice; each was taken once.")
        found[name] = list(dict.fromkeys(stems))
    _shared(found, lists, notes)
    return {name: found[name] for name in SPLITS if name in found}


def _shared(found: Mapping[str, list[str] | None], lists: Path, notes: list[str]) -> None:
    names = list(found)
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
    for one, other in pairs:
        if both := set(found[one] or ()) & set(found[other] or ()):
            notes.append(f"{lists} names {amount(len(both))} in both {one} and {other} ({min(both)} …).")


def _unlisted(folder: Path, wanted: Mapping[str, list[str] | None], notes: list[str]) -> None:
    """Say which images are in none of the lists."""
    if None in wanted.values():
        return
    known = {stem for stems in wanted.values() for stem in stems or ()}
    pictures = _pictures(folder)
    if more := [image.name for image in images_in(pictures) if image.stem not in known]:
        lists = folder / "ImageSets" / "Main"
        notes.append(
            f"{amount(len(more))} in {pictures} in no list of {lists} that was read: left out ({_some(more)})."
        )


def _pictures(folder: Path) -> Path:
    """Where the images are."""
    beside = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    return next((folder / name for name in _IMAGE_FOLDERS if (folder / name).is_dir()), beside)


def _some(names: Sequence[str]) -> str:
    return names[0] + (" …" if len(names) > 1 else "")


def _split(root: Path, folder: Path, wanted: Sequence[str] | None, notes: list[str], hashes: list[str]) -> Listed:
    annotations = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    pictures = _pictures(folder)
    images = {image.stem: image for image in images_in(pictures)}
    stems = sorted(file.stem for file in annotations.glob("*.xml") if not file.name.startswith("."))
    if wanted is None and (bare := [images[stem].name for stem in sorted(images.keys() - set(stems))]):
        notes.append(
            f"{amount(len(bare))} in {pictures} without an XML: left out ({_some(bare)}). One that shows no "
            "object has an XML without <object>."
        )
    listed = Listed()
    kept: list[tuple[Path, Path, list[Raw], Size | None]] = []
    for stem in stems if wanted is None else wanted:
        file = within(root, annotations, f"{stem}.xml")
        if file is None:
            listed.wrong(annotations / f"{stem}.xml", f"leaves {root}. Copy it into the folder.")
        elif not file.is_file():
            listed.wrong(file, "there is no such annotation; an image without objects has one without <object>.")
        else:
            try:
                content = bounded(file, MOST_BYTES)
                named, told, boxes = _parsed(content)
            except (ValueError, DataError) as error:
                listed.wrong(file, str(error))
                continue
            hashes.append(digest(content))
            image = within(root, pictures, images[stem].name if stem in images else named or f"{stem}.jpg")
            if image is None:
                listed.wrong(file, f'its image "{named or stem}" leaves {root}. Copy it into the folder.')
            elif not image.is_file():
                listed.wrong(file, f"there is no image {image}. Add it, or remove the annotation.")
            else:
                kept.append((image, file, boxes, told))
    for (image, file, boxes, told), size in zip(kept, sizes([image for image, *_ in kept]), strict=True):
        if why := disagree(size, told):
            listed.wrong(file, f"its image {why}")
        elif told is None and size is None:
            listed.wrong(file, f"states no size, and {image} cannot be opened.")
        else:
            listed.add(image, file, boxes, size, told or size)
    return listed


def _parsed(content: bytes) -> tuple[str | None, Size | None, list[Raw]]:
    """The name of the image, its size and its boxes.

    Raises:
        ValueError: what is wrong with the file.
    """
    root = tree(content)
    if root.tag != "annotation":
        raise ValueError(f"is no VOC annotation: it begins with <{root.tag[:40]}>, not <annotation>.")
    boxes = []
    for at, thing in enumerate(root.findall("object"), 1):
        label = (thing.findtext("name") or "").strip()
        corners = thing.find("bndbox")
        if not label:
            raise ValueError(f"object {at} has no <name>.")
        if corners is None:
            raise ValueError(f"object {at} ({label}) has no <bndbox>.")
        x0, y0, x1, y1 = (corners.findtext(name) for name in _CORNERS)
        boxes.append(Raw(label, (x0, y0, x1, y1), (thing.findtext("difficult") or "0").strip() == "1"))
    return root.findtext("filename"), stated(root.findtext("size/width"), root.findtext("size/height")), boxes


def tree(content: bytes) -> ET.Element:
    """An XML tree; documents that declare a type (and so could hold entities) or nest too deep are refused.

    >>> tree(b"<a><b>1</b></a>").findtext("b")
    '1'
    >>> tree(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    Traceback (most recent call last):
        ...
    ValueError: has a document type, which is refused since it can hide an attack. Remove the <!DOCTYPE …>.

    Raises:
        ValueError: it is no XML, or none that is accepted.
    """
    builder, depth = ET.TreeBuilder(), 0
    parser = expat.ParserCreate()

    def doctype(*_: object) -> None:
        raise ValueError("has a document type, which is refused since it can hide an attack. Remove the <!DOCTYPE …>.")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f"nests more than {_DEEPEST} deep.")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"is no XML ({error}).") from error
    except LookupError as error:
        raise ValueError(f"is in an encoding that is not known ({error}).") from error
    return builder.close()
