"""Tables as delimited text: CSV and TSV, gzipped or not, with the names of the columns in the first line."""

from __future__ import annotations

import contextlib
import csv
import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import pyarrow as pa

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.source import Problem, Source, Split
from assay.readers._csv import Dialect, Ragged, parse, place
from assay.readers._lines import Scan, quick_scan, scan
from assay.readers._names import check_columns, suffix
from assay.readers._places import LinePlaces
from assay.readers._splits import Part, files_of, gather, holds_splits, is_file_of
from assay.readers._text import Survey, arrow_stream, blocks, open_text, survey

FORMAT = "delimited"
LAYOUT = "table.csv or .tsv (or .gz), names of the columns in line 1; or a folder with train.csv, test.csv …"

THREADED = 32 << 20  # bytes from which on a file is parsed by several threads

SUFFIXES = (".csv", ".tsv")
DELIMITERS = ",;\t|"
_HEAD = 1 << 18  # characters to find the header and the delimiter in


def reads(path: object) -> bool:
    """Whether ``path`` is a CSV or TSV file, or a folder with one for a split."""
    if not isinstance(path, Path):
        return False
    return holds_splits(path, SUFFIXES) if path.is_dir() else is_file_of(path, SUFFIXES)


def read(path: Path) -> Source:
    """The table at ``path``: every cell a string, or ``None`` where it is empty.

    The delimiter of a CSV file is the one of ``, ; TAB |`` that the lines agree on. Text that is not UTF-8 is read as
    Windows-1252, which a note tells. A line with the wrong number of fields is a problem, not a row.

    Raises:
        DataError: there is no header or no row, a column has no name or the name of another, a byte is no text, or
            a quotation mark is left open; names the file and line.
    """
    return gather(path, FORMAT, files_of(path, SUFFIXES), _part)


def _part(path: Path) -> Part:
    found = survey(path)
    with open_text(path, found.encoding) as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise DataError(f"{path} is empty.")
    delimiter = "\t" if suffix(path) == ".tsv" else sniff(head)
    raw = _header(path, head, delimiter)
    names = [name.strip() for name in raw]
    check_columns(names, f"{path}:1")
    if broken := [name for name in names if "\n" in name]:
        raise DataError(
            f"{path}:1: a column name holds a line break: {broken[0][:60]!r}. Is a quotation mark left open?"
        )
    table, places, problems, note = _rows(path, found, Dialect(delimiter, found.quotes, found.encoding, raw), head)
    columns = {name: Column(table.column(at)) for at, name in enumerate(names)}
    return Part(Split(columns, places, problems), found.digest, (*found.notes, *note, *_doubt(path, names)))


def sniff(head: str) -> str:
    r"""The delimiter that splits the first line, and the following ones into as many fields; a comma where none does.

    >>> sniff("a;b\n1,5;2\n"), sniff("text\nwell, well\n")
    (';', ',')
    """
    lines = head.split("\n")
    sample = "\n".join(lines[:-1] if len(lines) > 2 else lines)  # the last line may be cut
    best, delimiter = (0.0, 0), ","
    for candidate in DELIMITERS:
        widths = _widths(sample, candidate)
        if not widths or widths[0] < 2:
            continue
        agree = sum(width == widths[0] for width in widths) / len(widths)
        score = (1.0 if agree > 0.9 else agree, widths[0])
        if score > best:
            best, delimiter = score, candidate
    return delimiter


def _widths(sample: str, delimiter: str) -> list[int]:
    widths: list[int] = []
    with contextlib.suppress(csv.Error):  # a field longer than its limit: what was read before will do
        widths.extend(len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row)
    return widths


def _header(path: Path, head: str, delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> tuple[str, ...]:
    try:
        rows = csv.reader(io.StringIO(head), delimiter=delimiter, quoting=quoting)
        return tuple(next((row for row in rows if row), ()))
    except csv.Error as error:
        raise DataError(f"{path}:1: the header line cannot be read ({error}).") from error


def _rows(
    path: Path, found: Survey, dialect: Dialect, head: str
) -> tuple[pa.Table, LinePlaces, tuple[Problem, ...], tuple[str, ...]]:
    """The table, the places of its rows, its problems, and a note where quotation marks were plain characters."""
    table, ragged, wrong = _parse(path, dialect)
    if not wrong and not ragged and table.num_rows and table.num_rows + 1 == found.lines and not found.returns:
        return table, *place(path, table.num_rows, (), None, dialect), ()
    scanned = _scan(path, found, dialect)
    note: tuple[str, ...] = ()
    if scanned.broken is not None:
        plain = replace(dialect, quote=False, names=_header(path, head, dialect.delimiter, csv.QUOTE_NONE))
        other, torn, twice_wrong = _parse(path, plain)
        fits = not twice_wrong and other.num_rows and len(plain.names) == len(dialect.names)
        if not fits or (len(torn) > len(ragged) and not wrong):
            raise DataError(
                f"{path}:{scanned.broken}: the quotation mark that opens a field here does not close at the end of "
                'one. Close it, or write a quotation mark inside a quoted field twice ("").'
            )
        note = (f"{path}: quotation marks do not pair up (line {scanned.broken}); they were read as plain characters.",)
        table, ragged, dialect = other, torn, plain
        scanned = _scan(path, found, dialect)
    elif wrong:
        raise DataError(f"{path} cannot be read: {wrong}.")
    if not table.num_rows:
        raise DataError(
            f"{path}: not one row has the {len(dialect.names)} fields that the header names"
            + (f"; the first has {ragged[0].fields}: {ragged[0].text!r}." if ragged else ": there is nothing below it.")
        )
    if ragged:
        _, ragged = parse(partial(arrow_stream, path), dialect, threads=False, only_first=True)
    return table, *place(path, table.num_rows, ragged, scanned.starts, dialect), note


def _parse(path: Path, dialect: Dialect) -> tuple[pa.Table, list[Ragged], str]:
    """The table and its ragged records, or in words why there are none."""
    try:
        # A small file gains nothing from threads, and Arrow's were seen to outlive a process that ended at once.
        table, ragged = parse(partial(arrow_stream, path), dialect, threads=path.stat().st_size > THREADED)
    except (DataError, pa.ArrowInvalid) as error:
        return None, [], str(error)
    if tuple(table.column_names) != dialect.names:
        return None, [], f"its header line holds {table.column_names} or {list(dialect.names)}"
    return table, ragged, ""


def _scan(path: Path, found: Survey, dialect: Dialect) -> Scan:
    marks_quote = dialect.quote or not found.quotes
    if marks_quote and not found.returns and (scanned := quick_scan(blocks(path), dialect.delimiter)) is not None:
        return scanned
    with open_text(path, dialect.encoding) as file:
        return scan(file, dialect.delimiter, quoted=dialect.quote)


def _doubt(path: Path, names: list[str]) -> tuple[str, ...]:
    """A note where a header looks like a row; years and pixel numbers are names when they are most of them."""
    numbers = [name for name in names if _is_number(name)]
    odd = [name for name in names if len(name) > 60] + (numbers if len(numbers) <= len(names) / 2 else [])
    if not odd:
        return ()
    return (
        f'{path}: its first line was taken for the names of the columns, but "{odd[0][:40]}" looks like data. If it '
        "is, put a line with the names above it.",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
