"""Prompts and answers brought together: one tokenizer for both, and long texts cut into passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.codecs.passages import passages
from assay.codecs.plain import plain
from assay.core.columns import Column
from assay.core.errors import ConfigError
from assay.core.protocols import FittedInput, FittedOutput, Input, Output
from assay.core.source import WHOLE, Source, Split
from assay.inputs.prompt import Prompt
from assay.outputs.tokens import Tokens

DOCUMENT = "text"  # the column that may be cut
BEFORE = 16  # characters before a passage that are seen with it
A_TOKEN = 4  # characters of a token that is not one
SHARE = 10  # one in so many passages is held out
FEW = 3  # passages are not divided where there are fewer than this


def fitted(given: Input, output: Output, xs: Sequence[Any], ys: Sequence[Any]) -> tuple[FittedInput, FittedOutput]:
    """One tokenizer for prompts and answers, learned from both.

    Raises:
        DataError: there is no text.
        ConfigError: an option is out of its range.
    """
    assert isinstance(given, Prompt)
    assert isinstance(output, Tokens)
    if not output.continues:
        raise ConfigError("--set continues=false: here every answer continues its prompt.")
    tokenizer = output.learned([*xs, *ys])
    prompt = given.fit(xs, tokenizer)
    return prompt, output.fit(ys, tokenizer, before=prompt.usual)


def arranged(source: Source, given: Input, output: Output) -> Source:
    """The source with a row a passage, where it has a column ``text`` of longer texts, and none of prompts.

    Texts under any other name (completions, answers) are answers as a whole. A passage stands beside the characters before
    it, as ``prompt``, and keeps the other columns of its text. Where there are no splits, the last tenth of passages is
    ``test`` and the tenth before it ``validation``; where only one of them is there, it stays, and what lacks is the
    last tenth of ``train``. Neighbours are never dealt out at random: they share sentences.
    """
    assert isinstance(output, Tokens)
    first, column = next(iter(source.splits.values())), DOCUMENT
    if column not in first.columns or any(name in first.columns for name in given.names):
        return source
    texts = {
        name: [_text(y) for y in split.columns[column]]
        for name, split in source.splits.items()
        if column in split.columns
    }
    size = output.context * (1 if output.kind == "characters" else A_TOKEN)
    if max((len(text) for split in texts.values() for text in split), default=0) <= size:
        return source
    splits = {
        name: _cut(split, column, texts[name], size) if name in texts else split
        for name, split in source.splits.items()
    }
    return replace(source, splits=_held_out(splits), input=given.names[0], target=column)


def _cut(split: Split, column: str, texts: Sequence[str], size: int) -> Split:
    rows, before, pieces, lines = [], [], [], []
    for row, text in enumerate(texts):
        line = 1
        for context, piece in passages(text, size, BEFORE):
            rows.append(row)
            before.append(context)
            pieces.append(piece)
            lines.append(line)
            line += piece.count("\n")
        if not text:
            rows.append(row)
            before.append("")
            pieces.append("")
            lines.append(1)
    index = np.array(rows, dtype=np.int64)
    others = {name: cells.take(index) for name, cells in split.columns.items() if name != column}
    columns = {"prompt": Column(before), column: Column(pieces), **others}
    return Split(columns, _PassagePlaces(split.place, tuple(rows), tuple(lines), len(texts) == 1), split.problems)


def _held_out(splits: dict[str, Split]) -> dict[str, Split]:
    """The splits, those that lack made of the last passages of those that learn."""
    learn = WHOLE if WHOLE in splits else "train"
    if learn not in splits or len(splits[learn]) < FEW:
        return splits
    whole = splits[learn]
    lacking = [name for name in ("validation", "test") if name not in splits]
    each = max(1, len(whole) // SHARE)
    stop = len(whole) - each * len(lacking)
    made = {"train": _part(whole, 0, stop)}
    for name in lacking:
        made[name] = _part(whole, stop, stop + each)
        stop += each
    rest = {name: split for name, split in splits.items() if name != learn}
    every = {**made, **rest}
    return {name: every[name] for name in ("train", "validation", "test", *rest) if name in every}


def _part(split: Split, start: int, stop: int) -> Split:
    index = np.arange(start, stop)
    columns = {name: column.take(index) for name, column in split.columns.items()}
    return Split(columns, _Later(split.place, start), split.problems if start == 0 else ())


@dataclass(frozen=True)
class _PassagePlaces:
    """Where passages begin: at a line of the one document, or in the row of a table."""

    place: Any
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    alone: bool

    def __call__(self, row: int) -> str:
        where = str(self.place(self.rows[row]))
        return f"{where}:{self.lines[row]}" if self.alone else where


@dataclass(frozen=True)
class _Later:
    """The places of rows that begin further on."""

    place: Any
    start: int

    def __call__(self, row: int) -> str:
        return str(self.place(row + self.start))


def _text(y: Any) -> str:
    try:
        return plain(y)
    except ValueError:
        return ""
