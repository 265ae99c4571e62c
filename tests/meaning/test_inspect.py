"""`inspect`: each planted effect is found where it was planted, and nothing is told of data that are as they should be."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from sklearn.datasets import load_digits

from assay.core import discovery
from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.record import Record
from assay.core.source import Problem, Source, Split
from assay.core.verb import Silence
from assay.verbs.inspect import Config, run

Rows = list[dict[str, Any]]
COUNT = itertools.count()


def source(splits: Mapping[str, Rows], problems: Sequence[Problem] = ()) -> Source:
    made = {}
    for name, rows in splits.items():
        columns = {key: Column([row.get(key) for row in rows]) for key in rows[0]}
        made[name] = Split(columns, lambda row, name=name: f"{name}:{row}", tuple(problems) if name == "train" else ())
    return Source("made", "made", made, f"made {next(COUNT)}")  # decoded examples are kept by fingerprint


def inspect(task: str, splits: Mapping[str, Rows], problems: Sequence[Problem] = (), **options: Any) -> Record:
    outcome = run(discovery.task(task), source(splits, problems), Config(target="y", **options), Silence())
    assert outcome.value is outcome.record
    return outcome.record


def measured(n: int, seed: int = 0, *, columns: int = 6) -> Rows:
    """Rows of numbers whose sum decides the label, with some room between the classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    sign = np.where(rng.random(n) < 0.5, -1, 1)
    x += 1.5 * sign[:, None]
    return [
        {**{f"x{i}": float(v) for i, v in enumerate(row)}, "y": "high" if s > 0 else "low"}
        for row, s in zip(x, sign, strict=True)
    ]


