"""Data frames, Arrow tables, lists of dicts; and what HuggingFace's `datasets` hands over."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pyarrow as pa
import pytest

from assay.core.errors import DataError, Unsupported
from assay.core.reading import read
from assay.readers import hub, memory


class Frame:
    """Exports itself as a data frame does."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class OldFrame:
    def __init__(self, table):
        self.table = table

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        return self.table.__dataframe__(nan_as_null, allow_copy)


TABLE = pa.table({"x": [1, 2, 3], "y": ["a", None, "c"]})


@pytest.mark.parametrize("wrap", [lambda t: t, Frame, OldFrame])
def test_anything_that_speaks_arrow_is_a_table(wrap):
    source = read(wrap(TABLE))
    columns = source.splits["all"].columns
    assert {name: column.tolist() for name, column in columns.items()} == {"x": [1, 2, 3], "y": ["a", None, "c"]}
    assert source.splits["all"].place(2) == "row 2"


def test_the_index_of_a_data_frame_is_left_out():
    table = TABLE.append_column("__index_level_0__", pa.array([7, 8, 9]))
    assert list(read(Frame(table)).splits["all"].columns) == ["x", "y"]


def test_the_fingerprint_does_not_depend_on_chunks_or_metadata():
    one = read(TABLE).fingerprint
    assert read(pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])).fingerprint == one
    assert read(TABLE.replace_schema_metadata({"a": "b"})).fingerprint == one
    assert read(TABLE.set_column(0, "x", pa.array([1, 2, 4]))).fingerprint != one
    assert read(TABLE.rename_columns(["z", "y"])).fingerprint != one


def test_dicts_keep_the_types_of_their_values():
    picture = np.zeros((2, 2, 3), np.uint8)
    source = read([{"image": picture, "n": 1}, {"image": picture + 1, "n": 2.5, "note": "x"}])
    columns = source.splits["all"].columns
    assert columns["image"][0] is picture
    assert [type(cell) for cell in columns["n"]] == [int, float]
    assert columns["note"].tolist() == [None, "x"]
    again = read([{"image": picture, "n": 1}, {"image": picture + 2, "n": 2.5, "note": "x"}])
    assert again.fingerprint != source.fingerprint
    assert read([{"a": 1}]).fingerprint != read([{"a": "1"}]).fingerprint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "There is nothing in this list"),
        ([1, 2], "A list is no data"),
        ([{"a": 1}, 5], "element 1 is a int"),
        ([{1: 2}], "no name"),
        (3, "A int is no data"),
        (pa.table({"a": pa.array([], pa.int64())}), "holds no rows"),
        (pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]), "stands more than once"),
    ],
)
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        read(data)


def test_a_column_that_arrow_cannot_hold_is_named():
    class Mixed:
        def __arrow_c_stream__(self, requested_schema=None):
            raise pa.ArrowTypeError("Expected bytes, got a 'int' object", "Conversion failed for column y")

    with pytest.raises(DataError, match="column y"):
        memory.read(Mixed())


def huggingface():
    features = {
        "img": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": ["no", "yes"]},
        "n": {"_type": "Value", "dtype": "int32"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"img": pa.array([{"bytes": b"x", "path": None}], struct), "label": pa.array([1]), "n": pa.array([5])}
    return pa.table(columns).replace_schema_metadata(metadata)


def test_a_hub_data_set_has_names_for_its_classes_and_bytes_for_its_images():
    table = huggingface()
    source = hub.convert("hf:a/b", {"test": table, "train": table, "unsupervised": table})
    assert list(source.splits) == ["train", "test"]
    columns = source.splits["test"].columns
    assert (columns["label"].tolist(), columns["n"].tolist()) == (["yes"], [5])
    assert columns["img"][0] == {"bytes": b"x", "path": None}
    assert (source.input, source.target) == ("img", "label")
    assert "unsupervised" in source.notes[0]
    assert source.splits["test"].place(0) == "hf:a/b test row 1"


def test_a_single_split_of_any_name_is_the_whole_and_several_strange_ones_are_refused():
    assert list(hub.convert("hf:a", {"corpus": huggingface()}).splits) == ["all"]
    with pytest.raises(DataError, match="holds the splits part1, part2"):
        hub.convert("hf:a", {"part1": huggingface(), "part2": huggingface()})


def test_an_id_is_told_by_its_prefix_unless_such_a_file_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert all(hub.reads(name) for name in ("hf:mnist", "hf:owner/name", "hf:owner/name:config-1.0"))
    assert not any(hub.reads(name) for name in ("mnist", "owner/name", "hf:", "hf:a/b/c", "hf:a b", "hf:../x"))
    (tmp_path / "hf:mnist").write_text("")
    assert not hub.reads("hf:mnist")


def test_without_the_extra_its_install_command_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "datasets":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unsupported, match=r"pip install 'assay\[hf\]'"):
        read("hf:owner/name")
