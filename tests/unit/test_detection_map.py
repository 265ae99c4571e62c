"""The map of cells that tells of objects: who answers for what, what it pays, and what it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from assay.outputs import _boxes_map as maps

SIDES = (12, 16)  # of the map
BOXES = torch.tensor([[[0.1, 0.1, 0.4, 0.5], [0.5, 0.3, 0.9, 0.9], [0.0, 0.0, 0.0, 0.0]]])
CODE = torch.tensor([[1, 0, -1]])
NONE = torch.zeros(1, 3, dtype=torch.bool)


def written(boxes: Tensor, code: Tensor, sure: float = 6.0) -> Tensor:
    """The map ``[1, 4 + 2, h, w]`` that says each object in the cell at its centre, and nothing elsewhere."""
    height, width = SIDES
    raw = torch.zeros(1, 6, height, width)
    raw[:, 4:] = -sure
    for (x0, y0, x1, y1), label in zip(boxes[0].tolist(), code[0].tolist(), strict=True):
        if label < 0:
            continue
        row, column = int((y0 + y1) / 2 * height), int((x0 + x1) / 2 * width)
        x, y = column + 0.5, row + 0.5
        away = torch.tensor([x - x0 * width, y - y0 * height, x1 * width - x, y1 * height - y])
        raw[0, :4, row, column] = away.log()
        raw[0, 4 + label, row, column] = sure
    return raw


def random_map(n: int, seed: int = 0) -> Tensor:
    """Maps that say a lot: boxes of many sizes, of which many overlap."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 6, *SIDES, generator=generator) * torch.tensor([0.5, 0.5, 0.5, 0.5, 2, 2])[:, None, None]


def test_what_is_written_on_the_map_is_read_from_it():
    boxes, code, confidence = maps.decode(written(BOXES, CODE), most=5, floor=0.5)
    assert code.tolist() in ([[0, 1, -1, -1, -1]], [[1, 0, -1, -1, -1]])
    for true, label in zip(BOXES[0][:2], CODE[0][:2], strict=True):
        found = boxes[0, code[0].tolist().index(int(label))]
        assert found.tolist() == pytest.approx(true.tolist(), abs=1e-6)
    assert confidence[0, :2].min() > 0.99
    assert not boxes[0, 2:].any()
    assert not confidence[0, 2:].any()


def test_a_true_map_pays_least():
    def pays(raw: Tensor) -> float:
        return float(maps.loss(raw, BOXES, CODE, NONE))

    true = pays(written(BOXES, CODE))
    assert true < pays(written(BOXES + 0.05, CODE))
    assert true < pays(written(BOXES, torch.tensor([[0, 1, -1]])))
    assert true < pays(written(BOXES, torch.full_like(CODE, -1)))


def test_an_image_without_objects_pays_for_what_it_claims():
    nothing = torch.full_like(CODE, -1)
    silent, loud = written(BOXES, nothing), written(BOXES, CODE)
    assert maps.loss(silent, BOXES, nothing, NONE) < 0.01 < maps.loss(loud, BOXES, nothing, NONE)


def test_an_ignored_object_costs_nothing_whether_it_is_found_or_not():
    ignored = torch.tensor([[False, True, False]])
    with_it, without_it = written(BOXES, CODE), written(BOXES, torch.tensor([[1, -1, -1]]))
    quiet, said = (float(maps.loss(raw, BOXES, CODE, ignored)) for raw in (without_it, with_it))
    assert said == pytest.approx(quiet, abs=1e-2)
    other_class = written(BOXES, torch.tensor([[1, 1, -1]]))
    assert float(maps.loss(other_class, BOXES, CODE, ignored)) > quiet + 1
    gone = torch.where(ignored, -1, CODE)
    assert float(maps.loss(with_it, BOXES, gone, NONE)) > quiet + 1, "what is not there at all is no excuse"


def test_the_loss_of_each_image_is_its_own(monkeypatch):
    raw = random_map(6)
    boxes, code = BOXES.expand(6, -1, -1), torch.stack([CODE[0].roll(at) for at in range(6)]).clamp_max(1)
    ignore = NONE.expand(6, -1)
    together = maps.loss(raw, boxes, code, ignore)
    alone = torch.cat(
        [maps.loss(raw[i : i + 1], boxes[i : i + 1], code[i : i + 1], ignore[i : i + 1]) for i in range(6)]
    )
    assert together.shape == (6,)
    assert torch.allclose(together, alone, atol=1e-5)
    monkeypatch.setattr(maps, "BLOCK", 2 * 3 * SIDES[0] * SIDES[1])
    assert torch.allclose(maps.loss(raw, boxes, code, ignore), together, atol=1e-5)


def test_boxes_and_labels_that_are_wrong_are_pushed_towards_the_truth():
    raw = random_map(1).requires_grad_()
    optimizer = torch.optim.Adam([raw], lr=0.1)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = maps.loss(raw, BOXES, CODE, NONE).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    boxes, code, _ = maps.decode(raw.detach(), most=2)
    assert losses[-1] < 0.25 * losses[0]
    for found, label in zip(boxes[0], code[0], strict=True):
        assert maps.overlap(found, BOXES[0][CODE[0].tolist().index(int(label))]) > 0.9


