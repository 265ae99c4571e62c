"""What people read: a record on a terminal, plots as SVG, and the model card."""

from __future__ import annotations

import io
import json
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from assay.core.figure import Figure
from assay.core.record import Medium, Record, Table
from assay.pages import plots
from assay.pages._marks import fit, interval, spark
from assay.pages._svg import labels, ticks
from assay.pages._words import cells, duration, stands
from assay.pages.card import model_card, scalar
from assay.pages.plots_label import MOST, heat_map, reliability
from assay.pages.report import report_html
from assay.pages.terminal import show

HOSTILE = "</svg><script>alert(1)</script>\x1b[2J\u202e\"'&|\n## x `y` [a](javascript:alert(1))"


def accuracy(value: float, n: int, group: str | None = None) -> Figure:
    half = 1.96 * math.sqrt(value * (1 - value) / n)
    return Figure("accuracy", value, value - half, value + half, n, "", "higher", group)


def record(**parts: Any) -> Record:
    defaults: dict[str, Any] = {
        "verb": "evaluate",
        "task": "a-task",
        "model": {"hash": "0123456789abcdef"},
        "data": {"fingerprint": "fedcba9876543210", "n": 1000, "split": "test"},
        "when": 1e9,
    }
    return Record(**{**defaults, **parts})


def printed(shown: Record, width: int = 80, encoding: str = "utf-8", **options: Any) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(shown, Console(file=file, width=width, **options))
    file.seek(0)
    return file.read()


# --- the terminal


def test_a_harmed_group_stands_out_and_the_others_do_not() -> None:
    figures = (
        accuracy(0.9, 1000),
        accuracy(0.91, 500, "sex=F"),
        accuracy(0.89, 400, "sex=M"),
        accuracy(0.5, 100, "sex=X"),
    )
    lines = {line.split()[0]: line for line in printed(record(figures=figures)).splitlines() if line.startswith("  ")}
    assert "▼" in lines["X"]
    assert "▼" not in lines["F"] + lines["M"]
    assert "▲" not in lines["F"] + lines["M"] + lines["X"]
    assert "[0.881, 0.919]" in lines["accuracy"]


def test_a_difference_is_held_against_nothing_changed() -> None:
    worse = Figure("log_loss_difference", 0.2, 0.1, 0.3, 500, "nat", "lower", "sex=F")
    unsure = Figure("log_loss_difference", 0.2, -0.1, 0.3, 500, "nat", "lower", "sex=M")
    whole = Figure("log_loss_difference", 0.2, 0.15, 0.25, 1000, "nat", "lower")
    text = printed(record(verb="compare", figures=(whole, worse, unsure)))
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ")}
    assert "▼" in lines["F"]
    assert "●" in lines["M"]
    assert lines["▼"].split()[1:4] == ["log", "loss", "difference"]


def test_what_all_columns_are_is_said_once_and_their_names_are_whole() -> None:
    names = ("f1", "precision", "recall")
    figures = tuple(
        Figure(f"{n}_difference", 0.2, 0.1, 0.3, 33, "", "higher", f"ground={g}") for n in names for g in "ab"
    )
    (head,) = (
        line for line in printed(record(verb="compare", figures=figures), 80).splitlines() if "by ground" in line
    )
    assert head.split() == ["difference", "by", "ground", "n", "F1", "↑", "precision", "↑", "recall", "↑"]


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("many", [1, 4, 9])
def test_nothing_is_wider_than_the_terminal(width: int, many: int) -> None:
    names = [f"metric_number_{i}" for i in range(many)]
    groups = [None, *(f"column=a rather long value number {i}" for i in range(30))]
    figures = tuple(Figure(n, 0.5, 0.4, 0.6, 12345, "unit", "higher", g) for g in groups for n in names)
    table = Table("wide", tuple(f"column {i}" for i in range(20)), tuple(("x" * 90, *range(19)) for _ in range(40)))
    text = printed(record(figures=figures, tables=(table,), notes=("A word. " * 40,)), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(n.replace("_", " ") in text for n in names)
    assert "… 10 more groups: in the report" in text
    assert "… 28 more rows and" in text


def test_without_colour_the_text_is_the_same() -> None:
    shown = record(figures=(accuracy(0.9, 1000), accuracy(0.5, 100, "sex=X")), notes=("Mind this.",))
    coloured = printed(shown, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in coloured
    assert "\x1b[" not in printed(shown)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(shown)


def test_an_output_that_knows_only_ascii_is_given_nothing_else() -> None:
    shown = record(
        figures=(accuracy(0.9, 1000), accuracy(0.5, 100, "sex=é"), Figure("change", -0.5)),
        tables=(Table("learning curve", ("epoch", "loss"), ((1, 2.0), (2, 1.0))), Table("t", ("a",), ((None,),) * 20)),
    )
    text = printed(shown, encoding="ascii")  # a character that it does not know would raise
    assert "--v--" in text


def test_labels_can_do_nothing_to_a_terminal() -> None:
    shown = record(
        task=HOSTILE,
        figures=(accuracy(0.9, 10), accuracy(0.9, 10, f"sex={HOSTILE}")),
        tables=(Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), HOSTILE), Table("m", ("a",), (("[bold red]x[/]",),))),
        notes=(HOSTILE, "[link=https://example.org]y[/link]"),
    )
    text = printed(shown, 200)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold red]x[/]" in text
    assert "[link=https://example.org]y[/link]" in text


