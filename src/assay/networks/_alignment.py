"""Which frame of a sound says which character: found while training, by no aligner from outside.

The alignment framework of Badlani et al. 2021 ("One TTS Alignment To Rule Them All", arXiv:2108.10447): each frame gives
every character a probability; training sums over all ways to go through the characters in their order (the forward sum of
CTC), helped by a prior that expects them evenly spread. The likeliest single way (monotonic alignment search, Kim et al.
2020, "Glow-TTS", arXiv:2005.11129) gives each character its number of frames.

Unlike there, no frame may belong to no character: where it may (the blank of CTC), whatever is doubtful goes there, and the
ends of characters drift. Of letters with sounds and lengths of their own, 97 % get their exact length without a blank and
33 % with one.

Legend: B batch, L characters, T frames, D width.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

NEVER = -1e9  # the score of what cannot be


def spread(length: Tensor, frames: Tensor) -> Tensor:
    """The logarithm of a prior of each character at each frame, ``[B, T, L]``: near the diagonal it is largest.

    Beta-binomial (Shih et al. 2021, "RAD-TTS"): of ``n`` characters, frame ``t`` of ``T`` expects the ``n · t / T``-th.

    Args:
        length: characters of each example, int64 ``[B]``.
        frames: frames of each example, int64 ``[B]``.

    >>> spread(torch.tensor([3]), torch.tensor([5]))[0].argmax(1).tolist()
    [0, 0, 1, 2, 2]
    """
    table = _log_factorials(int(length.max() + frames.max()) + 2).to(length.device)
    t = torch.arange(1, int(frames.max()) + 1, device=length.device)[None, :, None]
    k = torch.arange(int(length.max()), device=length.device)[None, None, :]
    n, whole = (length - 1)[:, None, None], frames[:, None, None]
    left = (n - k).clamp_min(0)
    after = (whole - t).clamp_min(0)  # frames that are still to come
    # log C(n, k) + log B(k + t, n − k + T − t + 1) − log B(t, T − t + 1), every argument whole: log Γ(m) is table[m − 1]
    choose = table[n] - table[k] - table[left]
    joint = table[k + t - 1] + table[left + after] - table[n + whole]
    alone = table[t - 1] + table[after] - table[whole]
    return choose + joint - alone


def forward_sum(scores: Tensor, length: Tensor, frames: Tensor) -> Tensor:
    """Minus the log-probability, in nats, of going through all characters in their order, ``[B]``; 0 where there are fewer
    frames than characters.

    Args:
        scores: of each character at each frame, ``[B, T, L]``; probabilities are their softmax.
        length, frames: as `spread` takes them.

    >>> sure = torch.tensor([[[50.0, 0.0], [50.0, 0.0], [0.0, 50.0]]])
    >>> float(forward_sum(sure, torch.tensor([2]), torch.tensor([3])).abs()) < 1e-4
    True
    """
    places = torch.arange(scores.shape[2], device=scores.device)
    masked = scores.float().masked_fill(places >= length[:, None, None], NEVER)
    log = functional.pad(masked, (1, 0), value=NEVER).log_softmax(2)
    order = (places + 1).expand(len(scores), -1)
    return functional.ctc_loss(log.transpose(0, 1), order, frames, length, reduction="none", zero_infinity=True)


def unlikelihood(scores: Tensor, length: Tensor, frames: Tensor) -> Tensor:
    """Minus the logarithm of the likelihood of all ways together, ``[B]``, where scores are log-likelihoods of a frame given
    a character and need not sum to 1 over the characters (a hidden Markov model of one state a character); 0 where there
    are fewer frames than characters.

    Args:
        scores, length, frames: as `forward_sum` takes them.

    >>> sure = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]])  # the two ways have 1 + 2 + 3 and 1 + 0 + 3
    >>> round(float(unlikelihood(sure, torch.tensor([2]), torch.tensor([3]))), 4)
    -6.1269
    """
    places, steps = (torch.arange(size, device=scores.device) for size in (scores.shape[2], scores.shape[1]))
    masked = scores.float().masked_fill(places >= length[:, None, None], NEVER)
    there = (steps < frames[:, None]) & (frames >= length)[:, None]
    # What makes probabilities of the likelihoods, as `forward_sum` wants them, is taken off again.
    return forward_sum(masked, length, frames) - (masked.logsumexp(2) * there).sum(1)


def durations(scores: Tensor, length: Tensor, frames: Tensor) -> Tensor:
    """How many frames each character has on the likeliest way through all of them, int64 ``[B, L]``.

    They sum to ``frames``, and each is at least 1 where there are as many frames as characters. (With fewer, the first
    characters have none.)

    Args:
        scores, length, frames: as `forward_sum` takes them.

    >>> scores = torch.tensor([[[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]]])
    >>> durations(scores, torch.tensor([2]), torch.tensor([3])).tolist()
    [[2, 1]]
    """
    value = scores.detach().float().log_softmax(2).cpu().numpy()
    found = _paths(value, length.cpu().numpy(), frames.cpu().numpy())
    return torch.from_numpy(found).to(scores.device)


def _paths(value: NDArray[np.float32], length: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Dynamic programming over the frames, all examples at once."""
    rows, steps, places = value.shape
    best = np.full((rows, places + 1), NEVER, dtype=np.float32)  # place 0 is before the first character
    best[:, 0] = 0.0
    moved = np.zeros((steps, rows, places), dtype=bool)
    for t in range(steps):
        moved[t] = best[:, :-1] >= best[:, 1:]
        best[:, 1:] = np.maximum(best[:, :-1], best[:, 1:]) + value[:, t]
        best[:, 0] = NEVER
    at, found, each = length - 1, np.zeros((rows, places), dtype=np.int64), np.arange(rows)
    for t in range(steps - 1, -1, -1):
        here = t < frames
        found[each[here], at[here]] += 1
        back = here & moved[t, each, at] & (at > 0)
        at = at - back
    return found


@lru_cache(maxsize=8)
def _log_factorials(n: int) -> Tensor:
    return torch.lgamma(torch.arange(1, n + 1, dtype=torch.float64)).float()
