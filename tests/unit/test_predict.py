"""What `predict` says of inputs and of --out, and that what it writes is JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from assay.core import discovery
from assay.core.attachment import Attachment
from assay.core.columns import Column
from assay.core.dataset import Roles
from assay.core.errors import ConfigError, DataError
from assay.core.roles import again
from assay.core.source import Source, Split
from assay.core.verb import Silence
from assay.verbs import predict
from assay.verbs._attached import earlier, written


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


@pytest.mark.parametrize("given", ["sounds/a b.wav", "lost/a.txt", "lost.wav", "sounds/lost 2.wav"])
def test_the_name_of_a_file_is_no_text_to_be_answered(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a b.wav").write_bytes(b"RIFF")
    asked = model("speech-synthesis")
    asked.roles = SimpleNamespace(inputs=("sentence",))
    ((_, data, is_data),) = predict.opened(asked, [given])
    assert is_data
    with pytest.raises(DataError, match='goes into a table: a CSV file with the column "sentence"'):
        predict._answer_data(asked, data, predict.Config(), [], [], Silence())


def test_a_sentence_with_a_slash_or_a_full_stop_is_a_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [
        "Is it 3/4 full?",
        "and/or",
        "See Node.js.",
        "He read sounds/a.wav aloud.",
        "http://a.example/b.html",
        "a.b c",
    ]
    assert not any(is_data for _, _, is_data in predict.opened(model("speech-synthesis"), given))


def test_what_is_in_a_file_says_whether_it_is_a_video_and_not_its_name(tmp_path):
    for name in ("film.jpg", "noext", "anim.gif"):
        (tmp_path / name).write_bytes(b"?")
        assert not next(predict.opened(model("video-classification"), [str(tmp_path / name)]))[2]
    assert [name[-4:] for name, *_ in predict.opened(model("video-classification"), [str(tmp_path)])] == [".gif"]


def test_an_array_is_one_raw_input_whatever_its_shape_and_so_is_a_tuple_of_samples_and_their_rate():
    grey = np.zeros((4, 8, 8), np.uint8)
    assert not next(predict.opened(model("video-classification"), [grey]))[2]
    task = model("video-classification")
    task.input, task.evening = task.task.input.fit([np.zeros((4, 8, 8, 3), np.uint8)]), None
    with pytest.raises(DataError, match=r"cannot be read:\n  input 1: uint8 of shape"):
        predict._answer_cells(task, [("input 1", grey)], predict.Config(), [], None)
    sound = (np.zeros(8), 8_000)
    assert [(given, data) for _, given, data in predict.opened(model("speech-recognition"), sound)] == [(sound, False)]
    accepts = discovery.task("speech-recognition").input.accepts
    assert accepts((np.zeros(8), 8_000))
    assert not accepts(("a.wav", "b.wav"))
    assert not accepts(("a.wav",))


def test_the_one_column_of_the_data_is_asked_about_and_no_target():
    source = Source("a.txt", "plain text", {"all": Split({"text": Column(["one"])}, str)}, "0", target="text")
    for task, named, found in (
        ("speech-synthesis", Roles(("text",), False, "speech"), Roles(("text",), False, None)),
        ("translation", Roles(("en",), False, "de"), Roles(("text",), False, None)),
        ("text-generation", Roles((), False, "story"), Roles((), False, "text")),
    ):
        assert again(source, discovery.task(task), named) == found


def test_files_of_earlier_answers_are_replaced_and_no_others(tmp_path):
    out, folder = tmp_path / "said.jsonl", tmp_path / "said"
    rows = [{"speech": Attachment(".wav", b"x", "")} for _ in range(3)]
    assert earlier(out, ".wav") == []
    out.write_text(predict._lines(written(rows, out)), encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert [path.name for path in earlier(out, ".wav")] == ["1.wav", "2.wav", "3.wav"]
    (folder / "4.wav").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"4.wav is there, of which no earlier said.jsonl knows"):
        earlier(out, ".wav")
