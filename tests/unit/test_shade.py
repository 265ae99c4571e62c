"""What parts count for, drawn over an input: for every task, with hostile texts, and right to the cell."""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.fakes import ENVIRONMENT, TASKS

from assay.codecs.drawing import AGAINST, FOR
from assay.core import discovery
from assay.core.task import fit_codecs
from assay.inputs._shade_bars import bars
from assay.inputs._shade_board import _reading
from assay.inputs._shade_cells import over
from assay.inputs._shade_words import MOST, words
from assay.inputs._text_parts import as_written, segments
from assay.inputs.audio import Audio
from assay.inputs.history import History
from assay.inputs.image import Image
from assay.inputs.observation import Observation
from assay.inputs.prompt import Prompt
from assay.inputs.table import Table
from assay.inputs.text import Text
from assay.inputs.video import Video

SVG = "{http://www.w3.org/2000/svg}"


def fitted(task):
    xs = list(task.input.fake(np.random.default_rng(0), 24))
    if task.evaluate:
        return task.input.fit([f"{ENVIRONMENT}?seed=1"]), [json.dumps([0.1, -0.2, 0.3, 0.0])]
    return fit_codecs(task, xs, task.output.fake(np.random.default_rng(0), task.input.fake_signs(xs)))[0], xs


def parts(given, x):
    return given.parts(given.encode([x], {}))


def png(shown):
    kind, data = shown
    assert kind == "png"
    return Pillow.open(io.BytesIO(base64.b64decode(data)))


def svg(shown):
    """The drawing, which must be XML and hold nothing that runs or fetches."""
    kind, data = shown
    assert kind == "svg"
    root = ElementTree.fromstring(data)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "style", "rect", "text", "tspan", "title", "line"}
    assert not any(name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib)
    return root


def coloured(root):
    """The opacity of each coloured rectangle, below 0 where it is blue."""
    found = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") in ("for", "against")]
    return [float(rect.get("fill-opacity")) * (1 if rect.get("class") == "for" else -1) for rect in found]


def lefts(root):
    """Where each red rectangle begins, across."""
    return [float(rect.get("x")) for rect in root.iter(f"{SVG}rect") if rect.get("class") == "for"]


