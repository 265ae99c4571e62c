"""Fitted transcripts: encoding, loss, search and tallies.

Legend: N examples, B batch, T frames, V symbols with the blank, S places of a text, k tally columns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.codecs.plain import plain
from assay.codecs.tokenizer import Tokenizer
from assay.core.columns import Column
from assay.core.metric import Array, Metric
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.core.record import Table
from assay.outputs import _ctc, _transcript_metrics
from assay.outputs._ctc_factors import factors

SIZE = "symbols"
FEWEST, SCARCE = 10, 2  # transcripts of which it is told what few hold, and how many are few
WARMEST = 3.0  # the temperature is looked for between its inverse and this
HELD = 4_000_000  # numbers of held-out answers that it is looked for on


@dataclass(frozen=True)
class FittedTranscript:
    """Texts as symbols of a tokenizer; its padding stands for the blank.

    Attributes:
        tokenizer: the symbols.
        longest: S, the most symbols of a text.
        lower: whether capitals are made small.
        mean: how many symbols a training text has: what the objective is scaled by.
        beam: as `Transcript` has it.
        temperature: what logits are divided by, fitted on held-out answers.
    """

    tokenizer: Tokenizer = field(repr=False)
    longest: int
    lower: bool
    mean: float
    beam: Annotated[int, Within(1, 100)] = 1
    temperature: float = 1.0

    adjustable: ClassVar[tuple[str, ...]] = ("beam",)
    classes: ClassVar[tuple[str, ...]] = ()
    guided: ClassVar[bool] = False
    judged: ClassVar[str] = "word_accuracy_of_a_text"

    def __post_init__(self) -> None:
        check(self)

    @property
    def dims(self) -> JSON:
        """The number of symbols and the code of the blank."""
        return {"width": self.tokenizer.size, "blank": self.tokenizer.pad}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Word and character error rates, exact matches, and nats a character."""
        return _transcript_metrics.metrics()

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``{"tokens": int32 [N, S], "symbols": int32 [N]}``, the latter their number.

        Empty, missing and over-long texts are problems, and those with characters (or words, where these are the symbols)
        that no training text holds.
        """
        texts: list[str] = []
        for at, y in enumerate(ys.tolist() if isinstance(ys, Column) else ys):
            try:
                texts.append(spoken(plain(y), self.lower))
                if not texts[-1]:
                    problems[at] = "the transcript is empty"
            except ValueError as error:
                problems[at] = str(error)
                texts.append("")
        pack = {
            "tokens": np.full((len(texts), self.longest), self.tokenizer.pad, dtype=np.int32),
            SIZE: np.ones(len(texts), dtype=np.int32),
        }
        for at, codes in enumerate(self.tokenizer.encode(texts)):
            if len(codes) > self.longest:
                problems[at] = (
                    f"the transcript has {len(codes):,} symbols, and the model takes at most {self.longest:,} (train with "
                    "--set longest=N for more)"
                )
            elif self.tokenizer.unknown in codes and self.tokenizer.unknown != self.tokenizer.pad:
                problems[at] = self._unknown(texts[at])
            else:
                pack["tokens"][at, : len(codes)] = codes
                pack[SIZE][at] = max(1, len(codes))
        return pack

    def scarce(self, ys: Sequence[Any]) -> Problems:
        """Of all the transcripts there are, those with a character (or word, where these are the symbols) that one or two of
        them hold: a part to learn from may be without it, and then refuses the rest."""
        whole = self.tokenizer.kind == "words"
        if self.tokenizer.kind not in ("characters", "words") or len(ys) < FEWEST:
            return {}
        held: list[set[str]] = []
        for y in ys.tolist() if isinstance(ys, Column) else ys:
            try:
                text = spoken(plain(y), self.lower)
            except ValueError:
                text = ""
            held.append(set(text.split() if whole else text))
        counts = Counter(symbol for symbols in held for symbol in symbols)
        found: Problems = {}
        for at, symbols in enumerate(held):
            if few := sorted(symbol for symbol in symbols if counts[symbol] <= SCARCE):
                shown = _listed(few, whole)
                found[at] = (
                    f"the transcript holds {shown}, which no more than {max(counts[symbol] for symbol in few)} of "
                    f"{len(ys):,} do: it cannot be learned from so few, and a split that leaves training without it makes "
                    "the others be refused"
                )
        return found

    def plain(self, y: Pack) -> None:
        """Nothing: a text is neither one of a few classes nor a quantity."""
        return

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """Logits of each symbol in each frame, ``[B, T, V]``; behind a sound's last frame the blank is certain."""
        return network(**x)  # type: ignore[no-any-return]

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Minus the log-probability of the whole text, all its alignments summed, in nats, ``[B]``; 10,000 where the sound
        has too few frames for it."""
        return _ctc.nats(raw / self.temperature, y["tokens"], y[SIZE], self.tokenizer.pad)

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss over the mean length of training texts, ``[B]``; with smoothing that share of it is how far each frame
        is from even (Kim et al. 2018). What has too few frames teaches nothing."""
        nats = self.loss(raw, y)
        nats = nats.where(nats < _ctc.IMPOSSIBLE, torch.zeros_like(nats)) / self.mean
        if not smoothing:
            return nats
        there = _ctc.frames(raw).unsqueeze(2)
        log_p = (raw.float() / self.temperature).log_softmax(2)
        flat = -(log_p * there).mean(2).sum(1) / there.sum((1, 2))
        return (1 - smoothing) * nats + smoothing * flat

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """Kullback–Leibler divergence of ``b``'s probabilities from ``a``'s, the mean over the frames, in nats, ``[B]``."""
        log_a, log_b = ((raw.float() / self.temperature).log_softmax(-1) for raw in (a, b))
        each = (log_a.exp() * (log_a - log_b)).sum(2).sum(1)
        return (each / _ctc.frames_of(a).clamp_min(1)).clamp_min(0)

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """Answers: ``{"answer": int32 [B, S], "symbols": int32 [B], "log_probability": float64 [B]}``, and where the text is
        at hand its ``nll`` ``[B]``, in nats."""
        with torch.inference_mode():
            raw = self.forward(network, x)
            found = [codes[: self.longest] for codes in self._search(raw)]
            tokens = np.full((len(found), self.longest), self.tokenizer.pad, dtype=np.int32)
            for row, codes in zip(tokens, found, strict=True):
                row[: len(codes)] = codes
            size = np.array([len(codes) for codes in found], dtype=np.int32)
            columns: Pack = {"answer": tokens, SIZE: size}
            own = {"tokens": torch.from_numpy(tokens).to(raw.device), SIZE: torch.from_numpy(size).to(raw.device)}
            columns["log_probability"] = -self.loss(raw, own).double().cpu().numpy()
            if y is not None:
                columns["nll"] = self.loss(raw, y).double().cpu().numpy()
        return columns

    def rows(self, answers: Pack) -> list[JSON]:
        """The text, its log-probability and, as confidence, the mean probability of a symbol (geometric)."""
        return [
            {"text": text, "log_probability": float(p), "confidence": math.exp(min(0.0, float(p)) / max(1, size))}
            for text, p, size in zip(
                self._texts(answers["answer"], answers[SIZE]),
                answers["log_probability"].tolist(),
                answers[SIZE].tolist(),
                strict=True,
            )
        ]

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Edits and number of words, of characters; exact matches, 1 and nats: ``[B, 7]``."""
        return _transcript_metrics.tally(*self._pairs(answers, y), answers["nll"])

    def own(self, answers: Pack) -> Pack:
        """The texts that were found, as `encode` gives them; an empty one has no symbol."""
        return {"tokens": answers["answer"], SIZE: answers[SIZE]}

    def claims(self, y: Pack) -> tuple[str, ...]:
        """The text, then each of its symbols, and its end."""
        codes = y["tokens"][0, : int(y[SIZE][0])].tolist()
        names = [*(self.tokenizer.decode([code]).strip() or "␣" for code in codes), "(end)"]
        return ("text", *(f"{at}: {name}" for at, name in enumerate(names, 1)))

    def explained(self, raw: Tensor, y: Tensors) -> Tensor:
        """The log-probability of the text, that of each of its symbols after the ones before it, and that of its end, in
        nats, ``[B, 2 + S]`` (S: the longest text of the batch)."""
        each = factors(raw / self.temperature, y["tokens"], y[SIZE], self.tokenizer.pad)
        return torch.cat([each.sum(1, keepdim=True), each], dim=1)

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedTranscript:
        """The temperature at which held-out transcripts are likeliest (Guo et al. 2017, arXiv:1706.04599), of as many as fit
        in a small memory; a text with too few frames says nothing of it."""
        held: list[tuple[Tensor, Tensors]] = []
        numbers = 0
        for raw, y in answers:
            held.append((raw.detach().float(), y))
            numbers += raw.numel()
            if numbers > HELD:
                break
        grid = np.exp(np.linspace(-math.log(WARMEST), math.log(WARMEST), 15))
        costs = []
        for temperature in grid:
            warm = replace(self, temperature=float(temperature))
            losses = torch.cat([warm.loss(raw, y) for raw, y in held])
            costs.append(float(losses[losses < _ctc.IMPOSSIBLE].sum()))
        return replace(self, temperature=round(float(grid[int(np.argmin(costs))]), 4))

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """1 less the word error rate of each answer by itself, ``[B]``: 1 where every word is right."""
        said, true = self._pairs(answers, y)
        return _transcript_metrics.verdict(said, true)

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """Which kinds of edits there are, and the words that are taken for others most often."""
        return _transcript_metrics.tables(*self._pairs(answers, y))

    def to_json(self) -> JSON:
        """Everything that `Transcript.load` needs."""
        return asdict(self)

    def _search(self, raw: Tensor) -> list[list[int]]:
        log_p = (raw.float() / self.temperature).log_softmax(2)
        if self.beam == 1:
            return _ctc.greedy(log_p, self.tokenizer.pad)
        frames = _ctc.frames_of(raw).tolist()
        return [
            _ctc.prefix_beam(row[:end].tolist(), self.tokenizer.pad, self.beam)
            for row, end in zip(log_p.cpu(), frames, strict=True)
        ]

    def _texts(self, tokens: NDArray[Any], size: NDArray[Any]) -> list[str]:
        return [
            spoken(self.tokenizer.decode(row[:end]), self.lower)
            for row, end in zip(tokens.tolist(), size.tolist(), strict=True)
        ]

    def _pairs(self, answers: Pack, y: Pack) -> tuple[list[str], list[str]]:
        return self._texts(answers["answer"], answers[SIZE]), self._texts(y["tokens"], y[SIZE])

    def _unknown(self, text: str) -> str:
        whole = self.tokenizer.kind == "words"
        pieces = text.split() if whole else text
        strange = sorted({p for p in pieces if self.tokenizer.unknown in self.tokenizer.encode([p])[0]})
        shown = _listed(strange, whole)
        return (
            f"the transcript holds {shown or 'pieces'}, which no training transcript does: the model has no symbol for it. "
            "Write it in other words, or train on data that holds it"
        )


def _listed(symbols: Sequence[str], words: bool) -> str:
    """Words, or characters with their code points, as a sentence names them."""
    code = "" if words else " (U+{:04X})"
    return ", ".join(f'"{symbol}"' + code.format(ord(symbol[0])) for symbol in symbols[:10])


def spoken(text: str, lower: bool) -> str:
    """A text with single spaces and none at its ends; in small letters where ``lower``.

    >>> spoken(" Six  SEVEN ", True)
    'six seven'
    """
    text = " ".join(text.split())
    return text.lower() if lower else text
