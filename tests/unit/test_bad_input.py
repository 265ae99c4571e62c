"""Bad input, as a user meets it on the command line: exit status 2, no traceback, the place, and the nearest right thing."""

from __future__ import annotations

import json
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import assay
from assay.cli import main
from assay.core import discovery
from assay.core.dataset import Roles
from assay.core.errors import DataError
from assay.core.reading import read
from assay.core.roles import again, assign

FAST = ["--epochs", "1", "--size", "tiny", "--device", "cpu", "--quiet"]


@pytest.fixture
def run(capsys):
    """Run a command; gives its status and what it said on standard error, in one line."""

    def call(*words):
        status = main([str(word) for word in words])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return status, " ".join(said.split())

    return call


def photos(folder, classes=("cat", "dog"), n=12, size=16):
    rng = np.random.default_rng(0)
    for k, name in enumerate(classes):
        for at in range(n):
            path = folder / name / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 100, (size, size, 3)) + 60 * k
            Image.fromarray(pixels.astype("uint8")).save(path)
    return folder


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def test_all_unreadable_images_are_listed_at_once_before_training(tmp_path, run):
    folder = photos(tmp_path / "photos")
    Image.fromarray(np.zeros((64, 64, 3), "uint8")).save(tmp_path / "whole.jpg")
    (folder / "cat" / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:300])
    (folder / "dog" / "notes.png").write_text("not an image at all")
    (folder / "dog" / "bomb.png").write_bytes(png_header(30_000, 30_000))
    status, said = run("train", "image-classification", folder, "--out", tmp_path / "m", *FAST)
    assert status == 2
    assert "3 of" in said
    for name, why in (("cut.jpg", "cut off"), ("notes.png", "not an image"), ("bomb.png", "100 million")):
        assert name in said
        assert why in said
    assert "--skip-bad" in said
    assert not (tmp_path / "m" / "model.json").exists()
    assert run("train", "image-classification", folder, "--out", tmp_path / "m", "--skip-bad", *FAST)[0] == 0
    trained = json.loads((tmp_path / "m" / "card.json").read_text())["records"][-1]
    judged = trained["figures"][0]["n"]
    assert any("3 of 27 examples of all splits" in note and "left out" in note for note in trained["notes"])
    assert f"the test split ({judged} examples)" in trained["tables"][0]["note"]
    for note in trained["notes"]:
        if found := re.match(r"(\d+) of (\d+) examples of the test split", note):
            assert int(found[2]) - int(found[1]) == judged


def test_an_empty_class_is_named(tmp_path, run):
    folder = photos(tmp_path / "photos")
    (folder / "fox").mkdir()
    status, said = run("train", "image-classification", folder, "--out", tmp_path / "m", *FAST)
    assert status == 2
    assert "fox" in said


def test_one_class_only(tmp_path, run):
    folder = photos(tmp_path / "photos", ("cat",))
    (folder / "dog").mkdir()
    status, said = run("train", "image-classification", folder, "--out", tmp_path / "m", "--skip-bad", *FAST)
    assert status == 2
    assert 'Every training label is "cat"' in said


def table(path, rows=60, encoding="utf-8", newline="\n", extra=()):
    rng = np.random.default_rng(0)
    lines = ["größe,kind,answer"]
    for at in range(rows):
        x = rng.normal()
        lines.append(f"{x:.3f},{'ab'[at % 2]},{'yes' if x > 0 else 'no'}")
    path.write_bytes(newline.join([*lines, *extra, ""]).encode(encoding))
    return path


def learn(run, path, out, *more):
    return run("train", "tabular-classification", path, "--target", "answer", "--out", out, *FAST, *more)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("1.5,a", "2 fields where the header names 3"),
        ("1.5,a,", "no label"),
        ("inf,a,yes", "inf"),
    ],
)
def test_a_bad_line_of_a_table_is_named(tmp_path, run, row, says):
    path = table(tmp_path / "t.csv", extra=[row])
    status, said = learn(run, path, tmp_path / "m")
    assert status == 2
    assert "t.csv:62" in said
    assert "1 of 61 examples cannot be used" in said
    assert says in said


def test_a_missing_number_is_no_fault(tmp_path, run):
    assert learn(run, table(tmp_path / "t.csv", extra=["NaN,a,yes", ",b,no"]), tmp_path / "m")[0] == 0


def test_a_column_named_twice(tmp_path, run):
    path = tmp_path / "t.csv"
    path.write_text("x,x,answer\n1,2,yes\n3,4,no\n")
    status, said = learn(run, path, tmp_path / "m")
    assert status == 2
    assert '"x"' in said


@pytest.mark.parametrize(("encoding", "newline"), [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("latin-1", "\n")])
def test_marks_of_other_systems_are_understood(tmp_path, run, encoding, newline):
    path = table(tmp_path / "t.csv", encoding=encoding, newline=newline)
    assert learn(run, path, tmp_path / "m")[0] == 0
    assert assay.load(tmp_path / "m").roles.inputs == ("größe", "kind")


