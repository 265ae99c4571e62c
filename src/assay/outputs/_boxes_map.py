"""A map of cells as an answer about objects: every cell may hold the box and the class of one object.

The raw answer ``[B, 4 + C, h, w]`` has for each cell the logarithms of four distances from its centre (to the left, upper,
right and lower side of a box, in cells) and a logit a class. There are no anchors: which cells answer for an object is
decided anew in every update, by how well they do (Feng et al. 2021, TOOD, arXiv:2108.07755). Everything is plain torch and
differentiable where it is to be. Boxes are (x0, y0, x1, y1) in shares of the image's width and height.

Legend: B batch, C classes, h, w sides of the map, P = h·w cells, M places for true objects, D found ones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from assay.outputs._boxes_found import BLOCK, apart, claimed, generalised_overlap, overlap, picked, surest

CELLS = 10  # that answer for an object, at most
SURE, CLOSE = 0.5, 6.0  # how much a cell's probability and its overlap count in how well it does (as exponents)
BACKGROUND, FOCUS = 0.75, 2.0  # what a cell without an object pays, times its probability to this power
LEAST = 0.1  # how sure the best cell of an object should be at least, however bad its box: else none might ever learn
BOX = 2.0  # what the boxes count for beside the classes
FAR = 6.0  # the largest logarithm of a distance in cells
CANDIDATES = 300  # found objects that are compared with one another
ALIKE = 0.6  # the overlap above which two of a class are taken for one


def loss(raw: Tensor, boxes: Tensor, code: Tensor, ignore: Tensor) -> Tensor:
    """What a map pays for each image, ``[B]``: for its classes and for its boxes.

    The classes pay the varifocal loss (Zhang et al. 2021, arXiv:2008.13367): a cell that answers for an object is to be as
    sure as its box is good, any other cell is to be sure of nothing, and pays the less the surer it is of that. The boxes
    pay the generalised intersection over union (Rezatofighi et al. 2019, arXiv:1902.09630), as much as their cell should be
    sure.

    Args:
        raw: ``[B, 4 + C, h, w]``.
        boxes: of the true objects, ``[B, M, 4]``.
        code: their classes ``[B, M]``; −1 where there is none.
        ignore: objects ``[B, M]`` that nobody has to find: their class costs nothing inside their box.
    """
    used = (code >= 0).any(0)  # most places are empty in every image of a batch
    used[:1] = True
    boxes, code, ignore = boxes[:, used], code[:, used], ignore[:, used]
    step = max(1, BLOCK // (code.shape[1] * raw.shape[2] * raw.shape[3]))
    parts = zip(*(torch.split(part, step) for part in (raw.float(), boxes, code, ignore)), strict=True)
    return torch.cat([_loss(*part) for part in parts])


def _loss(raw: Tensor, boxes: Tensor, code: Tensor, ignore: Tensor) -> Tensor:
    centres, found, logits = cells(raw)
    classes = functional.one_hot(code.clamp_min(0), logits.shape[2])
    probability = logits.detach().sigmoid()
    true, goal = assigned(centres, found.detach(), probability, boxes, code, (code >= 0) & ~ignore)
    goals = torch.gather(classes, 1, true[..., None].expand_as(logits)) * goal[..., None]
    weight = torch.where(goals > 0, goals, BACKGROUND * probability**FOCUS)
    weight = weight.masked_fill(_excused(centres, boxes, classes, (code >= 0) & ignore) & (goals <= 0), 0)
    costs = functional.binary_cross_entropy_with_logits(logits, goals, weight, reduction="none").sum((1, 2))
    away = 1 - generalised_overlap(found, torch.gather(boxes, 1, true[..., None].expand_as(found)))
    return (costs + BOX * (away * goal).sum(1)) / goal.sum(1).clamp_min(1)


def cells(raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The cells' centres ``[P, 2]``, boxes ``[B, P, 4]`` (they may reach out of the image) and logits ``[B, P, C]``."""
    height, width = raw.shape[2:]
    rows = (torch.arange(height, device=raw.device) + 0.5) / height
    columns = (torch.arange(width, device=raw.device) + 0.5) / width
    centres = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).flatten(0, 1)
    places = raw.flatten(2).transpose(1, 2)
    scale = torch.tensor([1 / width, 1 / height], device=raw.device)
    away = places[..., :4].clamp(-FAR, FAR).exp() * torch.cat([scale, scale])
    return centres, torch.cat([centres - away[..., :2], centres + away[..., 2:]], dim=-1), places[..., 4:]


