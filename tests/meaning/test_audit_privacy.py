"""A model that knows its examples by heart is caught, one that does not is not; a private training is held to its claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import assay
from assay.core.errors import DataError, Unsupported
from assay.core.figure import number
from assay.core.folder import read_card
from assay.learners import private
from assay.learners.private import Private
from assay.methods.membership import largest
from assay.verbs._audit_private_run import claimed as claimed_by

SILENT = {"device": "cpu", "quiet": True}
TASK = "tabular-classification"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


def made(n, seed=0, noise=1.0):
    """Rows whose answer is in part a coin: what is learned beyond a half is learned by heart."""
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=(n, 6)).round(4)
    answers = xs[:, 0] + noise * rng.normal(size=n) > 0
    return [
        {f"x{k}": float(v) for k, v in enumerate(x)} | {"tag": "ab"[at % 2], "answer": "yes" if y else "no"}
        for at, (x, y) in enumerate(zip(xs, answers, strict=True))
    ]


def trained(rows, **options):
    plain = {"target": "answer", "validation": 0.0, "batch_size": 32, "weight_decay": 0.0}
    return assay.train(TASK, rows, **plain, **options, **SILENT)


def audited(model, rows, **options):
    return assay.audit(model, rows, privacy=True, **options, **SILENT)


def said(record):
    return next(note for note in record.notes if note.startswith("Privacy:"))


def test_learning_by_heart_is_caught_and_second_audits_take_up_the_references(tmp_path):
    rows = made(300, noise=3.0)
    model = trained(rows, epochs=35, out=tmp_path / "m")
    record = audited(model, rows, references=2, by="tag")
    area = record.figure("membership_auc")
    assert area.low > 0.5
    assert area.n == 300
    assert "a leak is shown" in said(record)
    assert record.figure("membership_auc", "tag=a").value > 0.5
    kept = sorted((tmp_path / "cache" / "references").rglob("*.f64"))
    assert len(kept) == 2
    times = [path.stat().st_mtime_ns for path in kept]
    again = audited(model, rows, references=2)
    assert again.figure("membership_auc") == area
    assert [path.stat().st_mtime_ns for path in kept] == times, "nothing was trained anew"
    assert not list((tmp_path / "m").rglob("*.f64")), "a folder that is handed on gives nobody away"


def test_a_model_that_has_hardly_learned_is_not_accused():
    rows = made(400, seed=1)
    record = audited(trained(rows, epochs=1), rows, references=2)
    assert "leak is shown:" not in said(record).replace("no leak", "")
    figure = record.figure("membership_auc")
    assert figure.low < 0.5 < figure.high


def test_a_private_training_is_held_to_its_claim_and_a_planted_bug_is_told(monkeypatch, tmp_path):
    chance = np.random.default_rng(0)  # in place of the system's secrets, so that the test is the same every time
    monkeypatch.setattr(private.secrets, "token_bytes", chance.bytes)
    rows = made(300, seed=2)
    model = trained(rows, epochs=3, epsilon=8.0, out=tmp_path / "model")
    honest = audited(model, rows, references=0)
    shown, claimed = honest.figure("epsilon_lower_bound"), honest.figure("epsilon_claimed")
    assert claimed.value == 8
    assert 0 < shown.value < claimed.value
    assert shown.value <= honest.figure("epsilon_lower_bound_ceiling").value
    assert all(row[-1] for row in honest.table("private training").rows)
    held = claimed_by(model)  # worked out from the plan: it must be what the training did
    trained_with = next(record for record in read_card(model) if record.verb == "train")
    for name, value in (("noise_multiplier", held.noise), ("sampling_rate", held.rate), ("delta", held.delta)):
        assert trained_with.figure(name).value == pytest.approx(value, rel=1e-9), name
    area = largest(held.guarantees())[0]
    assert 0.5 < area < largest([(held.epsilon, held.delta)])[0]
    assert any(f"lets an attack have an area of {number(area)} at most" in note for note in honest.notes)
    noisy = Private.noisy
    monkeypatch.setattr(Private, "noisy", lambda self, summed, key, step: noisy(self, summed, key, 0))
    wrong = audited(model, rows, references=0)
    assert any("it is not drawn anew" in note for note in wrong.notes)
    assert "fresh noise each step" in [row[0] for row in wrong.table("private training").rows if not row[-1]]


def test_what_cannot_be_audited_says_why():
    rows = made(60, seed=3)
    model = trained(rows, epochs=1)
    with pytest.raises(DataError, match="--train"):
        audited(model, made(60, seed=4), references=0)
    few = audited(model, rows[:], references=0)
    assert "cannot tell at this n" in said(few)
    with pytest.raises(Unsupported, match="playing"):
        audited(replace(model, task=replace(model.task, learner="policy")), rows)
    started = replace(model, lineage={**model.lineage, "parents": ["abc"]})
    assert any("No reference model could be trained" in note for note in audited(started, rows, references=2).notes)
    other = made(200, seed=5)
    assert audited(model, other, train=rows, references=0).figure("membership_auc").n > 200, "others of other data"


def test_too_few_on_a_side_are_refused():
    rows = made(40, seed=6)
    with pytest.raises(DataError, match="8 that were held out"):
        audited(trained(rows, epochs=1), rows, references=0)
