"""Texts as tokens, and beside them as characters where a network reads those.

Legend: N examples, B batch, L tokens, W characters, M masks, P parts, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.codecs.tokenizer import KINDS, Tokenizer, learn, pretrained
from assay.core.errors import ConfigError, DataError, nearest
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.inputs import _text_corruptions as slips
from assay.inputs._severity import check_corruption
from assay.inputs._shade_words import words
from assay.inputs._text_cells import cells, line, text_of, unread
from assay.inputs._text_parts import GONE, as_written, bag, padded, segments, sentences

LONGEST = 512  # tokens that are read where nobody says otherwise
ROOM = 1.5  # how much longer than any training text a text may be
A_TOKEN = 6  # characters that are read for each token that is read
LEAST = 2  # a word seen once is unknown, so that what is unknown is learned too
MOSTLY = 0.5  # a text with a larger share of unknown tokens is remarked on


@dataclass(frozen=True)
class Text:
    """The modality of texts: a sentence, a review, a document in any script.

    Attributes:
        tokenizer: ``words`` (of scripts without spaces, characters), ``bpe`` (byte pairs), ``characters``, ``auto`` (words),
            or a folder or hub name whose pretrained tokenizer is taken.
        vocabulary: the most tokens; 0 for the tokenizer's usual number.
        longest: the most tokens of a text that are read; 0 for half as many again as the longest training text has, at
            most 512.
        lower: whether capitals are the same as small letters.
        characters: whether the network reads the characters beside the tokens.
    """

    tokenizer: str = "auto"
    vocabulary: Annotated[int, Within(0, 1_000_000)] = 0
    longest: Annotated[int, Within(0, 65_536)] = 0
    lower: bool = False
    characters: bool = False

    names = (
        "text",
        "sentence",
        "review",
        "content",
        "comment",
        "tweet",
        "message",
        "document",
        "body",
        "source",
        "input",
    )
    row = False
    store = True
    optional = False
    files = False

    def __post_init__(self) -> None:
        check(self)

    def accepts(self, cell: Any) -> bool:
        """Whether a cell is text."""
        return isinstance(cell, str)

    def fit(self, xs: Sequence[Any], tokenizer: Tokenizer | None = None) -> FittedText:
        """Learn the tokenizer (where none is given) and how long texts are, from all training texts.

        Args:
            xs: texts; those that are empty or no text are left to `FittedText.encode`.
            tokenizer: one that is shared with the output.

        Raises:
            DataError: there is no text, or no such pretrained tokenizer.
            ConfigError: there is no such tokenizer.
        """
        texts = [text for x in cells(xs) if (text := text_of(partial(line, x, self.lower)))]
        if not texts:
            raise DataError("Every training text is empty or missing: there is nothing to learn from.")
        tokenizer = tokenizer or self._learned(texts)
        special = tokenizer.kind == "pretrained"
        lengths = np.array([len(codes) for codes in tokenizer.encode(texts, special=special)])
        longest = self.longest or min(LONGEST, max(int(ROOM * lengths.max()), 8))
        widest = min(max(map(len, texts)), A_TOKEN * longest)
        return FittedText(
            tokenizer=tokenizer,
            longest=longest,
            lower=self.lower,
            width=min(int(ROOM * widest), A_TOKEN * longest) if self.characters else 0,
            longer=int((lengths > longest).sum()),
            texts=len(texts),
        )

    def load(self, state: JSON) -> FittedText:
        """The inverse of `FittedText.to_json`."""
        return FittedText(**{**state, "tokenizer": Tokenizer.from_json(state["tokenizer"])})

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Sentences of four to nine words, one of which is ``good`` (+1) or ``bad`` (−1)."""
        return sentences(rng, n)

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if "good" in x.split() else -1 for x in xs])

    def _learned(self, texts: Sequence[str]) -> Tokenizer:
        kind = "words" if self.tokenizer == "auto" else self.tokenizer
        if kind in KINDS:
            return learn(texts, kind=kind, vocabulary=self.vocabulary or None, least=LEAST if kind == "words" else 1)
        if "/" in kind or Path(kind).expanduser().is_dir():
            return pretrained(kind)
        offered = nearest(kind, ("auto", *KINDS))
        raise ConfigError(f'There is no tokenizer "{kind}". {offered} Or a folder, or a name on the hub (owner/name).')


