"""`audit --by` and `--find-groups`: a planted harm is found and named, and equal groups are left alone."""

from __future__ import annotations

import numpy as np
import pytest

import assay
from assay.core.errors import AssayError, ConfigError, DataError
from assay.methods.verdicts import CANNOT_TELL, NO_GAP, WORSE

CLASSES = "abc"


def people(n, seed=0, *, harmed="C", classes=2):
    """Two numbers decide the label; at the site ``harmed`` three labels in ten are another one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    site = rng.choice(list("ABCD"), n, p=[0.4, 0.3, 0.2, 0.1])
    score = x @ [1.0, 0.5]
    label = np.digitize(score, [0.0] if classes == 2 else [-0.5, 0.5])
    label = np.where((site == harmed) & (rng.random(n) < 0.3), (label + rng.integers(1, classes, n)) % classes, label)
    shift = rng.choice(["day", "night"], n)
    return [
        {"x0": float(a), "x1": float(b), "site": s, "shift": h, "y": CLASSES[k]}
        for (a, b), s, h, k in zip(x, site, shift, label, strict=True)
    ]


@pytest.fixture(scope="module", params=[2, 3])
def classifier(request):
    """A model that was trained where no site is harmed, and how many classes it knows."""
    data = people(1500, harmed="", classes=request.param)
    options = {"target": "y", "input": ("x0", "x1"), "epochs": 30, "device": "cpu"}
    return assay.train("tabular-classification", data, **options, quiet=True), request.param


def verdicts(record, metric):
    table = record.table("gaps")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {row["group"]: row["verdict"] for row in rows if row["metric"] == metric}


def test_a_planted_harm_is_named_and_the_other_groups_are_not(classifier):
    model, classes = classifier
    record = assay.audit(model, people(3000, 1, classes=classes), by=("site", "shift"), quiet=True)
    found = verdicts(record, "accuracy")
    assert found["site=C"] == WORSE
    assert {found["shift=day"], found["shift=night"]} <= {NO_GAP, CANNOT_TELL}
    assert record.notes[0].startswith("Worse for site=C")
    assert any(
        "has a gap for 2 of 2 groups of shift" in note and "in the worst case 0.0" in note for note in record.notes
    )
    gap = record.figure("accuracy_gap", "site=C")
    assert gap.low < -0.3 < gap.high
    assert record.figure("accuracy_difference", "site").low > 0.1


def test_nothing_is_told_where_nobody_is_harmed(classifier):
    model, classes = classifier
    record = assay.audit(model, people(1200, 2, harmed="", classes=classes), by="site", find_groups=True, quiet=True)
    assert set(verdicts(record, "accuracy").values()) <= {NO_GAP, CANNOT_TELL}
    assert not any(note.startswith("Worse") for note in record.notes)
    found = [row[0] for row in record.table("found groups").rows]  # near the border between classes it is worse
    assert not any("site" in name or "shift" in name for name in found)
    assert record.figure("found_groups").value == len(found)
    assert any("4 of 5 cases" in note for note in record.notes)


def test_cells_without_a_value_are_a_group_that_is_told_apart_from_a_text_by_every_verb(classifier):
    model, classes = classifier
    data = people(400, 4, harmed="", classes=classes)
    for at, row in enumerate(data):
        row["site"] = ("NA", "", row["site"])[min(at % 4, 2)]
    for record in (
        assay.audit(model, data, by="site", quiet=True),
        assay.evaluate(model, data, by="site", quiet=True),
        assay.compare(model, model, data, by="site", quiet=True),
    ):
        assert {"site=NA", "site=(missing)"} <= {figure.group for figure in record.figures}
        (said,) = (note for note in record.notes if "without a value" in note)
        assert said.startswith("The group site=(missing) is of the 100 of 400 examples without a value.")
        assert '"NA" in column "site" is judged as a value (100 of 400 examples)' in said


def test_the_search_finds_the_harm_that_nobody_named(classifier):
    model, classes = classifier
    record = assay.audit(model, people(5000, 3, classes=classes), find_groups=True, quiet=True)
    assert "site=C" in [row[0] for row in record.table("found groups").rows]
    assert record.figure("accuracy_gap", "site=C").high < 0
    assert any(note.startswith("Found: the model is worse for site=C") for note in record.notes)
    smallest = [row[1] for row in record.table("what the search could find").rows]
    assert smallest == sorted(smallest, reverse=True)


def test_rates_and_parity_are_those_of_their_definitions(classifier):
    model, classes = classifier
    data = people(900, 4, classes=classes)
    record = assay.audit(model, data, by="site", quiet=True)
    table = record.table("groups of site")
    said = [answer["label"] for answer in assay.predict(model, data, quiet=True)]
    true, site = [row["y"] for row in data], np.array([row["site"] for row in data])

    def rate(name, positive, group):
        given, actual = (np.array([label == positive for label in labels])[site == group] for labels in (said, true))
        among = {"selection": np.ones_like(actual), "true": actual, "false": ~actual}[name].astype(bool)
        return given[among].mean()

    positives = CLASSES[1:2] if classes == 2 else CLASSES
    for figure, names in (
        ("demographic_parity", ("selection",)),
        ("equal_opportunity", ("true",)),
        ("equalized_odds", ("true", "false")),
    ):
        rates = [[rate(name, c, group) for group in "ABCD"] for name in names for c in positives]
        apart = max(max(values) - min(values) for values in rates)
        part = min(min(values) / max(values) for values in rates)
        assert record.figure(f"{figure}_difference", "site").value == pytest.approx(apart, abs=1e-12)
        assert record.figure(f"{figure}_ratio", "site").value == pytest.approx(part, abs=1e-12)
    if classes == 2:
        for row in (dict(zip(table.columns, row, strict=True)) for row in table.rows):
            assert row["selection_rate"] == pytest.approx(rate("selection", "b", row["group"][-1]), abs=1e-12)


def test_a_source_shows_its_share_and_its_quality(classifier):
    model, classes = classifier
    data = people(1000, 5, classes=classes)
    table = assay.audit(model, data, by="site", quiet=True).table("groups of site")
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)
    assert rows["site=C"]["n"] == sum(row["site"] == "C" for row in data)
    assert rows["site=C"]["accuracy"] < rows["site=A"]["accuracy"] - 0.1
    assert rows["site=C"]["calibration_error"] > 2 * rows["site=C"]["by_chance"]


def test_crossings_are_groups_where_they_are_large_enough(classifier):
    model, classes = classifier
    data = people(600, 6, classes=classes)
    record = assay.audit(model, data, by=("site", "shift"), quiet=True)
    count = {
        f"site={s} & shift={h}": sum(row["site"] == s and row["shift"] == h for row in data)
        for s in "ABCD"
        for h in ("day", "night")
    }
    crossed = {row[0] for row in record.table("groups of site & shift").rows}
    assert crossed == {name for name, n in count.items() if n >= 20}
    small = assay.audit(model, data[:120], by=("site", "shift"), quiet=True)
    assert any("fewer than 20 examples and are not judged" in note for note in small.notes)


def test_numbers_have_gaps_too():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1500)
    site = rng.choice(["here", "there"], 1500)
    noise = np.where(site == "there", 1.5, 0.3)
    rows = [
        {"x": float(a), "site": s, "y": float(10 + 3 * a + b * rng.normal())}
        for a, s, b in zip(x, site, noise, strict=True)
    ]
    model = assay.train(
        "tabular-regression", rows[:700], target="y", input="x", epochs=40, batch_size=32, device="cpu", quiet=True
    )
    record = assay.audit(model, rows[700:], by="site", find_groups=True, quiet=True)
    assert verdicts(record, model.output.metrics[0].name)["site=there"] == WORSE
    assert [row[0] for row in record.table("found groups").rows] == ["site=there"]


def test_rankings_are_judged_by_group_of_users():
    rng = np.random.default_rng(1)
    items = [f"i{at:02}" for at in range(30)]
    rows = []
    for _ in range(500):
        regular = rng.random() < 0.5
        start = int(rng.integers(30))
        steps = np.arange(7) if regular else rng.integers(0, 30, 7)
        seen = [items[(start + int(step)) % 30] for step in steps]
        rows.append({"x": seen[:-1], "y": seen[-1], "users": "regular" if regular else "random"})
    model = assay.train("recommendation", rows[:400], target="y", input="x", epochs=25, device="cpu", quiet=True)
    record = assay.audit(model, rows[400:], by="users", quiet=True)
    assert verdicts(record, "ndcg@10")["users=random"] == WORSE
    rows_ = record.table("groups of users")
    exposure = [dict(zip(rows_.columns, row, strict=True))["rare_exposure"] for row in rows_.rows]
    assert all(0 < value <= 1 for value in exposure)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("sit", 'Did you mean "site"'),
        ("one", 'Column "one" is "same" in all 200 examples'),
        ("id", '"id" has 200 distinct values'),
        ("empty", 'Column "empty" is "\\(missing\\)" in all'),
    ],
)
def test_columns_that_make_no_groups_are_refused_in_words(classifier, by, words):
    model, classes = classifier
    data = [
        {**row, "one": "same", "id": f"p{at}x", "empty": None} for at, row in enumerate(people(200, 7, classes=classes))
    ]
    with pytest.raises(DataError, match=words):
        assay.audit(model, data, by=by, quiet=True)


def test_groups_of_one_are_told_of(classifier):
    model, classes = classifier
    data = [{**row, "rare": "only" if at == 5 else "usual"} for at, row in enumerate(people(200, 8, classes=classes))]
    record = assay.audit(model, data, by="rare", quiet=True)
    assert any("rare=only (1)" in note for note in record.notes)
    assert verdicts(record, "accuracy")["rare=only"] == CANNOT_TELL


def test_a_number_with_ten_thousand_values_is_cut_at_its_quartiles(classifier):
    model, classes = classifier
    record = assay.audit(model, people(800, 9, classes=classes), by="x0", quiet=True)
    assert len(record.table("groups of x0").rows) == 4


def test_a_search_without_columns_says_what_it_needs(classifier):
    model, classes = classifier
    bare = [{"x0": 1.0, "x1": 0.5, "y": row["y"]} for row in people(60, 10, classes=classes)]
    with pytest.raises(DataError, match="--find-groups needs columns"):
        assay.audit(model, bare, find_groups=True, quiet=True)


def test_options_out_of_range_are_refused(classifier):
    model, classes = classifier
    for options in ({"references": -1, "privacy": True}, {"seed": -1}):
        with pytest.raises(ConfigError, match=r"whole number from 0 to 256|seed is -1; it must be at least 0"):
            assay.audit(model, people(50, 11, classes=classes), by="site", **options, quiet=True)
    with pytest.raises(AssayError, match="no split"):
        assay.audit(model, people(50, 11, classes=classes), by="site", split="tst", quiet=True)
