"""Texts that a model is to say, as codes; and the texts themselves, where answers are compared with them.

Legend: N examples, T places of a text, W bytes of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.passages import Passage
from assay.codecs.plain import plain
from assay.codecs.tokenizer import Tokenizer
from assay.core.columns import Column
from assay.core.protocols import LENGTH, Pack, Problems

MOST_BYTES = 1 << 16  # of a text that answers are compared with


def encoded(ys: Sequence[Any], problems: Problems, tokenizer: Tokenizer, *, longest: int, compared: int | None) -> Pack:
    """``{"tokens": int32 [N, T], "length", "characters", "bytes": int32 [N]}``, T being ``longest``; and where answers are
    ``compared`` with the texts these as UTF-8, ``{"reference": uint8 [N, W]}``: W is ``compared``, or what the longest text
    here needs.

    Empty and missing texts are problems. So are texts of more than ``longest`` tokens where nothing is compared: cut, their
    bits would be of fewer characters than are counted. Else their first tokens are learned and scored, nothing is said of
    their end, and answers are compared with all of them: see `in_part`.
    """
    cells = cells_of(ys)
    texts = []
    for at, y in enumerate(cells):
        try:
            texts.append(plain(y))
            if not texts[-1]:
                problems[at] = "the text is empty"
        except ValueError as error:
            problems[at] = str(error)
            texts.append("")
    raws = [text.encode() for text in texts]
    n = len(texts)
    pack = {
        "tokens": np.full((n, longest), tokenizer.pad, dtype=np.int32),
        LENGTH: np.ones(n, dtype=np.int32),
        "characters": np.array([len(text) for text in texts], dtype=np.int32),
        "bytes": np.zeros(n, dtype=np.int32),
    }
    if compared is not None:
        widest = max((len(raw) for raw in raws if len(raw) <= MOST_BYTES), default=0)
        pack["reference"] = np.zeros((n, max(compared, widest)), dtype=np.uint8)
    for at, (raw, codes) in enumerate(zip(raws, tokenizer.encode(texts), strict=True)):
        tokens = codes if isinstance(cells[at], Passage) else [*codes, tokenizer.end]
        if compared is None and len(tokens) > longest:
            problems[at] = (
                f"the text has {len(tokens):,} tokens, and the model takes at most {longest:,} (train with --set longest=N "
                "for more)"
            )
            continue
        if compared is not None and len(raw) > MOST_BYTES:
            problems[at] = f"the text has {len(raw):,} bytes, and answers are compared with at most {MOST_BYTES:,}"
            continue
        tokens = tokens[:longest]
        pack["bytes"][at] = len(raw)
        pack["tokens"][at, : len(tokens)] = tokens
        pack[LENGTH][at] = max(1, len(tokens))
        if compared is not None:
            pack["reference"][at, : len(raw)] = np.frombuffer(raw, dtype=np.uint8)
    return pack


def found_texts(
    tokens: NDArray[Any], length: NDArray[Any], texts: Sequence[str], tokenizer: Tokenizer, compared: int
) -> Pack:
    """Answers as targets: what `encoded` gives, of tokens ``[N, T]`` (behind ``length [N]`` they mean nothing)
    and the texts that they are; compared where ``compared`` is not 0."""
    there = np.arange(tokens.shape[1]) < length[:, None]
    raws = [text.encode() for text in texts]
    pack = {
        "tokens": np.where(there, tokens, tokenizer.pad).astype(np.int32),
        LENGTH: length.astype(np.int32),
        "characters": np.array([len(text) for text in texts], dtype=np.int32),
        "bytes": np.array([len(raw) for raw in raws], dtype=np.int32),
    }
    if compared:
        pack["reference"] = np.zeros((len(raws), max(compared, *map(len, raws))), dtype=np.uint8)
        for row, raw in zip(pack["reference"], raws, strict=True):
            row[: len(raw)] = np.frombuffer(raw, dtype=np.uint8)
    return pack


def in_part(ys: Sequence[Any], tokenizer: Tokenizer, longest: int) -> Problems:
    """The texts of which only the first ``longest`` tokens are learned and scored."""
    return {
        at: f"only the first {longest:,} of its {len(codes) + 1:,} tokens are learned and scored (perplexity); answers are "
        "compared with all of it."
        for at, codes in enumerate(tokenizer.encode([_text(y) for y in cells_of(ys)]))
        if len(codes) >= longest
    }


def references(y: Pack) -> list[str]:
    """The texts of a pack that holds their bytes.

    >>> references({"reference": np.array([[104, 105, 0, 0]], dtype=np.uint8), "bytes": np.array([2])})
    ['hi']
    """
    return [bytes(row[:size]).decode() for row, size in zip(y["reference"], y["bytes"].tolist(), strict=True)]


def cells_of(ys: Sequence[Any]) -> Sequence[Any]:
    """The cells, to be looked up one by one."""
    return list(ys) if isinstance(ys, Column) else ys


def _text(y: Any) -> str:
    """The text; nothing where it is none."""
    try:
        return plain(y)
    except ValueError:
        return ""
