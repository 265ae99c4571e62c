"""Every task × every verb on made data: a cell runs, or its gap is declared with a reason and is not stale."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

import assay
from assay import api
from assay.core import discovery
from assay.core.errors import DataError, Unsupported
from assay.core.folder import read_card
from assay.methods import verdicts
from tests.fakes import ENVIRONMENT, TARGET, TASKS, VERBS, columns, group, rows
from tests.fakes import data as make

MAKE = {"network": None, "epochs": 2, "batch_size": 16, "validation": 0.2, "device": "cpu"}
VERDICTS = {getattr(verdicts, n) for n in ("NO_GAP", "CANNOT_TELL", "WORSE", "BETTER", "HIGHER", "LOWER")}
SLOW = {"object-detection": 12}  # epochs until anything is found at all


def options(task):
    """How a task is trained here."""
    return {**MAKE, "epochs": SLOW.get(task.name, MAKE["epochs"]), **columns(task)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two models of a task, trained once."""
    made = {}

    def of(name):
        if name not in made:
            task = discovery.task(name)
            folder = tmp_path_factory.mktemp(name)
            data = make(task, 160)
            made[name] = (
                data,
                *(assay.train(task, data, out=folder / str(s), seed=s, **options(task), quiet=True) for s in (0, 1)),
            )
        return made[name]

    return of


def _inspect(task, data, a, b, folder):
    record = assay.inspect(task, data, **columns(task), quiet=True)
    assert record.data["n"] == len(data)
    return record


def _train(task, data, a, b, folder):
    model = assay.train(task, data, out=folder / "m", **options(task), quiet=True)
    assert (folder / "m" / "model.safetensors").is_file()
    assert model.hash == a.hash, "the same seed and data give the same model"
    return next(record for record in read_card(model) if record.verb == "train")


def _evaluate(task, data, a, b, folder):
    by = group(task)
    record = assay.evaluate(a, data, by=by, quiet=True)
    headline = record.figure(a.output.metrics[0].name)
    assert headline.low <= headline.value <= headline.high
    values = [ENVIRONMENT] if task.evaluate else ["left", "right"]
    assert {f.group for f in record.figures} >= {f"{by}={value}" for value in values}
    return record


def _predict(task, data, a, b, folder):
    if task.evaluate:
        seen = [json.dumps([0.01 * at, 0.0, 0.05, -0.02]) for at in range(7)]
        assert len(assay.predict(a, seen, quiet=True)) == 7
        return
    without = [{k: v for k, v in row.items() if k != TARGET} for row in data[:7]]
    assert len(assay.predict(a, [row if task.input.row else row["x"] for row in without], quiet=True)) == 7
    return


def _explain(task, data, a, b, folder):
    one = json.dumps([0.01, 0.0, 0.05, -0.02]) if task.evaluate else data[0] if task.input.row else data[0]["x"]
    alone = assay.explain(a, [one], budget=80, sanity=True, quiet=True)
    names = [row[0] for row in alone.table("attribution").rows]
    assert len(names) > 1
    assert alone.figure("deletion_gain").n
    assert len(alone.media) == 1, "every kind of input can be drawn with what its parts count for"
    record = assay.explain(a, [data], n=3, budget=80, quiet=True)
    assert record.data["n"] == 3
    assert record.table("importance").rows
    return record


def _compare(task, data, a, b, folder):
    record = assay.compare(a, b, data, by=group(task), quiet=True)
    same = assay.compare(a, a, data, quiet=True)
    assert same.figures[0].value == 0
    return record


def _audit(task, data, a, b, folder):
    by = "seed" if task.evaluate else group(task)
    record = assay.audit(a, data, by=by, find_groups=True, quiet=True)
    table = record.table("gaps")
    assert {row[table.columns.index("verdict")] for row in table.rows} <= VERDICTS
    assert {row[0].partition("=")[0] for row in record.table(f"groups of {by}").rows} == {by}
    assert record.figure("found_groups").n == record.data["n"]
    searched = record.table("what the search could find").columns[1].removeprefix("smallest ").removesuffix("_gap")
    assert searched in {*(metric.name for metric in a.output.metrics), getattr(a.output, "judged", None)}
    if task.evaluate:
        with pytest.raises(DataError, match="in all"):
            assay.audit(a, data, by=group(task), quiet=True)
    return record


def _report(task, data, a, b, folder):
    page = assay.report(a, out=folder / "r.html", quiet=True)
    assert "<html" in page.read_text(encoding="utf-8")
    return


def _demo(task, data, a, b, folder):
    assert task.demo is not None
    shown = task.demo(folder / "demo")
    assert task.evaluate or Path(shown.data).exists()
    if "inspect" in task.gaps:
        return None
    return assay.inspect(task, shown.data, target=shown.target, quiet=True)


CELLS = {"inspect": _inspect, "train": _train, "evaluate": _evaluate, "predict": _predict, "explain": _explain,
         "compare": _compare, "report": _report, "demo": _demo, "audit": _audit}  # fmt: skip


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


SMALLER = {  # tasks whose default networks take long: the smallest size, with so many examples and epochs
    "image-classification": (300, 10), "image-regression": (300, 10), "object-detection": (300, 15),
    "speech-recognition": (300, 10), "speech-synthesis": (300, 15), "text-generation": (600, 8), "translation": (300, 8),
    "video-classification": (300, 10),
}  # fmt: skip
NETWORKS = [
    (name, network.name)
    for name in TASKS
    for task in [discovery.task(name)]
    for network in task.networks
    if task.evaluate is None and network.open is None
]


@pytest.mark.parametrize(("name", "network"), NETWORKS)
def test_learns_what_was_planted(name, network, tmp_path):
    """Every network of the task finds the sign that decides the target: the true target is likelier than the other."""
    task = discovery.task(name)
    sizes = next(one for one in task.networks if one.name == network).sizes
    n, epochs, size = (*SMALLER[name], "tiny") if name in SMALLER and "tiny" in sizes else (600, 25, None)
    model = assay.train(
        task, rows(task, n), network=network, size=size, epochs=epochs, batch_size=32, device="cpu", **columns(task),
        quiet=True,
    )  # fmt: skip
    true, false = (model.losses(api_dataset(model, rows(task, 300, seed=1, wrong=wrong))) for wrong in (False, True))
    assert (true < false).mean() > 0.9
    tallies = model.tallies(api_dataset(model, rows(task, 300, seed=1)))
    r2 = next((m for m in model.output.metrics if m.name == "r2"), None)
    if r2:
        assert float(r2.of(tallies.sum(0))) > 0.8


def api_dataset(model, data):
    from assay.core.loading import for_judging

    return for_judging(data, model.task, model.roles)


def test_verbs_are_python_functions_of_the_same_name_options_and_defaults():
    for verb in VERBS:
        parameters = inspect.signature(getattr(assay, verb)).parameters
        for name, (_, default, _) in api.options(discovery.module(api.VERBS, verb)).items():
            assert parameters[name].default == default, f"{verb} {name}"
