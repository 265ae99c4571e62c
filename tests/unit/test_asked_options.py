"""What options take, whichever verb has them: the same on the command line and in Python."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.fakes import columns, rows

import assay
from assay import api
from assay.cli import main
from assay.core import discovery
from assay.core.errors import ConfigError

NAME = "tabular-classification"
PLACES = {"train": (NAME, "t.csv"), "explain": ("m", "t.csv"), "audit": ("m", "t.csv")}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    task = discovery.task(NAME)
    folder = tmp_path_factory.mktemp("made") / "model"
    return assay.train(task, rows(task, 40), epochs=1, device="cpu", out=folder, **columns(task), quiet=True)


@pytest.mark.parametrize(("verb", "option"), [("explain", "n"), ("explain", "seed"), ("audit", "references"),
                                              ("train", "epochs")])  # fmt: skip
def test_a_fraction_of_a_whole_number_is_refused_and_not_cut(verb, option, capsys):
    for value in (1.5, float("inf"), "many", True):
        with pytest.raises(ConfigError, match=f"{option} is {value}; it takes a whole number|must be of type int"):
            getattr(assay, verb)(*PLACES[verb], **{option: value}, quiet=True)
    for value in ("1.5", "inf", "many"):
        assert main([verb, *PLACES[verb], f"--{option}", value, "--quiet"]) == 2
        assert f"--{option} is {value}; it takes a whole number." in capsys.readouterr().err


def test_a_whole_number_may_be_written_with_a_point(model):
    row = rows(model.task, 1)[0]
    assert assay.explain(model, [row, row], n=2.0, method="occlusion", quiet=True).data["n"] == 2
    assert api.whole("--seed", "2.0") == api.whole("seed", 2) == 2


def test_numbers_of_numpy_are_numbers(model, tmp_path):
    options = {"epochs": np.int64(1), "lr": np.float32(0.5), "device": "cpu", "quiet": True}
    made = assay.train(model.task, rows(model.task, 40), out=tmp_path / "m", **options, **columns(model.task))
    assert json.loads((made.folder / "model.json").read_text())["lineage"]["plan"]["recipe"]["lr"] == 0.5


@pytest.mark.parametrize(("verb", "wrong", "said"), [
    ("audit", {"by": 3}, "by is 3; it must be of type str or a list of them"),
    ("audit", {"by": [3]}, r"by is \[3\]; it must be of type str or a list of them"),
    ("audit", {"by": None}, "by is None; it must be of type str or a list of them"),
    ("audit", {"split": ["test"]}, r"split is \['test'\]; it must be of type str or None"),
    ("train", {"ignore": {"a": 1}}, r"ignore is \{'a': 1\}; it must be of type str or a list of them"),
    ("explain", {"out": 3}, "out is 3; it must be of type Path or None"),
])  # fmt: skip
def test_a_wrong_type_is_said_with_what_is_accepted(verb, wrong, said):
    with pytest.raises(ConfigError, match=said):
        getattr(assay, verb)(*PLACES[verb], **wrong, quiet=True)


@pytest.mark.parametrize("seed", [-1, 2**62])
def test_every_seed_has_the_same_bounds(model, seed, tmp_path):
    data = rows(model.task, 20)
    for ask in (
        lambda: assay.train(model.task, data, seed=seed, **columns(model.task), quiet=True),
        lambda: assay.explain(model, data, seed=seed, quiet=True),
        lambda: assay.audit(model, data, seed=seed, privacy=True, quiet=True),
    ):
        with pytest.raises(ConfigError, match=rf"--seed is {seed}; it must be at least 0 and less than 4\.61169e\+18"):
            ask()


def test_what_would_have_no_effect_is_refused(model, capsys):
    data = rows(model.task, 20)
    for option in ({"references": 3}, {"train": data}):
        with pytest.raises(ConfigError, match="about the audit of privacy only; give --privacy too"):
            assay.audit(model, data, **option, quiet=True)
    for words in (["--by"], ["--by", "--robustness"]):
        assert main(["audit", str(model.folder), "t.csv", *words]) == 2
        assert "--by requires at least 1" in " ".join(capsys.readouterr().err.split())


def test_a_refused_training_leaves_no_folder_that_it_made(tmp_path):
    task = discovery.task(NAME)
    data = rows(task, 40)
    (tmp_path / "there").mkdir()
    for out in ("new", "there/new"):
        with pytest.raises(ConfigError, match="must be above 0 and less than 1/"):
            assay.train(task, data, epochs=1, epsilon=3, delta=0.5, out=tmp_path / out, **columns(task), quiet=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_privacy_without_a_bound_is_refused():
    task = discovery.task(NAME)
    with pytest.raises(ConfigError, match="--epsilon and --clip 0 cannot go together"):
        assay.train(task, rows(task, 40), epochs=1, epsilon=3.0, clip=0.0, **columns(task), quiet=True)


@pytest.mark.parametrize("name", ["", "why.svg", "why"])
def test_no_explanation_is_written_among_the_files_of_a_model(model, name):
    before = sorted(model.folder.iterdir())
    with pytest.raises(ConfigError, match=r"is a model folder.* such as --out .*model-explained"):
        assay.explain(model, rows(model.task, 1), out=model.folder / name, quiet=True)
    assert sorted(model.folder.iterdir()) == before