def test_a_category_never_seen_is_answered_with_a_note(tmp_path, run):
    assert learn(run, table(tmp_path / "t.csv"), tmp_path / "m")[0] == 0
    rows = assay.predict(tmp_path / "m", [{"größe": 1.0, "kind": "zebra"}, {"größe": 1.0, "kind": "a"}], quiet=True)
    assert "zebra" in rows[0]["note"]
    assert "note" not in rows[1]


def test_a_label_in_test_that_training_never_saw(tmp_path, run):
    train, test = table(tmp_path / "train.csv"), table(tmp_path / "test.csv", extra=["1.0,a,maybe"])
    status, said = learn(run, train, tmp_path / "m", "--test", test)
    assert status == 2
    assert "test.csv:62" in said
    assert '"maybe"' in said


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["trian"], "train"),
        (["train", "image-clasification", "x"], "image-classification"),
        (["train", "tabular-classification", "t.csv", "--netwrok", "table"], "network"),
        (["train", "tabular-classification", "t.csv", "--target", "answer", "--network", "tabel"], "table"),
        (["train", "tabular-classification", "t.csv", "--target", "anser"], "answer"),
        (["train", "tabular-classification", "tt.csv", "--target", "answer"], "t.csv"),
        (["train", "tabular-classification", "t.csv", "--target", "answer", "--epochs", "many"], "epochs"),
        (["evaluate", "m", "t.csv", "--by", "knd"], "kind"),
        (["evaluate", "m", "t.csv", "--split", "tset"], "test"),
    ],
)
def test_a_typo_gets_the_nearest_name(tmp_path, run, monkeypatch, words, nearest):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "t.csv")
    if words[0] == "evaluate":
        assert learn(run, "t.csv", "m")[0] == 0
    status, said = run(*words, *(["--out", "new"] if words[0] == "train" else []))
    assert status == 2
    assert nearest in said


def test_a_judge_does_not_offer_an_option_that_only_training_has():
    task, other = discovery.task("text-classification"), read([{"a": "good", "b": "bad"}])
    with pytest.raises(DataError, match=r'no column "text" .* these could be it: a, b') as caught:
        again(other, task, Roles(("text",), False, "label"))
    assert "--" not in str(caught.value)
    with pytest.raises(DataError, match="--input: these could be it: a, b"):
        assign(other, task, target=None, needs_target=False)


def test_a_command_that_would_lose_its_model_is_refused_before_the_work(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, said = run("train", "tabular-classification", "my people.csv", "--target", "answer")
    assert status == 2
    assert "--out models/my-people" in said


def test_one_changed_byte_of_the_weights_is_noticed(tmp_path, run):
    path = table(tmp_path / "t.csv")
    assert learn(run, path, tmp_path / "m")[0] == 0
    weights = bytearray((tmp_path / "m" / "model.safetensors").read_bytes())
    weights[-10] ^= 1
    (tmp_path / "m" / "model.safetensors").write_bytes(weights)
    for words in (["evaluate", tmp_path / "m", path], ["predict", tmp_path / "m", path], ["report", tmp_path / "m"]):
        status, said = run(*words)
        assert status == 2
        assert "changed" in said
        assert "evidence" in said.lower()


def test_a_card_of_another_model_is_noticed(tmp_path, run):
    path = table(tmp_path / "t.csv")
    assert learn(run, path, tmp_path / "m")[0] == 0
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    card["model"]["hash"] = "0" * 32
    (tmp_path / "m" / "card.json").write_text(json.dumps(card))
    status, said = run("report", tmp_path / "m")
    assert status == 2
    assert "another model" in said


def test_a_changed_figure_of_the_card_is_noticed(tmp_path, run):
    path = table(tmp_path / "t.csv")
    assert learn(run, path, tmp_path / "m")[0] == 0
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    card["records"][0]["figures"][0]["value"] = 0.999
    (tmp_path / "m" / "card.json").write_text(json.dumps(card))
    status, said = run("report", tmp_path / "m")
    assert status == 2
    assert "changed" in said


def test_marks_of_a_missing_label_are_no_classes(tmp_path, run):
    for mark in ("NA", "NaN", "?"):
        path = table(tmp_path / "t.csv", extra=[f"1.0,a,{mark}"])
        status, said = learn(run, path, tmp_path / "m")
        assert status == 2
        assert "t.csv:62" in said
        assert "no label" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ignore", "answer"], "both ignored and target"),
        (["--input", "kind", "--ignore", "kind"], "both ignored and input"),
        (["--seed", "99999999999999999999"], "--seed"),
        (["--json", "--quiet"], "--json needs a file"),
    ],
)
def test_contradictory_options(tmp_path, run, words, says):
    status, said = learn(run, table(tmp_path / "t.csv"), tmp_path / "m", *words)
    assert status == 2
    assert says in said


