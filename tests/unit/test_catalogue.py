"""Items as codes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.codecs.catalogue import NONE, Catalogue, learn


@given(st.lists(st.lists(st.text(min_size=1).filter(str.strip)), max_size=8))
def test_every_item_comes_back_by_its_code_and_the_most_frequent_are_first(histories):
    shop = learn(histories)
    names = [cell.strip() for history in histories for cell in history]
    assert sorted(shop.items) == sorted(set(names))
    assert [shop.name(code) for code in shop.codes(names).tolist()] == names
    counts = [names.count(item) for item in shop.items]
    assert counts == sorted(counts, reverse=True)


def test_numbers_and_their_spellings_are_one_item_and_what_is_missing_is_none():
    shop = learn([[50, 50.0, "50", " 50 ", np.int64(7), None, float("nan"), ""]])
    assert shop.items == ("50", "7")
    assert shop.codes([50.0, "7", 8, None]).tolist() == [1, 2, NONE, NONE]


def test_an_unseen_item_has_the_nearest_offered_unless_the_catalogue_is_huge():
    assert 'Did you mean "star wars"?' in Catalogue(("star wars", "fargo")).offer("Star Warz")
    assert Catalogue(tuple(map(str, range(20_001)))).offer("7") == ""