def assign(boxes: Tensor, code: Tensor, wanted: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
    centres, found, logits = maps.cells(raw)
    return maps.assigned(centres, found, logits.sigmoid(), boxes, code, wanted)


def test_only_cells_inside_an_object_answer_for_it_and_the_best_of_them():
    true, goal = assign(BOXES, CODE, CODE >= 0, random_map(1))
    centres, found, _ = maps.cells(random_map(1))
    for at in range(2):
        mine = (goal[0] > 0) & (true[0] == at)
        assert 1 <= mine.sum() <= maps.CELLS
        low, high = BOXES[0, at, :2], BOXES[0, at, 2:]
        assert ((centres[mine] > low) & (centres[mine] < high)).all()
        best = float(maps.overlap(found[0][mine], BOXES[0, at]).max())
        assert float(goal[0][mine].max()) == pytest.approx(best, abs=1e-6)
    assert not goal[0][true[0] == 2].any(), "an empty place gets no cell"


def test_an_object_smaller_than_a_cell_has_the_cell_nearest_to_it():
    tiny = torch.tensor([[[0.301, 0.301, 0.302, 0.302]]])
    _, goal = assign(tiny, torch.tensor([[0]]), torch.tensor([[True]]), random_map(1))
    centres, _, _ = maps.cells(random_map(1))
    distance = ((centres - 0.3015) ** 2).sum(1)
    assert goal[0].nonzero().flatten().tolist() == [int(distance.argmin())]


def test_an_object_that_no_box_touches_is_learned_all_the_same():
    raw = torch.full((1, 6, *SIDES), -4.0, requires_grad=True)  # boxes of a fiftieth of a cell
    between = torch.tensor([[[0.99 / SIDES[1], 0.99 / SIDES[0], 1.01 / SIDES[1], 1.01 / SIDES[0]]]])  # of four cells
    _, found, _ = maps.cells(raw)
    assert not maps.overlap(found, between).any()
    (slope,) = torch.autograd.grad(maps.loss(raw, between, torch.tensor([[1]]), NONE[:, :1]).sum(), raw)
    assert slope[0, 5].min() < -0.005, "its class is wanted"
    assert slope[0, :4].min() < 0, "its box grows"


def test_a_cell_that_two_objects_want_goes_to_the_one_it_overlaps_more():
    inner, outer = [0.3, 0.3, 0.6, 0.6], [0.1, 0.1, 0.9, 0.9]
    both = torch.tensor([[inner, outer]])
    code = torch.tensor([[0, 0]])
    true, goal = assign(both, code, code >= 0, written(torch.tensor([[inner]]), torch.tensor([[0]])))
    _, found, _ = maps.cells(written(torch.tensor([[inner]]), torch.tensor([[0]])))
    exact = maps.overlap(found[0], both[0, 0]) > 0.99
    assert exact.sum() == 1
    assert goal[0][exact] > 0.99
    assert true[0][exact] == 0


def test_suppression_is_greedy_as_everywhere():
    raw, limit = random_map(2), 0.3
    boxes, code, confidence = maps.decode(raw, most=maps.CANDIDATES, overlap=limit)
    _, cells, logits = maps.cells(raw)
    for image in range(2):
        sure, at = logits[image].sigmoid().flatten().topk(maps.CANDIDATES)
        kept: list[tuple[Tensor, int, float]] = []
        for probability, place in zip(sure.tolist(), at.tolist(), strict=True):
            box, label = cells[image, place // 2].clamp(0, 1), place % 2
            if all(label != other or maps.overlap(box, one) <= limit for one, other, _ in kept):
                kept.append((box, label, probability))
        n = len(kept)
        assert 10 < n < maps.CANDIDATES
        assert code[image, :n].tolist() == [label for _, label, _ in kept]
        assert torch.allclose(boxes[image, :n], torch.stack([box for box, _, _ in kept]))
        assert confidence[image, :n].tolist() == pytest.approx([probability for _, _, probability in kept])
        assert (code[image, n:] == -1).all()


def test_a_map_smaller_than_the_places_for_answers_leaves_them_empty():
    boxes, code, confidence = maps.decode(torch.zeros(2, 5, 2, 2), most=100)
    assert boxes.shape == (2, 100, 4)
    assert code.shape == confidence.shape == (2, 100)
    assert (code[:, 4:] == -1).all()
    assert boxes.min() >= 0
    assert boxes.max() <= 1


def test_the_gap_is_nothing_between_equals_and_grows_with_the_change():
    a = written(BOXES, CODE)
    b, c = written(BOXES + 0.02, CODE), written(BOXES + 0.2, CODE)
    assert maps.gap(a, a).tolist() == [0]
    assert 0 < float(maps.gap(a, b)) < float(maps.gap(a, c)) <= 3
    assert torch.allclose(maps.gap(a, c), maps.gap(c, a))
    many = random_map(20)
    assert (maps.gap(many, many) == 0).all()
    assert (maps.gap(many, many.flip(0)) > 0).all()
