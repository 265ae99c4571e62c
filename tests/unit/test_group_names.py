"""A column keeps its name, whatever stands in it: groups are known by column and value, not by where an = is."""

from __future__ import annotations

import math

import pytest

from assay.core.columns import Column
from assay.core.dataset import Dataset, Roles
from assay.core.errors import DataError
from assay.core.figure import Figure
from assay.core.group_names import column_of, group_of
from assay.core.grouped import Groups
from assay.core.metric import Metric
from assay.core.record import Record
from assay.core.source import WHOLE, Split
from assay.methods.gaps import Gap
from assay.methods.groups import groupings
from assay.methods.spreads import proportion, spread
from assay.pages._words import grouped, parted

ODD = ("ß=&", "=", 'a"=b', '"quoted"', "plain", "a b")


@pytest.mark.parametrize("column", ODD)
def test_a_group_says_its_column_and_its_value(column):
    labels = groupings({column: ["p&q=r", "=", 'x"=y']})[0].labels
    assert [column_of(label) for label in labels] == [(column, value) for value in sorted(["p&q=r", "=", 'x"=y'])]
    assert column_of(group_of(column)) == (column, None)
    assert Groups(column, ("z",)).label(0) == group_of(column, "z")


@pytest.mark.parametrize("column", ODD)
def test_how_far_the_groups_of_a_column_are_apart_speaks_of_the_whole(column):
    rate = Metric("selection_rate", lambda sums: sums, "neither")
    gaps = [Gap(rate, group_of(column, s), 100, share, math.nan, trials=True) for s, share in (("F", 0.2), ("M", 0.5))]
    apart = (spread(gaps, "rate_difference", column), proportion(gaps, "rate_ratio", column))
    own = Figure("accuracy", 0.9, group=group_of(column, "F"))
    whole, groups = parted(Record("audit", "", None, {}, (*apart, own)))
    assert [figure.name for figure in whole] == [f"rate_difference_by_{column}", f"rate_ratio_by_{column}"]
    assert grouped(groups) == {column: {"F": {"accuracy": own}}}


def test_data_without_splits_is_called_the_data():
    columns = {"a": Column([1, 2])}
    for name, said in ((WHOLE, "in the data"), ("test", "in the test data")):
        dataset = Dataset(name, Split(columns, str), Roles(("a",), True, None), "a.csv")
        with pytest.raises(DataError, match=f'There is no column "b" {said}'):
            dataset.column("b")
