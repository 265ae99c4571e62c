"""Training that is fair to groups: what examples weigh, what is learned of it, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import ConfigError, DataError, Unsupported
from assay.core.folder import read_card
from assay.learners import engine
from assay.learners.checkpoint import load as load_checkpoint
from assay.learners.fair import METHODS, Fair, weights

NAME = "tabular-classification"


def people(n: int = 1500) -> list[dict[str, object]]:
    """Group b is a fifth; its score says less of its label and is lower, so that its positives are missed more often."""
    rng = np.random.default_rng(0)
    made = []
    for at in range(n):
        group, label = "b" if at % 5 == 0 else "a", int(rng.random() < (0.2 if at % 5 == 0 else 0.5))
        score = rng.normal(1.5 * label - (1.0 if group == "b" else 0.0))
        made.append({"score": score, "hint": float(group == "b") + rng.normal(0, 0.1), "group": group, "y": label})
    return made


def gap(model, data: list[dict[str, object]]) -> float:
    found = model.predict([{k: r[k] for k in model.roles.inputs} for r in data])
    said = np.array([row["label"] == "1" for row in found])
    positive, group = np.array([r["y"] == 1 for r in data]), np.array([r["group"] for r in data])
    return float(said[positive & (group == "a")].mean() - said[positive & (group == "b")].mean())


@pytest.fixture(scope="module")
def trained():
    options = {"target": "y", "epochs": 6, "batch_size": 64, "lr": 0.005}
    data = people()
    plain = assay.train(NAME, data, ignore="group", **options)
    return {None: plain} | {
        method: assay.train(NAME, data, fair_by="group", fair_method=method, **options) for method in METHODS
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_gap_in_true_positive_rates_is_at_least_halved(trained, method):
    held = people()
    plain = gap(trained[None], held)
    assert plain > 0.3
    assert abs(gap(trained[method], held)) < plain / 2


def test_without_a_method_the_gap_is_halved_and_hardly_turned_round(trained):
    found = gap(assay.train(NAME, people(), fair_by="group", target="y", epochs=6, batch_size=64, lr=0.005), people())
    plain = gap(trained[None], people())
    assert -plain / 4 < found < plain / 2


def test_the_column_is_no_input_unless_it_is_named(trained):
    assert "group" not in trained["reweigh"].roles.inputs
    named = assay.train(
        NAME, people(200), target="y", input=("score", "group"), fair_by="group", epochs=1, batch_size=80
    )
    assert named.roles.inputs == ("score", "group")


def test_the_record_says_what_was_done_and_the_plan_holds_it(tmp_path):
    options = {"target": "y", "epochs": 1, "batch_size": 80, "out": tmp_path / "model"}
    model = assay.train(NAME, people(200), fair_by="group", fair_method="reweigh", fair_strength=0.5, **options)
    record = next(record for record in read_card(model) if record.verb == "train")
    assert any("Fair training by group (reweigh at strength 0.5, 2 groups)" in note for note in record.notes)
    assert any("group is no input of the network" in note for note in record.notes)
    assert (model.lineage["plan"]["fair_by"], model.lineage["plan"]["fair_strength"]) == ("group", 0.5)
    with pytest.raises(ConfigError, match="fair_strength"):
        assay.train(NAME, people(200), fair_by="group", fair_method="reweigh", fair_strength=0.6, **options)


def test_weights_make_group_and_label_independent():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 3, 5000), rng.integers(0, 2, 5000)
    labels[groups == 1] = rng.random((groups == 1).sum()) < 0.9
    for balanced in (False, True):
        held = weights(groups, labels.astype(np.int64), balanced=balanced)
        assert held.mean() == pytest.approx(1)
        share = [
            [held[(groups == g) & (labels == y)].sum() / held[groups == g].sum() for y in (0, 1)] for g in range(3)
        ]
        assert np.allclose(share, share[0])
        of_group = np.array([held[groups == g].sum() for g in range(3)]) / 5000
        assert np.allclose(of_group, 1 / 3 if balanced else np.bincount(groups) / 5000)


def two_groups(**changes) -> Fair:
    """Cells: (a, 0), (a, 1), (b, 0), (b, 1)."""
    cells = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    held = {
        "method": "group-dro", "column": "g", "cells": cells, "share": torch.full((4,), 0.25),
        "label": torch.tensor([0, 1, 0, 1]), "weights": torch.ones(8), "names": ("g=a", "g=b"),
    }  # fmt: skip
    return Fair(**(held | changes))


def test_group_dro_lets_the_group_weigh_more_whose_label_is_missed_and_keeps_each_label_its_share():
    held, rows_ = two_groups(), torch.arange(8)
    state = held.begun()
    missed, found = 2 * math.log(2), 0.1
    for _ in range(10):
        state = held.learned(state, torch.tensor([found] * 6 + [missed] * 2), rows_)
    assert state[3] > 0.27 > 0.25 > state[1]
    assert torch.allclose(state[[0, 2]], torch.tensor([0.25, 0.25]))
    assert float(state[1] + state[3]) == pytest.approx(0.5, abs=1e-6)
    weighed = held.weighed(torch.ones(8), rows_, state)
    assert weighed[6] == pytest.approx(float(state[3]) / 0.25)
    assert float(two_groups(strength=0.0).weighed(torch.ones(8), rows_, state)[6]) == 1.0


def test_without_labels_the_group_of_larger_losses_weighs_more_whatever_their_unit():
    held = two_groups(cells=torch.tensor([0] * 4 + [1] * 4), share=torch.tensor([0.5, 0.5]), label=torch.tensor([0, 0]))
    loss = torch.tensor([1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0])
    small, large = (held.learned(held.begun(), loss * unit, torch.arange(8)) for unit in (1e-3, 1e6))
    assert small[1] > 0.5
    assert torch.allclose(small, large, atol=1e-4)
    assert torch.equal(held.learned(held.begun(), loss[:1], torch.tensor([5])), held.begun())


@pytest.mark.parametrize("task", ["tabular-regression", "text-classification"])
@pytest.mark.parametrize("method", METHODS)
def test_it_is_for_every_kind_of_target(task, method):
    of = discovery.task(task)
    options = {k: v for k, v in columns(of).items() if k != "ignore"}
    model = assay.train(task, rows(of, 60), fair_by="side", fair_method=method, epochs=1, size="tiny", **options)
    assert model.lineage["plan"]["fair_method"] == method


def test_a_run_that_was_stopped_goes_on_with_the_weights_that_it_had_learned(tmp_path, monkeypatch):
    options = {"target": "y", "fair_by": "group", "fair_method": "group-dro", "epochs": 2, "batch_size": 80}

    def flat(model) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in model.network.parameters()])

    whole = assay.train(NAME, people(400), **options)
    out, real, count = tmp_path / "model", engine._update, 0

    def stopping(job, run, *rest):
        nonlocal count
        count += 1
        if count == 5:
            engine._keep(job, run)
            raise KeyboardInterrupt
        return real(job, run, *rest)

    monkeypatch.setattr(engine, "_update", stopping)
    with pytest.raises(KeyboardInterrupt):
        assay.train(NAME, people(400), out=out, **options)
    tensors, facts = load_checkpoint(out / "training.safetensors")
    assert facts["step"] == 4
    assert len(tensors["extra"]["fair"]) == 4
    monkeypatch.setattr(engine, "_update", real)
    assert torch.equal(flat(assay.train(NAME, people(400), out=out, **options)), flat(whole))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fair_by": "sex"}, DataError, "sex"),
        ({"fair_by": "y"}, ConfigError, "is the target"),
        ({"fair_by": "same"}, DataError, "one value only"),
        ({"fair_by": "id"}, DataError, "distinct values"),
        ({"fair_by": "rare"}, DataError, "1 of"),
        ({"fair_by": "group", "fair_method": "reweight"}, ConfigError, 'Did you mean "reweigh"'),
        ({"fair_by": "group", "fair_strength": 1.5}, ConfigError, "at most 1"),
        ({"fair_method": "reweigh"}, ConfigError, "--fair-by"),
    ],
)
def test_what_makes_no_groups_is_refused(options, error, words):
    data = [
        {**row, "same": "x", "id": f"p{at}", "rare": "one" if at == 3 else "other"}
        for at, row in enumerate(people(150))
    ]
    with pytest.raises(error, match=words):
        assay.train(NAME, data, test=data, target="y", validation=0.0, epochs=1, **options)


def test_play_has_no_groups():
    with pytest.raises(Unsupported, match="has none"):
        assay.train("game-playing", "CartPole-v1", fair_by="environment")
