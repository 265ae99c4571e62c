"""What was planted is found first, where nothing was nothing is significant, and what cannot be explained is said."""

from __future__ import annotations

import numpy as np
import pytest

import assay
from assay.core.errors import BudgetError, ConfigError, DataError, Unsupported

MADE = {"target": "y", "device": "cpu", "quiet": True}


def named(label):
    return ["no", "yes"][int(label)]


def table(rng, n, random=False):
    """Rows of six numbers, of which the fourth decides."""
    x = rng.normal(size=(n, 6))
    labels = rng.integers(0, 2, n) if random else x[:, 3] > 0
    return [{**{f"c{i}": float(v) for i, v in enumerate(row)}, "y": named(label)}
            for row, label in zip(x, labels, strict=True)]  # fmt: skip


def first(record):
    return record.table("importance").rows[0]


@pytest.fixture(scope="module")
def rows():
    return table(np.random.default_rng(0), 400)


@pytest.fixture(scope="module")
def columns(rows):
    return assay.train("tabular-classification", rows, epochs=6, size="tiny", **MADE)


def test_the_column_that_decides_is_first_and_alone_helps(columns, rows):
    record = assay.explain(columns, [rows], n=60, sanity=True, quiet=True)
    assert first(record)[0] == "c3"
    verdicts = {row[0]: row[-1] for row in record.table("importance").rows}
    assert verdicts == {f"c{at}": at == 3 for at in range(6)}
    assert record.figure("efficiency_gap").value < 1e-9
    assert record.figure("deletion_gain").low > 0
    assert record.figure("insertion_gain").low > 0
    sanity = record.figure("sanity_correlation")
    assert sanity.value < 0.6
    assert not any("shuffled" in note for note in record.notes)


@pytest.mark.parametrize("method", ["shapley", "permutation", "lime", "occlusion", "integrated-gradients"])
def test_every_method_finds_it_in_one_row(columns, method):
    row = {f"c{at}": 2.0 for at in range(6)}
    record = assay.explain(columns, row, method=method, quiet=True)
    assert record.table("attribution").rows[0][0] == "c3"
    assert record.notes[0].startswith('The answer "yes": for it speak most c3')


def test_errors_say_how_far_other_stand_ins_would_take_the_values(columns):
    row = {f"c{at}": 2.0 for at in range(6)}
    runs = [assay.explain(columns, row, seed=seed, quiet=True) for seed in range(6)]
    assert "exact for 32 draws of usual values" in runs[0].table("attribution").note
    found = np.array([[line[1:3] for line in sorted(run.table("attribution").rows)] for run in runs])
    spread, errors = found[:, :, 0].std(axis=0, ddof=1), found[:, :, 1].mean(axis=0)
    assert np.all(spread > 0), "other seeds draw others"
    assert np.all(spread < 2.6 * errors), "of six draws the spread is wider than this in 1 of 10,000"
    assert errors[3] < 0.1 * found[0, 3, 0]
    assert all(run.figure("agreement").value < 1 for run in runs)


def test_of_random_labels_no_column_helps():
    rng = np.random.default_rng(1)
    data = table(rng, 300, random=True)
    model = assay.train("tabular-classification", data, epochs=6, size="tiny", validation=0, **MADE)
    record = assay.explain(model, [data], n=60, quiet=True)
    assert first(record)[2] > 0, "it learned its training labels by heart, and uses columns"
    assert not any(row[-1] for row in record.table("importance").rows)


@pytest.fixture(scope="module")
def words():
    rng = np.random.default_rng(0)
    filler = [
        "the",
        "film",
        "a",
        "story",
        "is",
        "and",
        "of",
        "it",
        "one",
        "actor",
        "was",
        "scene",
        "with",
        "that",
        "plot",
    ]
    data = []
    for label in rng.integers(0, 2, 400):
        text = list(rng.choice(filler, rng.integers(4, 9)))
        text.insert(int(rng.integers(0, len(text) + 1)), "superb" if label else "dreadful")
        data.append({"x": " ".join(text), "y": named(label)})
    return assay.train("text-classification", data, input="x", epochs=12, batch_size=32, **MADE), data


def test_the_word_that_decides_is_first_wherever_it_stands(words):
    model, data = words
    record = assay.explain(model, "it was a superb plot", quiet=True)
    assert record.table("attribution").rows[0][0] == "superb"
    assert record.table("attribution").rows[0][-1] == 4
    (medium,) = record.media
    assert "superb" in medium.data
    record = assay.explain(model, [data], n=40, quiet=True)
    assert {row[0] for row in record.table("importance").rows[:2]} == {"superb", "dreadful"}
    assert {row[0] for row in record.table("importance").rows if row[-1]} == {"superb", "dreadful"}


def test_another_answer_is_explained_on_demand(words):
    model, _ = words
    record = assay.explain(model, "it was a superb plot", target="no", quiet=True)
    name, value = record.table("attribution").rows[0][:2]
    assert name == "superb"
    assert value < 0
    assert record.notes[0].startswith('"no" instead of "yes"')


def test_gradients_of_a_text_are_refused_with_the_methods_that_work(words):
    with pytest.raises(Unsupported, match="Methods that work: shapley"):
        assay.explain(words[0], "it was a superb plot", method="integrated-gradients", quiet=True)