def told(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("values", ["some", "none", "undefined"])
def test_every_input_is_shaded_and_says_what_absence_is(name, values):
    given, xs = fitted(discovery.task(name))
    assert re.fullmatch(r"An? [^.]*\.", given.absence)
    count = len(parts(given, xs[0]))
    made = np.random.default_rng(1).normal(size=count) * {"some": 1, "none": 0, "undefined": np.nan}[values]
    shown = given.shade(xs[0], made)
    if shown[0] == "svg":
        root = svg(shown)
        if values != "some":
            assert "Nothing here speaks for or against it." in " ".join(told(root))
    else:
        assert png(shown).size[0] >= 100


def test_cells_of_an_image_have_the_colour_of_what_they_count_for():
    given = Image().fit([np.full((32, 32, 3), 128, np.uint8)])
    values = np.zeros((8, 8))
    values[1, 2], values[6, 5] = 1, -1
    x = np.full((32, 32, 3), 128, np.uint8)
    shown = png(given.shade(x, values.ravel()))
    assert shown.size == png(given.show(x)).size
    pixels = np.asarray(shown.convert("RGB")).astype(int)
    side = shown.size[0] // 8
    red, blue = pixels[side * 3 // 2, side * 5 // 2], pixels[side * 13 // 2, side * 11 // 2]
    assert red[0] > red[2] + 80
    assert blue[2] > blue[0] + 80
    rest = np.ptp(pixels, axis=2) > 0
    rest[side : 2 * side, 2 * side : 3 * side] = rest[6 * side : 7 * side, 5 * side : 6 * side] = False
    assert not rest.any(), "what counts for nothing has no colour"


def test_an_image_stands_beside_its_shades_over_their_scale():
    x = np.full((32, 32, 3), (200, 30, 30), np.uint8)
    given = Image().fit([x])
    values = np.eye(8).ravel()
    alone = given.shade(x, values)
    both = png(given.beside(x, alone, values)).convert("RGB")
    width, height = png(alone).size
    assert both.width > 2 * width
    assert both.height > height
    pixels = np.asarray(both)
    assert (pixels[:height, :width] == (200, 30, 30)).all(), "in its own colours"
    assert (pixels[:height, -width:] == np.asarray(png(alone).convert("RGB"))).all()
    assert pixels[height:].std() > 0, "a scale below"
    narrow = given.beside(x[:, :6], given.shade(x[:, :6], values), values)
    assert png(narrow).width >= 280, "which has room"


def test_the_scale_is_symmetric_and_deeper_is_more():
    picture = Pillow.new("L", (3, 1), 255)
    little, much, against = np.asarray(over(picture, np.array([[0.2, 1.0, -1.0]])))[0].astype(int)
    assert np.abs(much - FOR).sum() < np.abs(little - FOR).sum()
    assert np.abs(against - AGAINST).max() == pytest.approx(np.abs(255 - np.array(AGAINST)).max() * 0.25, abs=1)
    small, large = coloured(svg(words(["a ", "b "], np.array([0.1, 1.0]))))[:2]
    assert 0 < small < large < 0.7, "words on the deepest colour can be read"


HOSTILE = "<script>alert(1)</script> & \"x\" ' onload='y ]]> \x00\x1b[2J \u202e\ud800 </text></svg>"


@pytest.mark.parametrize(
    "text", [HOSTILE, "很好，不好", "هذا جيد جدا", "x" * 5_000, "W" * 60, "  ", "a\n\nb", "e\u0301" * 40, "\uffff"]
)
def test_any_text_is_drawn_as_text(text):
    pieces = segments(text)
    root = svg(words(pieces, np.linspace(-1, 1, len(pieces))))
    assert float(root.get("height")) < 2_000
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("x", 0)) >= 0
        assert float(rect.get("x", 0)) + float(rect.get("width")) <= float(root.get("width"))
    svg(bars([text], [text], np.ones(1)))


def test_words_wrap_and_run_the_way_their_script_does():
    pieces = segments("one two three four five six seven " * 8)
    left = lefts(svg(words(pieces, np.ones(len(pieces)))))
    assert left[1] > left[0]
    assert left.count(left[0]) > 2, "several lines begin at the left edge"
    pieces = segments("هذا الفيلم جميل")
    right = lefts(svg(words(pieces, np.ones(3))))
    assert right[0] > right[1] > right[2]


def test_of_a_long_text_the_stretch_that_counts_is_drawn():
    pieces = segments("word " * 3_000)
    values = np.zeros(3_000)
    values[2_000] = 1
    root = svg(words(pieces, values))
    assert max(coloured(root)[:MOST]) > 0.6
    shown = " ".join(told(root))
    before, after = (int(found.replace(",", "")) for found in re.findall(r"… ([\d,]+) (?:before|more)", shown))
    assert before + MOST + after == 3_000
    assert before + MOST // 3 < 2_000 < before + MOST * 2 // 3, "with what stands around it"
    assert "before" not in " ".join(told(svg(words(pieces, np.ones(3_000)))))


def test_words_are_shown_as_they_were_written():
    given = Text(lower=True).fit(["good tea", "good tea", "a film"])
    shown = told(svg(given.shade("  Good   ZYX,\n TEA", np.array([1.0, 0.0, 0.0, -1.0]))))
    assert shown[:4] == ["Good+1", "ZYX0", ",0", "TEA−1"]
    assert as_written("other words", "good tea too") == (["good ", "tea ", "too"], 0)


def test_what_is_not_read_is_grey_and_of_a_prompt_what_comes_before_is_counted():
    given = Text(longest=2).fit(["one two three"] * 2)
    assert told(svg(given.shade("one two three", np.array([1.0, -1.0]))))[2] == "threenot read"
    given = Prompt(longest_prompt=5).fit(["to be or not"])
    x = "to be or not"
    shown = told(svg(given.shade(x, np.ones(len(parts(given, x))))))
    assert shown[0] == "… 2 before"
    assert [word.removesuffix("+1") for word in shown[1:3]] == ["or", "not"]


def test_columns_stand_with_their_cells_the_largest_first():
    rows = [{"age": at, "town": "<b>Ely</b>" if at % 2 else "Bath"} for at in range(40)]
    given = Table().fit(rows)
    shown = told(svg(given.shade({"age": 30, "town": None}, np.array([0.25, -2.0]))))
    assert shown[3].startswith("town = —")
    assert shown[4] == "−2.00"
    assert shown[5].startswith("age = 30")
    root = svg(given.shade({"age": 30, "town": "<b>Ely</b>"}, np.array([0.25, -2.0])))
    assert any("<b>Ely</b>" in text for text in told(root))


def test_items_stay_in_order_and_the_oldest_are_counted_together():
    films = [f"film {at}" for at in range(40)]
    given = History().fit([films])
    shown = [text for text in told(svg(given.shade(films, np.ones(40)))) if "film" in text or "before" in text]
    assert shown[0].startswith("15 before, together")
    assert [re.match(r"film \d+", text)[0] for text in shown[1:]] == films[15:]
    assert "+15.00" in told(svg(given.shade(films, np.ones(40))))


def test_cells_of_a_sound_lie_where_and_when_they_are():
    rate = 8_000
    wave = (8_000 * np.sin(np.arange(rate) / 4)).astype(np.int16)
    given = Audio().fit([{"array": wave, "sampling_rate": rate}])
    x = {"array": wave, "sampling_rate": rate}
    names = parts(given, x)
    values = np.zeros(len(names))
    values[0] = 1  # the first eighth of the time, the lowest band
    pixels = np.asarray(png(given.shade(x, values)).convert("RGB")).astype(int)[:118]
    rows, columns = np.nonzero(pixels[..., 0] - pixels[..., 2] > 60)
    assert columns.min() >= 34
    assert columns.max() <= 34 + 280 // 8
    assert rows.min() > 118 * 0.7, "low is below"


def test_cells_of_a_clip_are_coloured_in_the_frame_of_their_time():
    clip = np.full((8, 16, 16, 3), 200, np.uint8)
    given = Video().fit([clip])
    names = parts(given, clip)
    values = np.zeros(len(names))
    values[names.index("time 3 row 4 column 1")] = -1
    shown = png(given.shade(clip, values)).convert("RGB")
    pixels = np.asarray(shown).astype(int)[: shown.height - 18]
    rows, columns = np.nonzero(pixels[..., 2] - pixels[..., 0] > 60)
    assert 0.5 * shown.width <= columns.min()
    assert columns.max() < 0.6 * shown.width
    assert rows.min() >= 0.7 * (shown.height - 18)


def test_a_board_shows_its_pieces_the_right_way_up():
    assert _reading("tic_tac_toe") == (0, False)
    assert _reading("connect_four") == (0, True)
    given = Observation().fit(["connect_four?seed=1"])
    values = np.zeros(42)
    values[3] = 1  # row 1, column 4, where the first piece falls
    root = svg(given.shade("3", values))
    rect = next(r for r in root.iter(f"{SVG}rect") if r.get("class") == "for" and float(r.get("fill-opacity")) > 0.6)
    piece = next(t for t in root.iter(f"{SVG}text") if t.text == "x")
    assert float(rect.get("x")) < float(piece.get("x")) < float(rect.get("x")) + float(rect.get("width"))
    assert float(rect.get("y")) < float(piece.get("y")) < float(rect.get("y")) + float(rect.get("height"))
    assert float(rect.get("y")) > 200, "the first row lies at the bottom"


def test_numbers_of_a_game_and_features_of_one_without_a_board_are_bars():
    given = Observation().fit([f"{ENVIRONMENT}?seed=1"])
    assert told(svg(given.shade("[0.5, 0, 0, 0]", np.array([3.0, 0, 0, 0]))))[3].startswith("[0] = 0.5")
    given = Observation().fit(["nim?seed=1"])
    svg(given.shade("start", np.ones(len(parts(given, "start")))))
