"""Recordings and what is said in them, in the layouts of LJSpeech and LibriSpeech."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa

from assay.codecs.media import SOUNDS as SUFFIXES
from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest, digest_file
from assay.core.source import WHOLE, Problem, Source, Split
from assay.readers._names import WORDS, split_word
from assay.readers._places import LinePlaces, Places
from assay.readers._text import open_text, survey

FORMAT = "recordings and transcripts"
LAYOUT = "metadata.csv (id|text) beside wavs/ID.wav; or folders with NAME.trans.txt (ID TEXT a line) beside ID.flac"

TABLE, SOUNDS = "metadata.csv", "wavs"
LISTED = ".trans.txt"
LOOK = 10_000  # entries of a folder that are looked at to tell the layout
DEEPEST = 3  # folders between the root and a list of transcripts: a split, a speaker and a chapter


@dataclass
class _Rows:
    """What one file of transcripts lists."""

    path: Path
    digest: str
    files: list[Path] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    more: dict[str, list[str]] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def reads(path: object) -> bool:
    """Whether ``path`` is a folder of one of the two layouts."""
    if not isinstance(path, Path) or not path.is_dir():
        return False
    table = path / TABLE
    if table.is_file() and (path / SOUNDS).is_dir():
        with table.open("rb") as file:
            return b"|" in file.readline(1 << 16)
    return transcribed(path)


def transcribed(folder: Path) -> bool:
    """Whether ``folder`` holds lists of transcripts, by the first of its subfolders: cheap where there are many files."""
    for _ in range(DEEPEST + 1):
        with os.scandir(folder) as entries:
            listed = sorted(islice(entries, LOOK), key=lambda entry: entry.name)
        if any(entry.name.endswith(LISTED) for entry in listed):
            return True
        below = next((entry for entry in listed if entry.is_dir() and not entry.name.startswith(".")), None)
        if below is None:
            return False
        folder = Path(below.path)
    return False


def read(path: Path) -> Source:
    """The recordings as ``audio`` (paths), what is said as ``text``, and their ``id``; with LJSpeech's third column ``text``
    is the normalised text, and the other ``written``; with LibriSpeech's folders there are ``speaker`` and ``chapter``.

    A line without a text, without its recording or with a name that leaves the folder is a problem. Folders of LibriSpeech
    that are named after splits (``train-clean-100``, ``dev-other``) are splits.

    Raises:
        DataError: not one line has a recording.
    """
    if (path / TABLE).is_file():
        splits = {WHOLE: [_table(path)]}
    else:
        splits = {}
        for file in _lists(path, DEEPEST):
            parts = file.relative_to(path).parts[:-1]
            word = split_word(parts[0].split("-")[0]) if parts else None
            splits.setdefault(WORDS[word] if word else WHOLE, []).append(_listed(file, parts))
    if not any(rows.files for found in splits.values() for rows in found):
        first = next((str(p) for found in splits.values() for rows in found for p in rows.problems), "it is empty")
        raise DataError(f"{path} holds no recording with a transcript: {first}.")
    parts_of = [FORMAT]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for name, found in sorted(splits.items()):
            for rows in found:
                parts_of += [name, rows.digest, *pool.map(digest_file, rows.files)]
    return Source(
        name=str(path),
        format=FORMAT,
        splits={name: _split(found) for name, found in splits.items()},
        fingerprint=digest(*parts_of),
        root=path,
    )


def _table(path: Path) -> _Rows:
    table = path / TABLE
    found = survey(table)
    rows = _Rows(table, found.digest, more={"id": [], "written": []})
    with open_text(table, found.encoding) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            cells = line.rstrip("\n").split("|")
            if len(cells) not in (2, 3):
                what = f"has {len(cells)} fields between |; accepted are id|text and id|text|normalised text"
                rows.problems.append(Problem(f"{table}:{number}", what))
                continue
            sound = _sound(path / SOUNDS, cells[0].strip())
            text = (cells[-1] or cells[1]).strip()
            if _add(rows, number, sound, text):
                rows.more["id"].append(cells[0].strip())
                rows.more["written"].append(cells[1].strip())
    if rows.more["written"] == rows.texts:
        del rows.more["written"]
    return rows


def _listed(file: Path, parts: tuple[str, ...]) -> _Rows:
    found = survey(file)
    rows = _Rows(file, found.digest, more={"id": [], "speaker": [], "chapter": []})
    with open_text(file, found.encoding) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            name, _, text = line.strip().partition(" ")
            if _add(rows, number, _sound(file.parent, name), text.strip()):
                rows.more["id"].append(name)
                rows.more["speaker"].append(parts[-2] if len(parts) > 1 else "")
                rows.more["chapter"].append(parts[-1] if parts else "")
    return rows


def _add(rows: _Rows, number: int, sound: Path | str, text: str) -> bool:
    """Whether the line is an example; else it is a problem."""
    if isinstance(sound, str) or not text:
        what = sound if isinstance(sound, str) else "has no transcript"
        rows.problems.append(Problem(f"{rows.path}:{number}", what))
        return False
    rows.files.append(sound)
    rows.texts.append(text)
    rows.lines.append(number)
    return True


def _sound(folder: Path, name: str) -> Path | str:
    """The recording of that name, or what is wrong with it."""
    if not name or name in (".", "..") or any(sign in name for sign in "/\\\0"):
        return f"{name!r} is no name of a recording in {folder.name}/"
    stem = name if name.lower().endswith(SUFFIXES) else None
    tried = [folder / stem] if stem else [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    found = next((file for file in tried if file.is_file()), None)
    return found or f'there is no recording "{name}" in {folder} ({", ".join(SUFFIXES)})'


def _lists(folder: Path, deep: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_file() and entry.name.endswith(LISTED):
            yield Path(entry.path)
        elif entry.is_dir() and deep and not entry.name.startswith("."):
            yield from _lists(Path(entry.path), deep - 1)


def _split(found: list[_Rows]) -> Split:
    starts = [0]
    for rows in found[:-1]:
        starts.append(starts[-1] + len(rows.files))
    names = found[0].more
    columns = {
        "audio": Column([file for rows in found for file in rows.files]),
        "text": _strings([text for rows in found for text in rows.texts]),
        **{name: _strings([cell for rows in found for cell in rows.more[name]]) for name in names},
    }
    place = Places(tuple(LinePlaces(rows.path, rows.lines) for rows in found), tuple(starts))
    return Split(columns, place, tuple(problem for rows in found for problem in rows.problems))


def _strings(cells: list[str]) -> Column:
    return Column(pa.chunked_array([pa.array(cells, pa.string())]))
