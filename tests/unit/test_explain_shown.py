"""What is said of an explanation: chance and rounding are not called evidence."""

from __future__ import annotations

from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from assay.codecs.drawing import paired
from assay.inputs.image import Image
from assay.methods.attribution import Attribution
from assay.outputs.boxes import Boxes
from assay.verbs._explain_methods import attributed, by_chance
from assay.verbs._explain_player import Case
from assay.verbs._explain_shown import headline, picture, tables

PARTS = ("job", "age", "race")
NAMES = SimpleNamespace(input=None, output=SimpleNamespace(plain=lambda y: np.array(["yes"])))
NUMBERS = SimpleNamespace(input=None, output=SimpleNamespace(plain=lambda y: np.array([1.0])))


def case(parts=PARTS, claims=("answer",)):
    return Case("input 1", None, {}, {}, (), parts, claims)


def attribution(values, errors, method="Shapley values"):
    values, errors = (np.array(column, dtype=float).reshape(len(values), -1) for column in (values, errors))
    full = values.sum(0)
    return Attribution(method, values, errors, full, 0 * full, 8)


def said(values, errors, model=NAMES):
    return headline(model, case(), {"y": "yes"}, attribution(values, errors), None)


def test_a_part_that_may_be_chance_is_not_named():
    assert (
        said([0.5, 0.1, -0.09], [0.01, 0.01, 0.08]) == 'The answer "yes": for it speak most job (+0.500), age (+0.100).'
    )
    assert "against it race" in said([0.5, 0.1, -0.09], [0.01, 0.01, 0.001])


def test_a_target_that_is_the_models_own_answer_is_no_other():
    found = attribution([0.5, 0.1, 0.1], [0.01] * 3)
    assert headline(NAMES, case(), {"y": "yes"}, found, "yes").startswith(
        '"yes", which is the model\'s own answer: for it'
    )
    assert headline(NAMES, case(), {"y": "yes"}, found, "no").startswith('"no" instead of "yes": for it')


def test_where_nothing_is_known_of_chance_or_all_is_exact_what_is_small_beside_the_largest_is_not_named():
    for error in (np.nan, 0.0):
        assert "race" not in said([0.5, 0.1, -0.002], [error] * 3)
        assert "against it race" in said([0.5, 0.1, -0.05], [error] * 3)


@pytest.mark.parametrize(("values", "errors"), [([0.1, 0.1, -0.1], [0.1] * 3), ([0, 0, 0], [0] * 3),
                                                ([0, 0, 0], [np.nan] * 3)])  # fmt: skip
def test_where_no_part_surely_counts_that_is_said(values, errors):
    assert said(values, errors) == 'The answer "yes": no part surely counts for or against it.'
    assert said(values, errors, NUMBERS) == 'The answer "yes": no part surely raises or lowers it.'


def noisy(masks):
    """The logarithm of a probability of which the first part alone decides, as float32 says it."""
    noise = np.where(masks[:, 1], 9e-9, 0.0) - np.where(masks[:, 2], 3e-7, 0.0)
    return (-0.3 * ~masks[:, 0] + noise)[:, None]


@pytest.mark.parametrize("method", ["shapley", "permutation", "occlusion"])
def test_rounding_is_nothing_and_not_significant(method):
    player = SimpleNamespace(model=NAMES, about=lambda cases: noisy)
    (found,) = attributed(player, [case()], method, 64, 0)
    rows = {row[0]: row[1:6] for row in tables(case(), found, sampled=by_chance(method, 64, 3))[0].rows}
    assert rows["age"] == rows["race"] == (0.0, 0.0, 0.0, 0.0, False)
    assert rows["job"][0] == pytest.approx(0.3)
    assert rows["job"][4] is True


def test_a_small_quantity_in_its_own_unit_is_no_rounding():
    """Weights of bacteria: all values are below a millionth, and real."""
    player = SimpleNamespace(
        model=NUMBERS, about=lambda cases: lambda masks: masks @ np.array([[2e-12], [1e-12], [1e-20]])
    )
    (found,) = attributed(player, [case()], "shapley", 64, 0)
    assert found.values[:, 0].tolist() == pytest.approx([2e-12, 1e-12, 0.0])
    assert found.values[2, 0] == 0