@pytest.fixture(scope="module")
def regions():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    x = rng.integers(0, 120, (300, 16, 16, 1)).astype(np.uint8)
    x[labels == 1, 4:6, 10:12] += 130
    data = [{"x": image, "y": named(label)} for image, label in zip(x, labels, strict=True)]
    model = assay.train("image-classification", data, input="x", epochs=4, batch_size=32, size="tiny", **MADE)
    return model, x[labels == 1]


@pytest.mark.parametrize("method", ["auto", "lime", "occlusion", "integrated-gradients"])
def test_the_patch_that_decides_is_first(regions, method):
    model, bright = regions
    record = assay.explain(model, [bright[0]], method=method, budget=300, quiet=True)
    assert record.table("attribution").rows[0][0] == "row 3 column 6"


def test_an_image_without_anything_in_it_has_no_part_that_counts(regions):
    """A blur of plain grey is plain grey."""
    grey = np.full((16, 16, 1), 128, np.uint8)
    record = assay.explain(regions[0], [grey], method="permutation", budget=300, quiet=True)
    assert "no part surely counts" in record.notes[0]
    assert {row[1] for row in record.table("attribution").rows} == {0.0}
    assert "exact" not in record.table("attribution").note
    assert "agreement" not in [figure.name for figure in record.figures], "there is nothing that could agree"


def test_the_last_map_is_warm_around_the_patch(regions):
    model, bright = regions
    record = assay.explain(model, list(bright[:12]), method="grad-cam", quiet=True)
    names = [row[0] for row in record.table("importance").rows]
    assert names.index("row 3 column 6") < 8, "of 64"
    assert "efficiency_gap" not in [figure.name for figure in record.figures], "its values add up to nothing"


def test_an_answer_of_several_claims_is_explained_claim_by_claim():
    filler = np.random.default_rng(0).choice(["so", "on", "up"], (100, 3))
    data = [{"x": " ".join(row), "y": f"{row[2]} {row[0]}"} for row in filler]
    model = assay.train("translation", data, input="x", epochs=2, batch_size=32, size="tiny", **MADE)
    record = assay.explain(model, "so on up", target="up so", quiet=True)
    matrix = {(row[0], row[1]): row[2] for row in record.table("matrix").rows}
    claims = list(dict.fromkeys(claim for _, claim in matrix))
    assert claims[0] == "text"
    assert len(claims) > 2
    for part in ("so", "on", "up"):
        assert matrix[part, "text"] == pytest.approx(sum(matrix[part, claim] for claim in claims[1:]), abs=1e-5)
    alone = assay.explain(model, "so on up", target="up so", claim="2", quiet=True)
    assert {row[0]: row[1] for row in alone.table("attribution").rows} == pytest.approx(
        {part: matrix[part, claims[2]] for part in ("so", "on", "up")}
    )
    with pytest.raises(ConfigError, match='no claim "9: up"'):
        assay.explain(model, "so on up", target="up so", claim="9: up", quiet=True)


def test_what_cannot_be_explained_is_said(columns, rows, words):
    model, _ = words
    with pytest.raises(ConfigError, match='Did you mean "yes"'):
        assay.explain(model, "superb", target="yess", quiet=True)
    with pytest.raises(ConfigError, match="takes 2 evaluations"):
        assay.explain(columns, rows[0], budget=1, quiet=True)
    with pytest.raises(BudgetError, match="8 evaluations"):
        assay.explain(columns, rows[0], method="occlusion", budget=3, quiet=True)
    with pytest.raises(ConfigError, match="there are only 80 inputs"):
        assay.explain(columns, [rows], n=500, quiet=True)
    with pytest.raises(ConfigError, match="1 or more"):
        assay.explain(columns, [rows], n=0, quiet=True)
    with pytest.raises(ConfigError, match='no method "shaply"'):
        assay.explain(columns, rows[0], method="shaply", quiet=True)
    with pytest.raises(ConfigError, match="no input to explain"):
        assay.explain(columns, [], quiet=True)
    with pytest.raises(ConfigError, match="no claim"):
        assay.explain(columns, rows[0], claim="c9", quiet=True)
    with pytest.raises(DataError, match="cannot be read"):
        assay.explain(model, [{"x": 3}], quiet=True)


def test_one_part_is_all_of_the_answer(words):
    record = assay.explain(words[0], "superb", quiet=True)
    ((part, value, *_),) = record.table("attribution").rows
    assert part == "superb"
    assert value > 0
    assert any("one part only" in note for note in record.notes)
    record = assay.explain(words[0], "superb", method="lime", quiet=True)
    ((_, again, error, low, high, *_),) = record.table("attribution").rows
    assert (again, error, low, high) == pytest.approx((value, 0, value, value))
    assert "exact" in record.table("attribution").note


def test_the_same_seed_gives_the_same_explanation(regions):
    model, bright = regions
    a, b, c = (
        assay.explain(model, [bright[0]], method="permutation", budget=300, seed=seed, quiet=True) for seed in (0, 0, 1)
    )
    assert a.table("attribution") == b.table("attribution") != c.table("attribution")


def test_a_summary_goes_on_the_card_and_a_single_input_does_not(rows, tmp_path):
    from assay.core.folder import read_card

    model = assay.train("tabular-classification", rows, epochs=1, size="tiny", out=tmp_path / "m", **MADE)
    assay.explain(model, rows[0], quiet=True)
    assert "explain" not in [record.verb for record in read_card(model)]
    assay.explain(model, [rows], n=5, quiet=True)
    assert [record.data["n"] for record in read_card(model) if record.verb == "explain"] == [5]
