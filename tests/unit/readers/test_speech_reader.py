"""Recordings with transcripts, in the layouts of LJSpeech and LibriSpeech."""

from __future__ import annotations

import pytest

from assay.core.errors import DataError
from assay.core.reading import read


@pytest.fixture
def lj(tmp_path):
    folder = tmp_path / "lj"
    (folder / "wavs").mkdir(parents=True)
    for name in ("a-1", "a-2", "a-3", "a-5"):
        (folder / "wavs" / f"{name}.wav").write_bytes(name.encode())
    (folder / "metadata.csv").write_text(
        'a-1|Dr. No, "so"|Doctor No, so\na-2|plain|\n\na-3|\na-4|lost|lost\n../a-1|away|away\nalone\na-5|é|é\n',
        encoding="utf-8",
    )
    return folder


def test_lj_speech_gives_normalised_texts_and_names_bad_lines(lj):
    source = read(lj)
    split = source.splits["all"]
    assert source.format == "recordings and transcripts"
    assert split.columns["text"].tolist() == ["Doctor No, so", "plain", "é"]
    assert split.columns["written"].tolist() == ['Dr. No, "so"', "plain", "é"]
    assert split.columns["id"].tolist() == ["a-1", "a-2", "a-5"]
    assert [path.name for path in split.columns["audio"]] == ["a-1.wav", "a-2.wav", "a-5.wav"]
    assert split.place(2) == f"{lj / 'metadata.csv'}:8"
    found = {problem.where.rpartition(":")[2]: problem.what for problem in split.problems}
    assert list(found) == ["4", "5", "6", "7"]
    assert found["4"] == "has no transcript"
    assert 'no recording "a-4"' in found["5"]
    assert "no name of a recording" in found["6"]
    assert "has 1 fields" in found["7"]


def test_a_changed_recording_is_other_data(lj):
    before = read(lj).fingerprint
    assert read(lj).fingerprint == before
    (lj / "wavs" / "a-2.wav").write_bytes(b"other")
    assert read(lj).fingerprint != before


@pytest.mark.parametrize("splits", [False, True])
def test_libri_speech_gives_speakers_and_splits(tmp_path, splits):
    roots = {"train-clean-100": "train", "dev-clean": "validation"} if splits else {"": "all"}
    for at, root in enumerate(roots):
        for speaker in ("19", "26"):
            folder = tmp_path / root / speaker / "198"
            folder.mkdir(parents=True)
            (folder / f"{speaker}-198.trans.txt").write_text(f"{speaker}-0 NORTHANGER {at}\n{speaker}-1 LOST\n")
            (folder / f"{speaker}-0.flac").write_bytes(b"sound")
    source = read(tmp_path)
    assert set(source.splits) == set(roots.values())
    for at, name in enumerate(roots.values()):
        split = source.splits[name]
        assert split.columns["text"].tolist() == [f"NORTHANGER {at}"] * 2
        assert split.columns["speaker"].tolist() == ["19", "26"]
        assert len(split.problems) == 2


def test_a_folder_without_one_recording_says_why(tmp_path):
    (tmp_path / "wavs").mkdir()
    (tmp_path / "metadata.csv").write_text("a|b|c\n")
    with pytest.raises(
        DataError, match=r'holds no recording with a transcript: .*metadata\.csv:1: there is no recording "a"'
    ):
        read(tmp_path)
