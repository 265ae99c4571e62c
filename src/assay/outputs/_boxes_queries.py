"""A list of queries as an answer about objects: each tells of one object, or of none (Carion et al. 2020, DETR,
arXiv:2005.12872).

The raw answer ``[B, Q, 4 + C + 1]`` has for each query a box, as its centre and its width and height in shares of the
image's sides, then a logit a class, then that of no object. Queries have no order. Which one answers for which object is
decided anew in every update, by the one pairing of queries and objects that costs least; no two answer for one object, so
that nothing has to be suppressed. Boxes elsewhere are (x0, y0, x1, y1).

Legend: B batch, Q queries, C classes, M places for true objects, D found ones.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from assay.outputs._boxes_found import BLOCK, apart, claimed, generalised_overlap, picked, surest, within

DISTANCE, OVERLAP = 5.0, 2.0  # what boxes count for beside the classes: their L1 distance and their generalised overlap
NOTHING = 0.1  # what a query that answers for no object counts for beside one that does: most are such
EXCUSED = 0.5  # the share of its box inside an object to be ignored from which on a query may say what it likes
ALIKE = 1.0  # the overlap above which two of a class would be taken for one: none are
WORST = 1e9  # stands for costs that are no numbers: training says so itself


def loss(raw: Tensor, boxes: Tensor, code: Tensor, ignore: Tensor) -> Tensor:
    """What a list pays for each image, ``[B]``: the cross-entropy of its queries' classes, and the L1 distance and
    1 − generalised overlap (Rezatofighi et al. 2019, arXiv:1902.09630) of the boxes of those that answer for an object.

    Args:
        raw: ``[B, Q, 4 + C + 1]``.
        boxes: of the true objects, ``[B, M, 4]``.
        code: their classes ``[B, M]``; −1 where there is none.
        ignore: objects ``[B, M]`` that nobody has to find: a query with its box in one of them may say what it likes.

    >>> sure = torch.tensor([[[0.5, 0.5, 1.0, 1.0, 20.0, 0.0]]])  # a box of the whole image, of the one class there is
    >>> float(loss(sure, torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]), torch.tensor([[0]]), torch.tensor([[False]])).round())
    0.0
    """
    used = (code >= 0).any(0)  # most places are empty in every image of a batch
    used[:1] = True
    boxes, code, ignore = boxes[:, used], code[:, used], ignore[:, used]
    step = max(1, BLOCK // (code.shape[1] * raw.shape[1] * raw.shape[2]))
    parts = zip(*(torch.split(part, step) for part in (raw.float(), boxes, code, ignore)), strict=True)
    return torch.cat([_loss(*part) for part in parts])


def _loss(raw: Tensor, boxes: Tensor, code: Tensor, ignore: Tensor) -> Tensor:
    wanted = (code >= 0) & ~ignore
    true = assigned(raw.detach(), boxes, code, wanted)
    answers, at = true >= 0, true.clamp_min(0)
    logits, corners = raw[..., 4:], _corners(raw[..., :4])
    classes = torch.where(answers, torch.gather(code, 1, at), logits.shape[2] - 1)
    weight = torch.where(answers, 1.0, NOTHING)
    if bool((ignored := (code >= 0) & ignore).any()):
        lies = (within(corners.detach()[:, :, None], boxes[:, None]) * ignored[:, None]).amax(2)
        weight = weight.masked_fill(~answers & (lies > EXCUSED), 0)
    costs = functional.cross_entropy(logits.transpose(1, 2), classes, reduction="none")
    goals = picked(boxes, at)
    away = (raw[..., :4] - _centred(goals)).abs().sum(2)
    missed = 1 - generalised_overlap(corners, goals)
    placed = ((DISTANCE * away + OVERLAP * missed) * answers).sum(1) / wanted.sum(1).clamp_min(1)
    return (costs * weight).sum(1) / weight.sum(1).clamp_min(1e-6) + placed


@torch.no_grad()
def assigned(raw: Tensor, boxes: Tensor, code: Tensor, wanted: Tensor) -> Tensor:
    """For which object each query answers, ``[B, Q]``; −1 for none.

    It is the pairing with the least sum of costs (the Hungarian algorithm), a query's cost for an object being minus the
    probability of its class, five times the L1 distance of their boxes and minus twice their generalised overlap. Of more
    objects than queries some get none.

    Args:
        raw: ``[B, Q, 4 + C + 1]``.
        boxes: ``[B, M, 4]``.
        code: ``[B, M]``.
        wanted: which of the places hold an object to be found, ``[B, M]``.
    """
    found, probability = cells(raw)
    chosen = code.clamp_min(0)[:, None].expand(-1, raw.shape[1], -1)
    cost = DISTANCE * torch.cdist(raw[..., :4], _centred(boxes), p=1) - torch.gather(probability, 2, chosen)
    cost = cost - OVERLAP * generalised_overlap(found[:, :, None], boxes[:, None])
    true = torch.full(raw.shape[:2], -1)
    for at, (table, there) in enumerate(zip(_numbers(cost), wanted.cpu(), strict=True)):
        places = there.nonzero().squeeze(1)
        query, place = linear_sum_assignment(table[:, places])
        true[at, torch.from_numpy(query)] = places[torch.from_numpy(place)]
    return true.to(raw.device)


def cells(raw: Tensor) -> tuple[Tensor, Tensor]:
    """The queries' boxes ``[B, Q, 4]`` (they may reach out of the image) and their classes' probabilities ``[B, Q, C]``."""
    return _corners(raw[..., :4]), raw[..., 4:].softmax(2)[..., :-1]


def decode(raw: Tensor, most: int = 100, floor: float = 0.001, overlap: float = ALIKE) -> tuple[Tensor, Tensor, Tensor]:
    """The objects that a list tells of, the surest first: of each query the class that it holds most probable.

    Args:
        raw: ``[B, Q, 4 + C + 1]``.
        most: D, objects an image.
        floor: what an object's probability must exceed.
        overlap: above which the less sure one of two objects of a class is left out; 1 leaves none out.

    Returns:
        Boxes ``[B, D, 4]`` within the image, classes ``[B, D]`` and probabilities ``[B, D]``; the class is −1 and all else
        0 where no object is left.
    """
    boxes, probability = cells(raw)
    confidence, code = probability.max(2)
    confidence, at = confidence.sort(dim=1, descending=True, stable=True)
    boxes, code = picked(boxes.clamp(0, 1), at), torch.gather(code, 1, at)
    step = max(1, BLOCK // raw.shape[1] ** 2)
    parts = zip(*(torch.split(part, step) for part in (boxes, code, confidence)), strict=True)
    listed = [surest(box, label, sure, most, floor, overlap) for box, label, sure in parts]
    boxes, code, confidence = (torch.cat(part) for part in zip(*listed, strict=True))
    return boxes, code, confidence


def explained(raw: Tensor, boxes: Tensor, code: Tensor, otherwise: Tensor) -> Tensor:
    """How strongly a list ``[B, Q, 4 + C + 1]`` says the objects ``[B, M, 4]`` of classes ``[B, M]``: the mean, then each,
    see `assay.outputs._boxes_found.claimed`."""
    return claimed(*cells(raw.float()), boxes, code, otherwise)


def gap(a: Tensor, b: Tensor) -> Tensor:
    """How far two lists of equally many queries are apart, ``[B]``: each query of ``a`` is held against the one of ``b``
    that it is paired with when all pairs together are as alike as can be, see `assay.outputs._boxes_found.apart`."""
    (boxes_a, sure_a), (boxes_b, sure_b) = cells(a.float()), cells(b.float())
    both = torch.minimum(sure_a.amax(2)[:, :, None], sure_b.amax(2)[:, None])
    missed = 1 - generalised_overlap(boxes_a[:, :, None], boxes_b[:, None])
    pairs = [linear_sum_assignment(cost)[1] for cost in _numbers(torch.cdist(sure_a, sure_b, p=1) + both * missed)]
    at = torch.stack([torch.from_numpy(pair) for pair in pairs]).to(b.device)
    return apart(boxes_a, sure_a, picked(boxes_b, at), torch.gather(sure_b, 1, at[..., None].expand_as(sure_b)))


def _numbers(cost: Tensor) -> Tensor:
    return cost.detach().nan_to_num(nan=WORST, posinf=WORST, neginf=WORST).cpu()


def _corners(boxes: Tensor) -> Tensor:
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def _centred(boxes: Tensor) -> Tensor:
    return torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1)
