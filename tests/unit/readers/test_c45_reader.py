"""UCI's older layout, as the census data has it."""

from __future__ import annotations

import pytest

from assay.core.errors import DataError
from assay.readers import c45

NAMES = """| Title: a small census
| age: not an attribute, but a comment

>50K, <=50K.

age: continuous.
workclass: Private, Self-emp,
  State-gov.
fnlwgt: ignore.
native-country: Trinadad&Tobago, Outlying-US(Guam-USVI-etc), U.S.A   | a name may hold periods
"""
DATA = """39, Private, 77516, U.S.A, <=50K
50, ?, 83311, Outlying-US(Guam-USVI-etc), >50K

38 , State-gov, 215646, ?, <=50K | a comment
"""
TEST = """|1x3 Cross validator
25, Private, 226802, U.S.A, <=50K.
28, Self-emp, 336951, Trinadad&Tobago, >50K.
12, 13
"""


def census(folder, names=NAMES, data=DATA, test=TEST):
    for ending, content in ((".names", names), (".data", data), (".test", test)):
        if content is not None:
            (folder / f"adult{ending}").write_text(content)
    return folder


def test_both_parts_are_read_with_the_same_class_names(tmp_path):
    source = c45.read(census(tmp_path))
    train, test = source.splits["train"], source.splits["test"]
    assert source.target == "class"
    assert list(train.columns) == ["age", "workclass", "native-country", "class"]
    assert {name: column.tolist() for name, column in train.columns.items()} == {
        "age": ["39", "50", "38"],
        "workclass": ["Private", None, "State-gov"],
        "native-country": ["U.S.A", "Outlying-US(Guam-USVI-etc)", None],
        "class": ["<=50K", ">50K", "<=50K"],
    }
    assert test.columns["class"].tolist() == ["<=50K", ">50K"]
    assert [train.place(i).rpartition(":")[2] for i in range(3)] == ["1", "2", "4"]
    assert test.place(0) == f"{tmp_path / 'adult.test'}:2"
    assert [str(problem) for problem in test.problems] == [
        f"{tmp_path / 'adult.test'}:4: 2 fields where the names file has 5: '12, 13'"
    ]
    assert not source.notes


def test_a_data_file_alone_reads_when_its_names_stand_beside_it(tmp_path):
    census(tmp_path)
    assert list(c45.read(tmp_path / "adult.data").splits) == ["all"]
    assert c45.reads(tmp_path / "adult.test")
    (tmp_path / "adult.names").unlink()
    assert not c45.reads(tmp_path / "adult.data")
    assert not c45.reads(tmp_path)


def test_a_folder_without_a_test_part_is_one_split(tmp_path):
    assert list(c45.read(census(tmp_path, test=None)).splits) == ["all"]


def test_a_class_that_ends_with_a_period_keeps_it_and_an_unknown_one_is_noted(tmp_path):
    source = c45.read(census(tmp_path, "Inc., Ltd\na: continuous.\n", "1,Inc.\n2,Ltd.\n3,GmbH.\n", None))
    assert source.splits["all"].columns["class"].tolist() == ["Inc.", "Ltd", "GmbH"]
    assert "classes that its names file does not list: GmbH" in source.notes[0]


def test_the_class_may_be_named_among_the_attributes(tmp_path):
    source = c45.read(census(tmp_path, "kind.\na: continuous.\nkind: x, y.\nb: u, v.\n", "1,x,u\n2,y,v.\n", None))
    assert source.target == "kind"
    assert source.splits["all"].columns["b"].tolist() == ["u", "v"]


def test_a_backslash_takes_the_next_character_as_it_is(tmp_path):
    source = c45.read(census(tmp_path, "a\\,b, c.\nx: continuous.\n", "1,a\\,b\n2,c\n", None))
    assert source.splits["all"].columns["class"].tolist() == ["a,b", "c"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("This file describes irises.\nThey are flowers.\n", '"They are flowers" is not an attribute'),
        ("yes, no.\n", "is not in C4.5's form"),
        ("yes, no.\na: continuous.\na: continuous.\nb: x.\nc: y.\n", '"a" \\(columns 1, 2\\)'),
        ("yes, no.\na: continuous.\nb := a > 1.\n", "is not an attribute"),
        ("yes, no.\na: continuous.\n", "not one line has the 2 fields .* the first line has 5"),
    ],
)
def test_a_names_file_that_does_not_fit_is_refused(tmp_path, names, message):
    with pytest.raises(DataError, match=message):
        c45.read(census(tmp_path, names))
