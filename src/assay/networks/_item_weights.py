"""Item-to-item weights in closed form: what the items of a history say for every other one.

EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, 2019, arXiv:1905.03375), where an item counts by a power
of its age: the last one fully, the one before it ``2 ** -power`` …

Legend: N histories, T items of the longest, H items that have weights (the codes 1 to H; 0 is none).
"""

from __future__ import annotations

import torch
from torch import Tensor

PENALTIES = (50.0, 200.0, 1000.0)
POWERS = (0.0, 0.3, 0.6, 1.0)
JUDGED = 2_000  # histories whose last item chooses among them
DEPTH = 10  # of the NDCG that chooses


def ease(gram: Tensor, penalty: float) -> Tensor:
    """Weights ``[H + 1, H + 1]``, from the item of a row to that of a column, 0 on the diagonal.

    They are the least squares from a user's other items to each item, with a ridge ``penalty``.

    Args:
        gram: how many users had both items, float64 ``[H + 1, H + 1]``.

    >>> both = torch.tensor([[0, 0, 0], [0, 4, 2], [0, 2, 4]], dtype=torch.float64)
    >>> [round(float(w), 3) for w in ease(both, 1.0)[1, 1:]]
    [0.0, 0.4]
    """
    ridge = gram + penalty * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    inverse = torch.linalg.inv(ridge)
    weights: Tensor = -inverse / inverse.diagonal()
    weights.fill_diagonal_(0)
    return weights


def weighed(items: Tensor, after: Tensor, power: Tensor | float, width: int) -> Tensor:
    """Each history's items by their age, ``[N, width]``: an item of age a (the last one has 1) weighs ``a ** -power``.

    Args:
        items: codes, left-aligned, int64 ``[N, T]``; codes of ``width`` and more are passed over.
        after: how many of them count, ``[N]``.

    >>> weighed(torch.tensor([[2, 1, 3]]), torch.tensor([2]), 1.0, 4)
    tensor([[0.0000, 1.0000, 0.5000, 0.0000]])
    """
    age = after[:, None] - torch.arange(items.shape[1], device=items.device)
    counts = (age > 0) & (items > 0) & (items < width)
    weight = torch.where(counts, age.clamp_min(1).float() ** -power, 0.0)
    return weight.new_zeros(len(items), width).scatter_add_(1, torch.where(counts, items, 0), weight)


def learned(items: Tensor, length: Tensor, width: int) -> tuple[Tensor, float]:
    """The weights ``[width, width]`` and the power of age that name the last items of the histories best.

    Weights are fitted to all items but the last of each history, for each of `PENALTIES`; the NDCG of the last items chooses
    among these and `POWERS`; then they are fitted to all.

    Args:
        items: codes, int64 ``[N, T]``.
        length: how many there are, ``[N]``.
        width: H + 1.
    """
    before = (length - 1).clamp_min(0)
    gram = _gram(items, before, width)
    judged = torch.nonzero(length > 1)[:, 0][:JUDGED]
    rows, then = items[judged], before[judged]
    target = rows.gather(1, then[:, None])[:, 0]
    had = weighed(rows, then, 0.0, width) > 0
    best = (-1.0, PENALTIES[0], POWERS[0])
    for penalty in PENALTIES:
        weights = ease(gram, penalty).float()
        for power in POWERS:
            scores = (weighed(rows, then, power, width) @ weights).masked_fill(had, -torch.inf)
            own = scores.gather(1, target.clamp_max(width - 1)[:, None])
            rank = (scores[:, 1:] >= own).sum(1)
            named = (target < width) & (rank <= DEPTH)
            gain = float(torch.where(named, 1 / (rank + 1).float().log2(), 0).sum())
            if gain > best[0]:
                best = (gain, penalty, power)
    _, penalty, power = best
    return ease(_gram(items, length, width), penalty).float(), power


def _gram(items: Tensor, after: Tensor, width: int, block: int = 4096) -> Tensor:
    found = torch.zeros(width, width, dtype=torch.float64, device=items.device)
    for start in range(0, len(items), block):
        rows = weighed(items[start : start + block], after[start : start + block], 0.0, width)
        found += (rows.T @ rows).double()
    return found
