"""One folder a class, with files of one medium in it; with or without a folder a split above them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa

from assay.codecs import media
from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest, digest_file
from assay.core.source import SPLITS, WHOLE, Problem, Source, Split
from assay.readers._names import WORDS, split_word
from assay.readers._places import FilePlaces
from assay.readers.speech import transcribed

FORMAT = "class folders"
LAYOUT = "root/cat/1.png, root/dog/2.png … (a folder a class); or root/train/cat/1.png, root/test/dog/2.png …"

MEDIA = {"video": media.VIDEOS, "audio": media.SOUNDS, "image": media.IMAGES}  # the last says what a GIF is
SUFFIXES = {suffix: medium for medium, suffixes in MEDIA.items() for suffix in suffixes}
SUFFIXES |= dict.fromkeys(media.UNREAD, "audio")  # opening them says that they are not read
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_LOOK = 10_000  # entries that `reads` looks at in a folder before it gives up


def reads(path: object) -> bool:
    """Whether ``path`` is a folder of class folders: two or more, at least one of them with media."""
    if not isinstance(path, Path) or not path.is_dir():
        return False
    if (path / "Annotations").is_dir() or ((path / "images").is_dir() and (path / "labels").is_dir()):
        return False  # what stands beside such folders are no classes
    if transcribed(path):
        return False  # a folder of recordings with their transcripts is a speaker's or a chapter, and no class
    inside = Path(os.path.realpath(path))
    folders = [folder for root in _split_folders(path) or [path] for folder in _folders(root)]
    held = {folder: set() if _leaves(folder, inside) else _first_kinds(folder) for folder in folders}
    classes = {folder.name for folder, kinds in held.items() if kinds != {""}}  # with media, or empty
    return len(classes) > 1 and any(kinds & MEDIA.keys() for kinds in held.values())


def read(path: Path) -> Source:
    """The files at ``path`` as a column of paths named after their medium, and ``label``: the name of the class folder.

    Files of folders nested in a class folder are taken too; hidden files are not. An empty class folder, a file of
    another kind within one and a link that leaves ``path`` are problems.

    Raises:
        DataError: there is no file of a known medium, or there are media of two kinds.
    """
    found = {WHOLE: _list(path, path)}
    notes: list[str] = []
    if folders := _split_folders(path):
        found = {}
        for folder in folders:
            split = WORDS[str(split_word(folder.name))]
            if split in found:
                raise DataError(
                    f"{path} holds two folders that name the {split} split, one is {folder.name}. Keep one."
                )
            listed = _list(path, folder)
            if listed.files:
                found[split] = listed
            else:
                notes.append(f"{folder} holds no class folders with media; there is no {split} split.")
    kinds = {SUFFIXES[file.suffix.lower()] for listed in found.values() for file in listed.files}
    if len(kinds) != 1:
        raise DataError(
            f"{path} holds {' and '.join(sorted(kinds)) or 'no media'} in its class folders. Accepted is one of: "
            + "; ".join(f"{medium} ({' '.join(sorted(suffixes))})" for medium, suffixes in MEDIA.items())
            + "."
        )
    for root in folders or [path]:
        loose = [e.name for e in os.scandir(root) if e.is_file() and Path(e.name).suffix.lower() in SUFFIXES]
        if loose:
            notes.append(f"{root} holds {len(loose)} media files outside class folders ({min(loose)} …), left out.")
    medium = kinds.pop()
    splits = {name: _split(medium, found[name]) for name in (*SPLITS, WHOLE) if name in found}
    return Source(str(path), FORMAT, splits, _fingerprint(found), medium, "label", tuple(notes), root=path)


@dataclass
class _Listing:
    """The files of one split with their labels, and what is wrong there."""

    files: list[Path] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def _split(medium: str, listed: _Listing) -> Split:
    columns = {
        medium: Column(listed.files),
        "label": Column(pa.chunked_array([pa.array(listed.labels, pa.string())])),
    }
    return Split(columns, FilePlaces(listed.files), tuple(listed.problems))


def _list(root: Path, folder: Path) -> _Listing:
    """All files of the class folders in ``folder``, in the order of their names."""
    inside = Path(os.path.realpath(root))
    listed = _Listing()
    for class_folder in _folders(folder):
        if _leaves(class_folder, inside):
            listed.problems.append(_refuse(class_folder, root))
            continue
        label = class_folder.name
        if not _is_text(label):
            listed.problems.append(Problem(ascii(str(class_folder)), "the folder's name is not UTF-8. Rename it."))
            continue
        before = len(listed.files)
        strange: dict[str, list[Path]] = {}
        for file in _walk(class_folder, root, inside, listed.problems, frozenset({str(inside)})):
            suffix = file.suffix.lower()
            if suffix in SUFFIXES:
                listed.files.append(file)
                listed.labels.append(label)
            else:
                strange.setdefault(suffix, []).append(file)
        for suffix, files in strange.items():
            more = f" (and {len(files) - 1} more {suffix or 'such'} files here)" if len(files) > 1 else ""
            what = (
                f"is neither an image nor audio nor video by its suffix{more}. Remove it, or give it its right suffix."
            )
            listed.problems.append(Problem(str(files[0]), what))
        if len(listed.files) == before:
            what = f'class folder holds no media. Remove it, or add files of the class "{label}" (.png, .jpg, …).'
            listed.problems.append(Problem(str(class_folder), what))
    return listed


def _walk(folder: Path, root: Path, inside: Path, problems: list[Problem], above: frozenset[str]) -> Iterator[Path]:
    """The files below ``folder``; links that leave the root are problems, a link to a folder above is not followed."""
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not _hidden(entry.name)), key=lambda entry: entry.name)
    here = above | {os.path.realpath(folder)}
    for entry in listed:
        path = folder / entry.name
        if entry.is_symlink() and _leaves(path, inside):
            problems.append(_refuse(path, root))
        elif entry.is_dir():
            if os.path.realpath(path) not in here:
                yield from _walk(path, root, inside, problems, here)
        elif entry.is_file():
            yield path
        else:
            problems.append(Problem(str(path), "is neither a file nor a folder (a broken link?). Remove it."))


def _leaves(path: Path, inside: Path) -> bool:
    return not Path(os.path.realpath(path)).is_relative_to(inside)


def _refuse(path: Path, root: Path) -> Problem:
    target = os.path.realpath(path)
    return Problem(str(path), f"is a link that leaves {root} (to {target}). Copy what it points to into the folder.")


def _split_folders(root: Path) -> list[Path]:
    return [folder for folder in _folders(root) if split_word(folder.name)]


def _folders(root: Path) -> list[Path]:
    with os.scandir(root) as entries:
        return sorted(root / entry.name for entry in entries if entry.is_dir() and not _hidden(entry.name))


def _first_kinds(folder: Path) -> set[str]:
    """The medium of the first file with one below ``folder``: ``{"image"}``; ``{""}`` for other files only."""
    kinds: set[str] = set()
    names = (name for _, _, names in os.walk(folder) for name in names if not _hidden(name))
    for name in islice(names, _LOOK):
        if medium := SUFFIXES.get(Path(name).suffix.lower()):
            return {medium}
        kinds.add("")
    return kinds


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def _fingerprint(found: dict[str, _Listing]) -> str:
    """Of the contents and of the split and class of each, in order; names of files do not count."""
    parts: list[str] = [FORMAT]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for split in sorted(found):
            listed = found[split]
            for label, content in zip(listed.labels, pool.map(digest_file, listed.files), strict=True):
                parts += [split, label, content]
    return digest(*parts)
