"""Nothing is judged on what it was trained on in silence, however the examples come back; fresh data is silent."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest
from tests.fakes import SUPERVISED, columns, rows

import assay
from assay.core import discovery

OPTIONS = {"target": "answer", "epochs": 3, "batch_size": 16, "device": "cpu", "quiet": True}


def noise(n, seed=0):
    """Rows whose answer is a coin: honest accuracy is a half."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        made.append({f"x{k}": round(float(rng.normal()), 4) for k in range(6)} | {"tag": "ab"[rng.integers(2)]})
        made[-1]["answer"] = "yes" if rng.random() < 0.5 else "no"
    return made


def write(path, made, delimiter=","):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(made)
    return path


def warned(record):
    return [note for note in record.notes if "too good" in note or "fitted to" in note]


def test_the_same_rows_are_known_in_any_format_and_fresh_ones_are_not(tmp_path):
    made = noise(300)
    model = assay.train("tabular-classification", write(tmp_path / "a.csv", made), out=tmp_path / "m", **OPTIONS)
    again = [write(tmp_path / "b.csv", made, ";"), pa.Table.from_pylist(made), [*made, *noise(1, 5)], made[::-1]]
    for data in again:
        note = warned(assay.evaluate(model, data, quiet=True))
        assert note
        assert note[0].startswith(("240 of", "239 of", "241 of"))
    assert not warned(assay.evaluate(model, tmp_path / "a.csv", quiet=True)), "its own held-out fifth"
    assert not warned(assay.evaluate(model, noise(100, 7), quiet=True))


def test_a_test_set_that_overlaps_the_training_data_is_told(tmp_path):
    made = noise(200)
    model = assay.train("tabular-classification", made, test=[*noise(40, 3), *made[:10]], out=tmp_path / "m", **OPTIONS)
    from assay.core.folder import read_card

    record = next(r for r in read_card(model) if r.verb == "train")
    assert warned(record)[0].startswith("10 of these 50")
    assert "which nothing was fitted to" not in record.table("learning curve").note
    assert "10 of these 50" in (tmp_path / "m" / "README.md").read_text()


def test_an_overlap_is_told_of_a_model_in_memory_and_without_a_cache(tmp_path, monkeypatch):
    """The training knows what it saw: what it says of its own test split rests on no cache."""
    made = noise(120)
    monkeypatch.setattr("assay.verbs.train.remember", lambda *_: None)
    from assay.core.folder import read_card

    model = assay.train("tabular-classification", made, test=made[:30], out=tmp_path / "m", **OPTIONS)
    record = next(r for r in read_card(model) if r.verb == "train")
    assert warned(record)[0].startswith("30 of these 30")


def test_what_the_parent_saw_the_child_has_seen(tmp_path):
    made = noise(200)
    assay.train("tabular-classification", made, test=noise(40, 3), out=tmp_path / "parent", **OPTIONS)
    child = assay.train("tabular-classification", made, from_=tmp_path / "parent", out=tmp_path / "child", **OPTIONS)
    assert warned(assay.evaluate(child, made, quiet=True))[0].startswith("40 of these 40")


def test_two_models_are_compared_on_what_neither_was_trained_on(tmp_path):
    made = noise(600)
    a = assay.train("tabular-classification", made, out=tmp_path / "a", **OPTIONS)
    b = assay.train("tabular-classification", made, ignore="tag", out=tmp_path / "b", **OPTIONS)
    record = assay.compare(a, b, made, quiet=True)
    assert 0 < record.data["n"] < 80
    assert not warned(record)
    difference = record.figure("accuracy_difference")
    assert difference.low < 0 < difference.high


@pytest.mark.parametrize("name", SUPERVISED)
def test_every_task_knows_what_it_was_trained_on(name, tmp_path):
    task = discovery.task(name)
    model = assay.train(task, rows(task, 80), out=tmp_path / "m", epochs=1, device="cpu", quiet=True, **columns(task))
    assert not warned(assay.evaluate(model, rows(task, 80), quiet=True))
    assert warned(assay.evaluate(model, [*rows(task, 80), *rows(task, 5, seed=3)], quiet=True))


def test_files_that_assay_did_not_write_are_not_replaced(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "README.md").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(assay.ConfigError, match="assay did not write"):
            assay.train("tabular-classification", noise(50), out=tmp_path / "m", overwrite=overwrite, **OPTIONS)
    assert (tmp_path / "m" / "README.md").read_text() == "mine"


def test_a_new_training_that_fails_leaves_the_old_model(tmp_path):
    made = noise(100)
    old = assay.train("tabular-classification", made, out=tmp_path / "m", **OPTIONS)
    with pytest.raises(assay.ConfigError, match="no longer a number"):
        assay.train(
            "tabular-classification",
            made,
            out=tmp_path / "m",
            overwrite=True,
            optimizer="sgd",
            lr=1e38,
            **{**OPTIONS, "epochs": 20},
        )
    assert assay.load(tmp_path / "m").hash == old.hash
