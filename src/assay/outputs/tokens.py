"""A text as the answer, token by token: what follows a prompt, or what an input is to be said as.

Legend: N examples, B batch, T places of an answer, V vocabulary, W bytes of a text, k tally columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.passages import Passage
from assay.codecs.plain import plain
from assay.codecs.tokenizer import KINDS, Tokenizer, learn, pretrained
from assay.core.errors import ConfigError, DataError, nearest
from assay.core.protocols import JSON
from assay.core.ranges import Within, check
from assay.outputs._decoding import Beam, Penalty, Seed, Temperature, TopP
from assay.outputs._fitted_tokens import FittedTokens, one_way
from assay.outputs._token_texts import MOST_BYTES, cells_of

LONGEST = 1024  # tokens of an answer where nobody says otherwise
ROOM = 1.5  # how much longer than any training text an answer may be


@dataclass(frozen=True)
class Tokens:
    """A text as the answer.

    Attributes:
        tokenizer: ``characters``, ``words``, ``bpe`` (byte pairs), a folder or hub name whose pretrained tokenizer is
            taken, or ``auto``: characters where answers continue, else ``bpe``.
        vocabulary: the most tokens; 0 for the tokenizer's usual number.
        longest: the most tokens of an answer; 0 for half as many again as the longest training text has, at most 1,024.
        context: how many characters a passage of a long text has, where answers continue.
        beam: how many answers are followed at once, at most 100; 1 is greedy.
        temperature: 0 searches for the likeliest answer; above 0 answers are drawn, below 1 the likelier ones more often.
        top_p: answers are drawn from the likeliest tokens that have this much probability together.
        length_penalty: beams are compared by log-probability over length to this power.
        seed: of what is drawn.
        continues: whether an answer continues its input (and is judged by how well it was foreseen), rather than being
            said of it (and judged by what was found).
    """

    tokenizer: str = "auto"
    vocabulary: Annotated[int, Within(0, 1_000_000)] = 0
    longest: Annotated[int, Within(0, 65_536)] = 0
    context: Annotated[int, Within(1, 32_768)] = 256
    beam: Beam = 1
    temperature: Temperature = 0.0
    top_p: TopP = 1.0
    length_penalty: Penalty = 1.0
    seed: Seed = 0
    continues: bool = False

    names = ("text", "completion", "translation", "target", "output", "answer", "y")

    def __post_init__(self) -> None:
        check(self)
        one_way(self.beam, self.temperature)

    def fit(self, ys: Sequence[Any], tokenizer: Tokenizer | None = None, *, before: int = 0) -> FittedTokens:
        """Learn the tokenizer (where none is given) and how long answers are.

        Args:
            ys: texts; those that are missing or no text are left to `FittedTokens.encode`.
            tokenizer: one that is shared with the input.
            before: how many tokens of a prompt the network is to see before an answer.

        Raises:
            DataError, ConfigError: as `learned`.
        """
        tokenizer = tokenizer or self.learned(ys)
        texts = _texts(ys)
        lengths = [len(codes) + 1 for codes in tokenizer.encode(texts)]
        longest = self.longest or min(LONGEST, max(int(ROOM * max(lengths)), max(lengths) + 8))
        if tokenizer.kind == "characters" and any(isinstance(y, Passage) for y in cells_of(ys)):
            longest = self.longest or max(lengths)  # passages are cut to one size
        widest = min(MOST_BYTES, max(len(text.encode()) for text in texts))
        return FittedTokens(
            tokenizer=tokenizer,
            longest=longest,
            width=0 if self.continues else int(ROOM * widest) + 64,
            context=before + longest,
            mean=float(np.mean(np.minimum(lengths, longest))),
            beam=self.beam,
            temperature=self.temperature,
            top_p=self.top_p,
            length_penalty=self.length_penalty,
            seed=self.seed,
            continues=self.continues,
        )

    def learned(self, ys: Sequence[Any]) -> Tokenizer:
        """The tokenizer that texts give; what is missing or no text is passed over.

        Raises:
            DataError: there is no text, or no such pretrained tokenizer.
            ConfigError: there is no such tokenizer.
        """
        if (kind := self.kind) in KINDS:
            return learn(_texts(ys), kind=kind, vocabulary=self.vocabulary or None)
        if "/" in kind or Path(kind).expanduser().is_dir():
            return pretrained(kind)
        offered = nearest(kind, ("auto", *KINDS))
        raise ConfigError(f'There is no tokenizer "{kind}". {offered} Or a folder, or a name on the hub (owner/name).')

    @property
    def kind(self) -> str:
        """The tokenizer to learn: ``auto`` decided by what answers are for."""
        if self.tokenizer != "auto":
            return self.tokenizer
        return "characters" if self.continues else "bpe"

    def load(self, state: JSON) -> FittedTokens:
        """The inverse of `FittedTokens.to_json`."""
        return FittedTokens(**{**state, "tokenizer": Tokenizer.from_json(state["tokenizer"])})

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """``yes so it was said by …`` where the sign is +1, ``no so …`` where it is −1; by whom is chance, so that no
        model says all as it was."""
        names = rng.choice(["anna", "ben", "carla"], len(signs))
        return [
            f"{'yes' if sign > 0 else 'no'} so it was said by {name}" for sign, name in zip(signs, names, strict=True)
        ]


def _texts(ys: Sequence[Any]) -> list[str]:
    """The texts that are there.

    Raises:
        DataError: there is none.
    """
    found = []
    for y in cells_of(ys):
        try:
            found.append(plain(y))
        except ValueError:
            continue
    if not any(found):
        raise DataError("Every training text is empty or missing: there is nothing to learn from.")
    return [text for text in found if text]
