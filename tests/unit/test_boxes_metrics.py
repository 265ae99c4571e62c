"""Average precision equals COCO's evaluator, on the whole and for every set of weights."""

from __future__ import annotations

import numpy as np
import pytest

from assay.methods.intervals import figures, paired
from assay.outputs._boxes_matching import FOUND, tallied
from assay.outputs._boxes_metrics import average_precisions, boxes_metrics, mean_average_precision
from assay.verbs.evaluate import unvarying

GRID = 64  # corners on a grid of powers of two: areas are exact, so equal overlaps are equal and not nearly so


def case(seed, images=12, classes=4, most=8, crowds=0.2, distinct=False):
    """Random true and found objects: ties of confidence and of overlap, crowds, images without any, an absent class."""
    rng = np.random.default_rng(seed)

    def boxes(n):
        low = rng.integers(0, GRID - 8, (n, 2))
        return np.concatenate([low, np.minimum(low + rng.integers(1, 24, (n, 2)), GRID)], 1) / GRID

    exact, code = np.zeros((images, most, 4)), np.full((images, most), -1)
    found, kind, sure = np.zeros((images, FOUND, 4)), np.full((images, FOUND), -1), np.zeros((images, FOUND))
    for i in range(images):
        n = int(rng.integers(0, most + 1)) if i % 4 else 0
        exact[i, :n], code[i, :n] = boxes(n), rng.integers(0, classes - 1, n)  # the last class has no true object
        of = rng.integers(0, max(n, 1), 3 * n)
        near = np.clip(exact[i, of] + rng.integers(-1, 2, (3 * n, 4)) / GRID, 0, 1)
        near = np.concatenate([np.minimum(near[:, :2], near[:, 2:]), np.maximum(near[:, :2], near[:, 2:])], 1)
        others = boxes(int(rng.integers(0, 20)))
        some = np.concatenate([near, others])
        kinds = np.concatenate([code[i, of], rng.integers(0, classes, len(others))])
        order = rng.permutation(k := len(some))
        found[i, :k], kind[i, :k] = some[order], kinds[order]
        sure[i, :k] = rng.random(k) if distinct else rng.integers(1, 9, k) / 8
    return found, kind, sure, exact, code, (rng.random((images, most)) < crowds) & (code >= 0)


def reference(found, kind, sure, exact, code, ignore, classes):
    """COCO's figures, by faster-coco-eval: the mean average precision over all bounds, at .5 and at .75."""
    import faster_coco_eval as coco

    truth, answers = [], []
    for i in range(len(code)):
        for j in np.flatnonzero(code[i] >= 0):
            x0, y0, x1, y1 = (exact[i, j] * GRID).tolist()
            crowd, box = int(ignore[i, j]), [x0, y0, x1 - x0, y1 - y0]
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": i + 1,
                    "category_id": int(code[i, j]) + 1,
                    "bbox": box,
                    "iscrowd": crowd,
                }
                | {"area": box[2] * box[3], "ignore": 0}
            )
        for j in np.flatnonzero(kind[i] >= 0):
            x0, y0, x1, y1 = (found[i, j] * GRID).tolist()
            box = [x0, y0, x1 - x0, y1 - y0]
            answers.append({"image_id": i + 1, "category_id": int(kind[i, j]) + 1, "bbox": box, "score": sure[i, j]})
    images = [{"id": i + 1, "width": GRID, "height": GRID} for i in range(len(code))]
    categories = [{"id": c + 1, "name": str(c)} for c in range(classes)]
    data = coco.COCO({"images": images, "annotations": truth, "categories": categories})
    judge = coco.COCOeval_faster(data, data.loadRes(answers), iouType="bbox")
    judge.evaluate()
    judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, 2]  # bounds, levels of recall, classes; all areas, 100 objects
    return [float(p[p > -1].mean()) for p in (precision, precision[:1], precision[5:6])]


def ours(case_, classes, weights=None):
    tallies = tallied(*case_, classes, 0.5)
    weights = np.ones((1, len(tallies))) if weights is None else weights
    return [m.merge(tallies, weights) for m in boxes_metrics(classes)[:3]]


@pytest.mark.parametrize("seed", range(12))
def test_the_figures_are_those_of_cocos_evaluator(seed):
    made = case(seed, crowds=0.25 * (seed % 2), distinct=seed % 3 == 0)
    expected = reference(*made, classes=4)
    np.testing.assert_allclose(np.ravel(ours(made, 4)), expected, rtol=0, atol=1e-9)
    assert 0.05 < expected[0] < expected[1] < 1  # the case asks for something


