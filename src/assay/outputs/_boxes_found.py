"""Found boxes and how probable each class is of each: what they say and how they differ, however a network answers.

Everything is plain torch. Boxes are (x0, y0, x1, y1) in shares of the image's width and height; found ones may reach out of
the image.

Legend: B batch, P found boxes, C classes, M places for true objects, K candidates, D listed ones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 1 << 23  # numbers in one array, at most


def surest(
    boxes: Tensor, code: Tensor, confidence: Tensor, most: int, floor: float, limit: float
) -> tuple[Tensor, Tensor, Tensor]:
    """What is listed of candidates: of two of one class that overlap by more than ``limit`` only the surer one stays
    (greedy non-maximum suppression, worked out for all images at once).

    Args:
        boxes: ``[B, K, 4]``, the surest first.
        code: their classes ``[B, K]``.
        confidence: ``[B, K]``.
        most: D.
        floor: what a confidence must exceed.
        limit: intersection over union, 0 to 1; 1 for all to stay.

    Returns:
        Boxes ``[B, D, 4]``, classes ``[B, D]`` and confidences ``[B, D]``; the class is −1 and all else 0 where no object
        is left.
    """
    beats = (overlap(boxes[:, :, None], boxes[:, None]) > limit) & (code[:, :, None] == code[:, None])
    kept = _unbeaten(beats.triu(1)) & (confidence > floor)
    confidence, at = (confidence * kept).topk(min(most, confidence.shape[1]), dim=1)
    there = confidence > 0
    boxes = picked(boxes, at) * there[..., None]
    code = torch.where(there, torch.gather(code, 1, at), -1)
    short = most - there.shape[1]
    padded = functional.pad
    return padded(boxes, (0, 0, 0, short)), padded(code, (0, short), value=-1), padded(confidence, (0, short))


def claimed(found: Tensor, probability: Tensor, boxes: Tensor, code: Tensor, otherwise: Tensor) -> Tensor:
    """The mean of how strongly an image's objects are said, then how strongly each is, ``[B, 1 + M]`` (M: the most of an
    image here); the mean is ``otherwise [B]`` where there is no object.

    Args:
        found: ``[B, P, 4]``.
        probability: ``[B, P, C]``.
        boxes: of the objects, ``[B, M, 4]``.
        code: their classes ``[B, M]``; −1 where there is none.
        otherwise: see above.
    """
    used = (code >= 0).any(0)
    used[:1] = True
    boxes, code = boxes[:, used], code[:, used]
    each = _said(found, probability, boxes, code)
    count = (code >= 0).sum(1)
    whole = torch.where(count > 0, each.sum(1) / count.clamp_min(1), otherwise)
    return torch.cat([whole[:, None], each], dim=1)


def _said(found: Tensor, probability: Tensor, boxes: Tensor, code: Tensor) -> Tensor:
    """How strongly each object is said, 0 to 1, ``[B, M]``: the most that a found box's probability of its class times its
    overlap with it comes to (as in D-RISE, Petsiuk et al. 2021, arXiv:2006.03204)."""
    step = max(1, BLOCK // (code.shape[1] * found.shape[1]))
    strengths = []
    for part, sure, box, label in zip(*(torch.split(t, step) for t in (found, probability, boxes, code)), strict=True):
        chosen = label.clamp_min(0)[:, None].expand(-1, sure.shape[1], -1)
        likely = torch.gather(sure, 2, chosen).transpose(1, 2)  # [B, M, P]
        strengths.append((likely * overlap(box[:, :, None], part[:, None])).amax(2) * (label >= 0))
    return torch.cat(strengths)


def apart(boxes_a: Tensor, sure_a: Tensor, boxes_b: Tensor, sure_b: Tensor) -> Tensor:
    """How far boxes ``[B, P, 4]`` and probabilities ``[B, P, C]`` are from others, place by place: ``[B]``, 0 (equal) to 3.

    It is how much the probabilities differ, as a share of all there are, and how little the boxes overlap where both are
    sure of something (1 − `generalised_overlap`).
    """
    whole = torch.maximum(sure_a, sure_b).sum((1, 2)).clamp_min(1e-9)
    differ = (sure_a - sure_b).abs().sum((1, 2)) / whole
    both = torch.minimum(sure_a, sure_b).amax(2)
    moved = (1 - generalised_overlap(boxes_a, boxes_b)).clamp_min(0)
    return differ + (both * moved).sum(1) / both.sum(1).clamp_min(1e-9)


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes ``[…, 4]`` and ``[…, 4]``, 0 to 1.

    >>> float(overlap(torch.tensor([0.0, 0.0, 0.5, 1.0]), torch.tensor([0.25, 0.0, 0.75, 1.0])))
    0.3333333432674408
    """
    both, either = _areas(a, b)
    return both / either.clamp_min(1e-12)


def generalised_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union, less the share of the box around both that neither fills: −1 to 1.

    >>> float(generalised_overlap(torch.tensor([0.0, 0.0, 0.25, 1.0]), torch.tensor([0.75, 0.0, 1.0, 1.0])))
    -0.5
    """
    both, either = _areas(a, b)
    around = _area(torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])).clamp_min(1e-12)
    return both / either.clamp_min(1e-12) - (around - either) / around


def within(a: Tensor, b: Tensor) -> Tensor:
    """What share of boxes ``a […, 4]`` lies in ``b […, 4]``, 0 to 1.

    >>> float(within(torch.tensor([0.0, 0.0, 0.5, 1.0]), torch.tensor([0.25, 0.0, 1.0, 1.0])))
    0.5
    """
    both = _area(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    return both / _area(a[..., :2], a[..., 2:]).clamp_min(1e-12)


def picked(boxes: Tensor, at: Tensor) -> Tensor:
    """Of ``boxes [B, P, 4]`` those at ``at [B, K]``: ``[B, K, 4]``."""
    return torch.gather(boxes, 1, at[..., None].expand(-1, -1, 4))


def _areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    both = _area(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    return both, _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - both


def _area(low: Tensor, high: Tensor) -> Tensor:
    sides = (high - low).clamp_min(0)
    return sides[..., 0] * sides[..., 1]


def _unbeaten(beats: Tensor) -> Tensor:
    """Who stays, ``[B, K]``, where of the surest first each one that stays removes all that it ``beats [B, K, K]``.

    Each round settles at least one more place for good, and in practice chains of removals are short.
    """
    kept = torch.ones(beats.shape[:2], dtype=torch.bool, device=beats.device)
    while True:
        after = ~(beats & kept[:, :, None]).any(1)
        if torch.equal(after, kept):
            return kept
        kept = after
