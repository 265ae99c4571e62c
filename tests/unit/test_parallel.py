"""Parallel texts: languages by suffix, splits by name, and everything that can be wrong with them."""

from __future__ import annotations

import gzip

import pytest

from assay.core.errors import DataError
from assay.core.reading import read
from assay.readers import parallel

EN = ["A dog runs.", "Two cats sleep.", "A man sings."]
DE = ["Ein Hund läuft.", "Zwei Katzen schlafen.", "Ein Mann singt."]
FR = ["Un chien court.", "Deux chats dorment.", "Un homme chante."]


def put(folder, name, lines, end="\n"):
    data = "".join(line + end for line in lines).encode()
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def corpus(folder, *stems, gz=""):
    for stem in stems or ("train",):
        put(folder, f"{stem}.en{gz}", EN)
        put(folder, f"{stem}.de{gz}", DE)
    return folder


def test_languages_are_columns_and_names_are_splits(tmp_path):
    source = read(corpus(tmp_path, "train", "val", "test_2016_flickr", gz=".gz"))
    assert source.format == "parallel texts"
    assert list(source.splits) == ["train", "validation", "test"]
    assert source.splits["test"].columns["en"].tolist() == EN
    assert source.splits["train"].columns["de"].tolist() == DE
    assert (source.input, source.target) == (None, None)
    assert source.splits["train"].place(2) == f"{tmp_path / 'train.de.gz'}:3"


def test_content_alone_makes_the_fingerprint(tmp_path):
    one, other, swapped = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    for folder in (one, other, swapped):
        folder.mkdir()
    put(swapped, "train.en", EN[::-1])
    put(swapped, "train.de", DE[::-1])
    first = read(corpus(one)).fingerprint
    assert first == read(corpus(other, gz=".gz")).fingerprint
    assert first != read(swapped).fingerprint


def test_a_third_language_is_a_third_column(tmp_path):
    put(corpus(tmp_path), "train.fr", FR)
    assert list(read(tmp_path).splits["train"].columns) == ["de", "en", "fr"]


def test_a_name_may_say_the_direction(tmp_path):
    source = read(corpus(tmp_path, "train.en-de", "dev.en-de"))
    assert (source.input, source.target) == ("en", "de")
    assert list(source.splits) == ["train", "validation"]


def test_of_several_test_sets_the_first_is_taken_and_said(tmp_path):
    source = read(corpus(tmp_path, "train", "test_2016", "test_2017"))
    assert list(source.splits) == ["train", "test", "test_2017"]
    assert "test_2016 is the test split" in source.notes[0]
    assert "--split: test_2017" in source.notes[0]


def test_a_set_called_just_test_comes_first(tmp_path):
    source = read(corpus(tmp_path, "train", "test-2", "test"))
    assert list(source.splits) == ["train", "test", "test-2"]


def test_two_training_texts_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"train, train2, which all name the train split"):
        read(corpus(tmp_path, "train", "train2"))


def test_a_file_stands_for_its_other_languages(tmp_path):
    corpus(tmp_path, "test_2016", "test_2017")
    source = read(tmp_path / "test_2017.de")
    assert list(source.splits) == ["all"]
    assert source.splits["all"].columns["en"].tolist() == EN


def test_a_file_may_be_of_one_language(tmp_path):
    split = read(put(tmp_path, "new.en.gz", EN)).splits["all"]
    assert {name: column.tolist() for name, column in split.columns.items()} == {"en": EN}


def test_one_text_without_a_split_is_the_whole(tmp_path):
    assert list(read(corpus(tmp_path, "europarl-v7.de-en")).splits) == ["all"]


def test_several_texts_without_a_split_must_be_named(tmp_path):
    with pytest.raises(DataError, match=r"2 parallel texts and none is named after a split.*news\.de"):
        read(corpus(tmp_path, "europarl", "news"))


def test_other_texts_are_left_out_and_said(tmp_path):
    assert "news too" in read(corpus(tmp_path, "train", "news")).notes[0]


def test_unequal_line_counts_name_both_files(tmp_path):
    put(tmp_path, "train.en", EN)
    put(tmp_path, "train.de", DE[:2])
    with pytest.raises(DataError, match=r"train\.de has 2 lines and .*train\.en has 3"):
        read(tmp_path)


def test_invalid_utf8_names_the_line(tmp_path):
    corpus(tmp_path)
    (tmp_path / "train.de").write_bytes("Ein Hund läuft.\n".encode() + "Zwei Bären.\n".encode("latin-1") + b"c\n")
    with pytest.raises(DataError, match=r"train\.de:2: the byte 0xe4 is not UTF-8"):
        read(tmp_path)


def test_an_empty_line_is_a_problem_and_its_pair_no_row(tmp_path):
    put(tmp_path, "train.en", [EN[0], " ", EN[2]])
    put(tmp_path, "train.de", DE)
    split = read(tmp_path).splits["train"]
    assert split.columns["de"].tolist() == [DE[0], DE[2]]
    assert split.place(1).endswith("train.de:3")
    assert [problem.where for problem in split.problems] == [f"{tmp_path / 'train.en'}:2"]


def test_only_line_feeds_end_lines(tmp_path):
    odd = ["a\u2028b", "c\x85d\x0be", "f\rg"]
    put(tmp_path, "train.en", odd, end="\r\n")
    put(tmp_path, "train.de", ["\ufeff" + DE[0], *DE[1:]])
    columns = read(tmp_path).splits["train"].columns
    assert columns["en"].tolist() == odd
    assert columns["de"].tolist() == DE


def test_splits_need_the_same_languages(tmp_path):
    corpus(tmp_path, "train")
    put(tmp_path, "test.en", EN)
    put(tmp_path, "test.fr", FR)
    with pytest.raises(DataError, match=r"train is there in de, en, but test in en, fr"):
        read(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    corpus(tmp_path)
    (tmp_path / "train.de").write_bytes(b"")
    with pytest.raises(DataError, match=r"train\.de is empty"):
        read(tmp_path)


@pytest.mark.parametrize(
    "names",
    [("train.csv", "train.tsv"), ("train.qaa",), ("run.py", "read.me"), ("x.npy", "x.npz"), ("a.data", "a.names")],
)
def test_other_files_are_not_claimed(tmp_path, names):
    for name in names:
        put(tmp_path, name, EN)
    assert not parallel.reads(tmp_path)
    assert not any(parallel.reads(tmp_path / name) for name in names)


def test_a_file_twice_is_refused(tmp_path):
    put(corpus(tmp_path), "train.de.gz", DE)
    with pytest.raises(DataError, match=r"train\.de\.gz and train\.de"):
        read(tmp_path)


def test_sounds_of_one_stem_are_no_texts(tmp_path):
    for suffix in ("au", "caf", "mov", "ts"):
        (tmp_path / f"a.{suffix}").write_bytes(b".snd\0\0")
    assert not parallel.reads(tmp_path)
    assert not any(parallel.reads(file) for file in tmp_path.iterdir())
    for language in ("en", "ts"):  # the other one is Tsonga
        (tmp_path / f"train.{language}").write_text("a\n")
    assert parallel.reads(tmp_path / "train.ts")
