"""Pages of judges: what an explanation and an audit found, with verdicts that are read right, and safe from strangers."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from assay.core.figure import Figure
from assay.core.record import Medium, Record, Table
from assay.pages import pictures
from assay.pages.pictures_judges import TABLES, judged
from assay.pages.plots_judges import Bar, Line, banded, roc, signed_bars, signed_matrix
from assay.pages.plots_verdicts import Judged, verdicts
from assay.pages.report import report_html
from assay.pages.terminal import show

HOSTILE = "</svg><script>alert(1)</script>\x1b[2J\u202e\"'&|"

ATTRIBUTION = Table(
    "attribution",
    ("part", "value", "error", "low", "high", "significant", "place"),
    (
        ("row 1 column 1", 3.0, 0.1, 2.8, 3.2, True, 1),
        ("row 4 column 2", -0.9, 0.1, -1.1, -0.7, True, 2),
        ("row 5 column 5", 0.1, 0.1, -0.1, 0.3, False, 3),
    ),
)
IMPORTANCE = Table(
    "importance",
    ("part", "n", "importance", "low", "high", "mean", "significant"),
    (
        ("age", 100, 1.2, 1.0, 1.4, 0.4, True),
        ("town", 100, 0.1, 0.05, 0.15, 0.0, False),
        ("rare", 3, 0.9, 0.1, 1.7, 0.9, None),
    ),
)
PAIRS = ("input", "output", "value")
MATRIX = Table("matrix", PAIRS, (("a", "ein", 2.0), ("a", "Mann", -0.2), ("man", "ein", 0.1), ("man", "Mann", 1.5)))
GAPS = Table(
    "gaps",
    ("metric", "group", "n", "value", "rest", "gap", "low", "high", "p_adjusted", "verdict"),
    (
        ("accuracy", "sex=F", 400, 0.8, 0.9, -0.1, -0.14, -0.06, 0.001, "worse than the rest"),
        ("accuracy", "sex=X", 9, 0.7, 0.9, -0.2, -0.5, 0.1, 0.8, "cannot tell at this n"),
        ("accuracy", "town=A", 500, 0.9, 0.9, 0.0, -0.02, 0.02, 1.0, "no gap shown"),
        ("recall of cat", "sex=F", 40, 0.5, 0.9, -0.4, -0.5, -0.3, 0.001, "worse than the rest"),
    ),
)
FOUND = Table(
    "found groups",
    ("group", "n", "share", "value", "rest", "gap", "low", "high", "p", "p_adjusted"),
    (("town=A & sex=F", 90, 0.05, 0.6, 0.9, -0.3, -0.4, -0.2, 1e-6, 1e-4),),
)
CORRUPTIONS = Table(
    "corruptions",
    ("corruption", "clean", "corrupted", "difference", "low", "high", "n", "p_adjusted", "verdict"),
    (
        ("blur", 0.9, 0.6, -0.3, -0.33, -0.27, 500, 1e-6, "worse"),
        ("dust", 0.9, 0.9, 0.0, -0.01, 0.01, 500, 1.0, "no change shown"),
    ),
)
ROBUSTNESS = Table(
    "robustness",
    ("corruption", "severity", "metric", "value", "low", "high"),
    (
        ("none", 0, "accuracy", 0.9, 0.88, 0.92),
        ("none", 0, "calibration_error", 0.02, 0.01, 0.03),
        *(("blur", s, "accuracy", 0.9 - 0.1 * s, 0.88 - 0.1 * s, 0.92 - 0.1 * s) for s in range(1, 6)),
        *(("blur", s, "calibration_error", 0.02 * s, 0.01, 0.2) for s in range(1, 6)),
        *(("dust", s, "accuracy", 0.9, 0.88, 0.92) for s in range(1, 6)),
        *(("dust", s, "calibration_error", 0.02, 0.01, 0.03) for s in range(1, 6)),
    ),
)
CURVE = Table(
    "membership curve",
    ("attack", "false_positive_rate", "true_positive_rate"),
    tuple((attack, rate, rate**power) for attack, power in (("a", 0.3), ("b", 1.0)) for rate in (0.01, 0.1, 0.5, 1.0)),
)
FAITHFULNESS = Table(
    "faithfulness",
    ("curve", "share", "value", "random", "random_low", "random_high"),
    tuple(
        (curve, share, share**power, share, share - 0.1, share + 0.1)
        for curve, power in (("deletion", 3.0), ("insertion", 0.3))
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ),
)
ALL = (ATTRIBUTION, IMPORTANCE, MATRIX, FAITHFULNESS, GAPS, FOUND, CORRUPTIONS, ROBUSTNESS, CURVE)


def record(verb: str, **parts: Any) -> Record:
    return Record(verb, "a-task", {"hash": "0123"}, {"fingerprint": "fe", "n": 500, "split": "test"}, **parts)


def printed(shown: Record, width: int = 80, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(shown, Console(file=file, width=width))
    file.seek(0)
    return file.read()


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


# --- plots


def test_what_speaks_for_lies_right_of_zero_and_what_speaks_against_left() -> None:
    tree = parsed(judged(ATTRIBUTION)[0][0])
    bars = list(tree.iter("rect"))
    zero = next(float(l.get("x1", "")) for l in tree.iter("line") if l.get("class") == "axis")  # noqa: E741
    sides = [(r.get("class", "").split()[0], float(r.get("x", "")) >= zero - 0.1) for r in bars]
    assert sides == [("for", True), ("against", False), ("for", True)]
    assert ["unsure" in r.get("class", "") for r in bars] == [False, False, True]
    widths = [float(r.get("width", "")) for r in bars]
    assert widths[0] > widths[1] > widths[2]


def test_a_standard_error_becomes_a_whisker_of_two_on_each_side() -> None:
    plain = Table("attribution", ("part", "value", "error"), (("a", 1.0, 0.25), ("b", 0.5, None)))
    svg = judged(plain)[0][0]
    assert "a: 1 [0.500, 1.500]" in svg
    assert len([1 for line in parsed(svg).iter("line") if line.get("class") == "whisker"]) == 3


def test_verdicts_are_told_by_shape_and_word() -> None:
    drawn = judged(GAPS)
    assert [caption.split(":")[0] for _, caption, _ in drawn] == ["accuracy", "recall"]
    tree = parsed(drawn[0][0])
    marks = [e.get("class") for e in tree.iter() if e.tag in ("circle", "polygon")]
    assert marks == ["mark worse", "ring", "mark whole"]
    words = [t.text for t in tree.iter("text")]
    assert {"worse", "cannot tell", "no gap shown"} <= set(words)
    assert "sex=F, cat" in "".join(str(t.text) for t in parsed(drawn[1][0]).iter("text"))


def test_groups_that_a_search_lists_are_worse() -> None:
    assert "mark worse" in judged(FOUND)[0][0]


def test_each_corruption_has_a_small_curve_from_clean_on_one_scale() -> None:
    drawn = judged(ROBUSTNESS)
    captions = ["blur: accuracy", "blur: calibration error", "dust: accuracy", "dust: calibration error"]
    assert [caption for _, caption, _ in drawn] == captions
    assert all(small for *_, small in drawn)

    def heights(svg: str) -> list[float]:
        return [float(c.get("cy", "")) for c in parsed(svg).iter("circle")]

    blur, dust = heights(drawn[0][0]), heights(drawn[2][0])
    assert len(blur) == len(dust) == 6
    assert blur == sorted(blur)  # ever lower on the page
    assert len(set(dust)) == 1
    assert blur[0] == dust[0]
    assert "band" in drawn[0][0]


def test_signs_of_a_matrix_differ_in_shape_as_well() -> None:
    tree = parsed(judged(MATRIX)[0][0])
    assert [e.get("class") for e in tree.iter("rect")] == ["for"] * 3
    assert [e.get("class") for e in tree.iter("circle")] == ["against"]
    strongest = max(tree.iter("rect"), key=lambda e: float(e.get("fill-opacity", "1")))
    assert strongest[0].text == "a → ein: +2"
    assert "man → Mann: +1.500" in judged(MATRIX)[0][0]
    with pytest.raises(ValueError, match="cannot be read"):
        signed_matrix(["a"] * 41, ["b"], [[0.0]] * 41)


def test_a_wide_matrix_is_not_shrunk_until_nobody_can_read_it() -> None:
    columns = [f"{at}: a" for at in range(25)]
    wide = Table("matrix", PAIRS, tuple((f"0.00–0.34 s, {row}", c, 1.0) for row in range(6) for c in columns))
    (least,) = re.findall(r"min-width:([\d.]+)px", judged(wide)[0][0])
    assert float(least) > 450
    assert "min-width" not in judged(MATRIX)[0][0]
    tables = (wide, MATRIX)
    page = report_html("x", {}, [Record("explain", "", None, {}, (), tables)])
    assert page.count('<figure class="wide">') == 1
    assert page.count('<div class="half">') == 1, "the wide one has the whole line"


def test_names_of_any_length_that_fit_are_whole() -> None:
    names = [f"time {'1' * n} row 2 column 3" for n in range(1, 6)]
    for name in names:
        assert f">{name}</text>" in signed_bars([Bar(name, 1.0)], "x")


def test_of_a_large_matrix_the_rows_that_count_most_are_drawn_in_their_order() -> None:
    cells = [(f"row {at}", of, at / 10 * sign) for at in range(64) for of, sign in (("dog 1", 1.0), ("dog 2", -1.0))]
    svg, caption, _ = judged(Table("matrix", PAIRS, tuple(cells)))[0]
    rows = [t.text for t in parsed(svg).iter("text") if str(t.text).startswith("row")]
    assert rows == [f"row {at}" for at in range(34, 64)]
    assert "the 30 of 64 rows" in caption


def summed(symbols: int, off: float = 0.0) -> Table:
    """A text of so many symbols, each of which its own part counts twice for and every other part once."""
    cells = []
    for row in range(symbols):
        values = [1.0 + (row == of) for of in range(symbols)]
        cells += [(f"row {row}", "text", sum(values) + off * row)]
        cells += [(f"row {row}", f"{of + 1}: s", value) for of, value in enumerate(values)]
    return Table("matrix", PAIRS, tuple(cells))


def test_a_whole_that_its_parts_add_up_to_hides_none_of_them() -> None:
    svg, caption, _ = judged(summed(5))[0]
    assert caption.endswith("; text is all the others together, by shades of its own")
    shades = {str(e[0].text): float(e.get("fill-opacity", "1")) for e in parsed(svg).iter("rect") if len(e)}
    assert (shades["row 2 → text: +6"], shades["row 2 → 3: s: +2"], shades["row 2 → 1: s: +1"]) == (1, 1, 0.52)
    assert next(str(t.text) for t in parsed(judged(summed(50))[0][0]).iter("text")) == "text", "it is no smaller one"
    assert "text" not in printed(record("explain", tables=(summed(5),)))
    other = summed(5, off=0.1)  # one output of several
    assert "together" not in judged(other)[0][1]
    assert "text" in printed(record("explain", tables=(other,)))


def test_what_was_not_tested_is_pale_on_every_page() -> None:
    bars = {str(r[0].text).split(":")[0]: r.get("class", "") for r in parsed(judged(IMPORTANCE)[0][0]).iter("rect")}
    assert ["unsure" in bars[name] for name in ("age", "rare", "town")] == [False, True, True]
    lines = {
        line.split()[0]: line for line in printed(record("explain", tables=(IMPORTANCE,))).splitlines() if line.strip()
    }
    assert ["●" in lines[name] for name in ("age", "rare", "town")] == [True, False, False]


def test_a_faithful_order_is_drawn_beside_the_band_of_random_ones() -> None:
    drawn = judged(FAITHFULNESS)
    assert ["taken out" in drawn[0][1], "put in" in drawn[1][1]] == [True, True]
    paths = [e.get("class") for e in parsed(drawn[0][0]).iter("path")]
    assert paths == ["curve s1", "band fill2", "curve s2"]


def test_an_attack_lies_above_the_diagonal_and_guessing_on_it() -> None:
    tree = parsed(judged(CURVE)[0][0])
    attack, guess = (e.get("d", "") for e in tree.iter("path"))
    assert attack.startswith("M")
    first = [float(re.match(r"M\S+?(?=[\s])", d) and d[1:].split()[1]) for d in (attack, guess)]
    assert first[0] < first[1]  # higher on the page from the smallest rate on
    assert {"0.01", "0.1", "1"} <= {t.text for t in tree.iter("text")}


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_every_plot_is_one_drawing_that_says_what_is_in_it(table: Table) -> None:
    assert judged(table)
    for svg, caption, _ in judged(table):
        tree = parsed(svg)
        assert tree.get("role") == "img"
        assert len(tree.get("aria-label", "")) > 20
        assert caption


def test_nothing_finite_is_no_reason_to_fail() -> None:
    nan = float("nan")
    assert parsed(signed_bars([Bar("a", nan)], "x")) is not None
    assert parsed(signed_bars([Bar("a", 0.0)], "x")) is not None
    assert parsed(banded([Line("a", [nan], [1.0])], "x")) is not None
    assert parsed(roc([Line("a", [0.0], [0.0])], 0.0)) is not None
    assert parsed(verdicts([Judged("a", nan, None, None, None, "")], "x")) is not None
    assert parsed(signed_matrix(["a"], ["b"], [[None]])) is not None


@pytest.mark.parametrize("name", [*TABLES, "matrix"])
def test_tables_of_other_columns_stay_tables(name: str) -> None:
    assert judged(Table(name, ("x",), ((1,),))) == []
    assert judged(Table(name, (), ())) == []
    assert judged(Table(name, ("part", "value", "group", "gap"), (("a", "b", None, "c"),))) == []
    text = printed(record("audit", tables=(Table(name, ("x",), (("unheard of",),)),)))
    assert name in text


def test_an_empty_table_is_no_row_of_headings() -> None:
    text = printed(record("audit", tables=(replace(FOUND, rows=()),)))
    assert "none" in text
    assert "adjusted" not in text


# --- the page and the terminal


def test_the_page_shows_every_table_of_judges_as_a_plot_and_as_a_table() -> None:
    page = report_html("t", {}, [record("explain", tables=ALL[:4]), record("audit", tables=ALL[4:])])
    assert page.count("As a table") == len(ALL)
    assert page.index("Why does it answer as it does?") < page.index("Is it fair, private and robust?")
    assert page.count('<div class="plots small">') == 1


def test_gaps_that_a_table_states_are_not_drawn_twice_and_spreads_stand_with_the_whole() -> None:
    figures = (
        Figure("accuracy_gap", -0.1, -0.14, -0.06, 400, "", "higher", "sex=F"),
        Figure("accuracy_difference", 0.1, 0.02, 0.2, 500, "", "lower", "sex"),
    )
    page = report_html("t", {}, [record("audit", figures=figures, tables=(GAPS,))])
    assert "<h3>By sex</h3>" not in page
    assert "accuracy difference by sex" in page
    assert "<h3>By sex</h3>" in report_html("t", {}, [record("audit", figures=figures)])
    assert "accuracy difference by sex" in printed(record("audit", figures=figures, tables=(GAPS,)))


def test_an_attack_is_held_against_guessing() -> None:
    leak = Figure("membership_auc", 0.8, 0.7, 0.9, 200, "", "lower")
    none = Figure("membership_auc", 0.52, 0.45, 0.6, 200, "", "lower")
    assert "▼ membership AUC" in printed(record("audit", figures=(leak,)))
    assert "▼" not in printed(record("audit", figures=(none,)))


def test_a_claimed_privacy_is_drawn_beside_what_is_shown_of_it() -> None:
    claim = Figure("epsilon_claimed", 8.0, better="lower")
    shown = Figure("epsilon_lower_bound", 0.7, n=500, better="lower")
    page = report_html("t", {}, [record("audit", figures=(claim, shown))])
    assert "claimed: at most: 8" in page
    assert "shown: at least: 0.7" in page
    assert "shown: at least" not in report_html("t", {}, [record("audit", figures=(shown,))])


def test_the_terminal_tells_verdicts_and_hides_none() -> None:
    lines = printed(record("audit", tables=(GAPS, CORRUPTIONS, ROBUSTNESS))).splitlines()
    by_name = {line.split()[0]: line for line in lines if line.startswith("  ") and line.split()}
    assert "▼" in by_name["blur"] or "0.400" in by_name["blur"]
    harmed = next(line for line in lines if line.strip().startswith("sex=F "))
    assert "▼" in harmed
    assert harmed.split()[-1] == "worse"
    assert next(line for line in lines if line.strip().startswith("sex=X")).strip().endswith("cannot tell")
    severities = next(line for line in lines if "accuracy at severity" in line)
    assert severities.split()[-6:] == ["clean", "1", "2", "3", "4", "5"]


def test_the_terminal_names_both_ends_of_a_pair() -> None:
    lines = [line.split() for line in printed(record("explain", tables=(MATRIX,))).splitlines()]
    assert lines.index(["a", "ein", "2"]) + 1 == lines.index(["man", "Mann", "1.500"])


def test_the_terminal_shortens_names_and_cuts_no_interval_n_or_verdict() -> None:
    names = [
        f"{rate}_{kind}_by_sex" for rate in ("equalized_odds_of_all", "log_loss") for kind in ("difference", "ratio")
    ]
    figures = tuple(Figure(f"{names[at % 4]}_{at}", -0.25, -0.375, 0.125, 2309, "nats", "lower") for at in range(40))
    group = "sex=Female & race=Asian-Pac-Islander & town=Stratford"
    gaps = Table(
        "gaps", GAPS.columns, (("accuracy", group, 12_345, 0.1, 0.2, -0.1, -0.2, 0.1, 0.5, "cannot tell at this n"),)
    )
    lines = printed(record("audit", figures=figures, tables=(gaps,))).splitlines()
    rows = [line for line in lines if "nats" in line]
    assert len(rows) == 15
    assert all(row.rstrip().endswith("−0.250 nats  [−0.375, 0.125]  2,309") for row in rows)
    assert any(line.startswith("  … 25 more: in the report") for line in lines)
    judged_ = next(line for line in lines if "12,345" in line)
    assert judged_.rstrip().endswith("cannot tell")
    assert [part[:3] for part in judged_.split("12,345")[0].strip().split(" & ")] == ["sex", "rac", "tow"]
    assert len([line for line in printed(record("evaluate", figures=figures)).splitlines() if "nats" in line]) == 40


def test_a_line_break_in_a_cell_breaks_no_row() -> None:
    text = printed(record("explain", tables=(Table("attributions", ("part", "value"), (("one\ntwo", 1.5),)),)))
    assert next(line for line in text.splitlines() if "one" in line).split() == ["one⏎two", "1.500"]


def test_only_reasons_to_doubt_look_like_warnings() -> None:
    plain = (
        'The answer "1": for it speak most age (+1).',
        "Method: shapley, 64 evaluations of the model.",
        "A word that is absent is taken out, as though the text had been written without it.",
        "40 of 3,000 inputs, chosen at random, are explained (--n).",
        "The search looked at 80 groups.",
    )
    doubt = "This explanation is not shown to beat a random order of the parts: do not rely on it."
    shown = record("explain", notes=(*plain, doubt))
    page = report_html("t", {"hash": "0123"}, [shown])
    assert page.count('class="note plain"') == len(plain)
    assert page.count('class="note"') == 1
    assert [line[0] for line in printed(shown).splitlines() if line[:1] in "!·" and line] == ["·"] * 5 + ["!"]


def test_the_headline_of_an_explanation_is_whether_it_finds_what_matters() -> None:
    figures = tuple(Figure(name, 0.1) for name in ("efficiency_gap", "insertion_gain", "deletion_gain"))
    page = report_html("t", {}, [record("explain", figures=figures)])
    cards = re.findall(r'<div class="card"><div class="name">([^<]+)', page)
    assert cards == ["Insertion gain", "Deletion gain", "Efficiency gap"]


def test_the_terminal_puts_what_counts_most_first() -> None:
    rows = tuple((f"part {i}", float(i), 0.1) for i in range(30))
    text = printed(record("explain", tables=(Table("attribution", ("part", "value", "error"), rows),)))
    shown = [line.split()[1] for line in text.splitlines() if line.strip().startswith("part ")]
    assert shown[:3] == ["29", "28", "27"]
    assert "18 more parts" in text


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    text = printed(record("audit", tables=ALL), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert printed(record("audit", tables=ALL), width, "ascii")


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_what_strangers_wrote_comes_not_alive(table: Table) -> None:
    rows = tuple(tuple(HOSTILE if isinstance(cell, str) else cell for cell in row) for row in table.rows)
    hostile = Table(table.name, table.columns, rows, HOSTILE)
    shown = record("audit", tables=(hostile,), notes=(HOSTILE,))
    page = report_html("t", {}, [shown])
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\x1b" not in printed(shown)
    for svg, _, _ in judged(hostile):
        parsed(svg)


def test_a_wide_picture_has_a_line_of_its_own() -> None:
    wide = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 80"></svg>'
    assert pictures.image(Medium("explanation", "svg", wide)).wide
    assert not pictures.image(Medium("explanation", "svg", wide.replace("80", "500"))).wide


def test_figures_of_training_data_come_first_only_where_there_are_no_others_and_say_so() -> None:
    def judged(split: str, value: float, when: float) -> Record:
        figures = (Figure("accuracy", value),)
        return replace(record("evaluate", figures=figures), data={"n": 9, "split": split}, when=when)

    held_out, fitted = judged("test", 0.5, 1.0), judged("train", 0.75, 2.0)
    first = {"both": report_html("t", {}, [held_out, fitted]), "one": report_html("t", {}, [fitted])}
    shown = {name: page.partition('class="cards"')[2][:400] for name, page in first.items()}
    assert "0.500" in shown["both"]
    assert "0.750" in shown["one"]
    assert "so these figures are too good" not in first["both"]
    assert "so these figures are too good" in first["one"]
