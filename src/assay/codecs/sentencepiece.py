"""The two tokenizers of a Marian translator, made of its SentencePiece files: checkpoints of that family bring no other.

``source.spm`` and ``target.spm`` (Kudo & Richardson 2018, arXiv:1808.06226) cut a text into pieces; ``vocab.json`` gives the
pieces of both sides their codes. Only what is needed of these files is read, and nothing in them is run.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Library

from assay.codecs.tokenizer import Tokenizer
from assay.core.errors import DataError

FILES = ("source.spm", "target.spm", "vocab.json")
PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
STRANGER = -20.0  # how much less likely than its own rarest piece one of the other side is
SPACE = "\u2581"
LANGUAGE = re.compile(">>[^<>]+<<")  # says at the beginning of a text what language is wanted, where there are several
UNIGRAM, NORMAL, USER = 1, 1, 4  # SentencePiece's numbers of a kind of model and of two kinds of pieces


def marian(folder: Path) -> tuple[Tokenizer, Tokenizer] | None:
    """How a Marian checkpoint cuts what it reads and what it writes; ``None`` where its files are not there.

    Raises:
        DataError: a file is damaged, or is of another kind of SentencePiece model.
    """
    if not all((folder / name).is_file() for name in FILES):
        return None
    try:
        codes = {str(piece): int(code) for piece, code in json.loads((folder / FILES[2]).read_text("utf-8")).items()}
        ordered = sorted(codes, key=codes.__getitem__)
        if [codes[piece] for piece in ordered] != list(range(len(ordered))) or not {PAD, END, UNKNOWN} <= codes.keys():
            raise ValueError("its codes have gaps, or it lacks <pad>, </s> or <unk>")
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{folder / FILES[2]} is no vocabulary: {error}.") from error
    special = {"pad": codes[PAD], "begin": codes[PAD], "end": codes[END], "unknown": codes[UNKNOWN]}
    made = []
    for name in FILES[:2]:
        try:
            library = _library(_read((folder / name).read_bytes()), ordered)
        except (ValueError, IndexError, struct.error) as error:
            raise DataError(f"{folder / name} is no SentencePiece model that can be read: {error}.") from error
        made.append(Tokenizer(library.to_str(), "pretrained", **special))
    return made[0], made[1]


@dataclass(frozen=True)
class _Model:
    """What a SentencePiece file says: log-probabilities of pieces, and how a text is normalised first."""

    scores: dict[str, float]
    charsmap: bytes
    prefix: bool
    squeeze: bool


def _library(model: _Model, vocabulary: list[str]) -> Library:
    least = min(model.scores.values(), default=0.0) + STRANGER
    pieces = [(piece, model.scores.get(piece, least)) for piece in vocabulary]
    library = Library(models.Unigram(pieces, unk_id=vocabulary.index(UNKNOWN), byte_fallback=False))
    library.add_tokens([AddedToken(piece, normalized=False) for piece in vocabulary if LANGUAGE.fullmatch(piece)])
    steps: list[Any] = [normalizers.Precompiled(model.charsmap)] if model.charsmap else []
    if model.squeeze:
        steps += [normalizers.Replace(Regex(r"\A +| +\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    library.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])
    library.pre_tokenizer = pre_tokenizers.Metaspace(
        SPACE, prepend_scheme="always" if model.prefix else "never", split=False
    )
    library.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.Fuse(), decoders.Strip(content=" ", left=1)]
    )
    library.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, vocabulary.index(END))]
    )
    return library


def _read(data: bytes) -> _Model:
    """The fields of SentencePiece's protocol buffer that matter here.

    Raises:
        ValueError, IndexError, struct.error: it is none, or not of the unigram kind.
    """
    scores: dict[str, float] = {}
    charsmap, prefix, squeeze, kind = b"", True, True, UNIGRAM
    for number, value in _fields(data):
        if number == 1:
            piece = dict(_fields(value))
            if piece.get(3, NORMAL) in (NORMAL, USER):
                scores[piece[1].decode()] = struct.unpack("<f", piece[2])[0] if 2 in piece else 0.0
        elif number == 2:
            kind = dict(_fields(value)).get(3, UNIGRAM)
        elif number == 3:
            spec = dict(_fields(value))
            charsmap, prefix, squeeze = spec.get(2, b""), bool(spec.get(3, 1)), bool(spec.get(4, 1))
    if kind != UNIGRAM:
        raise ValueError("it is not of the unigram kind")
    if not scores:
        raise ValueError("it holds no pieces")
    return _Model(scores, charsmap, prefix, squeeze)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The numbered fields of a protocol buffer: whole numbers, four or eight bytes, or bytes after their length."""
    at = 0
    while at < len(data):
        key, at = _whole(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value: Any
            value, at = _whole(data, at)
        else:
            size, at = _whole(data, at) if wire == 2 else ({1: 8, 5: 4}.get(wire, -1), at)
            if size < 0 or at + size > len(data):
                raise ValueError("it ends too early, or holds what none holds")
            value, at = data[at : at + size], at + size
        yield number, value


def _whole(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
