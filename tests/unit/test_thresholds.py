"""Thresholds by group: what is found, where it is applied, what it takes to answer by group, and what is refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import ConfigError, DataError, ModelError, Unsupported
from assay.core.evening import Evening, shifted
from assay.core.folder import read_card
from assay.core.grouped import MISSING, Groups
from assay.core.loading import for_judging
from assay.learners import engine
from assay.methods.groups import groupings, learned
from assay.methods.thresholds import FEWEST, shifts

NAME = "tabular-classification"
FAIR = {"fair_by": "group", "fair_method": "thresholds"}
OPTIONS = {"target": "y", "validation": 0.4, "epochs": 3, "quiet": True}


def people(n: int, apart: float, seed: int = 0) -> list[dict[str, object]]:
    """Half are positive; the score of group b, a third, is lower by ``apart`` and else the same."""
    rng = np.random.default_rng(seed)
    made: list[dict[str, object]] = []
    for at in range(n):
        group, y = "b" if at % 3 == 0 else "a", bool(rng.random() < 0.5)
        score = rng.normal(2.0 * y - (apart if group == "b" else 0.0))
        made.append({"score": score, "noise": rng.normal(), "group": group, "y": "yes" if y else "no"})
    return made


def said(model, data) -> np.ndarray:
    """Whether each example is said to be positive, ``[N]``."""
    return model.answer(for_judging(data, model.task, model.roles)).columns["probability"].argmax(1) == 1


def gaps(model, data) -> list[float]:
    """How much more often group a is said to be positive than b, among the positive and among the negative."""
    found = said(model, data)
    positive, b = np.array([row["y"] == "yes" for row in data]), np.array([row["group"] == "b" for row in data])
    return [float(found[(positive == of) & ~b].mean() - found[(positive == of) & b].mean()) for of in (True, False)]


@pytest.fixture(scope="module")
def fresh():
    return people(3000, 1.0, seed=1)


@pytest.fixture(scope="module")
def plain(fresh):
    return assay.train(NAME, people(5000, 1.0), test=fresh, ignore="group", **OPTIONS)


@pytest.fixture(scope="module")
def fair(tmp_path_factory, fresh):
    out = tmp_path_factory.mktemp("fair") / "model"
    return assay.train(NAME, people(5000, 1.0), test=fresh, out=out, **FAIR, **OPTIONS)


def test_a_planted_gap_is_closed_on_data_that_nothing_was_fitted_to(plain, fair, fresh):
    before, after = gaps(plain, fresh), gaps(fair, fresh)
    assert min(before) > 0.15
    assert max(abs(gap) for gap in after) < 0.06


def test_the_network_is_the_one_of_plain_training_and_does_not_read_the_column(plain, fair):
    assert all(torch.equal(a, b) for a, b in zip(plain.network.parameters(), fair.network.parameters(), strict=True))
    assert fair.roles.inputs == plain.roles.inputs == ("score", "noise")


def test_all_of_a_dataset_is_answered_by_group(plain, fair, fresh):
    dataset = for_judging(fresh, fair.task, fair.roles)
    right = np.mean(said(fair, fresh) == [row["y"] == "yes" for row in fresh])
    assert assay.evaluate(fair, fresh, quiet=True).figure("accuracy").value == pytest.approx(right)
    assert assay.compare(plain, fair, fresh, quiet=True).figure("became_right").value > 0.02
    encoded, at = fair.encode(dataset), np.array([0, 3, 8])
    some = replace(encoded, rows=encoded.rows[at], y={"label": encoded.y["label"][at]}, kept=encoded.kept[at])
    whole, part = (fair.answer(held).columns["probability"] for held in (encoded, some))
    assert np.allclose(whole[at], part)
    assert len({tuple(row) for row in (whole - plain.answer(dataset).columns["probability"])[at].tolist()}) == 3
    few = fresh[:40]
    told = [[row["label"] for row in rows_] for rows_ in (fair.predict(few), assay.predict(fair, few, quiet=True))]
    assert told[0] == told[1] == ["yes" if yes else "no" for yes in said(fair, few)]
    assert fair.predict([]) == plain.predict([]) == []
    with pytest.raises(ConfigError, match="bear none"):
        fair.answer(plain.encode(dataset))


def test_groups_that_do_not_differ_are_hardly_moved():
    data, fresh = people(4000, 0.0), people(4000, 0.0, seed=1)
    model = assay.train(NAME, data, test=fresh, **FAIR, **OPTIONS)
    assert np.mean(said(model, fresh) != said(replace(model, evening=None), fresh)) < 0.01


def test_none_of_it_is_plain_training_and_half_of_it_lies_between(plain, fair, fresh):
    data = people(5000, 1.0)
    none = assay.train(NAME, data, test=fresh, fair_strength=0.0, **FAIR, **OPTIONS)
    assert none.evening is None
    assert none.predict(fresh[:200]) == plain.predict(fresh[:200])
    half = assay.train(NAME, data, test=fresh, fair_strength=0.5, **FAIR, **OPTIONS)
    assert np.allclose(half.evening.offsets, fair.evening.offsets / 2)
    assert gaps(fair, fresh)[0] + 0.05 < gaps(half, fresh)[0] < gaps(plain, fresh)[0] - 0.05


def test_the_record_says_what_was_done(fair):
    record = next(record for record in read_card(fair) if record.verb == "train")
    assert any("Fair training by group (thresholds, 2 groups)" in note and "group=b: yes from 0." in note
               for note in record.notes)  # fmt: skip
    assert any("must be known of everybody" in note for note in record.notes)


def test_the_folder_keeps_them_and_a_changed_one_is_refused(tmp_path, fair, plain, fresh):
    again = assay.load(fair.folder)
    assert again.predict(fresh[:50]) == fair.predict(fresh[:50])
    from assay.core.folder import _hash, save

    save(plain, tmp_path / "plain")
    assert "evening" not in json.loads((tmp_path / "plain" / "model.json").read_text())
    save(fair, tmp_path / "m")
    facts = json.loads((tmp_path / "m" / "model.json").read_text())
    assert facts["schema"] > json.loads((tmp_path / "plain" / "model.json").read_text())["schema"]
    kept = facts["evening"]
    for damaged in (
        None, {}, {**kept, "offsets": kept["offsets"][:1]}, {**kept, "offsets": [[0.0, 10**400]] * 2},
        {**kept, "groups": {**kept["groups"], "names": ["a", "a"]}},
        {**kept, "groups": {**kept["groups"], "cuts": [2.0, 1.0]}}, {**kept, "groups": {**kept["groups"], "column": 5}},
    ):  # fmt: skip
        changed = {**facts, "evening": damaged}
        (tmp_path / "m" / "model.json").write_text(json.dumps({**changed, "hash": _hash(changed)}))
        with pytest.raises(ModelError, match="damaged"):
            assay.load(tmp_path / "m")


def test_data_and_rows_without_the_column_are_refused(fair, fresh):
    without = [{"grup" if k == "group" else k: v for k, v in row.items()} for row in fresh[:5]]
    for judge in (lambda: assay.evaluate(fair, without, quiet=True), lambda: fair.predict(without),
                  lambda: assay.predict(fair, without[0], quiet=True)):  # fmt: skip
        with pytest.raises(DataError, match=r'"group".*answers by group.*"grup"'):
            judge()


def test_a_group_that_training_never_saw_is_answered_as_the_network_does_and_said(plain, fair, fresh):
    row = fresh[0]
    a, other = fair.predict([{**row, "group": "a"}, {**row, "group": "z"}])
    (network,) = plain.predict([row])
    assert other["confidence"] == pytest.approx(network["confidence"], abs=1e-6)
    assert abs(other["confidence"] - a["confidence"]) > 0.01
    found = assay.predict(fair, {**row, "group": "z"}, quiet=True)
    assert 'group="z" was not seen' in found[0]["note"]
    assert "group=(missing) was not seen" in assay.predict(fair, {**row, "group": None}, quiet=True)[0]["note"]
    record = assay.evaluate(fair, [{**row, "group": "z"}, *fresh], quiet=True)
    assert any("1 of 3,001 inputs is odd" in note and 'group="z"' in note for note in record.notes)


def test_a_single_input_that_bears_no_group_is_refused_and_a_table_of_them_is_not(tmp_path):
    task = discovery.task("text-classification")
    data = [{**row, "sex": "mf"[at % 2]} for at, row in enumerate(rows(task, 60))]
    model = assay.train(task.name, data, epochs=1, quiet=True, **columns(task))
    offsets = np.array([[0.0, 5.0], [0.0, -5.0]])
    model = replace(model, evening=Evening(Groups("sex", ("f", "m")), offsets))
    for judge in (lambda: model.predict([data[0]["x"]]), lambda: assay.predict(model, data[0]["x"], quiet=True)):
        with pytest.raises(ConfigError, match='does not tell its "sex"'):
            judge()
    with (tmp_path / "texts.csv").open("w") as file:
        writer = csv.DictWriter(file, ["x", "sex"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(data)
    found = [row["label"] for row in assay.predict(model, tmp_path / "texts.csv", quiet=True)]
    assert found == [model.output.classes[int(row["sex"] == "f")] for row in data]


def test_explain_speaks_of_the_network_and_says_so(plain, fair, fresh):
    own, found = (assay.explain(model, fresh[:1], quiet=True) for model in (plain, fair))
    assert own.tables[0].rows == found.tables[0].rows
    assert any("thresholds for each group" in note for note in found.notes)
    assert not any("thresholds" in note for note in own.notes)


def test_a_model_trained_further_does_not_keep_what_fitted_other_answers(fair, fresh):
    options = {**OPTIONS, "epochs": 1}
    data = people(1000, 1.0, seed=2)
    bare = assay.train(NAME, data, test=fresh, from_=fair.folder, ignore="group", **options)
    assert bare.evening is None
    own = assay.train(NAME, people(5000, 1.0, seed=3), test=fresh, from_=fair.folder, **FAIR, **options)
    assert own.evening is not None
    assert not np.allclose(own.evening.offsets, fair.evening.offsets)


def test_a_run_that_was_stopped_finds_the_same(tmp_path, monkeypatch, fair, fresh):
    real, count = engine._update, 0

    def stopping(job, run, *rest):
        nonlocal count
        count += 1
        if count == 5:
            engine._keep(job, run)
            raise KeyboardInterrupt
        return real(job, run, *rest)

    monkeypatch.setattr(engine, "_update", stopping)
    options = {"test": fresh, "out": tmp_path / "model", **FAIR, **OPTIONS}
    with pytest.raises(KeyboardInterrupt):
        assay.train(NAME, people(5000, 1.0), **options)
    monkeypatch.setattr(engine, "_update", real)
    again = assay.train(NAME, people(5000, 1.0), **options)
    assert np.array_equal(again.evening.offsets, fair.evening.offsets)


def test_few_examples_move_nothing_and_are_named(tmp_path, fresh):
    data = [{**row, "group": "rare" if at < 30 else row["group"]} for at, row in enumerate(people(3000, 1.0))]
    model = assay.train(NAME, data, test=fresh, out=tmp_path / "model", **FAIR, **OPTIONS)
    notes = [note for record in read_card(model) for note in record.notes]
    assert any("No thresholds for group=rare" in note for note in notes)
    names = model.evening.groups.names
    assert not model.evening.offsets[names.index("rare")].any()
    assert model.evening.offsets[names.index("b")].any()


def test_groups_of_one_label_each_are_not_said_to_be_alike(tmp_path, fresh):
    data = [row for row in people(600, 1.0) if (row["group"] == "b") == (row["y"] == "yes")]
    model = assay.train(NAME, data, test=fresh, out=tmp_path / "model", **FAIR, **OPTIONS)
    notes = [note for record in read_card(model) for note in record.notes]
    assert any(note.endswith("nothing was moved. The model answers everybody alike.") for note in notes)
    assert any("No thresholds for group=a, group=b" in note for note in notes)


@pytest.mark.parametrize(
    ("task", "options", "error", "words"),
    [
        (NAME, {"fair_by": "group", "fair_method": "treshold"}, ConfigError, 'Did you mean "thresholds"'),
        (NAME, {**FAIR, "fair_strength": 1.5}, ConfigError, "at most 1"),
        (NAME, {"fair_strength": 0.5}, ConfigError, "--fair-by"),
        (NAME, {**FAIR, "epsilon": 1.0}, ConfigError, "--epsilon and --fair-by"),
        (NAME, {"epsilon": 0.0}, ConfigError, "above 0"),
        (NAME, {"delta": 1e-5}, ConfigError, "give --epsilon too"),
        (NAME, {"epsilon": 1.0, "delta": 1.0}, ConfigError, "less than 1"),
        ("tabular-regression", FAIR, Unsupported, "Accepted: reweigh, group-dro, resample"),
        ("recommendation", FAIR, Unsupported, "have none"),
        ("translation", FAIR, Unsupported, "have none"),
    ],
)
def test_bad_options_are_refused_before_data_is_read(tmp_path, task, options, error, words):
    with pytest.raises(error, match=words):
        assay.train(task, tmp_path / "not-there.csv", out=tmp_path / "model", quiet=True, **options)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fair_by": "gruop"}, DataError, 'Did you mean "group"'),
        ({"fair_by": "y"}, ConfigError, "is the target"),
        ({"fair_by": "same"}, DataError, "one value only"),
        ({"validation": 0.0}, ConfigError, "--validation 0 leaves none"),
    ],
)
def test_what_makes_no_groups_is_refused(options, error, words):
    data = [{**row, "same": "x"} for row in people(200, 1.0)]
    with pytest.raises(error, match=words):
        assay.train(NAME, data, test=data, **{**OPTIONS, **FAIR, **options})


def test_test_data_without_the_column_is_refused_before_training():
    data = people(200, 1.0)
    bare = [{"score": row["score"], "noise": row["noise"], "y": row["y"]} for row in data]
    with pytest.raises(DataError, match='no column "group" in the test data'):
        assay.train(NAME, data, test=bare, **FAIR, **OPTIONS)


def recalls(scores, labels) -> np.ndarray:
    return np.array([(scores.argmax(1) == labels)[labels == c].mean() for c in range(scores.shape[1])])


def made(n: int, classes: int, apart: float, seed: int = 0):
    """Scores, labels and groups; of group 1, a quarter, the score of the last class is lower by ``apart``."""
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(0, classes, n), (rng.random(n) < 0.25).astype(np.int64)
    scores = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    scores[groups == 1, -1] -= apart
    return scores, labels, groups


def test_of_two_classes_no_threshold_is_better():
    scores, labels, groups = made(800, 2, 3.0)
    found, wanted = shifts(scores, labels, groups, 2), recalls(scores, labels)
    own, of = scores[groups == 1], labels[groups == 1]
    best = min(np.abs(recalls(own + np.array([0, offset]), of) - wanted).sum() for offset in np.linspace(-1, 5, 3001))
    cost = np.abs(recalls(own + found.offsets[1], of) - wanted).sum()
    assert cost == pytest.approx(found.after[1])
    assert cost < best + 0.02  # shrunk by what chance alone may have done, next to nothing here
    assert found.before[1] > 0.5


def test_of_several_classes_each_moves_and_those_with_few_examples_do_not():
    scores, labels, groups = made(6000, 4, 1.5)
    found = shifts(scores, labels, groups, 2)
    assert found.before[1] > 0.4
    assert found.after[1] < 0.06
    rare = labels.copy()
    rare[np.flatnonzero((groups == 1) & (labels == 0))[FEWEST - 1 :]] = 1
    held = shifts(scores, rare, groups, 3)
    assert held.enough.tolist() == [[True] * 4, [False, True, True, True], [False] * 4]
    assert held.offsets[1, 0] == 0.0
    assert held.offsets[1, 3] > 0.5
    assert not held.offsets[2].any()


def test_chance_alone_moves_next_to_nothing():
    moved = []
    for seed in range(60):
        scores, labels, groups = made(1500, 2, 0.0, seed)
        found = shifts(scores, labels, groups, 2)
        moved.append(np.mean((scores + found.offsets[groups]).argmax(1) != scores.argmax(1)))
    assert np.mean(moved) < 0.005
    assert np.mean(np.array(moved) == 0) > 0.5


def test_a_shift_leaves_other_rows_to_the_bit():
    rng = np.random.default_rng(0)
    p = torch.softmax(torch.from_numpy(rng.normal(size=(50, 3))).float(), 1).numpy()
    offsets = np.where(np.arange(50)[:, None] % 2 == 0, 0.0, [[0.0, 1.0, -1.0]])
    found = shifted(p, offsets)
    assert np.array_equal(found[::2], p[::2])
    assert np.allclose(found.sum(1), 1, atol=1e-6)
    assert np.allclose(np.log(found[1::2, 1] / found[1::2, 2]) - np.log(p[1::2, 1] / p[1::2, 2]), 2, atol=1e-4)


@pytest.mark.parametrize(
    "cells",
    [["F", "M", None, " M "], [1, 2, 3, 2.0], ["01", "1", "x"], [True, False, True], [*range(40), None], ["1.5", 7, ""] * 5,
     [float(at % 13) for at in range(60)]],
)  # fmt: skip
@pytest.mark.parametrize("column", ["c", "c=d", '"c"'])
def test_learned_groups_find_their_members_again(cells, column):
    groups, codes = learned(column, cells)
    (grouping,) = groupings({column: cells})
    assert np.array_equal(codes, grouping.codes)
    again = Groups.from_json(json.loads(json.dumps(groups.to_json())))
    assert again == groups
    assert np.array_equal(again.codes(cells), grouping.codes)
    assert tuple(groups.label(at) for at in range(len(groups.names))) == grouping.labels
    assert (MISSING in groups.names) == any(cell in (None, "") for cell in cells)
    assert again.codes(["never seen", 1j]).tolist() == [-1, -1]


def test_arrays_are_values_of_a_column_too():
    cells = [np.array([1, 2]), np.array([3, 4])] * 2
    groups, codes = learned("c", cells)
    assert codes.tolist() == groups.codes(cells).tolist() == [0, 1, 0, 1]
