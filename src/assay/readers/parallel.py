"""Parallel texts: one file a language, whose lines with the same number say the same (the Moses layout).

A file is named after its split and its language: ``train.en`` beside ``train.de``. Line ``n`` of each is a row, and each
language is a column.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from assay.codecs.media import IMAGES, SOUNDS, UNREAD, VIDEOS
from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import SPLITS, WHOLE, Problem, Source, Split
from assay.readers._names import WORDS, split_word
from assay.readers._places import LinePlaces
from assay.readers._text import blocks

FORMAT = "parallel texts"
LAYOUT = "train.en and train.de (or .gz), line by line the same in two languages or more; beside them val.en, test.en …"

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Z][a-z]{3}|[A-Za-z]{2}|\d{3}))?")  # en, pt-BR, zh_Hans
_PAIR = re.compile(r"(.+)\.([a-z]{2,3})-([a-z]{2,3})")  # train.en-de
_OTHER = re.compile(  # what letters after the last full stop mean elsewhere
    "bak|bib|bin|bz2|cfg|csv|dat|db|doc|docx|exe|h5|htm|html|idx|ini|js|json|lock|log|md|npy|npz|pdf|pkl|ps|pt|pth|py|rar|"
    "rst|rtf|sh|sql|svg|tab|tar|tex|tgz|tmp|toml|tsv|txt|xls|xml|xz|yml|zip|zst"
)
_MEDIA = frozenset({*IMAGES, *SOUNDS, *UNREAD, *VIDEOS} - {".ts"})
_CODES = re.compile(  # of ISO 639-1: languages that a file by itself may be of
    "af|am|ar|as|az|be|bg|bn|bs|ca|cs|cy|da|de|el|en|eo|es|et|eu|fa|fi|fr|ga|gl|gu|ha|he|hi|hr|hu|hy|id|ig|is|it|ja|ka|kk|"
    "km|kn|ko|ku|ky|lb|lo|lt|lv|mg|mi|mk|mn|mr|ms|mt|my|nb|ne|nl|nn|no|or|pa|pt|ro|ru|si|sk|sl|sn|sq|sr|sv|sw|ta|te|tg|th|"
    "tk|tr|tt|ug|uk|ur|uz|vi|wo|xh|yi|yo|zh|zu"
)
_LOOK = 1 << 12  # bytes of a file that tell whether it is text


@dataclass(frozen=True)
class _Text:
    """The lines of one file."""

    path: Path
    lines: list[str]
    digest: str


def reads(path: object) -> bool:
    """Whether ``path`` is a folder with a text in two languages, one of two such files beside one another, or a file whose
    suffix is the code of a language."""
    if not isinstance(path, Path):
        return False
    if path.is_dir():
        return bool(_stems(path))
    if not path.is_file() or not (named := _named(path)):
        return False
    return _CODES.fullmatch(named[1]) is not None or len(_beside(path)) > 1


def read(path: Path) -> Source:
    """The lines at ``path``, each language a column that is named as the files' last suffix.

    A folder has a split for every text of that name; of several test sets the first by name is ``test``, unless one is
    called just that, and the others keep their own names. A file stands for itself and its other languages, if any. A line
    that is empty in a language is a problem, not a row.

    Raises:
        DataError: two languages have different numbers of lines (names both), a byte is not UTF-8 (names the line), the
            languages of two splits differ, or a folder holds several texts and none is named after a split.
    """
    stems = _stems(path) if path.is_dir() else {_stem(path): _beside(path)}
    chosen, notes = _splits(path, stems) if path.is_dir() else ({WHOLE: _stem(path)}, [])
    texts = {split: {lang: _read(file) for lang, file in stems[stem].items()} for split, stem in chosen.items()}
    _same_languages(chosen, stems)
    parts = [f"{split}\0{lang}\0{text.digest}" for split, held in texts.items() for lang, text in held.items()]
    given, wanted = _direction(chosen, stems)
    return Source(
        name=str(path),
        format=FORMAT,
        splits={split: _split(held) for split, held in texts.items()},
        fingerprint=digest(FORMAT, *parts),
        input=given,
        target=wanted,
        notes=tuple(notes),
        root=path if path.is_dir() else path.parent,
    )


def _split(texts: Mapping[str, _Text]) -> Split:
    """The rows of one split.

    Raises:
        DataError: the languages have different numbers of lines.
    """
    first, *others = texts.values()
    for other in others:
        if len(other.lines) != len(first.lines):
            raise DataError(
                f"{first.path} has {len(first.lines):,} lines and {other.path} has {len(other.lines):,}. Line by line they "
                "must say the same: look for a line that was lost or broken in two."
            )
    empty = {lang: [at for at, line in enumerate(text.lines) if not line.strip()] for lang, text in texts.items()}
    gone = {at for lines in empty.values() for at in lines}
    problems = [
        Problem(f"{texts[lang].path}:{at + 1}", "an empty line. Remove it, with its line in every other language.")
        for at in sorted(gone)
        for lang in [next(lang for lang, lines in empty.items() if at in lines)]
    ]
    kept = [at for at in range(len(first.lines)) if at not in gone]
    columns = {
        lang: Column(pa.chunked_array([pa.array([text.lines[at] for at in kept], pa.large_string())]))
        for lang, text in texts.items()
    }
    return Split(columns, LinePlaces(first.path, [at + 1 for at in kept]), tuple(problems))


def _splits(folder: Path, stems: Mapping[str, Mapping[str, Path]]) -> tuple[dict[str, str], list[str]]:
    """Which text is which split, and what a user should know of that."""
    found: dict[str, list[str]] = {}
    for stem in stems:
        if word := split_word(_plain(stem)):
            found.setdefault(WORDS[word], []).append(stem)
    if not found:
        if len(stems) > 1:
            some = ", ".join(next(iter(stems[stem].values())).name for stem in sorted(stems)[:5])
            raise DataError(
                f"{folder} holds {len(stems)} parallel texts and none is named after a split (train, val, test). Name the "
                f"file that is meant instead: {some}."
            )
        return {WHOLE: next(iter(stems))}, []
    chosen: dict[str, str] = {}
    notes = []
    for split in (split for split in SPLITS if split in found):
        exact = [stem for stem in found[split] if _plain(stem).lower() in WORDS]
        first, *others = exact + [stem for stem in found[split] if stem not in exact]
        chosen[split] = first
        if split == "test":
            chosen |= {stem: stem for stem in others}
        elif others:
            names = ", ".join(found[split])
            raise DataError(f"{folder} holds {names}, which all name the {split} split. Keep one of them.")
        if others:
            notes.append(
                f"{folder} holds {len(others) + 1} test sets. {first} is the test split; another is named with --split: "
                f"{', '.join(others)}."
            )
    if left := [stem for stem in stems if stem not in chosen.values()]:
        notes.append(f"{folder} holds {', '.join(left[:5])} too, whose names say no split; left out.")
    return chosen, notes


def _same_languages(chosen: Mapping[str, str], stems: Mapping[str, Mapping[str, Path]]) -> None:
    first, *others = chosen.values()
    for other in others:
        if stems[other].keys() != stems[first].keys():
            raise DataError(
                f"{first} is there in {', '.join(stems[first])}, but {other} in {', '.join(stems[other])}. "
                "Every split needs the same languages."
            )


def _direction(chosen: Mapping[str, str], stems: Mapping[str, Mapping[str, Path]]) -> tuple[str | None, str | None]:
    """From which language into which, where the names say so (``train.en-de.en``)."""
    pairs = [pair for stem in chosen.values() if (pair := _PAIR.fullmatch(stem))]
    found = {(pair[2], pair[3]) for pair in pairs if {pair[2], pair[3]} <= stems[pair[0]].keys()}
    return found.pop() if len(found) == 1 else (None, None)


def _stems(folder: Path) -> dict[str, dict[str, Path]]:
    """The texts of a folder that are there in two languages or more: stem → language → file."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.is_file() and (named := _named(path)):
            stem, language = named
            if language in found.setdefault(stem, {}):
                raise DataError(f"{folder} holds {path.name} and {found[stem][language].name}. Keep one of them.")
            found[stem][language] = path
    return {stem: files for stem, files in found.items() if len(files) > 1}


