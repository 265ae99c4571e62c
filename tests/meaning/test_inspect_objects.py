"""`inspect` of targets that are sets of things: planted effects are found, and nothing is told where all is well."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import numpy as np

from assay.core import discovery
from assay.core.columns import Column
from assay.core.record import Record
from assay.core.source import Source, Split
from assay.core.verb import Silence
from assay.verbs.inspect import Config, run

COUNT = itertools.count()
Rows = list[dict[str, Any]]


def seen(n: int, seed: int = 0, labels: tuple[str, ...] = ("bolt", "nut")) -> Rows:
    """Images of noise with an object or two of each class, all of a good size."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        objects = [thing(label, rng) for label in labels for _ in range(int(rng.integers(1, 3)))]
        rows.append({"image": rng.integers(0, 256, (24, 32, 3)).astype(np.uint8), "y": objects})
    return rows


def thing(label: str, rng: np.random.Generator) -> dict[str, Any]:
    x, y = rng.uniform(0, 0.7, 2)
    return {"label": label, "x0": x, "y0": y, "x1": x + rng.uniform(0.1, 0.3), "y1": y + rng.uniform(0.1, 0.3)}


def inspect(**splits: Rows) -> Record:
    made = {
        name: Split(
            {key: Column([row[key] for row in rows]) for key in ("image", "y")}, lambda row, name=name: f"{name}:{row}"
        )
        for name, rows in splits.items()
    }
    source = Source("made", "made", made, f"made objects {next(COUNT)}")
    return run(discovery.task("object-detection"), source, Config(target="y"), Silence()).record


def rows_of(record: Record, name: str) -> tuple[tuple[Any, ...], ...]:
    return record.table(name).rows if name in {table.name for table in record.tables} else ()


def test_nothing_is_told_of_clean_objects_and_all_are_counted():
    train, test = seen(60), seen(20, 1)
    train[3]["y"] = []
    record = inspect(train=train, test=test)
    assert record.notes == ()
    assert not rows_of(record, "odd targets")
    table = record.table("objects by class")
    assert table.columns == (
        "class",
        "train objects",
        "train examples",
        "test objects",
        "test examples",
        "all objects",
        "share",
    )
    counts = {
        label: [sum(o["label"] == label for o in row["y"]) for row in [*train, *test]] for label in ("bolt", "nut")
    }
    for label, a, with_a, b, with_b, total, _ in table.rows:
        assert (a, b, total) == (sum(counts[label][:60]), sum(counts[label][60:]), sum(counts[label]))
        assert (with_a, with_b) == (59, 20)
    assert sum(row[-1] for row in table.rows) == 1
    each = [len(row["y"]) for row in train]
    assert record.table("objects an example").rows[0] == ("train", 60, sum(each), 1, float(np.median(each)), max(each))
    assert record.figure("without_object", "split=train").value == 1 / 60


def test_ignored_objects_need_not_be_found_and_are_not_counted():
    rows = seen(60)
    rows[0]["y"].append({**rows[0]["y"][0], "ignore": True})  # nor is it drawn twice
    record = inspect(train=rows)
    assert sum(row[-2] for row in rows_of(record, "objects by class")) == sum(len(row["y"]) for row in rows) - 1
    assert record.notes == ()


def test_rare_uneven_and_lacking_classes_are_told():
    train, test = seen(60), seen(20, 1)
    for row in train[:4]:
        row["y"].append(thing("washer", np.random.default_rng(0)))
    told = " ".join(inspect(train=train, test=test).notes)
    assert '1 class has fewer than 10 objects in the train split: "washer (4)"' in told
    assert 'The classes are uneven: "' in told
    assert '"washer" 4.' in told
    assert 'The test split has no object of "washer"' in told


def test_classes_that_are_spelled_alike_are_told():
    record = inspect(train=seen(60, labels=("bolt", "Bolt")))
    (row,) = rows_of(record, "classes spelled alike")
    assert set(row[0].split(" | ")) == {"bolt", "Bolt"}
    assert any("spelling" in note for note in record.notes)


def test_specks_and_boxes_drawn_twice_are_told():
    train, test = seen(60), seen(20, 1)
    speck = thing("nut", np.random.default_rng(0))
    train[7]["y"] = [*train[7]["y"], speck | {"x1": speck["x0"] + 0.009}]
    again = test[5]["y"][0]
    test[5]["y"] = [*test[5]["y"], again | {"x1": again["x1"] + 0.001, "label": "nut"}]
    record = inspect(train=train, test=test)
    (tiny, twice) = rows_of(record, "odd targets")
    assert tiny[:2] == ("train", "train:7")
    assert f"nut {len(train[7]['y'])} of {len(train[7]['y'])} is narrower or lower than 1 %" in tiny[2]
    assert twice == ("test", "test:5", f"bolt 1 and nut {len(test[5]['y'])} have nearly the same box")
    assert any("2 targets of 80 are odd, the first at train:7: nut" in note for note in record.notes)
    assert record.figure("odd_targets").value == 2 / 80


def test_an_object_of_a_class_that_training_lacks_is_a_problem_and_is_not_counted():
    train, test = seen(60), seen(20, 1)
    test[2]["y"] = [*test[2]["y"], thing("screw", np.random.default_rng(0))]
    record = inspect(train=train, test=test)
    assert [row[:2] for row in rows_of(record, "target problems")] == [("test", "test:2")]
    assert record.table("objects an example").rows[1][:2] == ("test", 19)


def test_samples_show_the_objects():
    record = inspect(train=seen(30))
    shown = [medium for medium in record.media if medium.name == "samples by class"]
    assert len(shown) == 8
    assert all(medium.kind == "svg" and "stroke-dasharray" in medium.data for medium in shown)
    assert "bolt" in shown[0].data
    assert base64.b64decode(shown[0].data.split("base64,")[1].split('"')[0]).startswith(b"\x89PNG")
