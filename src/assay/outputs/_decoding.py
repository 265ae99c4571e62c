"""Finding an answer token by token: greedy and beam search, and sampling, on a head with a cache.

A head gives ``start(memory) → state``, ``step(state, tokens [B]) → (logits [B, V], state)`` and ``reorder(state, index)``.
Every row is searched by itself: what else is in the batch changes nothing.

Legend: B batch, K beams, V vocabulary, T longest answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.core.files import digest
from assay.core.ranges import Within

# Options of a search. Beams are all kept in memory: each costs as much as a text of its own.
Beam = Annotated[int, Within(1, 100)]
Temperature = Annotated[float, Within(0, 100)]
TopP = Annotated[float, Within(0, 1, above=True)]
Penalty = Annotated[float, Within(-5, 5)]
Longest = Annotated[int, Within(1, 65_536)]
Seed = Annotated[int, Within(0, 4_294_967_295)]

COLDEST = 1e-6  # a temperature at which the likeliest token is drawn for certain


@dataclass(frozen=True)
class Found:
    """Answers.

    Attributes:
        tokens: int64 ``[B, T]``; what stands after an answer's length means nothing.
        length: how many tokens each answer has, the one that ends it included, ``[B]``.
        log_probability: of those tokens, in nats, ``[B]``.
    """

    tokens: Tensor
    length: Tensor
    log_probability: Tensor


@dataclass(frozen=True)
class Codes:
    """The codes that a search must know: of the beginning and the end, those that are no answer, and those that no answer
    starts with."""

    begin: int
    end: int
    never: tuple[int, ...] = ()
    first: tuple[int, ...] = ()


def search(
    head: Any, memory: Any, codes: Codes, *, beam: int, longest: int, penalty: float = 1.0, eager: bool = True
) -> Found:
    """The best answers that a beam of width ``beam`` finds; a beam of 1 is greedy decoding.

    Of 2 K continuations, those among the first K that end are finished, the others go on. A row is done when it has K
    finished answers, and the best of them is that of the largest ``log-probability / length ** penalty`` (Wu et al. 2016,
    arXiv:1609.08144, without their shift). An answer that has not ended after ``longest`` tokens is cut there.

    Where a network is nearly certain, K poor answers may end before the best one does. With ``eager`` off a row is done
    only when none that goes on is better by now than the worst of these.
    """
    state, rows, device = _begin(head, memory, beam)
    k = beam
    alive = torch.full((rows, k), -torch.inf, device=device)
    alive[:, 0] = 0.0
    tokens = torch.full((rows, k, longest), codes.end, dtype=torch.int64, device=device)
    whole = Found(
        tokens.clone(), torch.ones(rows, k, dtype=torch.int64, device=device), torch.full_like(alive, -torch.inf)
    )
    ended, active = whole, torch.arange(rows, device=device)  # the rows that are searched still
    last = torch.full((rows * k,), codes.begin, dtype=torch.int64, device=device)
    for at in range(longest):
        logits, state = head.step(state, last)
        scores = alive.unsqueeze(2) + _log_probabilities(logits, codes, at).view(len(active), k, -1)
        vocabulary = scores.shape[2]
        value, where = scores.flatten(1).topk(min(2 * k, k * vocabulary))
        source, token = where // vocabulary, where % vocabulary
        grown = tokens.gather(1, source.unsqueeze(2).expand(-1, -1, longest))
        grown[:, :, at] = token
        ends = token == codes.end
        finished = value.masked_fill(~ends, -torch.inf)
        finished[:, k:] = -torch.inf
        ended = _better(ended, grown, finished, at + 1, penalty)
        value, chosen = value.masked_fill(ends, -torch.inf).topk(k)
        tokens = grown.gather(1, chosen.unsqueeze(2).expand(-1, -1, longest))
        done = ended.log_probability.isfinite().all(1)
        if not eager:
            done &= _scored(ended, penalty).amin(1) >= value.amax(1) / (at + 1) ** penalty
        alive = value.masked_fill(done.unsqueeze(1), -torch.inf)
        if done.all():
            break
        last, source = token.gather(1, chosen), source.gather(1, chosen)
        kept = torch.arange(len(active), device=device)
        if 2 * int(done.sum()) > len(done):  # a few long answers do not hold up the others
            _put(whole, ended, active)
            kept = kept[~done]
            ended, active = Found(*(field[kept] for field in vars(ended).values())), active[kept]
            tokens, alive, last, source = tokens[kept], alive[kept], last[kept], source[kept]
        last = last.flatten()
        if k > 1 or len(kept) < len(done):
            state = head.reorder(state, (kept[:, None] * k + source).flatten())
    else:
        ended = _better(ended, tokens, alive, longest, penalty)
    _put(whole, ended, active)
    best = _scored(whole, penalty).argmax(1)
    return Found(*(field[torch.arange(rows, device=device), best] for field in vars(whole).values()))


def sample(
    head: Any, memory: Any, codes: Codes, uniform: Tensor, *, temperature: float, top_p: float, longest: int
) -> Found:
    """Answers drawn token by token from probabilities sharpened by ``temperature``, among the likeliest tokens that have
    ``top_p`` of the probability together (nucleus sampling: Holtzman et al. 2020, arXiv:1904.09751).

    Args:
        head, memory, codes, longest: as in `search`.
        uniform: what is drawn, between 0 and 1, ``[B, longest]``.
        temperature: above 0; so close to it that its inverse is no number, the likeliest is drawn.
        top_p: above 0, at most 1.
    """
    state, rows, device = _begin(head, memory, 1)
    tokens = torch.full((rows, longest), codes.end, dtype=torch.int64, device=device)
    length = torch.full((rows,), longest, dtype=torch.int64, device=device)
    total = torch.zeros(rows, dtype=torch.float64, device=device)
    done = torch.zeros(rows, dtype=torch.bool, device=device)
    last = torch.full((rows,), codes.begin, dtype=torch.int64, device=device)
    for at in range(longest):
        logits, state = head.step(state, last)
        scores = _log_probabilities(logits, codes, at)
        below = scores - scores.amax(-1, keepdim=True)  # of the likeliest 0, which no temperature makes endless
        chance, order = (below / max(temperature, COLDEST)).softmax(-1).sort(dim=-1, descending=True, stable=True)
        before = chance.cumsum(-1) - chance
        kept = chance.masked_fill(before >= top_p, 0.0)
        edge = kept.cumsum(-1)
        drawn = (edge <= uniform[:, at : at + 1].to(edge) * edge[:, -1:]).sum(-1, keepdim=True)
        last = order.gather(1, drawn.clamp_max(order.shape[1] - 1)).squeeze(1)
        total += scores.gather(1, last.unsqueeze(1)).squeeze(1).double().masked_fill(done, 0.0)
        tokens[:, at] = last.masked_fill(done, codes.end)
        ends = ~done & (last == codes.end)
        length = length.masked_fill(ends, at + 1)
        done |= ends
        if done.all():
            break
    return Found(tokens, length, total.float())


def draws(x: Mapping[str, Tensor], seed: int, longest: int) -> NDArray[np.float32]:
    """Uniform numbers ``[B, longest]`` that a row's own content and ``seed`` decide: no neighbour and no padding does."""
    names = sorted(x)
    arrays = [x[name].detach().cpu().numpy() for name in names]
    out = np.empty((len(arrays[0]), longest), dtype=np.float32)
    for row in range(len(out)):
        content = [array[row][array[row] != 0].tobytes() for array in arrays]
        state = int(digest(str(seed), *content), 16)
        out[row] = np.random.default_rng(state).random(longest, dtype=np.float32)
    return out


