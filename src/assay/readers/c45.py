"""The layout of C4.5 and of UCI's older data sets: ``name.names`` describes ``name.data`` and ``name.test``.

The names file lists first the classes, then one attribute an entry (``age: continuous.``, ``sex: Male, Female.``); an
entry ends with a period or a line, ``|`` begins a comment. Records may end with a period, ``?`` is a missing value.
Quinlan, C4.5: Programs for Machine Learning (1993), section 9.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import WHOLE, Source, Split
from assay.readers._csv import Dialect, parse, place
from assay.readers._lines import scan
from assay.readers._names import check_columns
from assay.readers._splits import Part, gather
from assay.readers._text import open_text, survey

FORMAT = "c45"
LAYOUT = "name.names (classes, then attribute: continuous. or attribute: a, b.) beside name.data and, if any, name.test"

TARGET = "class"


@dataclass(frozen=True)
class Names:
    """What a names file says.

    Attributes:
        fields: the columns of a record in order, the target too.
        ignored: those that are to be left out.
        target: which is the class.
        classes: its values.
        digest: the hash of the file.
    """

    fields: tuple[str, ...]
    ignored: frozenset[str]
    target: str
    classes: frozenset[str]
    digest: str


def reads(path: object) -> bool:
    """Whether ``path`` is a folder with one names file and its data, or a ``.data`` file with its names beside it."""
    if not isinstance(path, Path):
        return False
    if path.is_dir():
        return len([names for names in path.glob("*.names") if names.with_suffix(".data").is_file()]) == 1
    return path.suffix in {".data", ".test"} and path.with_suffix(".names").is_file()


def read(path: Path) -> Source:
    """The records at ``path``: trimmed strings, ``None`` where the value is missing; the target column is ``class``.

    Raises:
        DataError: the names file cannot be understood, or no record has as many fields as it names.
    """
    if path.is_dir():
        names_path = next(file for file in sorted(path.glob("*.names")) if file.with_suffix(".data").is_file())
        data, test = names_path.with_suffix(".data"), names_path.with_suffix(".test")
        files = {"train": [data], "test": [test]} if test.is_file() else {WHOLE: [data]}
    else:
        names_path, files = path.with_suffix(".names"), {WHOLE: [path]}
    return gather(path, FORMAT, files, partial(_part, names=read_names(names_path)))


def read_names(path: Path) -> Names:
    """The attributes and classes that a names file lists.

    Raises:
        DataError: it holds no attributes, or one that is defined by a formula.
    """
    found = survey(path)
    with open_text(path, found.encoding) as file:
        text = re.sub(r"\|.*", "", file.read())
    entries = [e for e in re.split(r"\.(?=\s|$)|(?<=[^\s,:])[ \t]*\n", text) if e.strip()]
    classes = [_trim(value) for value in re.split(r"(?<!\\),", entries[0])] if entries else []
    fields: list[str] = []
    ignored: set[str] = set()
    for entry in entries[1:]:
        name, colon, values = (
            (part.strip() for part in re.split(r"(?<!\\)(:=?)", entry, maxsplit=1))
            if (":" in entry)
            else (entry.strip(), "", "")
        )
        if colon != ":":
            raise DataError(
                f'{path}: "{name[:60]}" is not an attribute. After the classes, each entry is "attribute: continuous." '
                'or "attribute: value, value."; "|" begins a comment.'
            )
        fields.append(_trim(name))
        if values == "ignore":
            ignored.add(_trim(name))
    if not fields or ":" in entries[0]:
        raise DataError(f'{path} is not in C4.5\'s form: first the classes ("yes, no."), then "attribute: values."')
    target = TARGET
    if len(classes) == 1 and classes[0] in fields:  # C5.0 may name the attribute that is the class
        target, classes = classes[0], []
    else:
        fields.append(TARGET)
    check_columns(fields, str(path))
    return Names(tuple(fields), frozenset(ignored), target, frozenset(classes), found.digest)


def _part(path: Path, names: Names) -> Part:
    found = survey(path)
    with open_text(path, found.encoding) as file:
        text = file.read()
    if "|" in text:
        text = re.sub(r"[ \t]*\|.*", "", text)  # a comment; its line stays, so that lines keep their numbers
    dialect = Dialect(",", False, "utf-8-sig", names.fields, header=False, missing=(), escape="\\" in text)
    data = pa.py_buffer(text.encode())
    table, ragged = parse(partial(pa.BufferReader, data), dialect)
    if not table.num_rows:
        shown = f"; the first line has {ragged[0].fields}: {ragged[0].text!r}." if ragged else "."
        raise DataError(f"{path}: not one line has the {len(names.fields)} fields that the names file lists{shown}")
    if ragged:
        _, ragged = parse(partial(pa.BufferReader, data), dialect, threads=False, only_first=True)
    starts = scan((f"{line}\n" for line in text.split("\n")), ",", quoted=False).starts
    places, problems = place(path, table.num_rows, ragged, starts, dialect)
    last = names.fields[-1]
    columns = {
        name: Column(_clean(table.column(name), names.classes if name == names.target else None, ends=name == last))
        for name in names.fields
        if name not in names.ignored
    }
    unknown = sorted(set(pc.unique(columns[names.target].arrow()).to_pylist()) - names.classes - {None})
    notes = (f"{path} holds classes that its names file does not list: {', '.join(map(str, unknown[:5]))}.",)
    split = Split(columns, places, problems)
    return Part(
        split, digest(found.digest, names.digest), notes if unknown and names.classes else (), None, names.target
    )


def _clean(column: pa.ChunkedArray, classes: frozenset[str] | None, *, ends: bool) -> pa.ChunkedArray:
    """Trimmed, without the period that may end a record (unless a class is spelled so), missing values as null."""
    column = pc.utf8_trim_whitespace(column)
    if ends:
        bare = pc.replace_substring_regex(column, r"\.$", "")
        whole = pa.array(sorted(classes or ()), pa.string())
        column = pc.if_else(pc.is_in(column, whole), column, bare)
    missing = pc.or_(pc.equal(column, "?"), pc.equal(column, ""))
    return pc.if_else(missing, pa.scalar(None, pa.string()), column)


def _trim(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", " ".join(text.split()))