def _beside(path: Path) -> dict[str, Path]:
    """The files of the same text in every language that there is."""
    named = _named(path)
    assert named
    return _stems(path.parent).get(named[0], {named[1]: path})


def _named(path: Path) -> tuple[str, str] | None:
    """The stem and the language that a file's name says: ``train.en.gz`` → ``("train", "en")``; ``a.au`` is a sound."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    stem, dot, language = name.rpartition(".")
    is_language = _LANGUAGE.fullmatch(language) and not _OTHER.fullmatch(language) and not _is_media(path, language)
    return (stem, language) if dot and stem and is_language else None


def _is_media(path: Path, language: str) -> bool:
    """Whether a file is a picture, a sound or a video by its suffix; ``.ts`` is Tsonga, too, and there the content tells."""
    if path.suffix != ".ts":
        return f".{language}" in _MEDIA
    with path.open("rb") as file:
        return b"\0" in file.read(_LOOK)


def _stem(path: Path) -> str:
    named = _named(path)
    assert named
    return named[0]


def _plain(stem: str) -> str:
    """A stem without the pair of languages that it may end in: ``train.en-de`` → ``train``."""
    pair = _PAIR.fullmatch(stem)
    return pair[1] if pair else stem


def _read(path: Path) -> _Text:
    data = b"".join(blocks(path)).removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: the byte 0x{data[error.start]:02x} is not UTF-8 text. Save the file as UTF-8."
        ) from error
    lines = text.removesuffix("\n").split("\n")  # no other line end: U+2028 and the like stand within sentences
    if not text:
        raise DataError(f"{path} is empty.")
    return _Text(path, [line.removesuffix("\r") for line in lines], digest(data))
