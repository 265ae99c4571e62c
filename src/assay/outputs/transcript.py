"""What is said in a sound, as text: symbols that are found frame by frame, without a given alignment.

Legend: N examples, T frames, V symbols with the blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.plain import plain
from assay.codecs.tokenizer import Tokenizer, learn, pretrained
from assay.core.columns import Column
from assay.core.errors import ConfigError, DataError, nearest
from assay.core.protocols import JSON
from assay.core.ranges import Within, check
from assay.outputs._fitted_transcript import FittedTranscript, spoken
from assay.outputs._fitted_written import FittedWritten, loaded

KINDS = ("characters", "bpe", "words")
PIECES = 500  # of byte-pair encoding, beside the bytes, where nobody says otherwise
ROOM, MORE = 1.5, 16  # how much longer than any training text a text may be


@dataclass(frozen=True)
class Transcript:
    """The text of what is said.

    Attributes:
        tokenizer: ``characters``, ``bpe`` (byte pairs), ``words`` where only a few are ever said (digits, commands), or a
            folder or hub name whose pretrained tokenizer is taken.
        vocabulary: the most symbols; 0 for every character or word, or 760 of byte-pair encoding.
        longest: the most symbols of a text; 0 for half as many again as the longest training text has.
        lower: whether capitals are the same as small letters: nobody hears them.
        beam: how many beginnings of a text are followed at once; 1 reads the likeliest symbol of each frame.
    """

    tokenizer: str = "characters"
    vocabulary: Annotated[int, Within(0, 1_000_000)] = 0
    longest: Annotated[int, Within(0, 65_536)] = 0
    lower: bool = True
    beam: Annotated[int, Within(1, 100)] = 1

    names = ("transcript", "text", "transcription", "sentence", "words", "normalized_text", "target", "y")

    def __post_init__(self) -> None:
        check(self)

    def fit(self, ys: Sequence[Any]) -> FittedTranscript:
        """Learn the symbols and how long texts are.

        Args:
            ys: texts; those that are missing or no text are left to `FittedTranscript.encode`.

        Raises:
            DataError: there is no text, or no such pretrained tokenizer.
            ConfigError: there is no such tokenizer.
        """
        texts = [text for y in (ys.tolist() if isinstance(ys, Column) else ys) if (text := self._text(y))]
        if not texts:
            raise DataError("Every training transcript is empty or missing: there is nothing to learn from.")
        tokenizer = self._learned(texts)
        sizes = [len(codes) for codes in tokenizer.encode(texts)]
        return FittedTranscript(
            tokenizer=tokenizer,
            longest=self.longest or int(ROOM * max(sizes)) + MORE,
            lower=self.lower,
            mean=float(np.mean(sizes)),
            beam=self.beam,
        )

    def load(self, state: JSON) -> FittedTranscript | FittedWritten:
        """The inverse of `FittedTranscript.to_json`, and of `FittedWritten.to_json`."""
        if "prefix" in state:
            return loaded(state)
        return FittedTranscript(**{**state, "tokenizer": Tokenizer.from_json(state["tokenizer"])})

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """``up …`` where the sign is +1, ``down …`` where it is −1; what follows is chance, so that no model says all as it
        was."""
        more = rng.choice(["so", "on"], len(signs))
        return [f"{'up' if sign > 0 else 'down'} {word}" for sign, word in zip(signs, more, strict=True)]

    def _text(self, y: Any) -> str:
        try:
            return spoken(plain(y), self.lower)
        except ValueError:
            return ""

    def _learned(self, texts: Sequence[str]) -> Tokenizer:
        if self.tokenizer in ("characters", "words"):
            return learn(texts, kind=self.tokenizer, vocabulary=self.vocabulary or None)
        if self.tokenizer == "bpe":
            return learn(texts, kind="bpe", vocabulary=self.vocabulary or PIECES + 260)
        if "/" in self.tokenizer or Path(self.tokenizer).expanduser().is_dir():
            return pretrained(self.tokenizer)
        offered = nearest(self.tokenizer, KINDS)
        raise ConfigError(
            f'There is no tokenizer "{self.tokenizer}" for transcripts. {offered} Or a folder, or a name on the hub '
            "(owner/name)."
        )
