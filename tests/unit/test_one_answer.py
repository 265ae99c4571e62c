"""A model that gives every example the same answer is told of, and one that does not is not."""

from __future__ import annotations

import numpy as np
import pytest

import assay


def table(seed, n=240):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return [{"x": float(v), "label": "yes" if v + 0.8 > 0 else "no"} for v in x]


@pytest.fixture(scope="module")
def model():
    return assay.train("tabular-classification", table(0), target="label", epochs=30, device="cpu", quiet=True)


def said(model, rows):
    return [note for note in assay.evaluate(model, rows, quiet=True).notes if note.startswith("Every one of")]


def test_one_answer_for_all_is_told_with_how_common_it_is(model):
    pushed = [{"x": 5.0, "label": row["label"]} for row in table(1)]
    share = 100 * np.mean([row["label"] == "yes" for row in pushed])
    (note,) = said(model, pushed)
    assert note.startswith(f'Every one of the 240 examples is given the answer "yes", as {share:.1f} % of them are')


def test_silence_where_answers_differ_or_all_are_right_or_there_are_few(model):
    assert not said(model, table(2))
    assert not said(model, [{"x": 5.0, "label": "yes"}] * 40)
    assert not said(model, [{"x": 5.0, "label": "yes"}, {"x": 5.1, "label": "no"}] * 9)