def test_sampled_values_are_not_called_exact_even_where_all_are_nothing():
    found = attribution([0, 0, 0], [0, 0, 0])
    assert tables(case(), found, sampled=False)[0].note == "The values are exact: nothing was sampled."
    assert "exact" not in tables(case(), found, sampled=True)[0].note
    assert "exact for 32 draws of usual values" in tables(case(), found, sampled=False, stand_ins=32)[0].note


@pytest.mark.parametrize(("method", "budget", "parts", "expected"), [
    ("shapley", 8, 3, False), ("shapley", 7, 3, True), ("permutation", 99, 3, True), ("lime", 99, 3, True),
    ("lime", 99, 1, False), ("occlusion", 99, 30, False)])  # fmt: skip
def test_what_is_sampled_follows_from_the_method_and_the_budget(method, budget, parts, expected):
    assert by_chance(method, budget, parts) is expected


def test_the_matrix_tells_parts_of_one_name_apart():
    words, claims = ("the", "dog", "the"), ("text", "1: der", "2: Hund")
    found = attribution(np.arange(9.0).reshape(3, 3), np.zeros((3, 3)))
    matrix = tables(case(words, claims), found, sampled=False)[1]
    assert (matrix.name, matrix.columns) == ("matrix", ("input", "output", "value"))
    cells = {(row[0], row[1]): row[2] for row in matrix.rows}
    assert len(cells) == len(matrix.rows) == 9
    assert (cells["the", "1: der"], cells["the (2)", "1: der"]) == (1.0, 7.0)


def detected(values, error=0.0, chosen=0):
    """A picture of 32 × 24 pixels in which a cat is found, and perhaps another one, explained."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    image, boxes = Image().fit([pixels] * 4), Boxes().fit(['[{"label": "cat", "x0": 0, "y0": 0, "x1": 1, "y1": 1}]'])
    row = {"found": "1 cat", "objects": [{"label": "cat", "confidence": 0.9, "box": [0.1, 0.1, 0.6, 0.8]}]}
    if chosen:
        row["objects"].insert(0, {"label": "cat", "confidence": 0.95, "box": [0.7, 0.1, 0.9, 0.8]})
    parts = image.parts(image.encode([pixels], {}))
    y = boxes.encode(['[{"label": "cat", "x0": 0.1, "y0": 0.1, "x1": 0.6, "y1": 0.8}]'], {})
    shown = Case("a", pixels, {}, y, (), parts, ("objects", "cat 1"), chosen)
    values = np.resize(values, len(parts))
    return picture(SimpleNamespace(input=image, output=boxes), shown, row, values, np.full(len(parts), error))


def test_colours_over_an_image_are_pale_where_chance_may_have_made_them():
    assert detected([1.0, -2.0], error=0.001) != detected([1.0, -2.0], error=0.9)
    assert detected([1.0, -2.0], error=5.0) == detected([0.0]), "nothing is known to count"


def test_what_is_drawn_onto_images_is_drawn_onto_the_original_and_the_shaded_one():
    kind, data = detected([1.0, -2.0])
    assert kind == "svg"
    tree = ElementTree.fromstring(data)
    left, right = tree.findall("{*}svg")
    images = [one.find("{*}image").get("href") for one in (left, right)]
    assert images[0] != images[1]
    for one in (left, right):
        assert [text.text for text in one.iter("{http://www.w3.org/2000/svg}text")] == ["cat 0.90"]
    assert float(right.get("x")) >= float(left.get("x")) + float(left.get("width"))
    assert float(tree.get("width")) >= float(right.get("x")) + float(right.get("width"))
    told = [text.text for text in tree.findall("{*}text")]
    assert told == ["against  −2", "+2  for"]
    assert "Nothing here speaks" in detected([0.0])[1]


def test_a_claim_that_was_chosen_stands_out_in_both_pictures():
    tree = ElementTree.fromstring(detected([1.0, -2.0], chosen=1)[1])
    for one in tree.findall("{*}svg"):
        assert [text.text for text in one.iter("{http://www.w3.org/2000/svg}text")] == ["cat 0.90"]
        lines = [rect for rect in one.iter("{http://www.w3.org/2000/svg}rect") if rect.get("stroke") != "#fff"]
        assert [rect.get("stroke-width") for rect in lines][:2] == ["1.5", "3"]  # each with a light line under it


def test_drawings_of_unknown_size_are_not_paired():
    assert paired("<svg></svg>", "<svg><g/></svg>", 1.0) == "<svg><g/></svg>"
