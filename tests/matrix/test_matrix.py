"""Every task × every verb on made data: a cell runs, or its gap is declared with a reason and is not stale."""

from __future__ import annotations

import inspect
import json

import pytest

import assay
from assay import api
from assay.core import discovery
from assay.core.errors import Unsupported
from assay.core.folder import read_card
from tests.fakes import TARGET, TASKS, VERBS, columns, rows

MAKE = {"network": None, "epochs": 2, "batch_size": 16, "validation": 0.2, "device": "cpu"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two models of a task, trained once."""
    made = {}

    def of(name):
        if name not in made:
            task = discovery.task(name)
            folder = tmp_path_factory.mktemp(name)
            data = rows(task, 160)
            made[name] = (
                data,
                *(
                    assay.train(task, data, out=folder / str(s), seed=s, **MAKE, **columns(task), quiet=True)
                    for s in (0, 1)
                ),
            )
        return made[name]

    return of


def _inspect(task, data, a, b, folder):
    record = assay.inspect(task, data, **columns(task), quiet=True)
    assert record.data["n"] == len(data)
    return record


def _train(task, data, a, b, folder):
    model = assay.train(task, data, out=folder / "m", **MAKE, **columns(task), quiet=True)
    assert (folder / "m" / "model.safetensors").is_file()
    assert model.hash == a.hash, "the same seed and data give the same model"
    return next(record for record in read_card(model) if record.verb == "train")


def _evaluate(task, data, a, b, folder):
    record = assay.evaluate(a, data, by="side", quiet=True)
    headline = record.figure(a.output.metrics[0].name)
    assert headline.low <= headline.value <= headline.high
    assert {f.group for f in record.figures} >= {"side=left", "side=right"}
    return record


def _predict(task, data, a, b, folder):
    without = [{k: v for k, v in row.items() if k != TARGET} for row in data[:7]]
    assert len(assay.predict(a, [row if task.input.row else row["x"] for row in without], quiet=True)) == 7
    return


def _compare(task, data, a, b, folder):
    record = assay.compare(a, b, data, by="side", quiet=True)
    same = assay.compare(a, a, data, quiet=True)
    assert same.figures[0].value == 0
    return record


def _report(task, data, a, b, folder):
    page = assay.report(a, out=folder / "r.html", quiet=True)
    assert "<html" in page.read_text(encoding="utf-8")
    return


def _demo(task, data, a, b, folder):
    assert task.demo is not None
    shown = task.demo(folder / "demo")
    assert shown.data.exists()
    return assay.inspect(task, shown.data, target=shown.target, quiet=True)


CELLS = {"inspect": _inspect, "train": _train, "evaluate": _evaluate, "predict": _predict, "compare": _compare,
         "report": _report, "demo": _demo}  # fmt: skip


def test_every_verb_has_a_cell():
    assert sorted(CELLS) == VERBS


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", TASKS)
def test_cell(name, verb, trained, tmp_path):
    task = discovery.task(name)
    data, a, b = trained(name)
    if verb in task.gaps:
        assert len(task.gaps[verb]) > 20, "a gap gives its reason"
        with pytest.raises(Unsupported, match=task.gaps[verb][:20]):
            CELLS[verb](task, data, a, b, tmp_path)
        return
    record = CELLS[verb](task, data, a, b, tmp_path)
    if record is not None:
        state = json.loads(json.dumps(record.to_json(), allow_nan=False))
        assert set(state) >= {"verb", "task", "model", "data", "figures", "tables", "media", "seconds"}
        assert state["verb"] in (verb, "inspect")


@pytest.mark.parametrize("name", TASKS)
def test_learns_what_was_planted(name, tmp_path):
    """Every network of the task finds the sign that decides the target."""
    task = discovery.task(name)
    data = rows(task, 600)
    for network in task.networks:
        model = assay.train(
            task, data, network=network.name, epochs=25, batch_size=32, device="cpu", **columns(task), quiet=True
        )
        tallies = model.tallies(api_dataset(model, rows(task, 300, seed=1)))
        headline = model.output.metrics[0]
        found = float(headline.of(tallies.sum(0)))
        if headline.name == "accuracy":
            assert found > 0.9, network.name
        else:
            r2 = next(m for m in model.output.metrics if m.name == "r2")
            assert float(r2.of(tallies.sum(0))) > 0.8, network.name


def api_dataset(model, data):
    from assay.core.loading import for_judging

    return for_judging(data, model.task, model.roles)


def test_verbs_are_python_functions_of_the_same_name_options_and_defaults():
    for verb in VERBS:
        parameters = inspect.signature(getattr(assay, verb)).parameters
        for name, (_, default, _) in api.options(discovery.module(api.VERBS, verb)).items():
            assert parameters[name].default == default, f"{verb} {name}"
