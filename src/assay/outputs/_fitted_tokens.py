"""Fitted token outputs: encoding, loss, answers and tallies.

Legend: N examples, B batch, T places of an answer, V vocabulary, W bytes of a text, k tally columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assay.codecs.tokenizer import Tokenizer
from assay.core.errors import ConfigError
from assay.core.metric import Array, Metric
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import check
from assay.core.record import Table
from assay.outputs import _ngrams, _tokens_metrics
from assay.outputs._decoding import (
    Beam,
    Codes,
    Found,
    Longest,
    Penalty,
    Seed,
    Temperature,
    TopP,
    draws,
    sample,
    search,
)
from assay.outputs._token_texts import encoded, found_texts, in_part, references

_IGNORED = -100
TIMED = 16  # tokens of the answers that speed is measured by, where answers have no end of their own


@dataclass(frozen=True)
class FittedTokens:
    """Texts as codes of a tokenizer.

    Attributes:
        tokenizer: the vocabulary.
        longest: the most tokens of an answer, its end included.
        width: the most bytes of a text that answers are compared with; 0 where they are not.
        context: the most tokens that a causal network sees at once.
        mean: how many tokens a training text has: what the objective is scaled by, so that every token weighs the same.
        beam, temperature, top_p, length_penalty, seed, continues: as `Tokens` has them.
    """

    tokenizer: Tokenizer = field(repr=False)
    longest: Longest
    width: int
    context: int
    mean: float
    beam: Beam = 1
    temperature: Temperature = 0.0
    top_p: TopP = 1.0
    length_penalty: Penalty = 1.0
    seed: Seed = 0
    continues: bool = False

    adjustable: ClassVar[tuple[str, ...]] = ("beam", "temperature", "top_p", "length_penalty", "longest", "seed")
    classes: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check(self)
        one_way(self.beam, self.temperature)

    @property
    def dims(self) -> JSON:
        """The vocabulary, the code of padding, and how many tokens are seen at once."""
        return {
            "vocabulary": self.tokenizer.size,
            "begin": self.tokenizer.begin,
            "pad": self.tokenizer.pad,
            "context": self.context,
        }

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Where answers continue: bits a character first. Else BLEU, chrF and exact matches, then perplexity."""
        if self.continues:
            return _tokens_metrics.metrics()
        return (*_ngrams.metrics(), _tokens_metrics.metrics(_ngrams.COLUMNS)[-1])

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """As `assay.outputs._token_texts.encoded`."""
        compared = None if self.continues else self.width
        return encoded(ys, problems, self.tokenizer, longest=self.longest, compared=compared)

    def notes(self, ys: Sequence[Any]) -> Problems:
        """The texts that are learned and scored in part, where answers are compared with all of them."""
        return {} if self.continues else in_part(ys, self.tokenizer, self.longest)

    def plain(self, y: Pack) -> None:
        """Nothing: a text is neither one of a few classes nor a quantity."""
        return

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """Logits of each token given the true ones before it, ``[B, T, V]`` (T: the longest text of the batch); of the
        first token alone where no text is given. 0 where a text has ended."""
        rows = len(next(iter(x.values())))
        begin = torch.full((rows, 1), self.tokenizer.begin, dtype=torch.int64, device=next(iter(x.values())).device)
        if y is None:
            return network(given=begin, **x)  # type: ignore[no-any-return]
        longest = int(y[LENGTH].max())
        given = torch.cat([begin, y["tokens"][:, : longest - 1].long()], dim=1)
        logits: Tensor = network(given=given, **x)
        if int(y[LENGTH].min()) == longest:
            return logits
        return logits.masked_fill(~_there(y[LENGTH], longest).unsqueeze(2), 0.0)

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Minus the log-probability of the whole text in nats, ``[B]``."""
        return self._nll(raw, y, 0.0)

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss, perhaps smoothed, over the mean length of training texts: every token weighs the same, ``[B]``."""
        return self._nll(raw, y, smoothing) / self.mean

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """Kullback–Leibler divergence of ``b``'s probabilities from ``a``'s, summed over the tokens, in nats, ``[B]``."""
        log_a, log_b = a.float().log_softmax(-1), b.float().log_softmax(-1)
        return (log_a.exp() * (log_a - log_b)).sum((1, 2)).clamp_min(0)

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """Answers: ``{"answer": int32 [B, longest], "length": int32 [B], "log_probability": float64 [B]}``.

        With the text at hand its ``nll`` ``[B]``, in nats, is there too; and where answers continue, it is there alone.
        """
        columns: Pack = {}
        with torch.inference_mode():
            if y is not None:
                columns["nll"] = self.loss(self.forward(network, x, y), y).double().cpu().numpy()
            if y is None or not self.continues:
                found = self._found(network, x)
                columns["answer"] = found.tokens.to(torch.int32).cpu().numpy()
                columns[LENGTH] = found.length.to(torch.int32).cpu().numpy()
                columns["log_probability"] = found.log_probability.double().cpu().numpy()
        return columns

    @property
    def timed(self) -> tuple[FittedTokens, str]:
        """The output that speed is measured with, and what a reader of the figures must know: an answer that continues has
        no end of its own, and as many tokens as are asked for."""
        if not self.continues or self.longest <= TIMED:
            return self, ""
        return replace(self, longest=TIMED), f"Latency and throughput are of answers of {TIMED} tokens."

    def rows(self, answers: Pack) -> list[JSON]:
        """The text, its log-probability and, as confidence, the mean probability of a token (geometric). No text where the
        true one was scored, and none searched for."""
        if "answer" not in answers:
            return [{"text": None, "log_probability": -float(nll)} for nll in answers["nll"]]
        return [
            {"text": text, "log_probability": float(p), "confidence": float(np.exp(p / length))}
            for text, p, length in zip(
                self._texts(answers), answers["log_probability"].tolist(), answers[LENGTH].tolist(), strict=True
            )
        ]

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Nats, tokens, characters, bytes and 1, ``[B, k]``; before them the n-gram counts where answers are compared."""
        sizes = _tokens_metrics.sizes(answers["nll"], y[LENGTH], y["characters"], y["bytes"])
        if self.continues:
            return sizes
        return np.concatenate([_ngrams.statistics(self._texts(answers), references(y)), sizes], axis=1)

    def own(self, answers: Pack) -> Pack:
        """The texts that were found, token by token, as `encode` gives them."""
        return found_texts(answers["answer"], answers[LENGTH], self._texts(answers), self.tokenizer, self.width)

    def claims(self, y: Pack) -> tuple[str, ...]:
        """The text, and then each of its tokens."""
        codes = y["tokens"][0, : int(y[LENGTH][0])].tolist()
        end = self.tokenizer.end
        names = ["(end)" if code == end else self.tokenizer.decode([code]).strip() or "␣" for code in codes]
        return ("text", *(f"{at}: {name}" for at, name in enumerate(names, 1)))

    def explained(self, raw: Tensor, y: Tensors) -> Tensor:
        """The log-probability of the text, and that of each of its tokens, in nats, ``[B, 1 + T]``."""
        each = -self._each(raw, y, 0.0)
        return torch.cat([each.sum(1, keepdim=True), each], dim=1)

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedTokens:
        """Itself."""
        return self

    @property
    def judged(self) -> str:
        """What `verdict` is."""
        return "log_probability_of_a_token" if self.continues else "chrf_of_a_text"

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """Where answers continue, log-probability a token; else chrF of each answer by itself. ``[B]``."""
        if self.continues:
            return np.asarray(-answers["nll"] / y[LENGTH], dtype=np.float64)
        return np.asarray(_ngrams.metrics()[1].of(self.tally(answers, y)), dtype=np.float64)

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """None."""
        return ()

    def to_json(self) -> JSON:
        """Everything that `Tokens.load` needs."""
        return asdict(self)

    def _nll(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        return self._each(raw, y, smoothing).sum(1)

    def _each(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        there = _there(y[LENGTH], raw.shape[1])
        tokens = y["tokens"][:, : raw.shape[1]].long().masked_fill(~there, _IGNORED)
        each = functional.cross_entropy(
            raw.flatten(0, 1).float(),
            tokens.flatten(),
            reduction="none",
            ignore_index=_IGNORED,
            label_smoothing=smoothing,
        )
        return each.view(tokens.shape)

    def _found(self, network: Any, x: Tensors) -> Found:
        memory = network.body(**x)
        special = self.tokenizer
        never = {special.pad, special.begin, special.unknown} - {special.end}
        codes = Codes(special.begin, special.end, tuple(sorted(never)))
        if self.temperature == 0:
            return search(
                network.head, memory, codes, beam=self.beam, longest=self.longest, penalty=self.length_penalty
            )
        uniform = torch.from_numpy(draws(x, self.seed, self.longest))
        uniform = uniform.to(next(iter(x.values())).device)
        return sample(
            network.head, memory, codes, uniform, temperature=self.temperature, top_p=self.top_p, longest=self.longest
        )

    def _texts(self, answers: Pack) -> list[str]:
        lengths = answers[LENGTH].tolist()
        return [
            self.tokenizer.decode(row[:length]) for row, length in zip(answers["answer"].tolist(), lengths, strict=True)
        ]


def one_way(beam: int, temperature: float) -> None:
    """Refuse a search that is to draw its answers, too.

    Raises:
        ConfigError: naming both.
    """
    if beam > 1 and temperature > 0:
        raise ConfigError(
            f"--set beam={beam} searches and --set temperature={temperature:g} draws: set beam=1 to draw answers, or "
            "temperature=0 to search for the likeliest."
        )


def _there(length: Tensor, places: int) -> Tensor:
    return torch.arange(places, device=length.device) < length.unsqueeze(1)
