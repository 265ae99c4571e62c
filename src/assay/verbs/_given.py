"""What a user names to be answered: data in a format that is read, or raw inputs as the task knows them."""

from __future__ import annotations

import json
import mimetypes
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, DataError
from assay.core.model import Model
from assay.core.reading import claimed

DATA_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".gz")
SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}")
MEDIA, KINDS = mimetypes.MimeTypes(), ("application/", "text/")  # of what Python knows by itself
SHOWN = 60  # characters of a raw input that a message names it by


def opened(model: Model, inputs: Sequence[Any]) -> Iterator[tuple[str, Any, bool]]:
    """Each input with its name, and whether it is data in a format that is read (else it is one raw input).

    A folder in no format of its own stands for the files in it; a row may be written as a JSON object. A text that is the
    name of a file is that file, and never read as it stands.
    """
    accepts = model.task.input.accepts
    if isinstance(inputs, tuple) and accepts(inputs) and not all(map(accepts, inputs)):
        inputs = [inputs]  # one raw input that is a tuple, samples and their rate, and no tuple of raw inputs
    for at, given in enumerate(inputs):
        name = str(given) if isinstance(given, str | Path) else f"input {at + 1}"
        if isinstance(given, Mapping):
            yield name, given, False
        elif model.task.input.files and (files := _matching(given, accepts)):
            yield from ((path, path, False) for path in files)
        elif isinstance(given, str) and given.lstrip().startswith("[") and accepts(given):
            yield name, given, False  # a JSON list; else it would be read as a pattern of files
        elif not model.task.input.row and accepts(given) and _is_question(given) and not _is_named_like_a_file(given):
            yield name, given, False
        elif claimed(given) or _is_named_like_data(given):
            yield name, given, True
        elif isinstance(given, str) and not given.strip():
            raise ConfigError(f"Input {at + 1} of {len(inputs)} is empty. Name a file, a folder, or one raw input.")
        elif _is_folder(given):
            inside = [path for path in sorted(Path(given).iterdir()) if accepts(path)]
            if not inside:
                raise DataError(
                    f"{given} holds nothing that {model.task.name} can answer, and is in no format that is read."
                )
            yield from ((str(path), path, False) for path in inside)
        elif model.task.input.row and isinstance(given, str) and given.lstrip().startswith("{"):
            yield name, _object(given), False
        elif model.task.input.files and (_is_file(given) or not isinstance(given, str | Path)):
            yield name, given, False  # what it holds, and not its name or type, says whether it can be answered
        elif (
            accepts(given) and not model.task.input.row and (model.task.input.files or not _is_named_like_a_file(given))
        ):
            yield name, given, False
        else:
            yield name, given, True  # reading it says what is wrong


def _is_file(given: Any) -> bool:
    try:
        return isinstance(given, str | Path) and Path(given).is_file()
    except (OSError, ValueError):  # longer than a name can be, or with a zero byte in it
        return False


def _is_folder(given: Any) -> bool:
    try:
        return isinstance(given, str | Path) and Path(given).is_dir()
    except OSError:  # longer than a name can be
        return False


def _is_named_like_data(given: Any) -> bool:
    """Whether a text can only be meant as a file of data: reading it then says that there is none."""
    return isinstance(given, str) and " " not in given and given.lower().endswith(DATA_ENDINGS)


def _is_named_like_a_file(given: Any) -> bool:
    """Whether a text is the name of a file, there or not, and no sentence with a slash or a full stop in it.

    >>> [_is_named_like_a_file(text) for text in ("lost/a.txt", "a.wav", "Is it 3/4 full?", "and/or", "See Node.js.")]
    [True, True, False, False, False]
    """
    if not isinstance(given, str) or _is_named_like_data(given):
        return isinstance(given, str)
    folder, _, name = given.strip().replace("\\", "/").rpartition("/")
    if not SUFFIX.fullmatch(Path(name).suffix) or "://" in given:
        return False
    if _is_file(given):
        return True
    if len(given.split()) > 1:
        return bool(folder) and _is_folder(folder)
    kind = MEDIA.guess_type(name)[0] or "application/"  # which example.com is, and Node.js text/
    return bool(folder) or not kind.startswith(KINDS)


def _is_question(given: Any) -> bool:
    """Whether a text has the signs of a pattern of files and means none: "Is that so?" is asked, not looked for."""
    return isinstance(given, str) and has_magic(given) and not _is_named_like_data(given) and not _matching(given, bool)


def _matching(given: Any, accepts: Callable[[Any], bool]) -> list[str]:
    """The files that a quoted pattern means, where they are raw inputs."""
    try:
        if not isinstance(given, str) or not has_magic(given) or Path(given).exists():
            return []
        return [path for path in sorted(glob(given)) if accepts(path)]  # noqa: PTH207 - the pattern may be absolute
    except OSError:  # longer than a name can be
        return []


def _object(given: str) -> Any:
    try:
        return json.loads(given)
    except json.JSONDecodeError as error:
        raise DataError(f"The input {given[:60]!r} is no JSON object: {error}.") from error


def shortened(name: str) -> str:
    """A file as it is named; of a long raw input, which is its own name, so much as tells it apart."""
    try:
        if len(name) <= SHOWN or Path(name).exists():
            return name
    except OSError:  # longer than a name can be
        pass
    return " ".join(name[:SHOWN].split()) + "…"


def amount(count: int) -> str:
    """So many inputs, in words."""
    return f"{count:,} input{'' if count == 1 else 's'}"


def neither(data: Any, model: Model, error: DataError) -> DataError:
    """The error where a text names no data: it may have been meant as a raw input, so it says how one is written."""
    given, example = model.task.input, getattr(model.task.input, "example", None)
    if not isinstance(data, str):
        return error
    if example is None and not given.row and not given.files and given.accepts(data):
        column = f'the column "{model.roles.inputs[0]}"' if model.roles.inputs else "a column"
        return DataError(f"{error}\nA text that is meant as it stands goes into a table: a CSV file with {column}.")
    if example is None or os.path.exists(data):  # noqa: PTH110 - a long text is no path
        return error
    said = f"{data[:SHOWN]!r} is none that can be read." if data.lstrip()[:1] in ("[", "{") else str(error)
    return DataError(f"{said} One raw input is written as in '{example}'.")