@pytest.mark.parametrize("rows", [[",a"] * 20 + [",b"] * 20, ["1,a"] * 20 + ["1,b"] * 20])
def test_nothing_to_learn_from(tmp_path, run, rows):
    path = tmp_path / "t.csv"
    path.write_text("x,answer\n" + "\n".join(rows) + "\n")
    status, said = learn(run, path, tmp_path / "m")
    assert status == 2
    assert "no column to learn from" in said


def test_a_pattern_and_a_folder_of_images_are_answered(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = photos(tmp_path / "photos")
    assert run("train", "image-classification", folder, "--out", "m", *FAST)[0] == 0
    by_folder = assay.predict("m", ["photos/cat"], quiet=True)
    by_pattern = assay.predict("m", ["photos/cat/*.png"], quiet=True)
    assert len(by_folder) == len(by_pattern) == 12
    assert [row["label"] for row in by_folder] == [row["label"] for row in by_pattern]
    assert run("predict", "m", "")[0] == 2
    with pytest.raises(assay.DataError, match="no image"):
        assay.predict("m", [np.zeros((4, 4, 5), "uint8")], quiet=True)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_a_damaged_model_folder_is_a_sentence(tmp_path, run, damage):
    path = table(tmp_path / "t.csv")
    assert learn(run, path, tmp_path / "m")[0] == 0
    (tmp_path / "m" / "model.json").write_text(damage)
    assert run("evaluate", tmp_path / "m", path)[0] == 2


@pytest.mark.parametrize("key", ["task", "network", "size", "input", "output", "roles", "lineage"])
@pytest.mark.parametrize("value", [None, 5, [], {}, "os", [[]], {"a": 10**400}])
def test_hostile_facts_are_a_sentence(tmp_path_factory, run, key, value, hostile):
    """Also where the hash was made to fit them."""
    from assay.core.folder import _hash

    folder, facts = hostile
    changed = {**facts, key: value}
    (folder / "model.json").write_text(json.dumps(changed))
    status, said = run("report", folder)
    assert status == 2
    assert "was changed" in said
    changed["hash"] = _hash(changed)
    (folder / "model.json").write_text(json.dumps(changed))
    status, _ = run("predict", folder, '{"größe": 1.0, "kind": "a"}')
    assert status == 2 or (status == 0 and key in ("network", "size", "lineage")), "a default is no harm"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    path = table(folder / "t.csv")
    assay.train("tabular-classification", path, target="answer", out=folder / "m", epochs=1, quiet=True)
    return folder / "m", json.loads((folder / "m" / "model.json").read_text())


def test_a_folder_that_is_no_model(tmp_path, run):
    status, said = run("evaluate", tmp_path, tmp_path)
    assert status == 2
    assert "holds no model" in said
    for name in ("model.json", "model.safetensors"):
        (tmp_path / "cells").mkdir(exist_ok=True)
        (tmp_path / "cells" / name).touch()
    assert 'Did you mean "cells"?' in run("evaluate", tmp_path / "cellz", tmp_path)[1]


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "tabular-classification", "t.csv", "--out", "no/where/x.html"],
        ["inspect", "tabular-classification", "t.csv", "--json", "no/where/x.json"],
        ["report", "m", "--out", "no/where/x.html"],
        ["explain", "m", "t.csv", "--out", "no/where/x.svg"],
        ["predict", "m", "t.csv", "--out", "no/where/x.csv"],
    ],
)
def test_no_verb_makes_a_folder_for_a_file_by_the_way(tmp_path, run, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "t.csv")
    if words[1] == "m":
        assert learn(run, "t.csv", "m", "--json", "m/kept.json")[0] == 0, "train makes its folder, also for its record"
    status, said = run(*words)
    assert status == 2
    assert "there is no folder no/where. Make it, or name one that is there." in said
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "tabular-classification", "t.csv", "--target", "answer", "--out", "{long}"],
        ["inspect", "tabular-classification", "t.csv", "--json", "{long}/x.json"],
        ["evaluate", "{long}", "t.csv"],
    ],
)
def test_a_name_that_is_too_long_is_a_sentence(tmp_path, run, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "t.csv")
    status, said = run(*(word.format(long="m" * 300) for word in words))
    assert status == 2
    assert f"{'m' * 300}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_json_on_standard_output_stands_alone(tmp_path, capsys):
    path = table(tmp_path / "t.csv")
    status = main(["train", "tabular-classification", str(path), "--target", "answer", "--out", str(tmp_path / "m"),
                   "--epochs", "1", "--json", "-"])  # fmt: skip
    assert status == 0
    state = json.loads(capsys.readouterr().out)
    assert {"verb", "task", "model", "data", "figures", "tables", "media", "seconds"} <= set(state)
    assert state["data"]["n"] > 0
    assert len(state["data"]["fingerprint"]) == 32
    assert state["model"]["hash"] == assay.load(tmp_path / "m").hash
    figure = state["figures"][0]
    assert set(figure) == {"name", "value", "low", "high", "n", "unit", "better", "group"}
