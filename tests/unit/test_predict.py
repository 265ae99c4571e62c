"""What `predict` says of inputs and of --out, and that what it writes is JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.core import discovery
from assay.core.errors import ConfigError, DataError
from assay.core.verb import Silence
from assay.verbs import predict


def model(task: str) -> SimpleNamespace:
    """As much of a model as what is refused is looked at by."""
    return SimpleNamespace(task=discovery.task(task), roles=None, output=SimpleNamespace())


def strict(line: str) -> object:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(line, parse_constant=refuse)


def test_what_is_no_finite_number_is_null():
    rows = [{"p": -math.inf, "list": [math.nan, 1.0, {"x": math.inf}], "ok": 0.5, "text": "NaN"}]
    assert strict(predict._lines(rows)) == {"p": None, "list": [None, 1.0, {"x": None}], "ok": 0.5, "text": "NaN"}
    assert predict._csv(rows).splitlines()[1] == ',"[null, 1.0, {""x"": null}]",0.5,NaN'


def test_an_empty_input_is_named_by_its_place():
    with pytest.raises(ConfigError, match="Input 2 of 3 is empty"):
        list(predict.opened(model("text-classification"), ["good", " ", "bad"]))


def test_a_question_is_no_pattern_of_files_unless_there_are_such_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = list(predict.opened(model("text-classification"), ["Is that a horse?", "Why [not]?", "data/*.csv"]))
    assert [is_data for _, _, is_data in opened] == [False, False, True]
    for name in ("a1.txt", "a2.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert [is_data for _, _, is_data in predict.opened(model("text-classification"), ["a?.txt"])] == [True]


@pytest.mark.parametrize("given", ['["i3"', '{"a": 1}', "i3"])
def test_what_is_neither_data_nor_a_raw_input_is_told_how_one_is_written(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ((_, data, is_data),) = predict.opened(model("recommendation"), [given])
    assert is_data
    with pytest.raises(DataError) as caught:
        predict._answer_data(model("recommendation"), data, predict.Config(), [], [], Silence())
    said = str(caught.value)
    assert given in said
    assert 'is written as in \'["50", "181"]\'' in said
    assert "hub" not in said or given == "i3"


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    config = predict.Config(out=tmp_path / "no" / "where" / "x.csv")
    with pytest.raises(ConfigError, match=r"there is no folder .*where"):
        predict.run(model("text-classification"), ["good"], config, Silence())
    assert list(Path(tmp_path).iterdir()) == []
