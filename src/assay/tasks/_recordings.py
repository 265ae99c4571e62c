"""Recordings and what is said in them: a transcript must fit into its recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from assay.codecs.drawing import cut
from assay.codecs.plain import plain
from assay.codecs.sound import sound_header
from assay.core.columns import Column
from assay.core.figure import count
from assay.core.protocols import Input, Output
from assay.core.source import Problem, Source, Split
from assay.core.task import Pair, fit_apart
from assay.inputs.audio import STEP
from assay.networks.speech import STRIDE
from assay.outputs._fitted_transcript import spoken
from assay.outputs.transcript import Transcript

SHOWN = 40  # characters of a transcript
LOOK = 20  # cells by which a column of sounds is known


def arrange(source: Source, given: Input, output: Output) -> Source:
    """The source without the recordings that are too short for what is said in them.

    A recording with fewer places for symbols than its transcript has characters is a problem and no row: no alignment of the
    two is possible. Headers are read for that, and nothing is decoded. It is asked where transcripts are spelt in characters
    and stand in a column of a usual name; elsewhere such a recording teaches nothing.
    """
    assert isinstance(output, Transcript)
    if output.tokenizer != "characters":
        return source
    splits = {name: _fitting(split, source.root, given, output) for name, split in source.splits.items()}
    return replace(source, splits=splits)


PAIR = Pair(fit=fit_apart, arrange=arrange)  # a model that is trained further keeps its symbols


def _fitting(split: Split, root: Path | None, given: Input, output: Transcript) -> Split:
    sounds = next((c for c in split.columns.values() if any(given.accepts(cell) for cell in c[:LOOK])), None)
    texts = next((split.columns[name] for name in output.names if name in split.columns), None)
    if sounds is None or texts is None:
        return split
    short = _short(sounds, texts, root, output)
    if not short:
        return split
    kept = np.setdiff1d(np.arange(len(split)), np.fromiter(short, np.int64, len(short)))
    return Split(
        {name: column.take(kept) for name, column in split.columns.items()},
        _Kept(split.place, tuple(kept.tolist())),
        (*split.problems, *(Problem(split.place(row), what) for row, what in short.items())),
    )


def _short(sounds: Column, texts: Column, root: Path | None, output: Transcript) -> dict[int, str]:
    """What is wrong with each row whose transcript cannot be said in its recording."""
    found = {}
    for row, (x, y) in enumerate(zip(sounds, texts, strict=True)):
        try:
            text = spoken(plain(y), output.lower)
            _, seconds = sound_header(root / x if root and isinstance(x, str) else x)
        except ValueError:  # told of where it is read
            continue
        places = -(-(1 + int(seconds / STEP)) // STRIDE)
        needed = len(text) + sum(a == b for a, b in pairwise(text))
        if seconds > 0 and places < needed:
            found[row] = (
                f"the recording of {seconds:.2f} seconds has {count(places, 'place')} for symbols, and its transcript needs "
                f'{needed} ("{cut(text, SHOWN)}"). Is it the right recording, or is it cut off?'
            )
    return found


@dataclass(frozen=True)
class _Kept:
    """The places of the rows that are left."""

    place: Callable[[int], str]
    rows: tuple[int, ...]

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return self.place(self.rows[row])
