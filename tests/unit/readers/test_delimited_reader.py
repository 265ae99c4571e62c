"""CSV and TSV: cells, places, encodings, and everything that can be wrong with a line."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import DataError
from assay.core.source import Source, Split
from assay.readers import _csv, _text, delimited

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
CELL = st.one_of(TEXT, st.sampled_from(['say "so"', "a,b", "two\nlines", '"', "NA", "null", "1e5", " padded ", "\t"]))


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def whole(source: Source) -> Split:
    return source.splits["all"]


def attempt(path: Path) -> Split | DataError:
    try:
        return whole(delimited.read(path))
    except DataError as error:
        return error


def cells(split: Split) -> dict[str, list[object]]:
    return {name: column.tolist() for name, column in split.columns.items()}


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12),
    delimiter=st.sampled_from([(",", ".csv"), (";", ".csv"), ("|", ".csv"), ("\t", ".tsv"), ("\t", ".tsv.gz")]),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    everywhere=st.booleans(),
)
def test_a_table_written_is_the_table_read(tmp_path_factory, rows, delimiter, end, bom, everywhere):
    mark, name = delimiter
    file = io.StringIO()
    writer = csv.writer(
        file, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL if everywhere else csv.QUOTE_MINIMAL
    )
    writer.writerow(["one", "two", "three"])
    writer.writerows(rows)
    content = file.getvalue().encode("utf-8-sig" if bom else "utf-8")
    path = write(tmp_path_factory.mktemp("csv"), content, f"t{name}")
    split = whole(delimited.read(path))
    assert not split.problems
    assert list(split.columns) == ["one", "two", "three"]
    expected = [[cell or None for cell in row] for row in rows]
    assert [list(row) for row in zip(*cells(split).values(), strict=True)] == expected
    # Each row's place is the line that Python's own reader says the record before it ended at, plus one.
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig").replace("\r\n", "\n")), delimiter=mark)
    ends = [reader.line_num for _ in reader]
    assert [split.place(i) for i in range(len(rows))] == [f"{path}:{line + 1}" for line in ends[:-1]]


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.text('a",\n', max_size=8), min_size=1, max_size=10),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_whatever_the_lines_hold_they_are_counted_or_refused(tmp_path_factory, lines, end):
    """Rows, ragged rows and header account for every record; any error is one that names the file."""
    path = write(tmp_path_factory.mktemp("csv"), ("x,y\n1,2\n" + "\n".join(lines)).replace("\n", end))
    split = attempt(path)
    if isinstance(split, DataError):
        assert str(path) in str(split)
        return
    text = path.read_bytes().decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbers = [int(split.place(i).rpartition(":")[2]) for i in range(len(split))]
    numbers += [int(problem.where.rpartition(":")[2]) for problem in split.problems]
    assert len(set(numbers)) == len(numbers)
    assert all(text[number - 1] for number in numbers)  # a record begins on a line that holds something
    assert numbers[0] == 2


def test_ragged_rows_are_problems_with_their_line(tmp_path):
    path = write(tmp_path, 'a,b\n1,2\n\n3\n"x\ny",5\n6\n7,8,9\nlast,one\n')
    split = whole(delimited.read(path))
    assert cells(split) == {"a": ["1", "x\ny", "last"], "b": ["2", "5", "one"]}
    assert [split.place(i) for i in range(3)] == [f"{path}:{line}" for line in (2, 5, 9)]
    assert [problem.where for problem in split.problems] == [f"{path}:{line}" for line in (4, 7, 8)]
    assert split.problems[0].what == "1 field where the header names 2: '3'"
    assert split.problems[2].what == "3 fields where the header names 2: '7,8,9'"
    assert all(problem.row is None for problem in split.problems)


def test_ragged_rows_are_found_in_later_blocks_too(tmp_path, monkeypatch):
    monkeypatch.setattr(_csv, "_BLOCK", 64)
    bad = {50, 300, 999}
    path = write(tmp_path, "a,b\n" + "".join(f"{i}\n" if i in bad else f'{i},"v\n{i}"\n' for i in range(1000)))
    split = whole(delimited.read(path))
    good = [i for i in range(1000) if i not in bad]
    assert split.columns["a"].tolist() == [str(i) for i in good]
    text = path.read_text().split("\n")
    for row in range(0, len(good), 37):
        line = int(split.place(row).rpartition(":")[2])
        assert text[line - 1] == f'{good[row]},"v'
    assert [text[int(p.where.rpartition(":")[2]) - 1] for p in split.problems] == ["50", "300", "999"]


def test_a_record_longer_than_a_block_is_read(tmp_path):
    path = write(tmp_path, "a,b\n" + "x" * 3_000_000 + ",1\n2,3\n")
    assert [len(cell) for cell in whole(delimited.read(path)).columns["a"]] == [3_000_000, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "nothing below it"),
        ("a,b", "nothing below it"),
        ("a,b,a,c,b\n1,2,3,4,5\n", '"a" (columns 1, 3); "b" (columns 2, 5)'),
        ("a,a \n1,2\n", '"a" (columns 1, 2)'),
        ("a,,c,\n1,2,3,4\n", "column 2, 4 of 4 has no name"),
        ("a,b\n1\n2\n", "not one row has the 2 fields that the header names; the first has 1: '1'"),
        ('a,b\n1,"open\n2,3\n4,5,6\n', ":2: the quotation mark that opens a field here does not close"),
        ("a,b\n1,\0\n", ":2: a zero byte"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        delimited.read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_quotation_marks_that_do_not_pair_up_are_plain_characters(tmp_path):
    path = write(tmp_path, 'text\tlabel\n"hello\t1\nworld\t0\n"quotes" he said\t1\n', "t.tsv")
    source = delimited.read(path)
    assert whole(source).columns["text"].tolist() == ['"hello', "world", '"quotes" he said']
    assert whole(source).place(2) == f"{path}:4"
    assert "quotation marks do not pair up (line 2)" in source.notes[0]


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_the_delimiter_is_the_one_that_lines_agree_on(tmp_path, delimiter):
    others = "".join(d for d in ",;\t|" if d != delimiter)
    rows = [["name", "note", "n"], ["x", f"a{others[0]}b", "1"], ["y", f"{others}", "2"]]
    path = write(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert whole(delimited.read(path)).columns["note"].tolist() == [f"a{others[0]}b", others]


def test_a_single_column_has_no_delimiter(tmp_path):
    split = whole(delimited.read(write(tmp_path, 'text\n"well, well"\nfine; thanks\n')))
    assert cells(split) == {"text": ["well, well", "fine; thanks"]}


def test_names_of_columns_are_trimmed_and_cells_are_not(tmp_path):
    assert cells(whole(delimited.read(write(tmp_path, "a, b\n1, 2\n")))) == {"a": ["1"], "b": [" 2"]}


def test_text_that_is_not_utf8_is_read_as_windows_1252_with_a_note(tmp_path):
    source = delimited.read(write(tmp_path, "name,city\nJosé,Köln\n€5,–\n".encode("cp1252")))
    assert cells(whole(source)) == {"name": ["José", "€5"], "city": ["Köln", "–"]}
    assert "(line 2 is the first that is not); it was read as Windows-1252" in source.notes[0]


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_a_damaged_byte_before_the_first_letter_beyond_ascii_makes_no_other_encoding(tmp_path, monkeypatch, block):
    """Wherever blocks of the file end; and a few pairs of signs that would be UTF-8 by chance make no UTF-8."""
    monkeypatch.setattr(_text, "_BLOCK", block)
    damaged = b"text,label\nplain\xff,a\n" + "schön für dich,b\n".encode() * 3
    with pytest.raises(DataError, match=r":2: the byte 0xff is not UTF-8, which the file is otherwise"):
        delimited.read(write(tmp_path, damaged))
    chance = "text,label\nstreng,a\nSpaß“ für,b\n" + "schön für dich,b\n" * 9
    source = delimited.read(write(tmp_path, chance.encode("cp1252")))
    assert whole(source).columns["text"][1:3].tolist() == ["Spaß“ für", "schön für dich"]
    assert "line 3 is the first that is not" in source.notes[0]


@pytest.mark.parametrize("length", range(4, 12))
def test_a_letter_of_one_byte_at_the_end_of_a_block_is_not_taken_for_utf8(tmp_path, monkeypatch, length):
    monkeypatch.setattr(_text, "_BLOCK", length)
    source = delimited.read(write(tmp_path, "a,b\nJosé,1\nx,2\n".encode("cp1252")))
    assert whole(source).columns["a"].tolist() == ["José", "x"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_spreadsheets_save_as_unicode_text_is_read(tmp_path, encoding):
    content = "\ufeffname\tcity\r\nJosé\t東京\r\n\r\nx\ty\r\n".encode(encoding)
    split = whole(delimited.read(write(tmp_path, content, "t.tsv")))
    assert cells(split) == {"name": ["José", "x"], "city": ["東京", "y"]}
    assert split.place(1).endswith(":4")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\né,1\nü,2\n".encode() + b"\xff,3\n", ":4: the byte 0xff is not UTF-8"),  # UTF-8 but for one byte
        (b"a,b\nx,1\n\xe9\x81,2\n", ":3: the byte 0x81 is not UTF-8"),  # neither
        (("a\n" + "好好学习天天向上\n" * 9).encode("gbk"), "Save it as UTF-8"),
        ("a,b\né,".encode() + "é".encode()[:1], ":2: the byte 0xc3 is not UTF-8"),  # cut within a character
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path, content, message):
    with pytest.raises(DataError) as caught:
        delimited.read(write(tmp_path, content))
    assert message in str(caught.value)


def test_a_header_that_looks_like_data_is_noted(tmp_path):
    assert "looks like data" in delimited.read(write(tmp_path, "a fine film\t1\na bad one\t0\n", "t.tsv")).notes[0]
    assert not delimited.read(write(tmp_path, "country,1990,1991,1992\nx,1,2,3\n", "u.csv")).notes


def test_a_folder_of_splits(tmp_path):
    for name, rows in (("train", "1,a\n2,b\n"), ("dev", "3,a\n"), ("test", "4,b\n")):
        write(tmp_path, f"x,y\n{rows}", f"{name}.csv")
    write(tmp_path, "id,y\n1,?\n", "sample_submission.csv")
    source = delimited.read(tmp_path)
    assert {name: split.columns["x"].tolist() for name, split in source.splits.items()} == {
        "train": ["1", "2"],
        "validation": ["3"],
        "test": ["4"],
    }
    assert source.splits["test"].place(0) == f"{tmp_path / 'test.csv'}:2"
    assert source.root == tmp_path


def test_splits_may_lack_a_column_with_a_note_but_not_all(tmp_path):
    write(tmp_path, "x,y\n1,2\n", "train.csv")
    test = write(tmp_path, "x\n1\n", "test.csv")
    assert 'it lacks "y"' in delimited.read(tmp_path).notes[0]
    test.write_text("3,4\n5,6\n")
    with pytest.raises(DataError, match="no column in common"):
        delimited.read(tmp_path)


def test_two_files_for_one_split_are_refused(tmp_path):
    for name in ("train.csv", "val.csv", "dev.csv"):
        write(tmp_path, "x,y\n1,2\n", name)
    with pytest.raises(DataError, match=r"dev\.csv, val\.csv, which all name the validation split"):
        delimited.read(tmp_path)


def test_the_fingerprint_is_of_the_content(tmp_path):
    content = "a,b\n1,2\n"
    (tmp_path / "other").mkdir()
    one = delimited.read(write(tmp_path, content)).fingerprint
    assert delimited.read(write(tmp_path / "other", content, "renamed.csv")).fingerprint == one
    assert delimited.read(write(tmp_path, content, "packed.csv.gz")).fingerprint == one
    assert delimited.read(write(tmp_path, "a,b\n1,3\n")).fingerprint != one


def test_a_gzip_bomb_and_a_torn_gzip_file_are_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "a,b\n" + "1,2\n" * 1_000_000, "bomb.csv.gz")
    monkeypatch.setattr(_text, "FREE_BYTES", 1 << 20)
    with pytest.raises(DataError, match="which no honest table does"):
        delimited.read(path)
    random.seed(0)
    torn = write(tmp_path, "a,b\n" + "".join(f"{random.random()},1\n" for _ in range(1000)), "torn.csv.gz")
    torn.write_bytes(torn.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a whole gzip file"):
        delimited.read(torn)


def test_a_video_that_is_named_a_text_is_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\0\0\0 ftypisom" + bytes(50))
    with pytest.raises(DataError, match=r"a\.csv is not text: it begins as MP4"):
        delimited.read(tmp_path / "a.csv")