def test_media_are_counted_and_what_is_left_out_is_named() -> None:
    media = (Medium("a", "png", "x"), Medium("b", "svg", "x"), Medium("c", "text", "x"))
    table = Table("files", ("where",), tuple((f"photos/{i}.jpg",) for i in range(40)))
    text = printed(record(media=media, tables=(table,)))
    assert "2 pictures and 1 text sample: in the report" in text
    assert "… 28 more rows: in the report, and in the file that --json writes" in text


def test_a_confusion_shows_the_mistakes_that_are_made_most() -> None:
    cells = (("cat", "cat", 900), ("cat", "dog", 7), ("dog", "cat", 90), ("dog", "dog", 800))
    text = printed(record(tables=(Table("confusion", ("actual", "predicted", "count"), cells),)))
    rows = [line.split() for line in text.splitlines() if line.startswith("  ")]
    assert rows == [["actual", "predicted", "count"], ["dog", "cat", "90"], ["cat", "dog", "7"]]


def test_a_record_of_nothing_is_printed() -> None:
    assert printed(record(model=None, data={}, figures=(Figure("r2", math.nan, n=1),))).count("not defined") == 1


# --- characters and words


@given(st.floats(0, 1), st.floats(0, 0.3), st.integers(3, 60))
def test_an_interval_keeps_its_width_and_its_order(value: float, half: float, width: int) -> None:
    drawn = interval(value, value - half, value + half, (-0.5, 1.5), width, "●", math.nan)
    assert len(drawn) == width
    assert drawn.count("●") == 1
    assert set(drawn) <= set(" ╶─╴●")


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_text_that_is_cut_fits_and_keeps_both_ends(text: str, width: int) -> None:
    cut = fit(text, width)
    assert len(cut) == min(len(text), width)
    assert len(text) <= width or (cut.startswith(text[: (width - 1) // 3]) and "…" in cut)


def test_a_spark_says_which_way_it_goes() -> None:
    assert spark([5, 4, 3, 2, 1], 5) == "█▆▅▃▁"
    assert spark([1, 1, 1], 3) == "▄▄▄"
    assert spark([math.nan], 3) == ""
    assert len(spark(list(range(1000)), 40)) == 40


@given(st.floats(0, 1e9))
def test_a_length_of_time_has_two_units_at_most(seconds: float) -> None:
    assert re.fullmatch(r"\d+(\.\d)? s|\d+ (min|h|d)( \d+ (s|min|h))?", duration(seconds))


def test_an_interval_that_only_touches_the_line_does_not_stand_apart() -> None:
    assert stands(Figure("a", 0.7, 0.6, 0.8, better="lower"), 0.8) == ""
    assert stands(Figure("a", 0.7, 0.6, 0.8, better="lower"), 0.81) == "better"
    assert stands(Figure("a", 0.7, 0.6, 0.8), 0.81) == "apart"
    assert stands(Figure("a", 0.7), 0.81) == ""


def test_decimal_cells_line_up() -> None:
    assert cells([0.5, 1.0, 0.12345], "x") == ["0.500", "1.000", "0.123"]
    assert cells([1, 2000], "seed") == ["1", "2000"]


# --- plots


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_lie_within_and_are_told_apart(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    slack = 1e-6 * max(span, abs(low) * 1e-3)
    assert all(low - slack <= t <= low + span + slack for t in found)
    assert len(set(labels(found))) == len(found) if found else True
    assert len(found) <= 2.5 * about + 1


def parse(svg: str) -> ET.Element:
    """The SVG as XML: a label that breaks out of its place makes it ill-formed or leaves an element behind."""
    root = ET.fromstring(svg)
    assert {element.tag for element in root.iter()} <= {
        "svg",
        "g",
        "line",
        "rect",
        "circle",
        "path",
        "polygon",
        "text",
        "title",
    }
    assert root.get("aria-label")
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert "nan" not in re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", svg)
    return root


def test_every_plot_is_well_formed_whatever_the_labels() -> None:
    figure = Figure(HOSTILE, 0.5, 0.4, 0.6, 10, HOSTILE, "higher", HOSTILE)
    parse(plots.forest([(HOSTILE, figure), ("", Figure("a", math.nan, n=0))], 0.5, HOSTILE))
    parse(plots.strip(figure, 0, 1))
    parse(plots.curves([(HOSTILE, [1, 2, 3], [1.0, None, math.nan])], HOSTILE, HOSTILE))
    parse(plots.bars([HOSTILE], [3], HOSTILE))
    parse(plots.histogram([(0, 1), (1, 2)], [3, 0], HOSTILE))
    parse(plots.dots([HOSTILE, "b"], [(HOSTILE, [0.5, None]), ("c", [None, None])]))
    parse(plots.scatter([1, 2, math.nan], [1, 3, 2], HOSTILE, HOSTILE))
    parse(heat_map([HOSTILE, "b"], [[1, 2], [0, 0]]))
    parse(reliability([(0.0, 0.5, None, None, 0), (0.5, 1.0, 0.7, 0.6, 3)]))


def test_every_plot_bears_next_to_nothing() -> None:
    parse(plots.forest([("a", Figure("m", math.nan, math.nan, math.inf))], None))
    parse(plots.curves([("loss", [1], [0.5])], "epoch"))
    parse(plots.curves([("loss", [], [])], "epoch"))
    parse(plots.bars(["a"], [0]))
    parse(plots.histogram([(0, 0)], [0]))
    parse(plots.dots([], []))
    parse(plots.scatter([], [], "a", "b"))
    parse(plots.scatter([1.0], [1.0], "a", "b"))
    parse(heat_map(["a"], [[0]]))
    parse(reliability([]))


def test_a_forest_plot_places_values_in_order_and_marks_the_harmed_group() -> None:
    rows = [("low", accuracy(0.5, 200)), ("middle", accuracy(0.9, 200)), ("high", accuracy(0.99, 900))]
    root = parse(plots.forest(rows, 0.9))
    marks = [element for element in root.iter() if element.get("class", "").startswith("mark")]
    assert [element.get("class") for element in marks] == ["mark worse", "mark whole", "mark better"]
    across = []
    for element in marks:
        points = [float(p.split(",")[0]) for p in element.get("points", "").split()]
        across.append(sum(points) / len(points) if points else float(element.get("cx", "nan")))
    assert across == sorted(across)
    assert len(set(across)) == 3


def test_a_heat_map_tells_right_from_wrong_and_refuses_what_nobody_can_read() -> None:
    root = parse(heat_map(["a", "b", "c"], [[5, 1, 0], [0, 3, 0], [2, 0, 9]]))
    kinds = [element.get("class") for element in root.iter("rect")]
    assert kinds.count("right") == 3
    assert kinds.count("wrong") == 6
    assert "17 of 20 right" in root.get("aria-label", "")
    with pytest.raises(ValueError, match="cannot be read"):
        heat_map(["x"] * (MOST + 1), [])


def test_a_large_scatter_plot_is_thinned_evenly() -> None:
    root = parse(plots.scatter(list(range(50_000)), list(range(50_000)), "a", "b"))
    points = [float(element.get("cx", "nan")) for element in root.iter("circle")]
    assert 1000 <= len(points) <= plots.DOTS
    assert min(points) < 80
    assert max(points) > 340


# --- the card


def front(card: str) -> dict[str, Any]:
    """The YAML head, whose values are JSON by construction."""
    lines = card.split("\n---\n", 1)[0].split("\n")
    assert lines[0] == "---"
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines[1:])}


FACTS: dict[str, Any] = {
    "task": "a-task",
    "network": "net",
    "size": "tiny",
    "parameters": 1234,
    "inputs": ["x"],
    "target": "y",
    "classes": ["a", "b"],
    "hash": "0123456789abcdef",
    "folder": "my-model",
    "lineage": {"seed": 3, "data": {"train": "77aa"}},
}


def test_the_card_tells_what_was_measured_in_a_form_that_hubs_read() -> None:
    train = record(
        verb="train", data={"fingerprint": "aaaa1111", "n": 900}, notes=("Validation was cut from train.",), when=9e8
    )
    judged = record(figures=(accuracy(0.9, 1000), accuracy(0.5, 100, "sex=X")))
    card = model_card(FACTS, [judged, train])
    head = front(card)
    assert head["tags"] == ["assay", "a-task"]
    index = head["model-index"][0]
    assert index["name"] == "my-model"
    assert index["results"][0]["metrics"] == [{"type": "accuracy", "name": "accuracy", "value": 0.9}]
    assert index["results"][0]["dataset"]["split"] == "test"
    assert "license" not in head
    assert "No license was stated." in card
    assert "| accuracy | 0.900 | 0.881 to 0.919 | 1,000 | higher is better |" in card
    assert "| X | 100 | 0.500 (0.402 to 0.598) |" in card
    assert "- Validation was cut from train." in card
    assert "aaaa1111" in card
    assert "by subgroup (assay" not in card
    assert front(model_card({**FACTS, "license": "mit"}, []))["license"] == "mit"


def test_a_card_without_evidence_says_so() -> None:
    card = model_card(FACTS, [])
    assert "model-index" not in front(card)
    assert "None was recorded" in card
    assert "not evaluated by subgroup" in model_card(FACTS, [record(figures=(accuracy(0.9, 10),))])
    assert front(model_card({}, []))["tags"] == ["assay"]


def test_no_name_can_break_out_of_its_place_in_the_card() -> None:
    facts = {
        **FACTS,
        "folder": HOSTILE,
        "classes": [HOSTILE],
        "task": HOSTILE,
        "lineage": {HOSTILE: {HOSTILE: HOSTILE}},
    }
    judged = record(
        figures=(accuracy(0.9, 10), accuracy(0.9, 10, f"{HOSTILE}={HOSTILE}")),
        notes=(HOSTILE,),
        data={"split": HOSTILE},
    )
    card = model_card({**facts, "hash": HOSTILE}, [judged])
    assert front(card)["model-index"][0]["name"] == HOSTILE
    body = card.split("\n---\n", 1)[1]
    assert not re.search(r"(?<!\\)<", body)
    assert not re.search(r"(?<!\\)\]\(", body)
    assert [line for line in body.split("\n") if line.startswith("## x")] == []
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in body.split("\n") if line.startswith("| ")}
    assert widths == {6, 4}


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_scalars_are_json_on_one_line_with_only_what_yaml_can_print(text: str, value: float) -> None:
    written = scalar(text)
    assert json.loads(written) == text
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", written)
    assert json.loads(scalar(value)) == value
    assert re.fullmatch(r"-?\d+\.\d+(e[-+]\d+)?", scalar(value))


def test_only_what_was_validated_is_said_to_be_of_held_out_examples():
    from assay.pages.pictures import drawn

    rows = tuple((epoch, 1.0 / epoch, 10.0 * epoch, 5.0 * epoch) for epoch in (1, 2, 3))
    curve = Table("learning curve", ("epoch", "loss", "return", "validation_mean_return"), rows)
    captions = [picture.caption for picture in drawn(curve)]
    assert captions == ["Loss", "Return", "Mean return on held-out examples"]
    assert drawn(Table(curve.name, curve.columns, rows[:1])) == [], "one epoch is no curve"


def test_pictures_of_a_pair_stand_in_one_box() -> None:
    captions = ("1a · equal · cat", "1b · equal · dog", "2a · equal · cat", "3b · equal · dog", "alone")
    media = tuple(Medium("copies", "text", "x", caption) for caption in captions)
    page = report_html("t", {}, [record(media=media)])
    (pair,) = re.findall(r'<div class="pair.*?</div>', page, flags=re.DOTALL)
    assert re.findall(r"<figcaption>(\w+)", pair) == ["1a", "1b"]
    assert re.findall(r"<figcaption>(\w+)", page) == ["1a", "1b", "2a", "3b", "alone"]


def test_the_limitations_of_a_card_are_reasons_to_doubt_alone() -> None:
    told = record(notes=('The column "split" makes the splits: train 8, test 2.', "2 of 8 inputs are odd."))
    card = model_card({"task": "text-classification"}, [told])
    assert "makes the splits" not in card
    assert "2 of 8 inputs are odd." in card


def test_a_table_that_scrolls_says_so() -> None:
    tables = [Table("t", ("a", "b"), tuple((f"name {at}", "x") for at in range(n)), "") for n in (10, 11)]
    ten, eleven = (report_html("t", {}, [record(tables=(table,))]) for table in tables)
    assert "scroll within" not in ten
    assert "11 rows: scroll within" in eleven
