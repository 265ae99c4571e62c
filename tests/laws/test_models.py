"""Laws of every task's models (DESIGN section 5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.fakes import SUPERVISED, columns, rows

import assay
from assay.core import discovery
from assay.core.loading import for_judging


@pytest.fixture(scope="module", params=SUPERVISED)
def case(request, tmp_path_factory):
    task = discovery.task(request.param)
    data = rows(task, 120)
    folder = tmp_path_factory.mktemp("model")
    model = assay.train(task, data, out=folder, epochs=2, batch_size=16, device="cpu", **columns(task), quiet=True)
    return task, model, for_judging(rows(task, 50, seed=1), task, model.roles)


def test_order_and_batch_size_change_no_prediction(case, monkeypatch):
    _, model, dataset = case
    before = model.answer(dataset).columns
    order = np.random.default_rng(0).permutation(len(dataset))
    monkeypatch.setattr("assay.core.model.EVAL_BATCH", 7)
    after = model.answer(dataset.take(order)).columns
    for name, column in before.items():
        np.testing.assert_allclose(after[name], column[order], rtol=1e-4, atol=1e-5)


def test_save_load_predict_is_the_same_to_the_bit(case):
    _, model, dataset = case
    again = assay.load(model.folder)
    before, after = model.answer(dataset), again.answer(dataset)
    for name, column in before.columns.items():
        assert np.array_equal(column, after.columns[name])
    assert np.array_equal(before.tallies, after.tallies)
    assert again.hash == model.hash


def test_the_gap_of_an_answer_with_itself_is_zero_and_else_not_negative(case):
    _, model, dataset = case
    encoded = model.encode(dataset)
    from assay.core.feed import Feed

    batch = Feed(encoded, model.input, torch.device("cpu")).batch(torch.arange(50))
    with torch.inference_mode():
        raw = model.output.forward(model.network, batch.x, batch.y)
        assert float(model.output.gap(raw, raw).abs().max()) < 1e-6
        assert float(model.output.gap(raw, raw.flip(0)).min()) >= 0


def test_keeping_every_part_is_the_identity(case):
    _, model, dataset = case
    x, _ = model.encode(dataset).take(np.array([0]))
    parts = model.input.parts(x)
    kept = model.input.keep(x, np.ones((1, len(parts)), dtype=bool))
    for name, array in x.items():
        assert np.array_equal(kept[name], array), name


def test_shapley_values_add_up_to_what_all_parts_add_to_none(case):
    task, model, dataset = case
    record = assay.explain(model, [dataset.x[0]], budget=300, quiet=True)
    gap = record.figure("efficiency_gap").value
    scale = max(abs(row[1]) for row in record.table("attribution").rows)
    assert gap <= 1e-6 * max(1.0, scale), task.name


# Arrays of targets that only training asks for, by task: an answer has none of them.
TEACHES_ONLY = {"speech-synthesis": {"excerpt"}}


def test_own_answers_are_targets(case):
    task, model, dataset = case
    encoded = model.encode(dataset)
    own = model.output.own(model.decode(encoded.take(np.arange(len(encoded)))[0]))
    assert encoded.y.keys() - own.keys() == TEACHES_ONLY.get(task.name, set())
    assert {name: array.dtype for name, array in own.items()} == {
        name: array.dtype for name, array in encoded.y.items() if name not in TEACHES_ONLY.get(task.name, ())
    }
    losses = model.losses(replace(encoded, y=own))
    assert losses.shape == (len(dataset),)
    assert np.isfinite(losses).all()


def test_the_mean_loss_is_what_training_minimises(case):
    _, model, dataset = case
    losses = model.losses(dataset)
    assert losses.shape == (len(dataset),)
    assert np.isfinite(losses).all()


def test_codecs_come_back_from_json(case):
    import json

    task, model, _ = case
    assert task.input.load(json.loads(json.dumps(model.input.to_json()))) == model.input
    assert task.output.load(json.loads(json.dumps(model.output.to_json()))) == model.output


def test_the_headline_of_the_card_is_of_the_saved_weights_on_unselected_data(case):
    from assay.core.folder import read_card

    task, model, _ = case
    again = assay.load(model.folder)
    record = next(r for r in read_card(again) if r.verb == "train")
    judged = assay.evaluate(again, rows(task, 120), quiet=True)
    name = again.output.metrics[0].name
    assert judged.figure(name).value == record.figure(name).value
    assert judged.data["split"] == "test"
