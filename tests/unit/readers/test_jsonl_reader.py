"""JSON Lines: values as they are, and lines that are no objects."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import DataError
from assay.readers import jsonl

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT)
VALUE = st.one_of(SCALAR, st.lists(SCALAR, max_size=3), st.dictionaries(TEXT, SCALAR, max_size=3))
NAME = st.sampled_from(["a", "b", "c", "désiré"])


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.dictionaries(NAME, VALUE, min_size=1), min_size=1, max_size=8),
    ascii_only=st.booleans(),
    packed=st.booleans(),
)
def test_objects_written_are_the_columns_read(tmp_path_factory, rows, ascii_only, packed):
    path = tmp_path_factory.mktemp("jsonl") / ("rows.jsonl.gz" if packed else "rows.jsonl")
    data = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    split = jsonl.read(path).splits["all"]
    assert not split.problems
    assert set(split.columns) == {name for row in rows for name in row}
    for name, column in split.columns.items():
        found, expected = column.tolist(), [row.get(name) for row in rows]
        assert found == expected
        assert [type(cell) for cell in found] == [type(cell) for cell in expected]  # 1 is not 1.0, nor True


def test_lines_that_are_no_objects_are_problems_with_their_line(tmp_path):
    path = tmp_path / "rows.ndjson"
    deep = "[" * 200_000
    lines = ['{"a": 1}', "", '{"a": ', "[1]", '"x"', "null", '{"a": "\\ud800"}', '{"a": %s}' % ("9" * 5000), deep]
    path.write_text("\n".join([*lines, '{"a": 2, "b": {"c": [1]}}']))
    split = jsonl.read(path).splits["all"]
    assert split.columns["a"].tolist() == [1, 2]
    assert split.columns["b"].tolist() == [None, {"c": [1]}]
    assert [split.place(i) for i in range(2)] == [f"{path}:1", f"{path}:10"]
    found = {problem.where.rpartition(":")[2]: problem.what for problem in split.problems}
    assert list(found) == ["3", "4", "5", "6", "7", "8", "9"]
    for line, what in (("3", "not JSON"), ("4", "a list"), ("5", "a string"), ("6", "a null"), ("7", "surrogate")):
        assert what in found[line]
    assert "digits" in found["8"]
    assert "nested too deeply" in found["9"]


def test_a_character_outside_the_basic_plane_may_be_escaped(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "\\ud83d\\ude00"}\n')
    assert jsonl.read(path).splits["all"].columns["a"].tolist() == ["😀"]


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty"), ("\n\n", "no line that is one JSON object"), ("[\n]\n", ":1: not JSON"), ('{"": 1}', "no name")],
)
def test_a_file_without_rows_is_refused(tmp_path, content, message):
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        jsonl.read(path)


def test_shards_of_a_split_are_one_after_another(tmp_path):
    (tmp_path / "train-00000-of-00002.jsonl").write_text('{"a": 1, "b": "x"}\n')
    (tmp_path / "train-00001-of-00002.jsonl").write_text('{"b": "y", "a": 2.5}\n')
    (tmp_path / "test.jsonl").write_text('{"a": 3, "b": "z"}\n')
    source = jsonl.read(tmp_path)
    assert source.splits["train"].columns["a"].tolist() == [1, 2.5]
    assert source.splits["train"].columns["b"].tolist() == ["x", "y"]
    assert source.splits["train"].place(1) == f"{tmp_path / 'train-00001-of-00002.jsonl'}:1"
    assert list(source.splits) == ["train", "test"]
    (tmp_path / "train-00001-of-00002.jsonl").write_text('{"c": 1}\n')
    with pytest.raises(DataError, match=r'00001-of-00002\.jsonl has other columns .* it lacks "a", "b"; it adds "c"'):
        jsonl.read(tmp_path)
