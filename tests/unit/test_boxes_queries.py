"""The list of queries that tells of objects: which answers for what, what it pays, and what it says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
import transformers
from torch import Tensor

from assay.outputs import _boxes_queries as queries
from assay.outputs._boxes_found import overlap
from assay.outputs.boxes import Boxes

Q, C = 6, 2
BOXES = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.5, 0.3, 0.9, 0.9], [0.2, 0.6, 0.3, 0.8], [0.0, 0.0, 0.0, 0.0]])
CODES = torch.tensor([[1, 0, -1, -1], [-1, -1, -1, -1], [0, -1, -1, -1], [1, 1, 0, -1]])  # of four images
TRUE = BOXES.expand(4, -1, -1)
NONE = torch.zeros(4, 4, dtype=torch.bool)


def random_list(n: int, seed: int = 0, count: int = Q) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    boxes = torch.randn(n, count, 4, generator=generator).sigmoid()
    return torch.cat([boxes, 2 * torch.randn(n, count, C + 1, generator=generator)], dim=2)


def written(code: Tensor, sure: float = 8.0) -> Tensor:
    """The list ``[1, Q, 4 + 2 + 1]`` that says each of `BOXES` by its own query, the last one first, and no more."""
    raw = torch.full((1, Q, 4 + C + 1), 0.5)
    raw[..., 4:] = torch.tensor([0.0, 0.0, sure])
    for at, (box, label) in enumerate(zip(BOXES.tolist(), code.tolist(), strict=True)):
        if label >= 0:
            x0, y0, x1, y1 = box
            logits = [sure if label == c else 0.0 for c in range(C)]
            raw[0, Q - 1 - at] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, *logits, 0.0])
    return raw


def theirs(raw: Tensor, codes: Tensor) -> float:
    """The loss that transformers gives to a batch."""
    from transformers.loss.loss_for_object_detection import ForObjectDetectionLoss

    config = transformers.DetrConfig(num_labels=C, use_timm_backbone=False)
    labels = []
    for code in codes:
        box, label = BOXES[code >= 0], code[code >= 0]
        middle, size = (box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]
        labels.append({"class_labels": label, "boxes": torch.cat([middle, size], dim=1)})
    return float(ForObjectDetectionLoss(raw[..., 4:], labels, raw.device, raw[..., :4], config)[0])


@pytest.mark.parametrize("count", [Q, 2])  # with two queries one image has more objects than they can tell of
def test_the_loss_of_an_image_is_that_of_transformers(count):
    raw = random_list(4, count=count)
    own = queries.loss(raw, TRUE, CODES, NONE)
    assert own.shape == (4,)
    for at in range(4):
        assert float(own[at]) == pytest.approx(theirs(raw[at : at + 1], CODES[at : at + 1]), abs=1e-4)


def test_the_mean_loss_is_that_of_a_batch_where_images_have_equally_many_objects():
    raw, codes = random_list(5, seed=3), CODES[:1].expand(5, -1)
    own = queries.loss(raw, BOXES.expand(5, -1, -1), codes, NONE[:1].expand(5, -1))
    assert float(own.mean()) == pytest.approx(theirs(raw, codes), abs=1e-4)


def test_the_loss_of_each_image_is_its_own(monkeypatch):
    raw = random_list(4)
    together = queries.loss(raw, TRUE, CODES, NONE)
    monkeypatch.setattr(queries, "BLOCK", 1)
    assert torch.allclose(queries.loss(raw, TRUE, CODES, NONE), together, atol=1e-6)


def test_queries_have_no_order():
    raw, other = random_list(4), random_list(4, seed=1)
    turned = raw[:, torch.randperm(Q, generator=torch.Generator().manual_seed(0))]
    assert not torch.equal(turned, raw)
    assert torch.allclose(queries.loss(turned, TRUE, CODES, NONE), queries.loss(raw, TRUE, CODES, NONE), atol=1e-5)
    for one, two in zip(queries.decode(raw, most=9), queries.decode(turned, most=9), strict=True):
        assert torch.equal(one, two)
    nothing = torch.zeros(4)
    assert torch.equal(queries.explained(raw, TRUE, CODES, nothing), queries.explained(turned, TRUE, CODES, nothing))
    assert torch.allclose(queries.gap(raw, turned), nothing, atol=1e-6)
    assert torch.allclose(queries.gap(raw, other), queries.gap(turned, other), atol=1e-5)


def test_the_pairing_is_the_cheapest_one_there_is():
    raw, codes = random_list(4, seed=5), torch.tensor([[1, 1, 0, -1]]).expand(4, -1)
    true = queries.assigned(raw, TRUE, codes, codes >= 0)
    found, probability = queries.cells(raw)
    for image in range(4):

        def cost(query: int, place: int, image: int = image) -> float:
            sides = queries._centred(BOXES[place])
            away = 5 * (raw[image, query, :4] - sides).abs().sum()
            shared = queries.generalised_overlap(found[image, query], BOXES[place])
            return float(away - probability[image, query, codes[image, place]] - 2 * shared)

        cheapest = min(
            itertools.permutations(range(Q), 3), key=lambda chosen: sum(cost(q, m) for m, q in enumerate(chosen))
        )
        wanted = [-1] * Q
        for place, query in enumerate(cheapest):
            wanted[query] = place
        assert true[image].tolist() == wanted


def test_a_true_list_pays_least():
    def pays(raw: Tensor) -> float:
        return float(queries.loss(raw, TRUE[:1], CODES[:1], NONE[:1]))

    true, moved, other = written(CODES[0]), written(CODES[0]), written(torch.tensor([0, 0, -1, -1]))
    moved[..., :2] += 0.05
    assert 0 < pays(true) < 0.01
    assert pays(true) + 0.1 < min(pays(moved), pays(other), pays(written(CODES[1])))


def test_an_ignored_object_costs_nothing_whether_it_is_found_or_not():
    ignored = torch.tensor([[False, True, False, False]])

    def pays(raw: Tensor, code: Tensor = CODES[:1], ignore: Tensor = ignored) -> float:
        return float(queries.loss(raw, TRUE[:1], code, ignore))

    without, with_it = written(torch.tensor([1, -1, -1, -1])), written(CODES[0])
    assert pays(with_it) == pytest.approx(pays(without), abs=1e-2)
    assert pays(with_it, code=torch.tensor([[1, -1, -1, -1]])) > 0.3, "what is not there at all is no excuse"
    elsewhere = written(torch.tensor([1, -1, 0, -1]))
    assert pays(elsewhere) > 0.3, "nor is what lies elsewhere"


def test_a_list_learns_what_is_there():
    raw = random_list(4).requires_grad_()
    optimizer = torch.optim.Adam([raw], lr=0.05)
    for _ in range(120):
        optimizer.zero_grad()
        queries.loss(raw, TRUE, CODES, NONE).sum().backward()
        optimizer.step()
    boxes, code, confidence = queries.decode(raw.detach(), most=Q)
    for image in range(4):
        listed = confidence[image] > 0.5
        assert sorted(code[image][listed].tolist()) == sorted(label for label in CODES[image].tolist() if label >= 0)
        for box, label in zip(boxes[image][listed], code[image][listed], strict=True):
            same = BOXES[CODES[image] == label]
            assert float(overlap(box, same).max()) > 0.7


def test_what_is_no_number_is_left_to_training_to_notice():
    raw = random_list(4)
    raw[0, 0, 0] = torch.nan
    assert queries.loss(raw, TRUE, CODES, NONE).isnan().tolist() == [True, False, False, False]


def test_what_is_written_in_the_list_is_read_from_it():
    output = Boxes().fit([[{"label": name, "x0": 0, "y0": 0, "x1": 1, "y1": 1}] for name in ("cat", "dog")])
    raw = torch.cat([written(code) for code in CODES])
    boxes, code, confidence = queries.decode(raw, most=9)
    assert (confidence[:, :-1] >= confidence[:, 1:]).all()
    for image, wanted in enumerate(CODES):
        listed = confidence[image] > 0.5
        true = {int(label): BOXES[wanted == label] for label in wanted.tolist() if label >= 0}
        assert int(listed.sum()) == int((wanted >= 0).sum())
        for box, label in zip(boxes[image][listed], code[image][listed].tolist(), strict=True):
            assert float(overlap(box, true[label]).max()) > 0.999
    assert code[0, Q:].tolist() == [-1] * 3, "and behind the last query there is nothing"
    answers = output._found(raw)
    assert answers["boxes"].shape == (4, 100, 4)
    rows = output.rows(answers)
    assert [row["found"] for row in rows] == ["1 dog, 1 cat", "nothing", "1 cat", "2 dog, 1 cat"]
    y = {"boxes": TRUE, "code": CODES, "ignore": NONE}
    tallies = output.tally(answers, {name: part.numpy() for name, part in y.items()})
    assert output.metrics[1].over(tallies) == pytest.approx(1)
    assert output.explained(raw, y)[0, :3].min() > 0.99


def test_two_of_a_class_in_one_place_both_stay_unless_it_is_asked_otherwise():
    raw = written(CODES[0])
    raw[0, 0] = raw[0, Q - 1]
    _, code, _ = queries.decode(raw, most=Q, floor=0.5)
    assert sorted(code[0].tolist()) == [-1, -1, -1, 0, 1, 1]
    _, code, _ = queries.decode(raw, most=Q, floor=0.5, overlap=0.6)
    assert sorted(code[0].tolist()) == [-1, -1, -1, -1, 0, 1]


def test_an_object_is_said_as_strongly_as_it_is_probable_and_well_placed():
    raw = written(CODES[0], sure=1.0)
    raw[0, Q - 2, 2] *= 0.5  # the second object's box is half as wide
    sure = float(torch.tensor([1.0, 0.0, 0.0]).softmax(0)[0])
    said = queries.explained(raw, TRUE[:1], CODES[:1], torch.zeros(1))
    assert said[0].tolist() == pytest.approx([0.75 * sure, sure, 0.5 * sure], abs=1e-6)
    nothing = queries.explained(raw, TRUE[:1], CODES[1:2], torch.tensor([-3.0]))
    assert nothing.tolist() == [[-3.0, 0.0]]


def test_the_gap_grows_with_the_change():
    a, near, far = written(CODES[0]), written(CODES[0]), written(torch.tensor([0, 0, -1, -1]))
    near[0, Q - 1, 0] += 0.05
    assert queries.gap(a, a).tolist() == [0]
    assert 0 < float(queries.gap(a, near)) < float(queries.gap(a, far)) <= 3


def test_what_is_left_out_for_an_overlap_is_the_networks_to_say_unless_it_is_set():
    output = Boxes().fit([[{"label": name, "x0": 0, "y0": 0, "x1": 1, "y1": 1}] for name in ("cat", "dog")])
    raw = written(CODES[0])
    raw[0, 0] = raw[0, Q - 1]
    cells = torch.tensor([-0.2, -0.2, -0.2, -0.2, 8.0, -8.0]).expand(1, 2, 2, 6).permute(0, 3, 1, 2)
    assert [int((output._found(said)["confidence"] > 0.5).sum()) for said in (raw, cells)] == [3, 4]
    tight, loose = replace(output, overlap=0.1), replace(output, overlap=1.0)
    assert [int((tight._found(said)["confidence"] > 0.5).sum()) for said in (raw, cells)] == [2, 1]
    assert [int((loose._found(said)["confidence"] > 0.5).sum()) for said in (raw, cells)] == [3, 4]
