"""Decode once: a pack is made once, whole or absent, and keyed by content."""

from dataclasses import dataclass

import numpy as np
import pytest

from assay.core import packing
from assay.core.columns import Column
from assay.core.dataset import Dataset, Roles
from assay.core.errors import BudgetError, DataError
from assay.core.packing import encode
from assay.core.source import Problem, Split


@dataclass
class Counting:
    """An input that counts what it encodes; negative numbers cannot be opened."""

    seen: int = 0
    dies_at: int | None = None

    def encode(self, xs, problems):
        for at, x in enumerate(xs):
            if x == self.dies_at:
                raise KeyboardInterrupt
            if x < 0:
                problems[at] = "it is negative"
        self.seen += len(xs)
        return {"x": np.array([[x, 2 * x] for x in xs], dtype=np.int64).reshape(len(xs), 2)}

    def to_json(self):
        return {"kind": "counting"}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(packing, "BLOCK", 10)


def dataset(xs, origin="origin", problems=()):
    return Dataset(
        "all", Split({"x": Column(list(xs))}, lambda row: f"row {row}", problems), Roles(("x",), False, None), origin
    )


def test_the_second_time_nothing_is_decoded_and_a_view_shares_the_pack():
    fitted = Counting()
    first = encode(dataset(range(35)), fitted, None, store=True, skip_bad=False)
    again = encode(dataset(range(35)).take(np.array([30, 2])), fitted, None, store=True, skip_bad=False)
    assert fitted.seen == 35
    assert np.array_equal(first.x["x"][first.rows][:, 0], np.arange(35))
    assert again.take(np.array([0, 1]))[0]["x"].tolist() == [[30, 60], [2, 4]]


def test_other_content_is_another_pack():
    fitted = Counting()
    for origin in ("a", "b"):
        encode(dataset(range(5), origin), fitted, None, store=True, skip_bad=False)
    assert fitted.seen == 10


def test_what_was_begun_and_not_finished_is_not_taken_for_whole():
    with pytest.raises(KeyboardInterrupt):
        encode(dataset(range(35)), Counting(dies_at=25), None, store=True, skip_bad=False)
    assert not list(packing.cache_folder().iterdir())
    fitted = Counting()
    encode(dataset(range(35)), fitted, None, store=True, skip_bad=False)
    assert fitted.seen == 35


@pytest.mark.parametrize("store", [True, False])
def test_all_that_cannot_be_read_is_named_at_once(store):
    xs = [1, -2, 3, -4]
    with pytest.raises(DataError) as caught:
        encode(dataset(xs, problems=(Problem("line 9", "ragged"),)), Counting(), None, store=store, skip_bad=False)
    said = str(caught.value)
    assert "3 of 5" in said
    for part in ("row 1: it is negative", "row 3: it is negative", "line 9: ragged", "--skip-bad"):
        assert part in said
    kept = encode(dataset(xs), Counting(), None, store=store, skip_bad=True)
    assert kept.kept.tolist() == [0, 2]
    assert kept.x["x"][kept.rows][:, 0].tolist() == [1, 3]


def test_nothing_left_is_an_error_even_where_bad_ones_are_skipped():
    with pytest.raises(DataError, match="Not one example is left"):
        encode(dataset([-1, -2]), Counting(), None, store=False, skip_bad=True)


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(BudgetError, match="ASSAY_CACHE"):
        encode(dataset(range(5)), Counting(), None, store=True, skip_bad=False)


def test_the_cache_keeps_within_its_bound_and_drops_the_oldest(monkeypatch):
    monkeypatch.setattr(packing, "CACHE_BYTES", 3000)
    for at in range(6):
        encode(dataset(range(50), f"origin {at}"), Counting(), None, store=True, skip_bad=False)
    assert len(list(packing.cache_folder().iterdir())) <= 3
    fitted = Counting()
    encode(dataset(range(50), "origin 5"), fitted, None, store=True, skip_bad=False)
    assert fitted.seen == 0
