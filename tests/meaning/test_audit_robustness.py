"""The audit of robustness on trained models: what is planted is found, where nothing can be lost nothing is found, and a
policy is judged on corrupted observations as it plays."""

import numpy as np
from tests.fakes import TARGET, columns, rows

import assay
from assay.core import discovery
from assay.core.figure import human
from assay.core.folder import read_card
from assay.verbs import _audit_robustness as robustness

IMAGES = discovery.task("image-classification")


def model_of(data, folder):
    made = {"epochs": 3, "batch_size": 16, "size": "tiny", "validation": 0.2}
    return assay.train(IMAGES, data, out=folder, **made, **columns(IMAGES), quiet=True)


def cells(record, name):
    table = record.table(name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_a_model_that_goes_by_brightness_suffers_where_brightness_is_lost(tmp_path):
    """The planted sign is which half is brighter: without contrast it cannot be seen, through a few lost pixels it can."""
    data = rows(IMAGES, 200)
    model = model_of(data, tmp_path / "m")
    record = assay.audit(model, data, robustness=True, quiet=True)
    found = {row["corruption"]: row for row in cells(record, "corruptions")}
    assert set(found) == {human(kind) for kind in model.input.corruptions}
    assert found["contrast"]["verdict"] == "worse"
    assert found["contrast"]["difference"] < found["pixelate"]["difference"]
    assert record.notes[0].startswith("Robustness: the model suffers most from ")
    lost = record.figure("corrupted_accuracy_difference")
    assert lost.high < 0
    contrast = [row["value"] for row in cells(record, "robustness")
                if row["corruption"] == "contrast" and row["metric"] == "accuracy"]  # fmt: skip
    assert len(contrast) == 5
    assert contrast[-1] < contrast[0]
    assert read_card(model)[-1].verb == "audit"
    page = assay.report(model, out=tmp_path / "r.html", quiet=True).read_text(encoding="utf-8")
    assert "Contrast: accuracy".lower() in page.lower()


def test_a_model_that_learned_nothing_has_nothing_to_lose(tmp_path):
    data = rows(IMAGES, 200)
    labels = np.random.default_rng(1).permutation([row[TARGET] for row in data])
    data = [{**row, TARGET: str(label)} for row, label in zip(data, labels, strict=True)]
    record = assay.audit(model_of(data, tmp_path / "m"), data, robustness=True, quiet=True)
    assert {row["verdict"] for row in cells(record, "corruptions")} <= {"no change shown", "cannot tell"}
    assert "no corruption is shown to make the accuracy worse" in record.notes[0]


def test_a_policy_is_judged_on_what_it_sees_while_it_plays(tmp_path, monkeypatch):
    monkeypatch.setattr(robustness, "EPISODES", 20)
    task = discovery.task("game-playing")
    model = assay.train(task, "CartPole-v1", out=tmp_path / "m", epochs=1, validation=0.2,
                        **columns(task), quiet=True)  # fmt: skip
    record = assay.audit(model, "CartPole-v1", robustness=True, quiet=True)
    values = {
        row["severity"]: row["value"]
        for row in cells(record, "robustness")
        if row["corruption"] in ("none", "sensor noise")
    }
    assert set(values) == {0, 1, 2, 3, 4, 5}
    assert len(set(values.values())) > 1  # noise changes how episodes go
    assert record.figure("corrupted_mean_return").n == 20
