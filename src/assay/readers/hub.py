"""A data set of the HuggingFace hub, by its id."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from assay.core.errors import DataError, Unsupported
from assay.core.files import digest
from assay.core.source import SPLITS, WHOLE, Source, Split
from assay.readers._names import WORDS
from assay.readers._places import RowPlaces
from assay.readers._tables import digest_table, features, hints, split_of

FORMAT = "hub"
LAYOUT = "hf:owner/name or hf:owner/name:config (a data set of the HuggingFace hub; needs the extra hf)"

_ID = re.compile(r"hf:(?P<id>\w[\w.-]*(?:/\w[\w.-]*)?)(?::(?P<config>\w[\w.-]*))?")


def reads(path: object) -> bool:
    """Whether ``path`` is an id such as ``hf:owner/name``, and no file or folder of that name exists."""
    return isinstance(path, str) and _ID.fullmatch(path) is not None and not Path(path).exists()


def read(path: str) -> Source:
    """The data set of that id, downloaded and cached by ``datasets``; nothing in it is executed.

    Raises:
        Unsupported: the extra ``hf`` is not installed.
        DataError: there is no such id, file or config, or it can only be had by running its code.
    """
    match = _ID.fullmatch(path)
    if match is None:
        raise DataError(f'"{path}" is not an id of a data set: {LAYOUT}.')
    try:
        import datasets
    except ImportError as error:
        raise Unsupported(f"{path} needs the library datasets: pip install 'assay[hf]'") from error
    # Before version 4 a data set could bring a script; since then the option is gone with the scripts.
    old = "trust_remote_code" in inspect.signature(datasets.load_dataset).parameters
    options = {"trust_remote_code": False} if old else {}
    try:
        loaded = datasets.load_dataset(match["id"], match["config"], **options)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise DataError(f"{path} cannot be loaded from the hub: {str(error).splitlines()[0]}") from error
    return convert(path, {str(name): part.data.table for name, part in loaded.items()})


def convert(name: str, tables: Mapping[str, pa.Table]) -> Source:
    """The source of HuggingFace's Arrow tables by split: class numbers become names, images stay encoded bytes.

    Raises:
        DataError: no split is one to train, validate or test on, and there is more than one.
    """
    known = {split: WORDS[split] for split in tables if split in WORDS}
    if len(tables) == 1 and not known:
        known = dict.fromkeys(tables, WHOLE)
    if not known or len(set(known.values())) < len(known):
        raise DataError(f"{name} holds the splits {', '.join(tables)}; accepted is one each of {', '.join(SPLITS)}.")
    splits: dict[str, Split] = {}
    hashes: list[str] = [FORMAT]
    for given in sorted(known, key=lambda split: (*SPLITS, WHOLE).index(known[split])):
        table = tables[given]
        splits[known[given]] = split_of(table, RowPlaces(Path(name), f"{given} row"), f"{name} ({given})")
        hashes += [known[given], digest_table(table)]
    left = [split for split in tables if split not in known]
    given_input, target = hints(features(next(iter(tables.values())).schema))
    notes = (f"{name} also holds the splits {', '.join(left)}, which were left out.",) if left else ()
    return Source(name, FORMAT, splits, digest(*hashes), given_input, target, notes)
