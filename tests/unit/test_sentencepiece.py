"""SentencePiece files of Marian checkpoints: written here field by field, read by codecs.sentencepiece."""

import json
import struct

import pytest

from assay.codecs.sentencepiece import marian
from assay.core.errors import DataError

SOURCE = {"\u2581": -4.0, "\u2581the": -2.0, "\u2581cat": -3.0, "s": -3.5, "c": -6.0, "a": -6.0, "t": -6.0, ".": -3.0}
TARGET = {"\u2581": -4.0, "\u2581die": -2.0, "\u2581Katze": -3.0, "n": -3.5, ".": -3.0}


def whole(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, float):
        return whole(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return whole(number << 3) + whole(value)
    return whole(number << 3 | 2) + whole(len(value)) + value


def model(pieces, kind=1, **spec):
    """The bytes of a SentencePiece model: special pieces first, as its trainer writes them."""
    out = b"".join(
        field(1, field(1, name) + field(2, 0.0) + field(3, type_)) for name, type_ in ((b"<unk>", 2), (b"</s>", 3))
    )
    out += b"".join(field(1, field(1, piece.encode()) + field(2, score)) for piece, score in pieces.items())
    return out + field(2, field(1, b"corpus.txt") + field(3, kind)) + field(3, field(1, b"identity") + field(3, 1))


@pytest.fixture
def folder(tmp_path):
    names = ["</s>", "<unk>", *dict.fromkeys([*SOURCE, *TARGET]), ">>deu<<", "<pad>"]
    (tmp_path / "vocab.json").write_text(json.dumps({name: code for code, name in enumerate(names)}))
    (tmp_path / "source.spm").write_bytes(model(SOURCE))
    (tmp_path / "target.spm").write_bytes(model(TARGET))
    return tmp_path


def names(tokenizer, text, **options):
    return [tokenizer.token(code) for code in tokenizer.encode([text], **options)[0]]


def test_texts_fall_into_the_likeliest_pieces_of_their_side(folder):
    read, written = marian(folder)
    assert names(read, "the cats.") == ["\u2581the", "\u2581cat", "s", "."]
    assert names(read, "  the   cat ") == ["\u2581the", "\u2581cat"]
    assert names(written, "die Katzen.") == ["\u2581die", "\u2581Katze", "n", "."]
    assert names(read, "the dog")[-1] == "<unk>"
    assert names(read, "the cat", special=True) == ["\u2581the", "\u2581cat", "</s>"]
    assert names(read, ">>deu<< the cat") == [">>deu<<", "\u2581the", "\u2581cat"]


def test_codes_are_those_of_the_vocabulary_and_turn_back_into_text(folder):
    read, written = marian(folder)
    vocabulary = json.loads((folder / "vocab.json").read_text())
    assert read.size == written.size == len(vocabulary)
    assert read.encode(["the cat"]) == [[vocabulary["\u2581the"], vocabulary["\u2581cat"]]]
    for tokenizer, text in ((read, "the cats."), (written, "die Katzen.")):
        assert tokenizer.decode(tokenizer.encode([text], special=True)[0]) == text
        assert (tokenizer.pad, tokenizer.end, tokenizer.unknown) == (len(vocabulary) - 1, 0, 1)


def test_other_files_are_refused_or_passed_over(folder):
    whole_file = (folder / "source.spm").read_bytes()
    for damaged, reason in (
        (whole_file[:-3], "too early"),
        (model(SOURCE, kind=2), "unigram"),
        (b"", "no pieces"),
        (b"\xff" * 9, "no SentencePiece model"),
    ):
        (folder / "source.spm").write_bytes(damaged)
        with pytest.raises(DataError, match=rf"source\.spm.*{reason}"):
            marian(folder)
    (folder / "source.spm").write_bytes(whole_file)
    (folder / "vocab.json").write_text('{"a": 0, "b": 2}')
    with pytest.raises(DataError, match=r"vocab\.json is no vocabulary.*gaps"):
        marian(folder)
    (folder / "vocab.json").unlink()
    assert marian(folder) is None