def _begin(head: Any, memory: Any, beam: int) -> tuple[Any, int, torch.device]:
    first = memory[0] if isinstance(memory, tuple) else memory
    rows, device = len(first), first.device
    state = head.start(memory)
    if beam > 1:
        state = head.reorder(state, torch.arange(rows, device=device).repeat_interleave(beam))
    return state, rows, device


def _log_probabilities(logits: Tensor, codes: Codes, at: int) -> Tensor:
    scores = logits.float().log_softmax(-1)
    if never := (*codes.never, *(() if at else codes.first)):
        scores[:, list(never)] = -torch.inf
    return scores


def _put(whole: Found, part: Found, rows: Tensor) -> None:
    """Write the answers of ``rows`` to where they stand in the whole batch."""
    for field, held in zip(vars(whole).values(), vars(part).values(), strict=True):
        field[rows] = held


def _scored(found: Found, penalty: float) -> Tensor:
    """What beams are compared by."""
    return found.log_probability / found.length**penalty


def _better(ended: Found, tokens: Tensor, value: Tensor, length: int, penalty: float) -> Found:
    """The best K of the finished answers and of new ones of ``length`` tokens; ``-inf`` is none."""
    k = ended.length.shape[1]
    values = torch.cat([ended.log_probability, value], dim=1)
    lengths = torch.cat([ended.length, torch.full_like(value, length, dtype=torch.int64)], dim=1)
    every = torch.cat([ended.tokens, tokens], dim=1)
    best = (values / lengths**penalty).topk(k).indices
    wide = best.unsqueeze(2).expand(-1, -1, every.shape[2])
    return Found(every.gather(1, wide), lengths.gather(1, best), values.gather(1, best))