@torch.no_grad()
def assigned(
    centres: Tensor, found: Tensor, probability: Tensor, boxes: Tensor, code: Tensor, wanted: Tensor
) -> tuple[Tensor, Tensor]:
    """Which cells answer for which true object.

    Of the cells whose centres lie in an object's box (or the one nearest to its centre, where the box is smaller than a
    cell) the ten best answer for it: those whose ``probability ** 0.5 · overlap ** 6`` is largest. A cell that two objects
    want goes to the one that its box overlaps more.

    Args:
        centres: ``[P, 2]``.
        found: the cells' boxes ``[B, P, 4]``.
        probability: ``[B, P, C]``.
        boxes: ``[B, M, 4]``.
        code: ``[B, M]``.
        wanted: which of the places hold an object to be found, ``[B, M]``.

    Returns:
        For which object each cell answers ``[B, P]``, and how sure it should be ``[B, P]``: the best cell of an object as
        sure as the largest overlap that one of its cells has with it (`LEAST` at least), the others less, and those that
        answer for none 0.
    """
    most = code.shape[1]
    inside = _inside(centres, boxes)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    distance = ((centres - middle[:, :, None]) ** 2).sum(3)
    inside.scatter_(2, distance.argmin(2, keepdim=True), True)
    inside &= wanted[..., None]
    shared = overlap(boxes[:, :, None], found[:, None])
    sure = torch.gather(probability.transpose(1, 2), 1, code.clamp_min(0)[..., None].expand_as(shared))
    # Before anything is learned all may do equally badly: the cells in the middle are taken then.
    well = (sure**SURE * shared**CLOSE + 1e-9 * (2 - distance)).masked_fill(~inside, 0)
    value, at = well.topk(min(CELLS, well.shape[2]), dim=2)
    chosen = torch.zeros_like(inside).scatter_(2, at, value > 0)
    true = shared.masked_fill(~chosen, -1).argmax(1)
    chosen &= functional.one_hot(true, most).transpose(1, 2).bool()
    well, shared = well * chosen, shared * chosen
    share = well / well.amax(2, keepdim=True).clamp_min(1e-12)
    return true, (share * shared.amax(2, keepdim=True).clamp_min(LEAST)).amax(1)


def decode(raw: Tensor, most: int = 100, floor: float = 0.001, overlap: float = ALIKE) -> tuple[Tensor, Tensor, Tensor]:
    """The objects that a map tells of, the surest first, see `assay.outputs._boxes_found.surest`.

    Args:
        raw: ``[B, 4 + C, h, w]``.
        most: D, objects an image.
        floor: what an object's probability must exceed.
        overlap: above which the less sure one of two objects of a class is left out.

    Returns:
        Boxes ``[B, D, 4]`` within the image, classes ``[B, D]`` and probabilities ``[B, D]``; the class is −1 and all else
        0 where no object is left.
    """
    parts = [_decode(part, most, floor, overlap) for part in torch.split(raw, max(1, BLOCK // CANDIDATES**2))]
    boxes, code, confidence = (torch.cat(part) for part in zip(*parts, strict=True))
    return boxes, code, confidence


def _decode(raw: Tensor, most: int, floor: float, limit: float) -> tuple[Tensor, Tensor, Tensor]:
    _, boxes, logits = cells(raw)
    classes = logits.shape[2]
    count = min(CANDIDATES, logits.shape[1] * classes)
    confidence, at = logits.sigmoid().flatten(1).topk(count, dim=1)
    return surest(picked(boxes.clamp(0, 1), at // classes), at % classes, confidence, most, floor, limit)


def explained(raw: Tensor, boxes: Tensor, code: Tensor, otherwise: Tensor) -> Tensor:
    """How strongly a map ``[B, 4 + C, h, w]`` says the objects ``[B, M, 4]`` of classes ``[B, M]``: the mean, then each, see
    `assay.outputs._boxes_found.claimed`."""
    _, found, logits = cells(raw.float())
    return claimed(found, logits.sigmoid(), boxes, code, otherwise)


def gap(a: Tensor, b: Tensor) -> Tensor:
    """How far two maps ``[B, 4 + C, h, w]`` are apart, ``[B]``, see `assay.outputs._boxes_found.apart`."""
    (_, boxes_a, logits_a), (_, boxes_b, logits_b) = cells(a.float()), cells(b.float())
    return apart(boxes_a, logits_a.sigmoid(), boxes_b, logits_b.sigmoid())


def _inside(centres: Tensor, boxes: Tensor) -> Tensor:
    """Which centres ``[P, 2]`` lie in which boxes ``[B, M, 4]``: ``[B, M, P]``."""
    low, high = boxes[:, :, None, :2], boxes[:, :, None, 2:]
    return ((centres > low) & (centres < high)).all(3)


def _excused(centres: Tensor, boxes: Tensor, classes: Tensor, ignored: Tensor) -> Tensor:
    """Which cells may say which class unpunished, ``[B, P, C]``."""
    if not bool(ignored.any()):
        return torch.zeros((), dtype=torch.bool, device=boxes.device)
    inside = (_inside(centres, boxes) & ignored[..., None]).float()
    return torch.einsum("bmp,bmc->bpc", inside, classes.float()) > 0
