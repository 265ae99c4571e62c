"""Bad texts, as a user meets them on the command line: the place is named, nothing is cut in silence."""

from __future__ import annotations

import json

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
    status, said, out = run("predict", tmp_path / "m", "good " * 40, "gut gekocht", "the film was good")
    assert status == 0
    assert len(out.splitlines()) == 3
    assert "only the first 6 of its 40 tokens are read" in said
    assert "2 inputs are odd" in said
    assert "2 of its 2 tokens were not in the training data" in run("predict", tmp_path / "m", "gut gekocht")[1]
    status, said, _ = run("predict", tmp_path / "m", "\ufeff \t")
    assert status == 2
    assert "empty" in said


def test_numbers_are_no_texts(tmp_path, run):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": at, "label": at % 2}) + "\n" for at in range(20)))
    status, said, _ = run("train", "text-classification", path, "--target", "label", "--out", tmp_path / "m", *FAST)
    assert status == 2
    assert "text" in said