@dataclass(frozen=True)
class FittedText:
    """Texts brought to codes.

    Attributes:
        tokenizer: how they fall into tokens.
        longest: the most tokens of a text that are read.
        lower: whether capitals are made small.
        width: the most characters that are read beside the tokens; 0 where none are.
        longer, texts: how many training texts were longer than that, of how many.
    """

    tokenizer: Tokenizer
    longest: int
    lower: bool = False
    width: int = 0
    longer: int = 0
    texts: int = 0

    absence = "A word that is absent is taken out, as though the text had been written without it."

    @property
    def dims(self) -> JSON:
        """What a body must know: how many codes there are, how many a text has at most, and the codes that stand for
        nothing and for what is unknown."""
        return {
            "vocabulary": self.tokenizer.size,
            "longest": self.longest,
            "pad": self.tokenizer.pad,
            "unknown": self.tokenizer.unknown,
        }

    @property
    def remarks(self) -> tuple[str, ...]:
        """How many training texts are longer than what is read of a text."""
        if not self.longer:
            return ()
        return (
            f"{self.longer:,} of {self.texts:,} training texts have more than {self.longest} tokens: the rest of them is "
            "not read (--set longest=…).",
        )

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``tokens`` int32 ``[N, longest]`` and their number ``length`` int32 ``[N]``; where characters are read too,
        ``characters`` int32 ``[N, width]``, code points, 0 after the last.

        White space is one space, wherever and however much of it there is. What is no text, or empty, is a problem; a
        text that is too long is cut: see `notes`.
        """
        texts = []
        for at, x in enumerate(cells(xs)):
            try:
                text = line(x, self.lower)
                if not text:
                    problems[at] = "the text is empty"
            except ValueError as error:
                text, problems[at] = "", str(error)
            texts.append(text)
        return self._pack(texts)

    def notes(self, xs: Sequence[Any]) -> Problems:
        """The texts that are cut, and those whose words are mostly unknown; of characters, each one that is."""
        texts = [text_of(partial(line, x, self.lower)) for x in cells(xs)]
        notes: Problems = {}
        for at, codes in enumerate(self._codes(texts)):
            unknown = codes.count(self.tokenizer.unknown)
            found = []
            if len(codes) > self.longest:
                found.append(f"only the first {self.longest:,} of its {len(codes):,} tokens are read.")
            elif self.width and len(texts[at]) > self.width:
                found.append(f"only the first {self.width:,} of its {len(texts[at]):,} characters are read.")
            if self.tokenizer.kind == "characters":
                found += unread(texts[at], codes, self.tokenizer.unknown)
            elif texts[at] and unknown > MOSTLY * len(codes):
                found.append(f"{unknown:,} of its {len(codes):,} tokens were not in the training data.")
            if found:
                notes[at] = " ".join(found)
        return notes

    def collate(self, arrays: Tensors) -> Tensors:
        """``tokens`` int64 ``[B, L]`` and ``mask`` bool ``[B, L]``, true where there is one, L that of the longest text
        here; ``characters`` int64 ``[B, W]`` where they are read."""
        length = arrays[LENGTH]
        tokens = arrays["tokens"][:, : int(length.max())].long()
        x = {"tokens": tokens, "mask": torch.arange(tokens.shape[1], device=length.device) < length.unsqueeze(1)}
        if self.width:
            characters = arrays["characters"]
            x["characters"] = characters[:, : int((characters != 0).sum(1).max())].long()
        return x

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """Nothing changes: no change of a text is known to keep its label. (Networks drop words by themselves.)"""
        return x

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The words in their order; in scripts without spaces the characters."""
        return tuple(part.strip() for part in segments(self._read(x)))

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """Words that are not kept are taken out, as though the text had been written without them.

        A shorter text is a text as the network knows them; a row of unknown words is none. Where no word is kept, one
        unknown one stands.
        """
        words = segments(self._read(x))
        kept = ["".join(word for word, here in zip(words, row, strict=True) if here).strip() for row in mask]
        return self._pack([text or GONE for text in kept])

    @property
    def corruptions(self) -> tuple[str, ...]:
        """What befalls texts where people type them; no capitals where they are small letters to the network."""
        return tuple(kind for kind in slips.KINDS if kind != "capitals" or not self.lower)

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Typing errors, lost words or marks, or capitals (see `assay.inputs._text_corruptions`), in what is read."""
        check_corruption(kind, severity, self.corruptions)
        texts = self._texts(x)
        made = [line(text, self.lower) for text in slips.corrupted(texts, kind, severity, rng)]
        return slips.rewritten(x, texts, made, self._pack)

    def features(self, x: Pack) -> NDArray[np.float32]:
        """What words, pairs of words and pieces of words there are, hashed to ``[N, D]``, each row of length 1."""
        return bag(self._texts(x))

    def show(self, x: Any) -> tuple[str, str]:
        """The text."""
        return "text", "" if x is None else str(x)

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """The text, its words coloured by what they count for (``values`` ``[P]``), as SVG; what is not read is grey."""
        pieces, before = as_written(line(x), self._read(self.encode([x], {})))
        return words(pieces, values, before)

    def to_json(self) -> JSON:
        """Everything that `Text.load` needs."""
        return {**asdict(self), "tokenizer": self.tokenizer.to_json()}

    def _codes(self, texts: Sequence[str]) -> list[list[int]]:
        return self.tokenizer.encode(texts, special=self.tokenizer.kind == "pretrained")

    def _pack(self, texts: Sequence[str]) -> Pack:
        ends = 1 if self.tokenizer.kind == "pretrained" else 0  # a pretrained tokenizer's last token says that it ends
        rows = [
            codes if len(codes) <= self.longest else [*codes[: self.longest - ends], *codes[len(codes) - ends :]]
            for codes in self._codes([text or GONE for text in texts])
        ]
        tokens, length = padded([np.array(codes, dtype=np.int32) for codes in rows], self.longest, self.tokenizer.pad)
        pack: Pack = {"tokens": tokens, LENGTH: length}
        if self.width:
            points = [np.frombuffer(text[: self.width].encode("utf-32-le"), dtype=np.int32) for text in texts]
            pack["characters"] = padded(points, self.width, 0)[0]
        return pack

    def _texts(self, x: Pack) -> list[str]:
        return [self._read({name: array[at : at + 1] for name, array in x.items()}) for at in range(len(x[LENGTH]))]

    def _read(self, x: Pack) -> str:
        """The text of arrays ``[1, …]``, as it is read."""
        if self.width:
            points = x["characters"][0]
            return str(points[points != 0].astype("<i4").tobytes(), "utf-32-le")
        return self.tokenizer.decode(x["tokens"][0, : int(x[LENGTH][0])].tolist()).strip()