@pytest.mark.parametrize("seed", range(4))
def test_a_weight_is_a_repetition(seed):
    made = case(seed, distinct=True)
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4, (6, len(made[0])))
    found = np.array(ours(made, 4, weights.astype(float)))
    for r, row in enumerate(weights):
        at = np.repeat(np.arange(len(row)), row)
        repeated = tuple(part[at] for part in made)
        np.testing.assert_allclose(found[:, r], np.ravel(ours(repeated, 4)), rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[:, r], reference(*repeated, classes=4), rtol=0, atol=1e-9)


def test_weights_in_blocks_give_what_all_at_once_give(monkeypatch):
    made = case(3)
    weights = np.random.default_rng(0).integers(0, 3, (50, 12)).astype(float)
    whole = ours(made, 4, weights)
    monkeypatch.setattr("assay.outputs._boxes_metrics._CELLS", 64)
    np.testing.assert_allclose(whole, ours(made, 4, weights), atol=1e-12)


def test_twice_every_weight_changes_nothing():
    made = case(5)
    weights = np.random.default_rng(1).integers(0, 3, (5, 12)).astype(float)
    np.testing.assert_allclose(ours(made, 4, weights), ours(made, 4, 2 * weights), atol=1e-12)


def test_a_class_without_true_objects_counts_for_nothing_and_none_at_all_is_not_defined():
    made = case(1)
    tallies = tallied(*made, 4, 0.5)
    by_class = average_precisions(tallies, np.ones((1, 12)), classes=4)[0]
    assert np.isnan(by_class[:, 3]).all()
    assert not np.isnan(by_class[:, :3]).any()
    assert np.isnan(mean_average_precision(tallies, np.zeros((1, 12)), classes=4, bounds=(0,))).all()


def test_what_was_found_exactly_has_a_perfect_score_and_nothing_found_none():
    found, kind, sure, exact, code, ignore = case(2, crowds=0)
    most = code.shape[1]
    found[:], kind[:], sure[:] = 0, -1, 0
    empty = tallied(found, kind, sure, exact, code, ignore, 4, 0.5)
    assert [m.over(empty) for m in boxes_metrics(4)[:4]] == [0, 0, 0, 0]
    found[:, :most], kind[:, :most], sure[:, :most] = exact, code, np.where(code >= 0, 0.9, 0)
    perfect = tallied(found, kind, sure, exact, code, ignore, 4, 0.5)
    assert [m.over(perfect) for m in boxes_metrics(4)] == pytest.approx([1] * 6, abs=1e-9)


def test_listed_objects_are_counted_by_their_confidence():
    box = np.array([0.0, 0.0, 0.5, 0.5])
    found, kind = np.tile(box, (1, 3, 1)), np.array([[0, 0, 1]])
    sure = np.array([[0.9, 0.2, 0.8]])
    exact, code = np.stack([[box, box + 0.5]]), np.array([[0, 0]])
    tally = tallied(found, kind, sure, exact, code, np.zeros((1, 2), bool), 2, 0.5)
    assert tally[0, -3:].tolist() == [1, 2, 2]  # right, listed (not the one of 0.2), true
    values = {m.name: m.over(tally) for m in boxes_metrics(2)}
    assert (values["precision"], values["recall"], values["f1"]) == (0.5, 0.5, 0.5)


def test_an_image_counts_only_for_the_figures_that_it_says_anything_of():
    box = np.array([0.0, 0.0, 0.5, 0.5])
    code = np.array([[0], [0], [0], [0], [-1], [-1]])  # the last two images show no object
    kind = np.array([[0], [0], [0], [-1], [0], [-1]])  # the fourth one was missed, in the fifth one something was found
    found = np.tile(box, (6, 1, 1))
    tallies = tallied(found, kind, np.where(kind >= 0, 0.9, 0.0), found, code, np.zeros((6, 1), bool), 1, 0.5)
    by_name = {figure.name: figure for figure in figures(boxes_metrics(1), tallies)}
    assert {name: figure.n for name, figure in by_name.items()} == {
        "map": 4, "ap50": 4, "ap75": 4, "f1": 5, "precision": 4, "recall": 4,
    }  # fmt: skip
    assert by_name["recall"].value == 0.75
    shown, empty = tallies[:3], np.tile(tallies[5], (7, 1))
    agreed = figures(boxes_metrics(1), np.concatenate([shown, empty]))
    assert {figure.n for figure in agreed} == {3}
    (note,) = unvarying(agreed)
    assert "all 3 examples agree" in note
    differences, _ = paired(boxes_metrics(1)[-2:], tallies, tallies[[0, 1, 2, 3, 5, 5]])
    assert [figure.n for figure in differences] == [4, 4]
