"""Plain text as documents, and documents as passages."""

from __future__ import annotations

import gzip
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assay.codecs.passages import Passage
from assay.core.errors import DataError
from assay.core.reading import read
from assay.core.source import Source
from assay.tasks._passages import BEFORE, arranged
from assay.tasks._stories import language, stories
from assay.tasks.text_generation import TASK


def passages_of(source: Source) -> Source:
    return arranged(source, TASK.input, TASK.output)


def test_a_file_is_a_document_with_its_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes("one\r\ntwo\rcafé\n".encode())
    source = read(path)
    assert source.format == "plain text"
    assert source.splits["all"].columns["text"].tolist() == ["one\ntwo\ncafé\n"]
    assert source.target == "text"


def test_a_folder_holds_splits_gzipped_or_not(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("learn this")
    with gzip.open(tmp_path / "test.txt.gz", "wt") as file:
        file.write("and judge by this")
    assert {name: split.columns["text"].tolist() for name, split in read(tmp_path).splits.items()} == {
        "train": ["learn this"],
        "test": ["and judge by this"],
    }


def test_damaged_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes("été\nhiver\n".encode() + b"\xff\xfe\n")
    with pytest.raises(DataError, match=r"book\.txt:3: the byte 0xff is not UTF-8"):
        read(path)
    path.write_text(" \n\n")
    with pytest.raises(DataError, match="white space"):
        read(path)


def test_a_long_text_falls_into_passages_whose_ends_are_held_out(tmp_path: Path) -> None:
    text = "".join(f"line {at:04d}\n" for at in range(1000))
    (tmp_path / "book.txt").write_text(text)
    source = passages_of(read(tmp_path / "book.txt"))
    assert list(source.splits) == ["train", "validation", "test"]
    pieces = [piece for split in source.splits.values() for piece in split.columns["text"]]
    assert "".join(pieces) == text
    before = [piece for split in source.splits.values() for piece in split.columns["prompt"]]
    assert before[0] == ""
    assert all(after == piece[-BEFORE:] for piece, after in zip(pieces, before[1:], strict=False))
    assert all(isinstance(piece, Passage) for piece in pieces[:-1])
    assert not isinstance(pieces[-1], Passage)
    n = len(pieces)
    assert [len(split) for split in source.splits.values()] == [n - 2 * (n // 10), n // 10, n // 10]
    held = source.splits["test"]
    line = int(held.place(0).rsplit(":", 1)[1])
    assert text.splitlines()[line - 1].endswith(held.columns["text"][0].splitlines()[0])


def test_splits_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("learn " * 1000)
    (tmp_path / "test.txt").write_text("judge " * 300)
    source = passages_of(read(tmp_path))
    assert list(source.splits) == ["train", "validation", "test"]
    assert "".join(source.splits["test"].columns["text"]) == "judge " * 300
    assert (
        "".join([*source.splits["train"].columns["text"], *source.splits["validation"].columns["text"]])
        == "learn " * 1000
    )


def test_short_texts_and_prompts_with_answers_stay_rows() -> None:
    rows = [{"text": "short", "by": "a"}, {"text": "also short", "by": "b"}]
    assert passages_of(read(rows)).splits["all"].columns["text"].tolist() == ["short", "also short"]
    pairs = [{"prompt": "say", "completion": "x" * 3000}]
    assert passages_of(read(pairs)).splits["all"].columns["completion"].tolist() == ["x" * 3000]


def test_other_columns_stay_with_their_passages() -> None:
    rows = [{"text": "ab " * 1000, "by": "Ann"}, {"text": "cd " * 10, "by": "Bob"}]
    splits = passages_of(read(rows)).splits.values()
    by = [
        (cell, text[:2])
        for split in splits
        for cell, text in zip(split.columns["by"], split.columns["text"], strict=True)
    ]
    assert by[-1] == ("Bob", "cd")
    assert {cell for cell, _ in by[:-1]} == {"Ann"}


def test_the_made_language_has_the_entropy_that_is_stated(tmp_path: Path) -> None:
    demo = stories(tmp_path)
    words, chain = language(np.random.default_rng(0))
    text = Path(demo.data).read_text()
    told = [words.index(word) for word in text.split()]
    bits = -sum(math.log2(chain[before, after]) for before, after in pairwise(told)) / len(text)
    assert demo.known is not None
    assert demo.known[1] == pytest.approx(bits, rel=0.02)
