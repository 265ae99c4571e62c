"""The HTML page: all of the evidence, nothing from outside, and nothing that a stranger's file could make it do."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from assay.core.dataset import Roles
from assay.core.errors import ConfigError, DataError, ModelError
from assay.core.figure import Figure
from assay.core.folder import read_card, write_card
from assay.core.model import Model
from assay.core.record import Medium, Record, Table
from assay.core.task import Task
from assay.core.verb import Silence
from assay.pages.report import ROWS, report_html
from assay.verbs.report import Config, run

HOSTILE = "</title></style></svg>\"'><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[0m\ud800{{ 7*7 }}"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one red one
)
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, the text in each, and whether every one that opens is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        return self.texts.get(tag, [])


def record(verb: str = "evaluate", **parts: Any) -> Record:
    defaults: dict[str, Any] = {
        "task": "a-task",
        "model": {"hash": "0123456789abcdef"},
        "data": {"fingerprint": "fedcba98", "n": 1000, "split": "test"},
        "when": 1e9,
    }
    return Record(verb, **{**defaults, **parts})


def figure(value: float, group: str | None = None, name: str = "accuracy") -> Figure:
    return Figure(name, value, value - 0.02, value + 0.02, 1000, "", "higher", group)


TABLES = (
    Table("learning curve", ("epoch", "seconds", "loss", "validation_loss", "accuracy", "lr"),
          ((1, 2.0, 2.0, 2.1, 0.3, 0.1), (2, 4.0, 1.0, None, None, 0.05), (3, 6.0, 0.5, 1.2, 0.6, 0.0))),
    Table("confusion", ("actual", "predicted", "count"), (("a", "a", 9), ("a", "b", 1), ("b", "a", 4), ("b", "b", 6))),
    Table("calibration", ("confidence_low", "confidence_high", "mean_confidence", "accuracy", "n"),
          ((0.0, 0.5, None, None, 0), (0.5, 1.0, 0.8, 0.7, 20))),
    Table("by class", ("class", "n", "precision", "recall", "f1"),
          (("a", 10, 0.7, 0.9, 0.8), ("b", 10, None, 0.6, 0.5))),
    Table("residuals", ("predicted", "actual"), ((1.0, 1.5), (2.0, 1.5), (None, 2.0))),
    Table("classes", ("class", "n"), (("a", 10), ("b", 20))),
    Table("lengths", ("low", "high", "n"), ((0, 5, 3), (5, 10, 8))),
)  # fmt: skip


def hostile() -> Record:
    tables = [Table(t.name, t.columns, tuple(tuple(HOSTILE if isinstance(c, str) else c for c in r) for r in t.rows),
                    HOSTILE) for t in TABLES]  # fmt: skip
    return record(
        HOSTILE,
        task=HOSTILE,
        model={"hash": HOSTILE, HOSTILE: HOSTILE},
        data={"fingerprint": HOSTILE, "split": HOSTILE, HOSTILE: [HOSTILE]},
        figures=(
            figure(0.9, name=HOSTILE),
            Figure(HOSTILE, 0.5, 0.4, 0.6, 5, HOSTILE, "lower", f"{HOSTILE}={HOSTILE}"),
        ),
        tables=(*tables, Table(HOSTILE, (HOSTILE, "b"), ((HOSTILE, {HOSTILE: HOSTILE}),))),
        media=tuple(Medium(HOSTILE, kind, HOSTILE, HOSTILE) for kind in ("svg", "png", "text")),
        notes=(HOSTILE,),
    )


def test_nothing_hostile_comes_alive() -> None:
    facts = {
        "task": HOSTILE,
        "network": HOSTILE,
        "classes": [HOSTILE],
        "lineage": {HOSTILE: {HOSTILE: HOSTILE}},
        "hash": "x",
    }
    html = report_html(HOSTILE, facts, [hostile(), record(figures=(figure(0.9),), tables=TABLES)])
    html.encode("utf-8")  # no half of a surrogate pair is left
    page = Page(html)
    assert page.open == []
    assert len(page.all("script")) == 1
    assert "alert" not in "".join(page.text("script"))
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert "49" not in "".join(page.text("h1"))
    assert HOSTILE[:40] in "".join(page.text("h1"))
    assert "\x1b" not in html


def test_nothing_is_fetched_and_only_its_own_script_may_run() -> None:
    page = Page(
        report_html("t", {}, [record(figures=(figure(0.9),), tables=TABLES, media=(Medium("p", "png", PIXEL),))])
    )
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name in ("src", "href", "srcset", "poster", "data", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    css = "".join(page.text("style"))
    assert "url(" not in css
    assert "@import" not in css
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    script = "".join(page.text("script"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_it_can_be_read_without_eyes_and_its_contents_lead_somewhere() -> None:
    page = Page(report_html("t", {"task": "x"}, [record(figures=(figure(0.9), figure(0.5, "sex=X")), tables=TABLES,
                                                        media=(Medium("p", "png", PIXEL, "a pixel"),))]))  # fmt: skip
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.all("a")} <= set(ids)
    assert all(image["alt"] for image in page.all("img"))
    assert all(svg["aria-label"] and svg["role"] == "img" for svg in page.all("svg"))
    assert all(attributes["aria-labelledby"] in ids for attributes in page.all("section"))
    assert page.all("html")[0]["lang"] == "en"
    css = "".join(page.text("style"))
    assert all(feature in css for feature in ("prefers-color-scheme: dark", "@media print", "max-width: 600px"))


def test_headline_figures_are_those_of_the_evaluation_with_their_intervals() -> None:
    train = record("train", figures=(figure(0.99),))
    html = report_html(
        "t", {}, [record(figures=(figure(0.81),)), train, record("inspect", model=None, figures=(figure(0.1),))]
    )
    cards = re.findall(r'<div class="card">.*?</div></div>', html)
    assert len(cards) == 1
    assert "0.810" in cards[0]
    assert "[0.790, 0.830]" in cards[0]
    assert "n = 1,000 · higher is better" in cards[0]
    assert Page(html).text("h2") == [
        "At a glance",
        "Inspect",
        "Train",
        "Evaluate",
        "Where this comes from",
    ]


def test_two_records_of_one_verb_are_told_apart_and_another_verb_is_shown_too() -> None:
    other = record("weigh", data={"n": 3}, notes=("It is heavy.",))
    valid = record(data={"split": "validation", "n": 5}, when=1.0)
    page = Page(report_html("t", {}, [other, record(), valid]))
    assert page.text("h2") == ["Evaluate (validation)", "Evaluate (test)", "Weigh", "Where this comes from"]
    assert "It is heavy." in page.text("span")


def test_every_table_that_is_known_is_drawn_and_is_there_as_a_table_too() -> None:
    for table in TABLES:
        page = Page(report_html("t", {}, [record(tables=(table,))]))
        assert page.all("svg"), table.name
        assert len(page.all("tr")) == len(table.rows) + 1
    page = Page(report_html("t", {}, [record(tables=TABLES[:1])]))
    assert len(page.all("svg")) == 3  # losses together, accuracy, learning rate


def test_a_known_name_with_odd_cells_is_a_table_and_no_more() -> None:
    odd = [Table(t.name, t.columns, (("x",) * len(t.columns),)) for t in TABLES]
    odd += [Table(t.name, ("a",), ((1,),)) for t in TABLES]
    odd += [Table(t.name, t.columns, ()) for t in TABLES]
    page = Page(report_html("t", {}, [record(tables=tuple(odd))]))
    assert page.all("svg") == []


def test_a_group_that_differs_is_marked_and_one_that_does_not_is_not() -> None:
    figures = (figure(0.9), figure(0.905, "sex=F"), figure(0.5, "sex=X"))
    html = report_html("t", {}, [record(figures=figures)])
    forest = html[html.index('class="plots forest"') :]
    assert re.findall(r'class="mark (\w+)"', forest)[:2] == ["whole", "worse"]


def test_a_figure_without_a_number_is_no_drawing() -> None:
    broken = (
        Figure("a", math.nan, 0.1, 0.2, 3),
        Figure("b", 0.5, 0.1, math.inf, 3),
        Figure("c", math.nan, group="g=1"),
    )
    html = report_html("t", {}, [record(figures=broken)])
    assert "not defined" in html
    assert not re.search(r'(cx|x1|x2|points)="[^"]*(nan|inf)', html)


def test_media_stand_where_they_can_do_nothing() -> None:
    svg = '<svg viewBox="0 0 1 1"><script>alert(1)</script></svg>'
    media = (
        Medium("s", "svg", svg, "drawn"),
        Medium("p", "png", PIXEL),
        Medium("t", "text", "<b>x</b>"),
        Medium("d", "png", "?"),
    )
    page = Page(report_html("t", {}, [record(media=media)]))
    drawing, picture = (image["src"] for image in page.all("img"))
    inside = base64.b64decode(drawing.removeprefix("data:image/svg+xml;base64,")).decode()
    assert "http://www.w3.org/2000/svg" in inside  # without its namespace a browser draws nothing
    assert "alert" in inside  # as an image it cannot run
    assert picture == f"data:image/png;base64,{PIXEL}"
    assert page.text("pre") == ["<b>x</b>"]
    assert any("damaged" in text for text in page.text("p"))


def test_a_long_table_says_where_the_rest_is() -> None:
    table = Table("files", ("where",), tuple((f"{i}.jpg",) for i in range(5000)))
    html = report_html("t", {}, [record(tables=(table,))])
    assert len(Page(html).all("tr")) == ROWS + 1
    assert "of 5,000 rows" in html


def test_evidence_about_another_model_says_so() -> None:
    html = report_html("t", {"hash": "ffff0000"}, [record()])
    assert "This speaks of another model (hash 01234567)" in html
    assert "another model" not in report_html(
        "t", {"hash": "0123456789abcdef"}, [record(), record("inspect", model=None)]
    )


def test_the_page_without_evidence_says_what_to_do() -> None:
    assert "assay evaluate MODEL DATA" in report_html("t", {"task": "a-task"}, [])


# --- the verb


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "my-model"
    folder.mkdir()
    anything: Any = SimpleNamespace(classes=("a", "b"))
    task = Task(name="a-task", summary="A task.", input=anything, output=anything, networks=())
    made = Model(task, "net", "tiny", anything, anything, nn.Linear(2, 3), Roles(("x",), False, "y"),
                 folder=folder, hash="0123456789abcdef")  # fmt: skip
    write_card(made, [record(figures=(figure(0.81),))])
    return made


class Listener(Silence):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)


def test_the_report_is_made_of_the_card_and_lies_in_the_folder(model: Model) -> None:
    watch = Listener()
    outcome = run(model, Config(), watch)
    assert outcome.value == model.folder / "report.html"
    html = outcome.value.read_text(encoding="utf-8")
    assert "0.810" in html
    assert "<title>my-model</title>" in html
    assert "9 weights" in html
    assert watch.heard == []
    assert outcome.record.verb == "report"
    assert outcome.record.figure("records").value == 1
    assert Record.from_json(json.loads(json.dumps(outcome.record.to_json()))).model == {"hash": model.hash}


def test_a_cell_that_is_no_number_is_an_empty_one_on_the_card(model: Model) -> None:
    rows = ((1, math.nan, [0.5, math.inf]), (2, 0.5, [0.5, 1.0]))
    write_card(model, [record(tables=(Table("learning curve", ("epoch", "loss", "ends"), rows),))])
    (kept,) = read_card(model)
    assert kept.table("learning curve").rows == ((1, None, [0.5, None]), (2, 0.5, [0.5, 1.0]))


def test_further_records_are_shown_once(model: Model, tmp_path: Path) -> None:
    inspected, same = tmp_path / "inspect.json", tmp_path / "same.json"
    inspected.write_text(json.dumps(record("inspect", model=None, notes=("Four leaks.",)).to_json()), encoding="utf-8")
    same.write_text(json.dumps(record(figures=(figure(0.81),)).to_json()), encoding="utf-8")
    card = model.folder / "card.json"
    out = tmp_path / "page.html"
    outcome = run(model, Config(out=out, records=(inspected, same, card), title="Mine"), Silence())
    assert outcome.record.figure("records").value == 2
    assert Page(out.read_text(encoding="utf-8")).text("h1") == ["Mine"]
    assert "Four leaks." in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (None, ConfigError, "cannot be read"),
        ("{", DataError, "is not JSON"),
        ("[1]", DataError, "holds no record"),
        ('{"verb": "evaluate"}', DataError, "holds no record"),
        (
            json.dumps({**record(figures=(figure(0.9),)).to_json(), "figures": [{"name": "a", "value": "x"}]}),
            DataError,
            "damaged",
        ),
        (
            json.dumps({**record().to_json(), "figures": [{"name": "a", "value": 1, "better": "<b>"}]}),
            DataError,
            "direction",
        ),
        (
            json.dumps({**record().to_json(), "tables": [{"name": "a", "columns": ["b"], "rows": [[1, 2]]}]}),
            DataError,
            "as long",
        ),
        (json.dumps({**record().to_json(), "media": [{"name": "a", "kind": "html", "data": "b"}]}), DataError, "kind"),
        (json.dumps({**record().to_json(), "data": None}), DataError, "damaged"),
    ],
)
def test_a_file_that_is_no_record_is_named(
    model: Model, tmp_path: Path, content: str | None, error: Any, says: str
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=says) as caught:
        run(model, Config(records=(path,)), Silence())
    assert "bad.json" in str(caught.value)
    assert not (model.folder / "report.html").exists()


def test_a_place_that_cannot_be_written_is_named(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        run(model, Config(out=tmp_path), Silence())
    in_memory = Model(model.task, "net", None, model.input, model.output, model.network, model.roles)
    with pytest.raises(ConfigError, match="in memory"):
        run(in_memory, Config(), Silence())
    out = tmp_path / "memory.html"
    watch = Listener()
    assert run(in_memory, Config(out=out), watch).value == out
    assert "No evidence yet" in out.read_text(encoding="utf-8")
    assert "no evidence" in watch.heard[0]


def test_a_card_of_another_artefact_is_refused(model: Model) -> None:
    card = model.folder / "card.json"
    state = json.loads(card.read_text(encoding="utf-8"))
    card.write_text(json.dumps({**state, "model": {"hash": "ffff"}}), encoding="utf-8")
    with pytest.raises(ModelError, match="speaks of another model"):
        run(model, Config(), Silence())
