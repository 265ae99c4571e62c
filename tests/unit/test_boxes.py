"""Boxes as a target: raw cells, arrays, answers, what is listed, tables and pictures."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from assay.core.errors import ConfigError, DataError
from assay.outputs._boxes_cells import objects_of
from assay.outputs._boxes_tables import best_least
from assay.outputs.boxes import Boxes

CAT = {"label": "cat", "x0": 0.1, "y0": 0.2, "x1": 0.5, "y1": 0.6}
DOG = {"label": "dog", "x0": 0.5, "y0": 0.5, "x1": 1.0, "y1": 1.0}


def fitted(**options):
    return Boxes(**options).fit([[CAT, DOG], [CAT], []])


def answers(*images):
    """One row an image of (label position, box, confidence)."""
    found = {
        "boxes": np.zeros((len(images), 100, 4), np.float32),
        "code": np.full((len(images), 100), -1),
        "confidence": np.zeros((len(images), 100), np.float32),
    }
    for at, things in enumerate(images):
        for place, (code, box, sure) in enumerate(sorted(things, key=lambda thing: -thing[2])):
            found["boxes"][at, place], found["code"][at, place], found["confidence"][at, place] = box, code, sure
    return found


def box_of(thing):
    return [thing[side] for side in ("x0", "y0", "x1", "y1")]


def test_classes_and_room_come_from_the_training_data():
    output = fitted()
    assert (output.labels, output.classes) == (("cat", "dog"), ())
    assert output.dims == {"classes": 2, "labels": ["cat", "dog"]}
    assert output.most == 3  # half as many again as the two of the first image
    assert Boxes().fit([[CAT] * 250]).most == 300
    assert Boxes().fit([[CAT] * 400]).most == 400
    assert Boxes(most=7).fit([[CAT]]).most == 7
    assert fitted().plain({}) is None
    assert Boxes().load(json.loads(json.dumps(output.to_json()))) == output


@pytest.mark.parametrize(
    ("ys", "says"),
    [
        ([[], []], "Not one of 2 training images has an object"),
        ([None, "nonsense"], "Not one of 2 .* The first is wrong: it has no objects"),
        ([[{**CAT, "label": f"{at}"}] for at in range(10_001)], "10,001 distinct labels: these are not classes"),
    ],
)
def test_nothing_to_learn_from(ys, says):
    with pytest.raises(DataError, match=says):
        Boxes().fit(ys)


def test_options_that_mean_nothing_are_refused():
    for wrong in ({"least": 1.5}, {"overlap": -0.1}, {"most": -1}, {"least": float("nan")}):
        with pytest.raises(ConfigError, match="--set"):
            Boxes(**wrong)


@pytest.mark.parametrize(
    "state", [{"labels": []}, {"labels": ["a", "a"]}, {"labels": [3]}, {"most": 0}, {"most": "3"}, {"most": 1 << 40}]
)
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(ValueError, match="no "):
        Boxes().load(fitted().to_json() | state)


def test_objects_become_arrays_whether_lists_or_json():
    problems = {}
    pack = fitted().encode([[DOG, {**CAT, "ignore": True}], json.dumps([CAT]), []], problems)
    assert not problems
    assert pack["code"].tolist() == [[1, 0, -1], [0, -1, -1], [-1, -1, -1]]
    assert pack["ignore"].tolist() == [[False, True, False], [False] * 3, [False] * 3]
    assert pack["exact"][1, 0].tolist() == [0.1, 0.2, 0.5, 0.6]
    assert (pack["boxes"].dtype, pack["exact"].dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(pack["boxes"], pack["exact"].astype(np.float32))


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (None, "it has no objects; write [] for an image that shows none"),
        (float("nan"), "it has no objects"),
        ("[{", "its objects are no JSON"),
        ("[" * 100_000, "its objects are no JSON"),
        ("3", "is no list of objects"),
        ({"label": "cat"}, "is no list of objects"),
        ([3], "object 1 is '3'"),
        ([CAT, {**CAT, "label": " "}], "object 2 has no label"),
        ([{"label": "cat", "x0": 0.1}], "object 1 (cat) has no y0, x1, y1"),
        ([{**CAT, "x0": "left"}], "object 1 (cat) has a corner that is no number"),
        ([{**CAT, "x0": float("inf")}], "has a corner that is no number"),
        ([{**CAT, "x1": 0.1}], "has no area"),
        ([{**CAT, "x1": 0.05}], "has its corners in the wrong order"),
        ([{**CAT, "x1": 1.2}], "reaches out of the image"),
        ([{**CAT, "x1": 120, "y1": 80}], "pixels? They are to be divided"),
        (
            [{**CAT, "label": "cats"}],
            'an object of the class "cats", which was not in the training data. Did you mean "cat"?',
        ),
        ([CAT] * 4, "it has 4 objects; this model takes at most 3"),
    ],
)
def test_what_is_no_target_is_a_problem(cell, says):
    problems = {}
    pack = fitted().encode([[CAT], cell], problems)
    assert list(problems) == [1]
    assert says in problems[1]
    assert (pack["code"][1] == -1).all()


def test_a_box_slightly_out_is_cut():
    (thing,) = objects_of([{**CAT, "x0": -0.005, "y1": 1.005}])
    assert thing.box == (0, 0.2, 0.5, 1)


def test_rows_list_what_is_sure_enough():
    output = fitted(least=0.5)
    found = answers([(0, box_of(CAT), 0.9), (1, box_of(DOG), 0.7), (0, box_of(DOG), 0.4)], [(0, box_of(CAT), 0.2)], [])
    first, second, third = output.rows(found)
    assert list(first) == ["found", "confidence", "objects"]
    assert first["found"] == "1 cat, 1 dog"
    assert first["confidence"] == pytest.approx(0.8)
    assert [thing["label"] for thing in first["objects"]] == ["cat", "dog"]
    assert first["objects"][0]["box"] == pytest.approx(box_of(CAT))
    assert (second["found"], second["objects"]) == ("nothing", [])
    assert second["confidence"] == pytest.approx(0.8)
    assert third["confidence"] == 1
    json.dumps([first, second, third])


def test_the_verdict_and_the_tables_tell_the_mistakes_apart():
    output = fitted(least=0.5)
    truth = [[CAT, DOG], [CAT], [CAT, {**DOG, "ignore": True}], []]
    moved = [side + 0.2 for side in box_of(CAT)]
    found = answers(
        [(0, box_of(CAT), 0.9), (0, box_of(CAT), 0.8), (0, box_of(DOG), 0.7)],  # right, twice, other class
        [(0, moved, 0.9), (1, [0, 0.9, 0.1, 1], 0.6), (0, box_of(CAT), 0.3)],  # badly placed, background, not listed
        [(0, box_of(CAT), 0.9), (1, box_of(DOG), 0.9)],  # right, and one that does not count
        [],
    )
    y = output.encode(truth, {})
    verdict = output.verdict(found, y)
    assert verdict.tolist() == [2 / 5, 0, 1, 1]
    by_class, mistakes, calibration = output.tables(found, y)
    counts = {kind: count for kind, count, _ in mistakes.rows}
    assert counts == {"right": 2, "other class": 1, "twice": 1, "badly placed": 1, "background": 1, "missed": 2}
    rows = {row[0]: dict(zip(by_class.columns, row, strict=True)) for row in by_class.rows}
    assert (rows["cat"]["n"], rows["cat"]["listed"], rows["cat"]["recall"]) == (3, 5, 2 / 3)
    assert (rows["dog"]["n"], rows["dog"]["ap50"]) == (1, 0)
    assert sum(row[-1] for row in calibration.rows) == 7
    sums = output.tally(found, y).sum(0)
    assert {m.name: float(m.of(sums)) for m in output.metrics[3:]} == pytest.approx(
        {"f1": 2 * 2 / (6 + 4), "precision": 2 / 6, "recall": 2 / 4}
    )


def test_a_target_in_a_few_words():
    output = fitted()
    assert output.summary([DOG, CAT, DOG]) == "2 dog, 1 cat"
    assert output.summary([]) == output.summary(None) == "nothing"


def test_a_class_without_true_objects_has_no_average_precision():
    output = fitted()
    y = output.encode([[CAT]], {})
    by_class = output.tables(answers([(0, box_of(CAT), 0.9)]), y)[0]
    assert by_class.rows[0][:4] == ("cat", 1, pytest.approx(1), pytest.approx(1))
    assert by_class.rows[1][:4] == ("dog", 0, None, None)


def test_what_is_listed_is_chosen_where_f1_is_largest():
    output = fitted()
    y = output.encode([[CAT, DOG], [CAT]], {})
    wrong = [0.0, 0.0, 0.05, 0.05]
    found = answers(
        [(0, box_of(CAT), 0.9), (1, box_of(DOG), 0.6), (0, wrong, 0.4)], [(0, box_of(CAT), 0.62), (1, wrong, 0.3)]
    )
    tallies = output.tally(found, y)
    assert 0.4 < best_least(tallies, 2, 0.3) <= 0.6
    none = output.tally(answers([], []), y)
    assert best_least(none, 2, 0.3) == 0.3
    alone = output.tally(answers([(0, box_of(CAT), 0.9)], []), y)
    assert 0 < best_least(alone, 2, 0.3) <= 0.9


def test_the_output_is_calibrated_by_held_out_maps():
    output = fitted()
    raw = torch.full((2, 6, 4, 4), -8.0)
    raw[:, :4] = 0.0
    raw[0, 4, 1, 1] = 1.0  # one cell is rather sure of a cat of two cells a side around its centre
    y = output.encode([[{"label": "cat", "x0": 0.125, "y0": 0.125, "x1": 0.625, "y1": 0.625}], []], {})
    given = {name: torch.from_numpy(part) for name, part in y.items() if part.dtype != np.float64}
    after = output.calibrated([(raw, given)])
    assert 0 < after.least < torch.sigmoid(torch.tensor(1.0))
    assert after.calibrated([]) == after
    answered = output.decode(lambda **x: raw, {})
    assert answered["boxes"][0, 0].tolist() == pytest.approx([0.125, 0.125, 0.625, 0.625], abs=1e-6)
    assert answered["code"][0, 0] == 0
    assert after.rows(answered)[0]["found"] == "1 cat"
    assert {name: column.shape for name, column in answered.items()} == {
        "boxes": (2, 100, 4),
        "code": (2, 100),
        "confidence": (2, 100),
    }


def test_the_gap_of_a_map_with_itself_is_nothing():
    output, generator = fitted(), torch.Generator().manual_seed(0)
    a, b = torch.randn((3, 6, 4, 4), generator=generator), torch.randn((3, 6, 4, 4), generator=generator)
    assert output.gap(a, a).abs().max() == 0
    assert (output.gap(a, b) > 0).all()
    y = {name: torch.from_numpy(part) for name, part in output.encode([[CAT], [], [DOG]], {}).items()}
    assert output.loss(a, y).shape == (3,)
    assert torch.equal(output.objective(a, y, 0.1), output.loss(a, y))


def png(width=40, height=20):
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return "png", base64.b64encode(stream.getvalue()).decode()


def test_the_picture_has_every_box_and_escapes_what_labels_hold():
    evil = "<script>alert(1)</script>\"&'"
    output = Boxes().fit([[{**CAT, "label": evil}, DOG]])
    row = {"objects": [{"label": evil, "confidence": 0.5, "box": box_of(CAT)}]}
    kind, svg = output.draw(png(), [{**CAT, "label": evil}, DOG], row)
    assert kind == "svg"
    assert "<script" not in svg
    assert svg.count("stroke-dasharray") == 2
    assert svg.count('stroke="#fff"') == 3, "a light line under each, so that it is seen on its own colour"
    assert f">{DOG['label']}</text>" not in svg, "only what was found is named"
    assert output.draw(png(), [CAT, DOG], None)[1].count("<text") == 2, "without an answer the true ones are"
    assert svg.count("<title>") == 3
    import xml.etree.ElementTree as ET

    root = ET.fromstring(svg)
    assert root.attrib["viewBox"] == "0 0 320 160"
    assert any(evil in (element.text or "") for element in root.iter())


def test_of_a_claim_one_object_stands_out_and_the_others_are_faint():
    output = fitted()
    row = {"objects": [{"label": t["label"], "confidence": 0.9, "box": box_of(t)} for t in (CAT, DOG)]}
    y = output.encode([[CAT, DOG]], {})
    for claim, (mine, other) in enumerate(((CAT, DOG), (DOG, CAT)), 1):
        drawn = output.claimed(row, y, claim)
        assert output.claims(y)[claim] == f"{mine['label']} {claim}"
        assert [(thing["label"], thing["faint"]) for thing in drawn["objects"]] == [
            (mine["label"], False),
            (other["label"], True),
        ]
        svg = output.draw(png(), None, drawn)[1]
        assert svg.count('stroke-width="3"') == svg.count('opacity="0.45"') == svg.count("<text") == 1
        assert svg.index('opacity="0.45"') < svg.index('stroke-width="3"'), "it is drawn over the others"
    usual = output.draw(png(), None, row)[1]
    assert usual.count("<text") == 2
    assert 'opacity="0.45"' not in usual


def test_a_claim_that_the_answer_does_not_make_is_drawn_too():
    output = fitted()
    row = {"objects": [{"label": CAT["label"], "confidence": 0.9, "box": box_of(CAT)}]}
    drawn = output.claimed(row, output.encode([[CAT, DOG]], {}), 2)
    assert drawn["objects"][0]["box"] == pytest.approx(box_of(DOG))
    assert "confidence" not in drawn["objects"][0]
    assert [thing["faint"] for thing in drawn["objects"]] == [False, True]
    assert f">{DOG['label']}</text>" in output.draw(png(), None, drawn)[1]


def test_the_picture_without_target_or_answer_or_image():
    output = fitted()
    assert output.draw(png(), None, None)[0] == "svg"
    assert output.draw(("text", "no picture"), [CAT], None) == ("text", "no picture")
    assert output.draw(("png", "@@@"), [CAT], None) == ("png", "@@@")


def test_made_targets_follow_their_signs():
    up, down = Boxes().fake(np.random.default_rng(0), np.array([1, -1]))
    assert (up[0]["label"], down[0]["label"]) == ("day", "night")
    assert up[0]["y1"] <= down[0]["y0"]
