"""Transcripts that are written one token after another, by a network that was trained to: each token is foretold as
`FittedTokens` does it, and what is written is judged as every transcript is.

Legend: N examples, B batch, T places of a text, V vocabulary, k tally columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.codecs.plain import plain
from assay.codecs.tokenizer import Tokenizer
from assay.core.errors import ConfigError, DataError
from assay.core.metric import Array, Metric
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import check
from assay.core.record import Table
from assay.outputs import _transcript_metrics
from assay.outputs._decoding import Beam, Codes, search
from assay.outputs._fitted_tokens import FittedTokens
from assay.outputs._fitted_transcript import FittedTranscript, spoken
from assay.outputs._token_texts import MOST_BYTES, cells_of, found_texts, in_part, references

ROOM, MORE = 1.5, 16  # how much longer than any training text a text may be


@dataclass(frozen=True)
class FittedWritten:
    """Texts as codes of a checkpoint's own tokenizer. Capitals are written as they are said; texts are compared without.

    Attributes:
        tokenizer: the vocabulary.
        longest: T, the most tokens of a text, its end included.
        width: the most bytes of a text.
        mean: how many tokens a training text has: what the objective is scaled by.
        lower: whether texts are compared in small letters.
        prefix: the codes that everything begins with; they are given, and neither learned nor scored.
        never: codes that are written nowhere.
        first: codes that nothing begins with.
        beam: how many beginnings of a text are followed at once; 1 is greedy.
    """

    tokenizer: Tokenizer = field(repr=False)
    longest: int
    width: int
    mean: float
    lower: bool
    prefix: tuple[int, ...]
    never: tuple[int, ...] = field(default=(), repr=False)
    first: tuple[int, ...] = ()
    beam: Beam = 1

    adjustable: ClassVar[tuple[str, ...]] = ("beam",)
    classes: ClassVar[tuple[str, ...]] = ()
    judged: ClassVar[str] = FittedTranscript.judged

    def __post_init__(self) -> None:
        check(self)

    @property
    def dims(self) -> JSON:
        """The vocabulary, the most tokens, and what everything begins with."""
        return {"vocabulary": self.tokenizer.size, "context": self.longest, "prefix": list(self.prefix)}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Word and character error rates, exact matches, and nats a character."""
        return _transcript_metrics.metrics()

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """As `assay.outputs._token_texts.encoded`; texts that are too long are problems, and so are those with characters
        that the tokenizer cannot write."""
        texts = [_single(y) for y in cells_of(ys)]
        pack = self._tokens.encode(texts, problems)
        for at in in_part(texts, self.tokenizer, self.longest):
            problems[at] = (
                f"the transcript has more than {self.longest - 1:,} tokens, which is the most that the model takes (train "
                "with --set longest=N for more, as far as its checkpoint goes)"
            )
        written = self._texts(pack["tokens"], pack[LENGTH])
        for at, (text, back) in enumerate(zip(references(pack), written, strict=True)):
            if at not in problems and (lost := {*text.casefold()} - {*back.casefold(), " "}):
                shown = ", ".join(f'"{c}" (U+{ord(c):04X})' for c in sorted(lost)[:10])
                problems[at] = f"the transcript holds {shown}, which the tokenizer of the checkpoint cannot write"
        return pack

    def plain(self, y: Pack) -> None:
        """Nothing: a text is neither one of a few classes nor a quantity."""
        return

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """Logits of each token given the true ones before it, ``[B, T, V]``, as `FittedTokens.forward`."""
        return self._tokens.forward(network, x, y)

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Minus the log-probability of the whole text in nats, ``[B]``."""
        return self._tokens.loss(raw, y)

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss, perhaps smoothed, over the mean length of training texts, ``[B]``."""
        return self._tokens.objective(raw, y, smoothing)

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """As `FittedTokens.gap`, ``[B]``."""
        return self._tokens.gap(a, b)

    def decode(self, network: Any, x: Tensors, y: Tensors | None = None) -> Pack:
        """Answers: ``{"answer": int32 [B, T], "length": int32 [B], "log_probability": float64 [B]}``, and where the text is
        at hand its ``nll`` ``[B]``, in nats."""
        end = self.tokenizer.end
        codes = Codes(self.tokenizer.begin, end, tuple(code for code in self.never if code != end), self.first)
        columns: Pack = {}
        with torch.inference_mode():
            memory = network.body(**x)  # once for both: it is most of the work
            if y is not None:
                heard: Any = _Heard(network.head, memory)
                columns["nll"] = self.loss(self.forward(heard, x, y), y).double().cpu().numpy()
            found = search(network.head, memory, codes, beam=self.beam, longest=self.longest, eager=False)
            columns["answer"] = found.tokens.to(torch.int32).cpu().numpy()
            columns[LENGTH] = found.length.to(torch.int32).cpu().numpy()
            columns["log_probability"] = found.log_probability.double().cpu().numpy()
        return columns

    def rows(self, answers: Pack) -> list[JSON]:
        """The text, its log-probability and, as confidence, the mean probability of a token (geometric)."""
        texts = self._texts(answers["answer"], answers[LENGTH])
        return [{**row, "text": text} for row, text in zip(self._tokens.rows(answers), texts, strict=True)]

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Edits and number of words, of characters; exact matches, 1 and nats: ``[B, 7]``."""
        return _transcript_metrics.tally(*self._pairs(answers, y), answers["nll"])

    def own(self, answers: Pack) -> Pack:
        """The texts that were found, token by token, as `encode` gives them."""
        texts = self._texts(answers["answer"], answers[LENGTH])
        return found_texts(answers["answer"], answers[LENGTH], texts, self.tokenizer, self.width)

    def claims(self, y: Pack) -> tuple[str, ...]:
        """The text, and then each of its tokens."""
        return self._tokens.claims(y)

    def explained(self, raw: Tensor, y: Tensors) -> Tensor:
        """The log-probability of the text, and that of each of its tokens, in nats, ``[B, 1 + T]``."""
        return self._tokens.explained(raw, y)

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedWritten:
        """Itself."""
        return self

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """1 less the word error rate of each answer by itself, ``[B]``: 1 where every word is right."""
        return _transcript_metrics.verdict(*self._pairs(answers, y))

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """Which kinds of edits there are, and the words that are taken for others most often."""
        return _transcript_metrics.tables(*self._pairs(answers, y))

    def to_json(self) -> JSON:
        """Everything that `loaded` needs."""
        return asdict(self)

    @cached_property
    def _tokens(self) -> FittedTokens:
        """How tokens are foretold."""
        return FittedTokens(
            tokenizer=self.tokenizer, longest=self.longest, width=self.width, context=self.longest, mean=self.mean
        )

    def _texts(self, tokens: NDArray[Any], length: NDArray[Any]) -> list[str]:
        return [
            spoken(self.tokenizer.decode(row[:end]), False)
            for row, end in zip(tokens.tolist(), length.tolist(), strict=True)
        ]

    def _pairs(self, answers: Pack, y: Pack) -> tuple[list[str], list[str]]:
        """What was said and what is true, as they are compared."""
        said = self._texts(answers["answer"], answers[LENGTH])
        return [spoken(text, self.lower) for text in said], [spoken(text, self.lower) for text in references(y)]


class _Heard:
    """A network that has heard already."""

    def __init__(self, head: Any, memory: Any) -> None:
        self.head, self.memory = head, memory

    def __call__(self, *, given: Tensor, **_: Tensor) -> Tensor:
        """The head's answer."""
        return self.head(self.memory, given)  # type: ignore[no-any-return]