def drawn(n: int, seed: int = 0, *, side: int = 24) -> Rows:
    """Colour images of one to three blobs on a ramp, whose left or right half is the brighter one."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    rows = []
    for _ in range(n):
        kind = rng.choice(["round", "striped"])
        image = np.tensordot(rng.uniform(-60, 60, (3, 2)), np.stack([y, x]), 1) + rng.uniform(80, 170, (3, 1, 1))
        for _ in range(rng.integers(2, 5)):
            centre, colour = rng.uniform(-0.4, 0.4, 2), rng.uniform(-90, 90, (3, 1, 1))
            size = rng.uniform(0.08, 0.2)
            image = image + colour * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * size**2))
        if kind == "striped":
            image = image + 40 * np.sin(y * rng.uniform(40, 60) + rng.uniform(0, 6))
        image = image + rng.normal(0, 4, image.shape)
        rows.append({"image": np.clip(image, 0, 255).astype(np.uint8).transpose(1, 2, 0), "y": str(kind)})
    return rows


def copied(image: np.ndarray, how: str) -> np.ndarray:
    if how == "mirrored":
        return np.ascontiguousarray(image[:, ::-1])
    if how == "brighter":
        return np.clip(image * 1.15 + 10, 0, 255).astype(np.uint8)
    if how == "cropped":
        small = Pillow.fromarray(image).crop((1, 1, image.shape[1] - 1, image.shape[0] - 1))
        return np.asarray(small.resize(image.shape[1::-1], Pillow.Resampling.BILINEAR))
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, "JPEG", quality=75)
    return np.asarray(Pillow.open(stream))


def rows_of(record: Record, table: str) -> tuple[tuple[Any, ...], ...]:
    return record.table(table).rows if table in {t.name for t in record.tables} else ()


# --- silence


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_is_told_of_clean_rows(seed):
    rows = measured(900, seed)
    record = inspect("tabular-classification", {"train": rows[:700], "test": rows[700:]})
    assert record.notes == ()
    assert record.figure("findings").value == 0
    assert record.figure("leaked", "split=test").value == 0
    assert record.data["fingerprint"].startswith("made")
    assert record.data["n"] == 900
    assert record.data["splits"] == {"train": 700, "test": 200}


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_told_of_clean_images(seed):
    rows = drawn(700, seed)
    assert inspect("image-classification", {"train": rows[:500], "test": rows[500:]}).notes == ()


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_told_of_clean_numbers(seed):
    rng = np.random.default_rng(seed)
    rows = [{"a": float(a), "b": float(b), "y": float(3 * a - b + e)} for a, b, e in rng.normal(size=(600, 3))]
    assert inspect("tabular-regression", {"train": rows[:450], "test": rows[450:]}).notes == ()


def test_few_values_are_no_copies():
    rng = np.random.default_rng(0)
    rows = [{"a": str(a), "b": str(b), "y": ("no", "yes")[c]} for a, b, c in rng.integers(0, 2, (400, 3))]
    record = inspect("tabular-classification", {"train": rows[:300], "test": rows[300:]})
    assert record.figure("findings").value == 0
    assert len(record.notes) == 1
    assert "few values" in record.notes[0]


# --- copies


def test_exact_copies_within_and_across_splits_are_found():
    rows = measured(600)
    train, test = rows[:400], rows[400:]
    train[10], test[20], test[30] = dict(train[5]), dict(train[7]), dict(train[8])
    record = inspect("tabular-classification", {"train": train, "test": test})
    assert record.figure("leaked_exactly", "split=test").value == 2 / 200
    assert {(row[0], row[2]) for row in rows_of(record, "leaks into test")} == {
        ("test:20", "train:7"),
        ("test:30", "train:8"),
    }
    assert [row[1:4] for row in rows_of(record, "copies within a split")] == [("train:5", "train:10", "equal")]
    assert "2 examples of the test split" in record.notes[0], "the leak is told first"
    assert {medium.name for medium in record.media} >= {"leaks into test"}


@pytest.mark.parametrize("how", ["mirrored", "brighter", "cropped", "compressed"])
def test_changed_copies_of_images_are_found_across_splits(how):
    rows = drawn(600, 3)
    train, test = rows[:400], rows[400:]
    pairs = {(f"test:{3 * i}", f"train:{7 * i}") for i in range(1, 21)}
    for i in range(1, 21):
        test[3 * i] = {**train[7 * i], "image": copied(train[7 * i]["image"], how)}
    record = inspect("image-classification", {"train": train, "test": test})
    found = {(row[0], row[2]) for row in rows_of(record, "leaks into test")}
    assert len(found & pairs) >= (15 if how == "cropped" else 18)
    assert len(found - pairs) <= 1
    assert record.figure("leaked", "split=test").value >= 0.07
    assert record.figure("leaked_exactly", "split=test").value == 0


def test_copies_with_different_targets_are_found():
    rows = measured(400)
    rows[100] = {**rows[50], "y": "low" if rows[50]["y"] == "high" else "high"}
    record = inspect("tabular-classification", {"train": rows})
    assert [(row[1], row[3]) for row in rows_of(record, "copies with different targets")] == [("train:50", "train:100")]
    assert any("different targets" in note for note in record.notes)


def test_the_figure_of_near_copies_with_different_targets_counts_what_is_told():
    rows = drawn(150)
    rows[100] = {
        "image": copied(rows[50]["image"], "brighter"),
        "y": "round" if rows[50]["y"] == "striped" else "striped",
    }
    record = inspect("image-classification", {"train": rows})
    assert "1 pair of nearly equal examples has different targets" in " ".join(record.notes)
    assert record.figure("contradicting").value == 0
    assert record.figure("contradicting_nearly").value == pytest.approx(2 / 150)


# --- problems of files, lines and targets


def test_all_unreadable_examples_and_lines_are_listed(tmp_path):
    rows = drawn(80)
    cut = tmp_path / "cut.jpg"
    Pillow.fromarray(rows[3]["image"]).save(cut, "JPEG")
    cut.write_bytes(cut.read_bytes()[:300])
    words = tmp_path / "words.png"
    words.write_text("not an image")
    rows[3]["image"], rows[9]["image"], rows[11]["image"] = cut, words, tmp_path / "gone.png"
    record = inspect(
        "image-classification", {"train": rows}, [Problem("train:5", "holds nothing. Remove it.")], input=("image",)
    )
    listed = {place: why for _, place, why in rows_of(record, "unreadable")}
    assert list(listed) == ["train:3", "train:5", "train:9", "train:11"]
    assert "cut off" in listed["train:3"]
    assert "not an image" in listed["train:9"]
    assert "no such file" in listed["train:11"]
    assert record.notes[0].startswith("3 examples and 1 other entry of the data cannot be used")
    assert record.figure("unreadable").value == 4 / 81


def test_a_category_of_the_test_split_alone_is_told():
    rows = [{**row, "colour": ("red", "green")[at % 2]} for at, row in enumerate(measured(400))]
    rows[350]["colour"] = "violet"
    record = inspect("tabular-classification", {"train": rows[:300], "test": rows[300:]})
    assert [row[0] for row in rows_of(record, "unfamiliar in test")] == ["test:50"]
    assert any('"violet"' in note for note in record.notes)


def test_odd_recordings_are_told_of_every_split_and_of_each_kind_one():
    rng = np.random.default_rng(0)
    sounds = [(0.1 * rng.normal(size=2_000).astype(np.float32), 8_000) for _ in range(40)]
    assert "odd" not in " ".join(inspect("speech-recognition", {"train": said_in(sounds)}).notes)
    sounds[3] = (np.zeros(2_000, np.float32), 8_000)
    for at in (5, 6):
        sounds[at] = (np.clip(100 * sounds[at][0], -1, 1), 8_000)
    record = inspect("speech-recognition", {"train": said_in(sounds)})
    (note,) = [note for note in record.notes if "odd" in note]
    assert note.startswith("3 examples of the train split (7.5%) are odd: it is silent (train:3); it is clipped: ")
    assert note.endswith("(2 such, the first train:5).")
    assert [row[0] for row in rows_of(record, "odd in train")] == ["train:3", "train:5", "train:6"]


def said_in(sounds: Sequence[Any]) -> Rows:
    return [{"audio": sound, "y": "ab"[at % 2]} for at, sound in enumerate(sounds)]


def test_missing_and_unseen_labels_are_told_apart():
    rows = measured(500)
    train, test = rows[:350], rows[350:]
    train[4]["y"], test[7]["y"], test[8]["y"] = None, "hihg", "hihg"
    record = inspect("tabular-classification", {"train": train, "test": test})
    assert {row[1] for row in rows_of(record, "target problems")} == {"train:4", "test:7", "test:8"}
    assert "1 example of 500 has no target" in record.notes[0]
    assert '"hihg (2×)"' in record.notes[0]
    assert record.figure("target_missing_or_wrong").value == 3 / 500


def test_one_class_only_is_the_first_thing_told():
    rows = [{**row, "y": "same"} for row in measured(100)]
    record = inspect("tabular-classification", {"train": rows})
    assert '"same"' in record.notes[0]


def test_classes_that_differ_in_case_or_blanks_are_told():
    rows = measured(400)
    for row in rows[:40]:
        row["y"] = {"high": "High", "low": "low"}[row["y"]]
    record = inspect("tabular-classification", {"train": rows})
    assert [set(row[0].split(" | ")) for row in rows_of(record, "classes spelled alike")] == [{"High", "high"}]


def test_rare_and_uneven_classes_are_told():
    rows = [*measured(400), *({**row, "y": "rare"} for row in measured(4, 9))]
    record = inspect("tabular-classification", {"train": rows})
    told = " ".join(record.notes)
    assert '"rare (4)"' in told
    assert "uneven" in told
    assert record.figure("class_imbalance").value > 40
    assert record.figure("class_share", "class=rare").value == 4 / 404


def test_a_split_with_other_shares_of_the_classes_is_told():
    rows = measured(2000)
    high = [row for row in rows[1000:] if row["y"] == "high"]
    low = [row for row in rows[1000:] if row["y"] == "low"]
    record = inspect("tabular-classification", {"train": rows[:1000], "test": [*high[:300], *low[:150]]})
    assert any("distributed otherwise" in note for note in record.notes)
    assert rows_of(record, "target shift")[0][2] < 1e-6


# --- groups and columns


def test_a_group_that_goes_with_the_label_is_found_and_one_that_does_not_is_silent():
    rng = np.random.default_rng(0)
    rows = measured(800)
    for row in rows:
        site = row["y"] == "high"
        row["site"] = ("north", "south")[int(site if rng.random() < 0.8 else not site)]
        row["day"] = rng.choice(["monday", "tuesday", "friday"])
    record = inspect("tabular-classification", {"train": rows}, ignore=("site", "day"))
    assert any('"site"' in note and "hangs together" in note for note in record.notes)
    assert not any('"day"' in note for note in record.notes)
    effect = record.figure("cramers_v_of_site")
    assert effect.low < 0.6 < effect.high
    assert record.figure("cramers_v_of_day").value < 0.1


def test_a_group_that_goes_with_a_number_is_found():
    rng = np.random.default_rng(0)
    rows = [{"a": float(a), "y": float(a + e), "lab": "one" if e > 0 else "two"} for a, e in rng.normal(size=(400, 2))]
    record = inspect("tabular-regression", {"train": rows}, ignore=("lab",))
    assert any('"lab"' in note for note in record.notes)


def test_columns_that_leak_or_say_nothing_are_told():
    rows = measured(500)
    for at, row in enumerate(rows):
        row |= {"code": 7 if row["y"] == "high" else 3, "number": at, "unit": "cm"}
    record = inspect("tabular-classification", {"train": rows})
    told = " ".join(record.notes)
    assert '"code" alone says the target' in told
    assert '"number" names each example' in told
    assert '1 column never changes: "unit"' in told
    tells = {row[0]: row[3] for row in rows_of(record, "columns")}
    assert tells["code"] == 1
    assert all(tells[f"x{i}"] < 0.95 for i in range(6))


def test_by_with_a_wrong_name_offers_the_nearest():
    with pytest.raises(DataError, match='Did you mean "x3"'):
        inspect("tabular-classification", {"train": measured(50)}, by=("x33",))


# --- wrong targets and outliers


def digits() -> Rows:
    found = load_digits()
    images = np.clip(found.images * 16, 0, 255).astype(np.uint8)
    return [{"image": image, "y": str(label)} for image, label in zip(images, found.target, strict=True)]


def test_flipped_labels_of_digits_are_found_and_few_without_any():
    rows = digits()
    clean = inspect("image-classification", {"all": rows})
    assert clean.figure("likely_label_errors").value < 0.002
    assert clean.figure("outliers").value == 0
    rng = np.random.default_rng(0)
    wrong = np.flatnonzero(rng.random(len(rows)) < 0.05)
    for at in wrong:
        rows[at] = {**rows[at], "y": str((int(rows[at]["y"]) + rng.integers(1, 10)) % 10)}
    record = inspect("image-classification", {"all": rows})
    found = {row[1] for row in rows_of(record, "likely label errors")}
    planted = {f"all:{at}" for at in wrong}
    assert len(found & planted) >= 0.8 * len(planted)
    assert len(found & planted) >= 0.8 * len(found)
    assert record.figure("label_noise").value == pytest.approx(0.05, abs=0.015)
    assert "likely wrong" in " ".join(record.notes)
    assert any(medium.name == "likely label errors" for medium in record.media)


def test_wrong_numbers_are_found():
    rng = np.random.default_rng(0)
    rows = [{"a": float(a), "b": float(b), "y": float(10 + 3 * a - b + e)} for a, b, e in rng.normal(size=(500, 3))]
    for at in (17, 230):
        rows[at]["y"] *= 100
    record = inspect("tabular-regression", {"train": rows})
    assert {row[1] for row in rows_of(record, "likely wrong targets")} == {"train:17", "train:230"}


def test_rows_unlike_all_others_are_found():
    rows = measured(500)
    for at in (12, 345):
        rows[at] |= {f"x{i}": 25.0 * (-1) ** i for i in range(6)}
    rows[345]["x0"] = -30.0
    record = inspect("tabular-classification", {"train": rows})
    assert {row[1] for row in rows_of(record, "outliers")} == {"train:12", "train:345"}


def test_the_record_survives_its_json_and_media_are_bounded():
    rows = drawn(120)
    record = inspect("image-classification", {"train": rows})
    again = Record.from_json(record.to_json())
    assert again.tables == record.tables
    assert again.notes == record.notes
    assert {medium.name for medium in record.media} == {"samples by class"}
    assert sum(len(medium.data) for medium in record.media) < 4_000_000


# --- odd data


def test_without_a_target_the_inputs_are_looked_at_all_the_same():
    rows = [{key: value for key, value in row.items() if key != "y"} for row in measured(300)]
    rows[9] = dict(rows[4])
    record = run(discovery.task("tabular-classification"), source({"train": rows}), Config(), Silence()).record
    assert record.figure("exact_copies").value == 1 / 300
    assert "No target column" in record.notes[-1]


def test_a_split_without_the_target_column_is_told():
    rows = measured(300)
    bare = [{key: value for key, value in row.items() if key != "y"} for row in rows[200:]]
    record = inspect("tabular-classification", {"train": rows[:200], "test": bare})
    assert any("100 examples of 300 have no target" in note for note in record.notes)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_very_few_examples_are_no_obstacle(n):
    rows = measured(n)
    rows[0]["y"], rows[1]["y"] = "high", "low"
    record = inspect("tabular-classification", {"train": rows})
    assert record.data["n"] == n
    assert any("Wrong targets were not looked for" in note for note in record.notes)


def test_data_of_which_nothing_can_be_read_are_refused(tmp_path):
    rows = [{"image": tmp_path / f"{i}.png", "y": "ab"[i % 2]} for i in range(4)]
    with pytest.raises(DataError, match="No training image could be opened"):
        inspect("image-classification", {"train": rows}, input=("image",))
