"""The table input: what it takes each column for, what it encodes, what it refuses and in which words."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.columns import Column, Rows
from assay.core.errors import DataError
from assay.core.protocols import Problems
from assay.inputs._bins import edges_of, position
from assay.inputs._columns import Category, Number
from assay.inputs.table import FittedTable, Table


def rows(**columns: Any) -> Rows:
    return Rows({name.replace("_", " "): Column(cells) for name, cells in columns.items()})


def strings(cells: list[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if cell is None else str(cell) for cell in cells], pa.string())])


def one(cells: Any) -> Number | Category | str:
    """What a column of these cells is learned as, beside a number that keeps the table from being empty."""
    fitted = Table().fit(Rows({"c": Column(cells), "other": Column(list(range(len(cells))))}))
    if "c" in fitted.left_out:
        return fitted.left_out["c"]
    return next(column for column in (*fitted.numbers, *fitted.categories) if column.name == "c")


def encoded(fitted: FittedTable, xs: Any) -> dict[str, np.ndarray]:
    problems: Problems = {}
    x = fitted.encode(xs, problems)
    assert problems == {}
    return x


def census(n: int = 400) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    return [
        {
            "age": int(rng.integers(17, 90)),
            "gain": None if rng.random() < 0.3 else round(float(rng.exponential(1000)), 2),
            "work": str(rng.choice(["private", "state", "self"])),
            "since": str(date.fromordinal(int(rng.integers(700_000, 730_000)))),
        }
        for _ in range(n)
    ]


# What a column is


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2, 3, 4] * 10, Number),
        ([1.5, 2.5, float("nan")] * 10, Number),
        (["1.5", " 2", "1e-3", "+7", "?"] * 10, Number),
        (["1", 2, 3.5, None] * 10, Number),
        (["a", "b", "1"] * 10, Category),
        ([True, False] * 10, Category),
        (["1"] * 10 + ["x"] * 10, Category),
        (["2024-01-31", "2023-05-01"] * 10, Number),
        ([date(2024, 1, 31), date(2023, 5, 1)] * 10, Number),
        ([datetime(2024, 1, 31, 12), None] * 10, Number),
    ],
)
def test_columns_are_told_apart_by_their_cells(cells: list[Any], kind: type) -> None:
    assert isinstance(one(cells), kind)


def test_a_number_is_the_same_typed_or_as_text() -> None:
    values = [3.25, -1.0, 1e-7, 12345678.9, None, 0.0] * 5
    assert one(values) == one([None if v is None else f" {v} " for v in values]) == one(strings(values))


def test_a_date_is_the_same_typed_or_as_text() -> None:
    days = [date(2024, 1, 31), date(1969, 5, 1), None] * 5
    assert one(days) == one([str(day) if day else "" for day in days])
    found = one(days)
    assert isinstance(found, Number)
    assert found.edges == (-21168000.0, 1706659200.0)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["a"] * 30, 'one value only ("a")'),
        ([7] * 30, "one value only (7)"),
        ([None] * 30, "empty"),
        (["", "NA", "?"] * 10, "empty"),
        ([f"name {i}" for i in range(200)], "nearly every row has its own value"),
        ([[1, 2]] * 30, "lists or objects"),
        ([b"\x00\xff"] * 30, "bytes"),
    ],
)
def test_columns_that_tell_nothing_are_left_out_with_the_reason(cells: list[Any], why: str) -> None:
    found = one(cells)
    assert isinstance(found, str)
    assert why in found


def test_a_constant_column_is_kept_where_its_gaps_can_tell_something() -> None:
    assert isinstance(one([7, None] * 15), Number)
    assert isinstance(one(["a", None] * 15), Category)


@pytest.mark.parametrize("name", ["id", "PassengerId", "row", "user_id", "Unnamed: 0"])
def test_a_column_that_numbers_the_rows_is_left_out(name: str) -> None:
    fitted = Table().fit(Rows({name: Column(list(range(100))), "paid": Column(list(range(100)))}))
    assert dict(fitted.left_out) == {name: "it numbers the rows"}
    assert fitted.remarks == (f'The column "{name}" is left out: it numbers the rows.',)


def test_nothing_to_learn_from_says_why_of_each_column() -> None:
    with pytest.raises(DataError, match=r'no column to learn from\. "a": it is empty; "b": it holds one value'):
        Table().fit(rows(a=[None] * 9, b=["x"] * 9))


# Numbers


def test_positions_keep_order_bend_only_at_edges_and_end_one_bin_outside() -> None:
    edges = np.array([0.0, 1.0, 10.0])
    values = np.array([-np.inf, -0.5, 0.0, 0.5, 1.0, 5.5, 10.0, 14.5, 1e300, np.nan])
    expected = [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, np.nan]
    np.testing.assert_array_equal(position(edges, values), expected)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20),
    st.integers(2, 20),
)
def test_any_numbers_have_ordered_finite_positions(seen: list[float], new: list[float], bins: int) -> None:
    edges = edges_of(np.array(seen), bins)
    assert np.all(np.diff(edges) > 0)
    assert len(edges) <= bins + 1
    assert len(edges) >= 2
    places = position(edges, np.sort(np.array([*seen, *new])))
    assert np.all(np.isfinite(places))
    assert np.all(np.diff(places) >= 0)


def test_one_outlier_does_not_press_the_others_together() -> None:
    values = [*np.linspace(0, 1, 999).tolist(), 1e30]
    found = one(values)
    assert isinstance(found, Number)
    places = found.position(np.array(values))
    assert places[-2] - places[0] > 0.9 * (len(found.edges) - 2)
    assert np.ptp(places) <= 64


def test_frequent_values_stand_on_an_edge_and_the_others_still_have_theirs() -> None:
    values = np.array([0.0] * 9000 + np.linspace(1, 1000, 1000).tolist())
    edges = edges_of(values, 64)
    assert edges[0] == 0
    assert len(edges) > 50


# Planted relations are still there once encoded


def test_a_threshold_a_category_and_a_gap_are_encoded() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    number = rng.lognormal(8, 2, n)
    colour = rng.choice(["red", "green", "blue"], n)
    gap = rng.random(n) < 0.4
    second = np.where(gap, np.nan, rng.normal(size=n))
    fitted = Table().fit(rows(number=number, colour=list(colour), second=second))
    x = encoded(fitted, rows(number=number, colour=list(colour), second=second))
    assert x["numbers"].dtype == x["missing"].dtype == np.float32
    assert x["categories"].dtype == np.int64
    high = number > np.median(number)
    assert x["numbers"][high, 0].min() >= x["numbers"][~high, 0].max()
    assert len({int(code) for code in x["categories"][colour == "red", 0]}) == 1
    assert not set(x["categories"][colour == "red", 0]) & set(x["categories"][colour != "red", 0])
    np.testing.assert_array_equal(x["missing"][:, 1], gap)
    assert np.all(x["numbers"][gap, 1] == 0)


# Categories


def test_rare_values_share_a_slot_and_absence_has_its_own() -> None:
    cells = ["a"] * 30 + ["b"] * 20 + ["c", "d"] + [None] * 5
    found = one(cells)
    assert isinstance(found, Category)
    assert (found.values, found.rare, found.typical, found.slots) == (("a", "b"), ("c", "d"), 2, 4)
    codes, _, unseen = found.codes(Column(["a", "b", "c", "d", "e", None, "?", " b "]))
    assert codes.tolist() == [2, 3, 1, 1, 1, 0, 0, 3]
    assert unseen.tolist() == [4]


def test_only_the_most_frequent_values_have_slots() -> None:
    cells = [f"v{i % 40}" for i in range(400)] + ["v7"] * 5
    fitted = Table(vocabulary=10).fit(rows(c=cells))
    assert len(fitted.categories[0].values) == 10
    assert fitted.categories[0].values[0] == "v7"
    assert len(fitted.categories[0].rare) == 30


def test_a_value_never_seen_is_a_note_that_offers_the_nearest_and_no_problem() -> None:
    fitted = Table().fit(rows(work=["private", "state"] * 20, age=list(range(40))))
    new = [{"work": "privat", "age": 5}, {"work": "state", "age": 5}]
    assert encoded(fitted, new)["categories"].tolist() == [[1], [3]]
    notes = fitted.notes(new)
    assert list(notes) == [0]
    assert notes[0] == (
        'column "work": "privat" was not in the training data. Did you mean "private"? Accepted: private, state.'
    )


def test_cells_of_other_types_are_the_categories_that_they_spell() -> None:
    fitted = Table().fit(rows(code=["1", "x", "true"] * 10))
    new = [{"code": 1}, {"code": 1.0}, {"code": "x"}, {"code": True}, {"code": float("nan")}]
    assert len(set(encoded(fitted, new)["categories"][:2, 0])) == 1
    assert encoded(fitted, new)["categories"][4] == 0
    assert fitted.notes(new) == {}


# Bad input


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("old", '"old"'),
        ("1_000", '"1_000"'),
        (float("inf"), '"inf"'),
        ("-inf", '"-inf"'),
        ("1e999", '"1e999"'),
        ([1], '"[1]"'),
    ],
)
def test_what_is_no_number_is_a_problem_that_names_column_cell_and_what_is_accepted(cell: Any, shown: str) -> None:
    fitted = Table().fit(rows(age=list(range(40))))
    problems: Problems = {}
    fitted.encode([{"age": 3}, {"age": cell}, {"age": None}], problems)
    accepted = 'a number such as 12, "3.5" or "1e-3", or nothing (or ?, NA) where it is not known'
    assert problems == {1: f'column "age": {shown} is not accepted. Accepted: {accepted}.'}


def test_nothing_in_any_of_its_spellings_is_missing_and_no_problem() -> None:
    fitted = Table().fit(rows(age=list(range(40))))
    new = [{"age": cell} for cell in (None, float("nan"), "", " ", "?", "NA", "nan", "NaN", "null")]
    assert encoded(fitted, new)["missing"].ravel().tolist() == [1] * 9


def test_a_stray_text_in_a_column_of_numbers_is_a_problem_in_training_too() -> None:
    cells = [*map(str, range(99)), "ninety"]
    fitted = Table().fit(rows(age=cells))
    problems: Problems = {}
    fitted.encode(rows(age=cells), problems)
    assert list(problems) == [99]


def test_what_is_no_date_is_a_problem() -> None:
    fitted = Table().fit(rows(day=["2024-01-01", "2024-02-01"] * 10))
    problems: Problems = {}
    fitted.encode([{"day": "2024-01-15T10:00:00+02:00"}, {"day": "soon"}, {"day": 5}], problems)
    assert sorted(problems) == [1, 2]
    assert 'column "day": "soon" is not accepted. Accepted: a date such as "2024-12-31"' in problems[1]


def test_a_row_that_lacks_a_column_is_a_problem_that_offers_the_nearest() -> None:
    fitted = Table().fit(rows(age=list(range(40)), work=["a", "b"] * 20))
    problems: Problems = {}
    fitted.encode([{"agee": 3, "work": "a"}, {"age": 3, "work": "a", "more": 1}, "a row"], problems)
    assert sorted(problems) == [0, 2]
    assert problems[0].startswith('there is no column "age" (write null where it is not known). Did you mean "agee"?')
    assert "A row is columns with values, not 'a row'." in problems[2]
    problems.clear()
    fitted.encode(rows(work=["a", "b"]), problems)
    assert sorted(problems) == [0, 1]


def test_new_rows_may_lack_a_column_that_was_left_out() -> None:
    fitted = Table().fit(rows(age=list(range(40)), name=[f"n{i}" for i in range(40)]))
    encoded(fitted, [{"age": 3}])


def test_all_that_is_wrong_in_a_row_is_told() -> None:
    fitted = Table().fit(rows(age=list(range(40)), paid=list(range(40))))
    problems: Problems = {}
    fitted.encode([{"age": "x", "paid": "y"}], problems)
    assert '"x"' in problems[0]
    assert '"y"' in problems[0]


# Laws


FITTED = Table().fit(census())

cells = {
    "age": st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4), st.booleans()),
    "gain": st.one_of(st.none(), st.floats(), st.sampled_from(["1", "?", " 2.5", "x", "1e5", "inf"])),
    "work": st.one_of(st.none(), st.sampled_from(["private", "state", " self "]), st.text(max_size=5), st.integers()),
    "since": st.one_of(st.none(), st.dates().map(str), st.dates(), st.sampled_from(["soon", "2024-01-01T10:00Z"])),
}
tables = st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=8)


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name])


@settings(deadline=None, max_examples=50)
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_their_encoding(xs: list[dict[str, Any]], random: Any) -> None:
    order = list(range(len(xs)))
    random.shuffle(order)
    whole, moved = {}, {}  # type: Problems, Problems
    x, y = FITTED.encode(xs, whole), FITTED.encode([xs[at] for at in order], moved)
    same({name: array[order] for name, array in x.items()}, y)
    assert moved == {to: whole[at] for to, at in enumerate(order) if at in whole}


@settings(deadline=None, max_examples=50)
@given(tables, st.integers(1, 5))
def test_batches_do_not_change_the_encoding(xs: list[dict[str, Any]], size: int) -> None:
    whole: Problems = {}
    x, notes = FITTED.encode(xs, whole), FITTED.notes(xs)
    for start in range(0, len(xs), size):
        part: Problems = {}
        block = slice(start, start + size)
        same({name: array[block] for name, array in x.items()}, FITTED.encode(xs[block], part))
        assert {start + at: what for at, what in part.items()} == {
            k: v for k, v in whole.items() if start <= k < start + size
        }
        found = FITTED.notes(xs[block])
        assert {start + at: what for at, what in found.items()} == {
            k: v for k, v in notes.items() if start <= k < start + size
        }


@settings(deadline=None, max_examples=50)
@given(tables)
def test_what_is_no_problem_is_finite_and_within_its_dims(xs: list[dict[str, Any]]) -> None:
    x = FITTED.encode(xs, {})
    bins, slots = np.array(FITTED.dims["numbers"]), np.array(FITTED.dims["categories"])
    assert np.all((x["numbers"] >= -1) & (x["numbers"] <= bins + 1))
    assert np.all((x["categories"] >= 0) & (x["categories"] < slots))


def test_columns_and_dicts_are_encoded_alike() -> None:
    xs = census(50)
    columns = Rows({name: Column([row[name] for row in xs]) for name in reversed(xs[0])})
    text = Rows({name: Column(strings([row[name] for row in xs])) for name in xs[0]})
    same(encoded(FITTED, xs), encoded(FITTED, columns))
    same(encoded(FITTED, xs), encoded(FITTED, text))
    same(encoded(FITTED, columns.take(np.array([4, 2]))), encoded(FITTED, [xs[4], xs[2]]))


def test_the_order_of_training_rows_does_not_matter() -> None:
    xs = census()
    assert Table().fit(xs[::-1]) == Table().fit(xs)


def test_a_fitted_table_survives_json_exactly() -> None:
    loaded = Table().load(json.loads(json.dumps(FITTED.to_json(), allow_nan=False)))
    assert loaded == FITTED
    assert loaded.dims == FITTED.dims
    same(encoded(loaded, census(20)), encoded(FITTED, census(20)))


# Parts, features, show, fake


def test_keeping_everything_is_the_identity_and_nothing_is_the_typical_row() -> None:
    x = encoded(FITTED, census(1))
    names = FITTED.parts(x)
    assert names == ("age", "gain", "work", "since")
    same(FITTED.keep(x, np.ones((1, 4), dtype=bool)), x)
    typical = FITTED.keep(x, np.zeros((1, 4), dtype=bool))
    assert typical["categories"].tolist() == [[FITTED.categories[0].typical]]
    assert typical["missing"].tolist() == [[0, 0, 0]]
    ages = sorted(row["age"] for row in census())
    usual = encoded(FITTED, [{**census(1)[0], "age": ages[200]}])
    assert abs(typical["numbers"][0, 0] - usual["numbers"][0, 0]) <= 1


def test_a_part_that_is_removed_changes_its_own_array_cell_only() -> None:
    x = encoded(FITTED, [{"age": 89, "gain": None, "work": "nowhere", "since": "1990-01-01"}])
    mask = ~np.eye(4, dtype=bool)
    kept = FITTED.keep(x, mask)
    changed = [
        (kept["numbers"] != x["numbers"]) | (kept["missing"] != x["missing"]),
        kept["categories"] != x["categories"],
    ]
    order = {"age": (0, 0), "gain": (0, 1), "since": (0, 2), "work": (1, 0)}
    for at, name in enumerate(FITTED.parts(x)):
        block, column = order[name]
        assert changed[block][at, column]
        assert sum(int(part[at].sum()) for part in changed) == 1


def test_features_are_near_for_like_rows_and_far_for_unlike_ones() -> None:
    base = {"age": 40, "gain": 500.0, "work": "private", "since": "1950-01-01"}
    near, far = {**base, "age": 41}, {**base, "age": 80, "work": "state"}
    x = FITTED.features(encoded(FITTED, [base, near, far]))
    assert x.dtype == np.float32
    assert np.linalg.norm(x[0] - x[1]) < 0.2 < 1 < np.linalg.norm(x[0] - x[2])


def test_features_tell_only_the_frequent_values_of_a_column_apart() -> None:
    cells = [f"v{i % 100}" for i in range(5000)]
    fitted = Table().fit(rows(c=cells))
    x = fitted.features(encoded(fitted, rows(c=cells)))
    assert x.shape == (5000, 32)
    assert np.all(np.sum(x**2, axis=1) == pytest.approx(0.5))


def test_a_row_is_shown_as_lines() -> None:
    shown = FITTED.show({"age": 40.0, "gain": None, "work": " private", "since": date(1990, 1, 1), "more": 1})
    assert shown == ("text", "age: 40\ngain: —\nwork:  private\nsince: 1990-01-01")


def test_fake_rows_carry_their_sign_and_are_encodable() -> None:
    table = Table()
    xs = table.fake(np.random.default_rng(0), 200)
    signs = table.fake_signs(xs)
    assert set(signs.tolist()) == {-1, 1}
    fitted = table.fit(xs)
    x = encoded(fitted, xs)
    low = x["numbers"][signs < 0, 0].max()
    assert low < x["numbers"][signs > 0, 0].min()
    assert fitted.left_out == {}
    assert all(table.accepts(cell) for cell in xs[0].values())
    assert not table.accepts([1])


def test_augment_and_collate_leave_a_batch_as_it_is() -> None:
    import torch

    batch = {name: torch.from_numpy(array) for name, array in encoded(FITTED, census(5)).items()}
    assert FITTED.collate(batch) is batch
    assert FITTED.augment(batch, torch.Generator()) is batch
