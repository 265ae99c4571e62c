"""Parquet: typed cells, HuggingFace's class names, shards, and columns that are read late."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import DataError
from assay.readers import parquet

CELLS = {
    pa.string(): st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    pa.binary(): st.binary(max_size=8),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)),
    pa.list_(pa.int64()): st.lists(st.integers(-9, 9), max_size=3),
    pa.struct([("bytes", pa.binary()), ("path", pa.string())]): st.fixed_dictionaries(
        {"bytes": st.binary(max_size=4), "path": st.none() | st.just("a.png")}
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(1, 10))
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    columns = [draw(st.lists(st.none() | CELLS[kind], min_size=rows, max_size=rows)) for kind in kinds]
    return pa.table({f"c{i}": pa.array(c, k) for i, (c, k) in enumerate(zip(columns, kinds, strict=True))})


@settings(max_examples=150, deadline=None)
@given(table=tables(), group=st.integers(1, 4), late=st.booleans())
def test_a_table_written_is_the_table_read_whether_at_once_or_late(tmp_path_factory, table, group, late):
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    pq.write_table(table, path, row_group_size=group)
    before, parquet.EAGER_BYTES = parquet.EAGER_BYTES, -1 if late else parquet.EAGER_BYTES
    try:
        source = parquet.read(path)
    finally:
        parquet.EAGER_BYTES = before
    split = source.splits["all"]
    assert list(split.columns) == table.column_names
    for name in table.column_names:
        expected = table.column(name).to_pylist()
        assert split.columns[name].tolist() == expected
        assert list(split.columns[name].take(np.arange(len(expected))[::-1])) == expected[::-1]
    assert split.place(0) == f"{path} row 1"


def huggingface(table: pa.Table, features: dict[str, object]) -> pa.Table:
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def test_class_numbers_become_the_names_that_the_file_holds(tmp_path):
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    images = pa.array([{"bytes": b"x", "path": None}] * 4, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    table = huggingface(pa.table({"image": images, "label": pa.array([1, 0, -1, None], pa.int64())}), features)
    (tmp_path / "data").mkdir()
    pq.write_table(table.slice(0, 2), tmp_path / "data" / "train-00000-of-00002.parquet")
    pq.write_table(table.slice(2), tmp_path / "data" / "train-00001-of-00002.parquet")
    pq.write_table(table.slice(0, 1), tmp_path / "data" / "test-00000-of-00001.parquet")
    source = parquet.read(tmp_path)
    assert source.splits["train"].columns["label"].tolist() == ["dog", "cat", None, None]
    assert source.splits["train"].columns["image"][3] == {"bytes": b"x", "path": None}
    assert source.splits["train"].place(2) == f"{tmp_path / 'data' / 'train-00001-of-00002.parquet'} row 1"
    assert (source.input, source.target) == ("image", "label")
    pq.write_table(huggingface(pa.table({"label": [2]}), features), tmp_path / "wrong.parquet")
    with pytest.raises(DataError, match=r'wrong\.parquet: the column "label" holds the class number 2'):
        parquet.read(tmp_path / "wrong.parquet")


def test_without_names_class_numbers_stay_numbers(tmp_path):
    pq.write_table(pa.table({"label": pa.array([1, 0], pa.int8())}), tmp_path / "rows.parquet")
    source = parquet.read(tmp_path / "rows.parquet")
    assert source.splits["all"].columns["label"].tolist() == [1, 0]
    assert source.target is None


def test_categories_are_read_as_what_they_stand_for(tmp_path):
    table = pa.table({"c": pa.array(["x", "y", None, "x"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "rows.parquet")
    column = parquet.read(tmp_path / "rows.parquet").splits["all"].columns["c"]
    assert column.arrow().type == pa.string()
    assert column.tolist() == ["x", "y", None, "x"]


def test_a_damaged_file_is_refused_by_name(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"rows\.parquet cannot be read as Parquet"):
        parquet.read(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"rows\.parquet cannot be read as Parquet"):
        parquet.read(path)


def test_a_table_without_rows_or_with_two_columns_of_a_name_is_refused(tmp_path):
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "none.parquet")
    with pytest.raises(DataError, match="holds no rows"):
        parquet.read(tmp_path / "none.parquet")
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]), tmp_path / "twice.parquet")
    with pytest.raises(DataError, match=r'"a" \(columns 1, 2\)'):
        parquet.read(tmp_path / "twice.parquet")


def test_a_file_that_claims_more_rows_than_it_can_hold_is_refused(tmp_path):
    pq.write_table(pa.table({"a": pa.nulls(20_000_000, pa.bool_())}), tmp_path / "bomb.parquet")
    with pytest.raises(DataError, match="claims 20,000,000 rows"):
        parquet.read(tmp_path / "bomb.parquet")