def fit_written(
    ys: Sequence[Any],
    tokenizer: Tokenizer,
    *,
    prefix: Sequence[int],
    never: Sequence[int],
    first: Sequence[int],
    most: int,
    longest: int,
    lower: bool,
    beam: int,
) -> FittedWritten:
    """How long texts are, and which codes are never written: not those that training texts hold.

    Args:
        ys: texts; those that are missing or no text are left to `FittedWritten.encode`.
        tokenizer, prefix, never, first, lower, beam: as `FittedWritten` has them.
        most: tokens that the network can write.
        longest: the most tokens of a text; 0 for half as many again as the longest training text has.

    Raises:
        DataError: there is no text.
        ConfigError: ``longest`` is more than the network can write.
    """
    if longest > most:
        raise ConfigError(f"--set longest={longest}: this checkpoint writes at most {most:,} tokens.")
    texts = [text for y in cells_of(ys) if isinstance(text := _single(y), str) and text]
    if not texts:
        raise DataError("Every training transcript is empty or missing: there is nothing to learn from.")
    codes = tokenizer.encode(texts)
    sizes = [len(each) + 1 for each in codes]
    written, starts = {code for each in codes for code in each}, {each[0] for each in codes if each}
    widest = min(MOST_BYTES, max(len(text.encode()) for text in texts))
    return FittedWritten(
        tokenizer=tokenizer,
        longest=longest or min(most, int(ROOM * max(sizes)) + MORE),
        width=int(ROOM * widest) + 64,
        mean=float(np.mean(np.minimum(sizes, most))),
        lower=lower,
        prefix=tuple(prefix),
        never=tuple(code for code in never if code not in written and code < tokenizer.size),
        first=tuple(code for code in first if code not in starts and code < tokenizer.size),
        beam=beam,
    )


def loaded(state: JSON) -> FittedWritten:
    """The inverse of `FittedWritten.to_json`."""
    codes = {name: tuple(state[name]) for name in ("prefix", "never", "first")}
    return FittedWritten(**{**state, **codes, "tokenizer": Tokenizer.from_json(state["tokenizer"])})


def _single(y: Any) -> Any:
    """A text with single spaces; what is none, as it is."""
    try:
        return spoken(plain(y), False)
    except ValueError:
        return y
