"""Bad texts, as a user meets them on the command line: the place is named, nothing is cut in silence."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from assay.cli import main
from assay.inputs.text import Text

FAST = ["--epochs", "1", "--size", "tiny", "--device", "cpu", "--quiet"]


@pytest.fixture
def run(capsys):
    """Run a command; gives its status, what it said on standard error in one line, and its standard output."""

    def call(*words):
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, " ".join(said.err.split()), said.out

    return call


def table(folder, extra=b""):
    texts = Text().fake(np.random.default_rng(0), 60)
    lines = [f"{text}\t{int(sign > 0)}" for text, sign in zip(texts, Text().fake_signs(texts), strict=True)]
    path = folder / "reviews.tsv"
    path.write_bytes(("review\tlabel\n" + "\n".join(lines) + "\n").encode() + extra)
    return path


def test_empty_texts_are_listed_with_their_lines_before_training(tmp_path, run):
    path = table(tmp_path, b"  \t1\n\xef\xbb\xbf\t0\n")
    status, said, _ = run("train", "text-classification", path, "--out", tmp_path / "m", *FAST)
    assert status == 2
    assert "2 of 62 examples cannot be used" in said
    for line in (62, 63):
        assert f"reviews.tsv:{line}: the text is empty" in said
    status, said, _ = run("train", "text-classification", path, "--out", tmp_path / "m", "--skip-bad", *FAST)
    assert status == 0


def test_cut_and_unknown_texts_are_answered_with_a_note(tmp_path, run):
    path = table(tmp_path)
    words = ("--set", "longest=6", "--out", tmp_path / "m", "--json", tmp_path / "card.json")
    assert run("train", "text-classification", path, *words, *FAST)[0] == 0
    notes = " ".join(json.loads((tmp_path / "card.json").read_text())["notes"])
    assert "training texts have more than 6 tokens" in notes
    for split in ("validation", "test"):
        assert re.search(rf"of \d+ inputs of the {split} split (is|are) odd", notes)
    status, said, out = run("predict", tmp_path / "m", "good " * 40, "gut gekocht", "the film was good")
    assert status == 0
    assert len(out.splitlines()) == 3
    assert "only the first 6 of its 40 tokens are read" in said
    assert "2 of 3 inputs are odd, and their answers less certain (the first, good good" in said
    assert "good " * 20 not in said
    assert "2 of its 2 tokens were not in the training data" in run("predict", tmp_path / "m", "gut gekocht")[1]
    status, said, _ = run("predict", tmp_path / "m", "\ufeff \t")
    assert status == 2
    assert "empty" in said


def test_judges_say_what_was_cut_and_how_the_file_was_read(tmp_path, run):
    """Each on its own, since each may be shown other data than training was."""
    path = table(tmp_path)
    assert run("train", "text-classification", path, "--out", tmp_path / "m", *FAST)[0] == 0
    other = tmp_path / "others.tsv"
    lines = ["review\tlabel", "the film was good\t1", "the film was bad " * 200 + "\t0", "the café was good\t1"]
    other.write_bytes("\n".join(lines).encode("cp1252"))
    for words in (("evaluate", tmp_path / "m"), ("compare", tmp_path / "m", tmp_path / "m")):
        status, _, out = run(*words, other, "--json", tmp_path / "record.json")
        assert status == 0
        notes = json.loads((tmp_path / "record.json").read_text())["notes"]
        told = [note for note in notes if "1 of 3 inputs is odd, and its answer less certain (" in note]
        assert len(told) == len(words) - 1
        assert all("others.tsv:3: only the first" in note and "of its 800 tokens are read)." in note for note in told)
        assert any("(line 4 is the first that is not); it was read as Windows-1252" in note for note in notes)
        assert "read as Windows-1252" in " ".join(out.split())
    assert "read as Windows-1252" in run("predict", tmp_path / "m", other)[1]


def test_long_prompts_and_the_loss_of_an_answer_that_was_not_looked_for(tmp_path, run):
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"the {at % 7} cats " * 20, "completion": "sat down" + "." * (at % 3)} for at in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--set", "longest_prompt=16", "--out", tmp_path / "m", "--network", "attention")
    assert run("train", "text-generation", path, *words, "--json", tmp_path / "card.json", *FAST)[0] == 0
    notes = " ".join(json.loads((tmp_path / "card.json").read_text())["notes"])
    assert "training prompts have more than 16 tokens: only the last 16 are read (--set longest_prompt=…)" in notes
    assert re.search(r"of \d+ inputs of the test split are odd", notes)
    assert run("evaluate", tmp_path / "m", path, "--json", tmp_path / "record.json")[0] == 0
    record = json.loads((tmp_path / "record.json").read_text())
    worst = next(found for found in record["tables"] if found["name"] == "largest losses")
    assert worst["columns"] == ["where", "actual", "loss", "input"]
    assert all(medium["caption"].startswith("sat down") for medium in record["media"])


def test_what_stands_before_a_passage_makes_no_groups(tmp_path, run):
    path = tmp_path / "book.txt"
    path.write_text("".join(f"the cat number {at} sits.\n" for at in range(120)))
    assert run("inspect", "text-generation", path, "--set", "context=64", "--json", tmp_path / "record.json")[0] == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert "prompt" not in json.dumps([record["tables"], record["notes"], [f["name"] for f in record["figures"]]])


def test_references_longer_than_any_that_were_trained_on_are_judged_whole(tmp_path, run):
    folder = tmp_path / "pairs"
    folder.mkdir()
    pairs = [(f"{name} sees {n}", f"{name} sieht {n}") for name in ("Anna", "Ben", "Carla") for n in range(20)]
    for name, side in (("en", 0), ("de", 1)):
        (folder / f"train.{name}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
        (folder / f"test.{name}").write_text("".join(f"{pair[side]}\n" for pair in pairs[:3]) + "Anna Ben " * 90 + "\n")
    words = ("--input", "en", "--target", "de", "--out", tmp_path / "m", "--json", tmp_path / "card.json")
    assert run("train", "translation", folder, *words, *FAST)[0] == 0
    notes = json.loads((tmp_path / "card.json").read_text())["notes"]
    assert any(note.startswith("1 of 4 targets of the test split is odd") and "test.de:4" in note for note in notes)
    assert run("evaluate", tmp_path / "m", folder, "--json", tmp_path / "record.json")[0] == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["data"]["n"] == 4
    assert any("1 of 4 targets of the test split is odd" in note for note in record["notes"])


def test_numbers_are_no_texts(tmp_path, run):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": at, "label": at % 2}) + "\n" for at in range(20)))
    status, said, _ = run("train", "text-classification", path, "--target", "label", "--out", tmp_path / "m", *FAST)
    assert status == 2
    assert "text" in said
