"""Masked inputs are answered in shared batches, and each as it would be alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import BudgetError, ConfigError, DataError
from assay.core.feed import collate
from assay.verbs._explain_cases import find
from assay.verbs._explain_evidence import _agreement
from assay.verbs._explain_methods import attributed, expected, planned, stand_ins
from assay.verbs._explain_player import Player, absent


def trained(name, n=60):
    task = discovery.task(name)
    model = assay.train(task, rows(task, n), epochs=1, batch_size=16, device="cpu", **columns(task), quiet=True)
    return model, rows(task, 6, seed=1)


def cases_of(model, data):
    return find(model, [data], n=4, target=None, split=None, skip_bad=False, seed=0).cases


def alone(model, case, mask):
    """The value of one mask, by hand."""
    x = collate(model.input, absent(model, case.x, mask[None], 32, (0, case.draw)), model.device)
    rows = len(next(iter(x.values())))  # several where answers are averaged over what stands in
    wanted = {name: torch.from_numpy(array) for name, array in case.y.items() if array.dtype != np.float64}
    y = {name: array.expand(rows, *array.shape[1:]) for name, array in wanted.items()}
    model.network.eval()
    with torch.inference_mode():
        return -float(model.output.loss(model.output.forward(model.network, x, y), y).mean())


@pytest.mark.parametrize("name", ["text-classification", "tabular-classification", "translation"])
def test_a_mask_has_the_value_that_it_has_alone(name, monkeypatch):
    model, data = trained(name)
    cases = cases_of(model, data)
    rng = np.random.default_rng(0)
    masks = [rng.random((9, len(case.parts))) < 0.6 for case in cases]
    monkeypatch.setattr("assay.verbs._explain_player.FIRST", 4)  # blocks that hold several examples, and split them
    found = Player(model).values(cases, masks)
    for case, mask, values in zip(cases, masks, found, strict=True):
        assert values.shape == (9, len(case.claims) + 1), "the true targets are known"
        expected = [alone(model, case, row) for row in mask]
        np.testing.assert_allclose(values[:, 0], expected, rtol=2e-4, atol=2e-5)


def test_inputs_that_are_equal_are_answered_once():
    model, _ = trained("tabular-classification")
    row = {"signal": 0.0, "noise": 0.0, "colour": "red"}
    case = find(model, [row], n=None, target=None, split=None, skip_bad=False, seed=0).cases[0]
    player = Player(model)
    masks = np.array([[True, True, True]] * 5 + [[True, True, False]] * 3)
    values = player.values([case], [masks])[0]
    assert player.asked == 8
    assert player.played <= 1 + 3, "the input itself, and with each of three colours"
    assert max(np.ptp(values[:5, 0]), np.ptp(values[5:, 0])) < 1e-6, "but for rounding"


def test_true_targets_are_set_against_those_of_other_examples():
    model, data = trained("text-classification")
    cases = find(model, [data], n=6, target=None, split=None, skip_bad=False, seed=0).cases
    truth = [int(case.true[0]["label"][0]) for case in cases]
    known = {row["x"]: row["answer"] for row in data}
    assert [model.output.classes[code] for code in truth] == [known[case.raw] for case in cases]
    for case in cases:
        assert len(case.true) == 5
    raw = find(model, [data[0]["x"]], n=None, target=None, split=None, skip_bad=False, seed=0).cases[0]
    assert raw.true == ()


def test_histories_are_judged_on_their_test_split_and_on_targets_that_exist():
    rng = np.random.default_rng(0)
    events = [
        {"user": f"u{u}", "item": f"i{i}", "time": t} for u in range(40) for t, i in enumerate(rng.permutation(9))
    ]
    model = assay.train("recommendation", events, epochs=1, batch_size=16, device="cpu", quiet=True)
    found = find(model, [events], n=2, target=None, split=None, skip_bad=False, seed=0)
    assert found.data["split"] == "test"
    ahead = find(model, [events], n=2, target=None, split="future", skip_bad=False, seed=0)
    assert ahead.data["split"] == "future"
    with pytest.raises(ConfigError, match='no item "i77" was seen in training'):
        find(model, [["i1"]], n=None, target="i77", split=None, skip_bad=False, seed=0)


def test_two_runs_that_differ_are_told(monkeypatch):
    model, data = trained("text-classification")
    text = " ".join(row["x"] for row in data[:3])
    (case,) = find(model, [text], n=None, target=None, split=None, skip_bad=False, seed=0).cases
    budget = 2 * len(case.parts)
    player = Player(model)
    found = attributed(player, [case], "permutation", budget, 0)
    monkeypatch.setattr("assay.verbs._explain_evidence.AGREES", 1.1)
    (note,) = _agreement(player, [case], found, "permutation", budget, 0).notes
    assert note.startswith("Another run says other things (agreement ")
    assert f"a larger --budget (it was {budget})" in note
    monkeypatch.setattr("assay.verbs._explain_evidence.AGREES", -1.0)
    assert _agreement(player, [case], found, "permutation", budget, 0).notes == ()


def test_examples_are_chosen_by_the_seed():
    model, data = trained("text-classification")
    data = data * 5
    chosen = [
        [c.place for c in find(model, [data], n=8, target=None, split=None, skip_bad=False, seed=s).cases]
        for s in (0, 0, 1)
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 8


@pytest.mark.parametrize(("parts", "many", "expected"), [
    (3, False, ("shapley", 512)), (64, True, ("shapley", 512)), (3000, False, ("occlusion", 3002))])  # fmt: skip
def test_the_method_follows_from_how_many_parts_there_are(parts, many, expected):
    assert planned("auto", None, parts, many) == expected


def test_the_method_follows_from_the_budget():
    assert planned("auto", 70, 64, many=False) == ("occlusion", 70)
    with pytest.raises(BudgetError, match="66 evaluations"):
        planned("auto", 60, 64, many=False)
    with pytest.raises(BudgetError, match="integrated-gradients of 64 parts takes 37 evaluations"):
        planned("integrated-gradients", 36, 64, many=False)
    assert planned("integrated-gradients", None, 2000, many=True)[1] >= 2037, "with codes each part is one more"


def test_those_who_wait_are_told_how_much_there_is_at_most():
    assert expected("shapley", 512, 4) == 16
    assert expected("occlusion", 512, 4) == 6
    assert expected("lime", 512, 64) == expected("shapley", 512, 64) == 512
    assert expected("shapley", 10_000, 64) == 4096, "an estimate takes no more"


def test_the_fewer_masks_there_are_the_more_stands_in_for_what_is_absent():
    assert stand_ins("shapley", 512, 4) == stand_ins("occlusion", 512, 10) == 128
    assert stand_ins("shapley", 512, 5) == stand_ins("occlusion", 512, 30) == 64
    assert stand_ins("shapley", 512, 20) == stand_ins("lime", 512, 4) == stand_ins("occlusion", 512, 100) == 32


def test_too_small_a_budget_is_told_with_the_parts_that_there_are():
    model, data = trained("tabular-classification")
    parts = len(cases_of(model, data)[0].parts)
    with pytest.raises(BudgetError, match=f"lime of {parts} parts takes {parts + 3} evaluations"):
        assay.explain(model, data, method="lime", budget=3, quiet=True)


def test_an_input_without_parts_is_refused_alone_and_left_out_among_others():
    model, _ = trained("recommendation")
    with pytest.raises(DataError, match="input 1 has no part"):
        assay.explain(model, [[]], quiet=True)
    record = assay.explain(model, [[], ["right 0", "item 1"], ["item 2", "left 0"]], quiet=True)
    assert record.data["n"] == 2
    assert any("1 input had no part" in note for note in record.notes)
    assert {row[0] for row in record.table("attributions").rows} == {"input 2", "input 3"}
