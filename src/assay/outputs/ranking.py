"""A ranking of a whole catalogue: what a user takes next, among all items that he has not had.

Quality is always measured over the full ranking. Metrics over a few sampled candidates are another thing and order models
otherwise (Krichene & Rendle, On Sampled Metrics for Item Recommendation, KDD 2020), so there are none.

Legend: N examples, B batch, W places, M targets of a batch, V items (codes 1 to V; 0 is none), k listed items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.codecs.catalogue import NONE, Catalogue, item_name, learn
from assay.core.errors import DataError, Unsupported
from assay.core.metric import Array, Metric, ratio
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.core.record import Table
from assay.outputs._ranking_scores import divergence, likely, ranks, temperature
from assay.outputs._ranking_tables import exposure, ranking_tables

UNSEEN = -1  # the target of a judged example that is in no catalogue
Listed = Annotated[int, Within(1, 10_000)]
SCORES = 1 << 24  # the most scores that a temperature is fitted to

_GAIN, _HIT, _RECIPROCAL, _ONE, _LOSS, _KNOWN = range(6)  # columns of the tally


@dataclass(frozen=True)
class Ranking:
    """The next item of a history. A target is an item, or a list of items of which the last is the answer to the whole
    history and each one before followed a shorter one: training learns from all of them at once.

    Attributes:
        k: how many items are listed, and the depth of NDCG and recall.
        candidates: what a target is ranked among: ``all``; nothing else is accepted.
    """

    k: Listed = 10
    candidates: str = "all"

    names = ("next", "target", "item", "answer", "y")

    def __post_init__(self) -> None:
        check(self)
        if self.candidates != "all":
            raise Unsupported(
                f"--set candidates={self.candidates}: a target is ranked among all items. Metrics over sampled candidates "
                "are another quantity and can order models the other way round (Krichene & Rendle, KDD 2020). Accepted: all."
            )

    def fit(self, ys: Sequence[Any]) -> FittedRanking:
        """The catalogue of the items in ``ys``; `assay.tasks.recommendation` fits it to the histories too.

        Raises:
            DataError: there is no item in them.
        """
        cells = [found for y in ys if isinstance(found := targets(y), list)]
        return self.fitted(learn(cells), max(map(len, cells), default=1))

    def fitted(self, catalogue: Catalogue, longest: int) -> FittedRanking:
        """The codec for a catalogue, where an example has ``longest`` targets at most.

        Raises:
            DataError: the catalogue has fewer than two items.
        """
        if len(catalogue) < 2:
            raise DataError(f"The training data names {len(catalogue)} items: a ranking takes at least two.")
        return FittedRanking(catalogue, self.k, longest)

    def load(self, state: JSON) -> FittedRanking:
        """The inverse of `FittedRanking.to_json`."""
        catalogue = Catalogue(tuple(state["catalogue"]))
        return FittedRanking(catalogue, int(state["k"]), int(state["longest"]), float(state["temperature"]))

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """One of six items by chance, of those of the right (+1) or of the left (−1)."""
        return [f"after {'right' if sign > 0 else 'left'} {rng.integers(6)}" for sign in signs]


@dataclass(frozen=True)
class FittedRanking:
    """Targets as codes of the catalogue.

    Attributes:
        catalogue: the items.
        k: how many are listed.
        longest: W, the most targets of an example.
        temperature: what scores are divided by, fitted on held-out answers.
    """

    catalogue: Catalogue
    k: Listed
    longest: int
    temperature: float = 1.0

    adjustable: ClassVar[tuple[str, ...]] = ("k",)
    classes: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check(self)

    @property
    def dims(self) -> JSON:
        """How many items there are."""
        return {"items": len(self.catalogue)}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """NDCG and recall of the first k, the mean reciprocal rank over the full ranking, and the log-loss of targets
        that are in the catalogue."""
        return (
            ratio(f"ndcg@{self.k}", _GAIN, _ONE, better="higher"),
            ratio(f"recall@{self.k}", _HIT, _ONE, better="higher", proportion=True),
            ratio("mrr", _RECIPROCAL, _ONE, better="higher"),
            ratio("log_loss", _LOSS, _KNOWN, better="lower", unit="nats"),
        )

    @property
    def rates(self) -> tuple[Metric, ...]:
        """How much exposure, in the list, items get that are not among the most popular tenth."""
        return (ratio("rare_exposure", 0, 1, better="neither"),)

    def rated(self, answers: Pack, y: Pack) -> Array:
        """The tallies of `rates`, ``[B, 2]``."""
        return exposure(len(self.catalogue), answers["items"])

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``next`` int32 ``[N, W]``, right-aligned: the answer is in the last place, 0 where there is none.

        An answer never seen in training is `UNSEEN`: no model can name it, so it counts as a miss. Earlier ones that were
        never seen are passed over. A target that is missing is a problem.
        """
        found = np.full((len(ys), self.longest), NONE, dtype=np.int32)
        for at, y in enumerate(ys):
            cells = targets(y)
            if isinstance(cells, str):
                problems[at] = cells
                continue
            codes = self.catalogue.codes(cells[-self.longest :])
            found[at, self.longest - len(codes) :] = codes
            if codes[-1] == NONE:
                found[at, -1] = UNSEEN
        return {"next": found}

    def impossible(self, y: Any) -> str | None:
        """Why no answer can be this item: it was never seen in training; ``None`` where it was."""
        return None if self.catalogue.code(y) else f'no item "{y}" was seen in training. {self.catalogue.offer(str(y))}'

    def plain(self, y: Pack) -> None:
        """Nothing: an item is one of too many to be a class."""

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """Where there is no target or one an example, the scores of all items after the whole history, ``[B, V + 1]``:
        −∞ for item 0 and for those in the history.

        Where there are several, ``[B, 2]``: their log-probabilities, and of each the mean over all items that it could have
        been, both summed over the targets of an example. (V is 2 at least, so the two are never alike.)
        """
        if y is None or not (y["next"][:, :-1] != NONE).any():
            return network(**x)  # type: ignore[no-any-return]
        return network(given=y["next"], **x)  # type: ignore[no-any-return]

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Minus the log-probability of all targets in nats, ``[B]`` (of several, without the temperature).

        One that no model can name, because it is not in the catalogue or in the history already, counts as of the least
        probability that is a number (87 nats).
        """
        return -self._likely(raw, y)[:, 0]

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss against smoothed targets over the number of targets, ``[B]``: every user weighs the same, as in the
        metrics, however long his history is."""
        found = self._likely(raw, y)
        mixed = found[:, 0] if smoothing == 0 else torch.lerp(found[:, 0], found[:, 1], smoothing)
        return -mixed / (y["next"] != NONE).sum(1).clamp_min(1)

    def _likely(self, raw: Tensor, y: Tensors) -> Tensor:
        return raw if raw.shape[1] == 2 else likely(raw.float() / self.temperature, y["next"][:, -1].long())

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """Kullback–Leibler divergence of ``b``'s probabilities of the next item from ``a``'s, in nats, ``[B]``, over the
        items that are in neither history. Of answers with several targets: how far their log-probabilities differ."""
        if a.shape[1] == 2:
            return (a[:, 0] - b[:, 0]).abs()
        return divergence(a.float() / self.temperature, b.float() / self.temperature)

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """``items`` int32 and ``probability`` float32 ``[B, k]`` (0 where fewer than k are left), best first. With targets
        also ``rank`` int32 ``[B]`` among the items that the user has not had, and ``nats`` float32 ``[B]``, the loss.

        For the rank see `assay.outputs._ranking_scores.ranks`: it is over the full catalogue, and V + 1 for a target that
        cannot be named.
        """
        with torch.inference_mode():
            log_p = (self.forward(network, x).float() / self.temperature).log_softmax(-1)
            k = min(self.k, len(self.catalogue))
            best, items = log_p.topk(k, dim=-1)
            items = torch.where(best.isfinite(), items, NONE)
            wide = (0, self.k - k)
            found = {
                "items": nn.functional.pad(items, wide, value=NONE).int(),
                "probability": nn.functional.pad(best.exp(), wide),
            }
            if y is not None:
                answer = y["next"][:, -1].long()
                found["rank"] = ranks(log_p, answer).int()
                found["nats"] = -likely(log_p, answer)[:, 0]
        return {name: tensor.cpu().numpy() for name, tensor in found.items()}

    def rows(self, answers: Pack) -> list[JSON]:
        """The best item, its probability, and the first k with theirs."""
        made = []
        for codes, chances in zip(answers["items"].tolist(), answers["probability"].tolist(), strict=True):
            listed = [(self.catalogue.name(c), p) for c, p in zip(codes, chances, strict=True) if c != NONE]
            made.append(
                {
                    "item": listed[0][0] if listed else None,
                    "confidence": listed[0][1] if listed else 0.0,
                    "items": [{"item": name, "probability": p} for name, p in listed],
                }
            )
        return made

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Gain, hit, reciprocal rank, 1, then the loss and 1 where the target can be named; ``[B, 6]``.

        With one target an example, NDCG@k is the mean of ``1 / log2(rank + 1)`` where the rank is k at most, else 0
        (Järvelin & Kekäläinen 2002).
        """
        rank = answers["rank"].astype(np.float64)
        there = rank <= len(self.catalogue)
        hit = there & (rank <= self.k)
        out = np.zeros((len(rank), 6))
        out[:, _GAIN] = np.where(hit, 1 / np.log2(rank + 1), 0)
        out[:, _HIT] = hit
        out[:, _RECIPROCAL] = np.where(there, 1 / rank, 0)
        out[:, _ONE] = 1
        out[:, _LOSS] = np.where(there, answers["nats"], 0)
        out[:, _KNOWN] = there
        return out

    def own(self, answers: Pack) -> Pack:
        """The best item, as `encode` gives it."""
        return {"next": np.pad(answers["items"][:, :1].astype(np.int32), ((0, 0), (self.longest - 1, 0)))}

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedRanking:
        """The temperature (Guo et al. 2017, arXiv:1706.04599) at which held-out answers are likeliest, by bisection of the
        derivative: log-loss is convex in its inverse. As many answers are used as `SCORES` allows."""
        scores, codes, held = [], [], 0
        for raw, y in answers:
            if raw.shape[1] == 2 or held >= SCORES:
                break
            target = y["next"][:, -1].long()
            can = (target > NONE) & raw.gather(1, target.clamp_min(0)[:, None])[:, 0].isfinite()
            scores.append(raw[can].float().cpu())
            codes.append(target[can].cpu())
            held += raw.numel()
        if not scores or not sum(map(len, codes)):
            return self
        return replace(self, temperature=round(temperature(torch.cat(scores), torch.cat(codes)), 4))

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """1 where the target is among the first k, else 0, ``[B]``."""
        return np.asarray(answers["rank"] <= min(self.k, len(self.catalogue)), dtype=np.float64)

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """Where targets stand, quality by popularity of the target, and how much of the catalogue is offered."""
        return ranking_tables(len(self.catalogue), self.k, answers["items"], answers["rank"], y["next"][:, -1])

    def to_json(self) -> JSON:
        """Everything that `Ranking.load` needs."""
        return {
            "catalogue": list(self.catalogue.items),
            "k": self.k,
            "longest": self.longest,
            "temperature": self.temperature,
        }


def targets(y: Any) -> list[Any] | str:
    """The raw items of a target, the answer last, or in words why there are none.

    >>> targets("tea"), targets(["tea", 7]), targets(None)
    (['tea'], ['tea', 7], 'it has no next item')
    """
    cells = y.tolist() if isinstance(y, np.ndarray) else y
    cells = list(cells) if isinstance(cells, list | tuple) else [cells]
    if not cells or item_name(cells[-1]) is None:
        return "it has no next item"
    return cells
