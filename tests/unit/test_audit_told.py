"""What an audit says in words: which attack a sentence is of, severities that stand out, and what a search could find."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.figure import Figure
from assay.core.metric import Metric, ratio
from assay.methods.gaps import Gap
from assay.methods.groups import Grouping
from assay.methods.membership import CANNOT_TELL, LEAK, NO_LEAK, Found, verdict
from assay.methods.slices import search
from assay.methods.verdicts import BETTER, WORSE
from assay.methods.verdicts import CANNOT_TELL as CANNOT
from assay.verbs._audit_found import _could, _notes
from assay.verbs._audit_gaps import _gap_table
from assay.verbs._audit_gaps_told import Judged, small, told
from assay.verbs._audit_privacy_told import BY_LOSS, Asked, told_of, within
from assay.verbs._audit_robustness_told import Asked as Severity
from assay.verbs._audit_robustness_told import Fall, verdict_note

WIDE, NARROW = Found(0.845, 0.808, 0.875, 1e-40), Found(0.785, 0.743, 0.821, 1e-30)
NONE, FEW = Found(0.51, 0.49, 0.53, 0.3), Found(0.52, 0.4, 0.64, 0.3)
ACCURACY = ratio("accuracy", 0, 1, better="higher", proportion=True)


def attacked(loss, references):
    return [
        Asked(attack, group, "auc", 100, 200, found)
        for attack, found in (("reference models", references), ("loss", loss))
        for group in (None, "grp=u")
    ]


@pytest.mark.parametrize(
    ("loss", "references", "first", "second"),
    [
        (WIDE, NARROW, "attack by loss ranks a training example above a held-out one in 84.5 % [80.8 %, 87.5 %]",
         "attack by reference models ranks a training example above a held-out one in 78.5 %"),
        (NARROW, WIDE, "attack by reference models ranks a training example above a held-out one in 84.5 %",
         "attack by loss ranks a training example above a held-out one in 78.5 %"),
    ],
)  # fmt: skip
def test_every_sentence_on_privacy_names_its_attack_and_has_its_number(loss, references, first, second):
    asked = attacked(loss, references)
    notes = told_of(LEAK, asked, [one.found.p for one in asked], 100, 200, None)
    assert first in notes[0]
    assert notes[1].startswith(f"Groups in which the area of the {first.split(' ranks')[0]}")
    assert "grp=u (0.845)" in notes[1]
    assert second in notes[2]


def test_no_leak_is_of_all_attacks_and_the_larger_area():
    asked = attacked(NONE, Found(0.5, 0.47, 0.52, 0.5))
    notes = told_of(NO_LEAK, asked, [1.0] * 4, 1000, 1000, None)
    assert len(notes) == 1
    assert "by reference models and by loss" in notes[0]
    assert "0.530 at most" in notes[0]


def test_what_cannot_be_told_is_of_an_attack_too():
    asked = attacked(FEW, FEW)
    notes = told_of(CANNOT_TELL, asked[:1], [0.3], 30, 30, None)
    assert "the attack by reference models found 0.520 [0.400, 0.640]" in notes[0]
    assert len(notes) == 1


def test_where_both_sides_differ_by_themselves_every_attack_is_named_and_none_is_called_a_leak():
    asked = attacked(WIDE, NARROW)
    notes = told_of(CANNOT_TELL, asked, [1.0] * 4, 100, 200, Found(0.9, 0.85, 0.95, 1e-9))
    assert len(notes) == 1
    assert "area of 0.900 [0.850, 0.950], where 0.5 is none, so up to 0.950 may be no memory" in notes[0]
    assert "the attacks reach 0.785 (by reference models) and 0.845 (by loss)" in notes[0]
    blind = Found(0.2, 0.15, 0.25, 1.0)
    assert "0.800 when turned round" in told_of(CANNOT_TELL, asked, [1.0] * 4, 100, 200, blind)[0]


def test_an_area_surely_below_a_half_is_no_memory_and_not_called_no_leak():
    low = Found(0.225, 0.19, 0.266, 1.0)
    assert verdict([low], [low], None) == CANNOT_TELL
    notes = told_of(CANNOT_TELL, attacked(low, NONE)[2:], [1.0] * 2, 300, 300, None)
    assert "differ by themselves. The attack by loss" in notes[0]
    assert "less often than by chance" in notes[0]


@pytest.mark.parametrize(
    ("what", "low", "said"),
    [
        ("auc", 0.72, "neither is shown to be exceeded"),
        (
            "auc",
            0.74,
            "ranks a training example above a held-out one in 80.0 % [74.0 %, 90.0 %] of pairs, so the claim is",
        ),
        ("tpr_at_1_fpr", 0.02, "neither is shown to be exceeded"),
        ("tpr_at_1_fpr", 0.03, "finds, of the training examples, 80.0 % [3.0 %, 90.0 %], so the claim is wrong"),
    ],
)
def test_what_is_shown_is_set_against_what_the_claim_allows(what, low, said):
    told = within([Asked(BY_LOSS, None, what, 100, 200, Found(0.8, low, 0.9, 1e-9))], [(1.0, 1e-5)])
    assert "an area of 0.731 at most, and find 2.7 % of the training examples when it accuses 1 % of the others" in told
    assert said in told


def test_where_no_attack_has_enough_examples_that_is_said():
    assert "fewer than 10 on a side" in told_of(CANNOT_TELL, [], [], 12, 12, None)[0]


def corrupted(worse_at):
    clean = Figure("accuracy", 0.9, 0.88, 0.92, 500, better="higher")
    change = Figure("accuracy_difference", -0.01, -0.03, 0.01, 500, better="higher")
    falls = [Fall("blur", clean, change, 0.3), Fall("noise", clean, change, 0.4)]
    asked = [
        Severity(kind, severity, clean, change, 1e-6 if (kind, severity) in worse_at else 0.5)
        for kind in ("blur", "noise")
        for severity in range(1, 6)
    ]
    return verdict_note(falls, asked, clean)


def test_a_single_severity_that_is_worse_is_told_of_where_the_mean_of_all_is_not():
    assert corrupted([("noise", 4), ("noise", 5)]).endswith("At single severities harm is shown: noise at 4, 5.")
    assert "single" not in corrupted([])


@pytest.mark.parametrize(("n", "said"), [(3, "cannot be told"), (300, "no corruption is shown")])
def test_so_few_examples_that_nothing_could_be_shown_show_nothing(n, said):
    same = Figure("accuracy_difference", 0.0, n=n, better="higher")
    clean = Figure("accuracy", 0.5, 0.1, 0.9, n=n, better="higher")
    assert said in verdict_note([Fall("noise", clean, same, 1.0), Fall("blur", clean, same, 1.0)], [], clean)


@pytest.mark.parametrize("count", [6, 100])
def test_a_search_in_answers_that_are_all_alike_says_so(count):
    grouping = Grouping("g", np.arange(count) % 2, ("g=0", "g=1"))
    done = search([grouping], np.full(count, 500.0))
    metric = Metric("mean_return", ACCURACY.of, "higher")
    assert [row[1] for row in _could(done, metric).rows] == [None] * 4
    assert any("All examples have the same mean return" in note for note in _notes(done, [], metric, (grouping,), ()))


def test_six_rows_are_too_few_to_find_a_group_in():
    grouping = Grouping("g", np.arange(6) % 2, ("g=0", "g=1"))
    done = search([grouping], np.array([1.0, 0, 1, 1, 0, 1]))
    assert [row[1] for row in _could(done, ACCURACY).rows] == [None] * 4
    assert any("In so few examples" in note for note in _notes(done, [], ACCURACY, (grouping,), ()))


def test_the_note_is_of_the_smallest_group_that_could_be_found():
    rng = np.random.default_rng(0)
    grouping = Grouping("g", rng.integers(0, 4, 1000), ("g=0", "g=1", "g=2", "g=3"))
    done = search([grouping], (rng.random(1000) < 0.9).astype(float))
    note = _notes(done, [], ACCURACY, (grouping,), ())[1]  # a group of 3 % has 15 examples in the half that is searched
    assert "A group of 10 % of the examples would have been found" in note
    assert note.endswith("and one of 3 % cannot be relied on to be found.")


def test_a_group_that_was_found_is_told_with_the_interval_of_its_gap():
    grouping = Grouping("g", np.arange(6) % 2, ("g=0", "g=1"))
    gap = Gap(ACCURACY, "g=0", 679, 0.733, 0.946, low=-0.262, high=-0.165)
    done = search([grouping], np.zeros(6))
    assert "is 0.213 [0.165, 0.262] below the rest's (n = 679)" in _notes(done, [gap], ACCURACY, (grouping,), ())[0]


def test_the_table_of_gaps_begins_with_who_is_worse_off_in_the_first_metric():
    loss = Metric("log_loss", ACCURACY.of, "lower", unit="nats")
    gap = {name: Gap(metric, name, 50, 0.7, 0.9) for name, metric in (("a", loss), ("b", ACCURACY), ("c", ACCURACY))}
    judged = [Judged(gap["a"], 1e-9, 0.1, WORSE), Judged(gap["b"], 0.5, 0.1, "cannot tell at this n"),
              Judged(gap["c"], 0.01, 0.1, WORSE)]  # fmt: skip
    assert [row[1] for row in _gap_table(judged, "accuracy").rows] == ["c", "a", "b"]


def test_a_metric_that_is_the_same_for_all_has_a_reason_and_no_interval():
    wer = ratio("wer", 0, 1, better="lower")
    column = Grouping("speaker", np.arange(60) % 2, ("speaker=a", "speaker=b"))
    judged = [
        Judged(Gap(wer, g, 30, 1.0, 1.0, p=1.0), 1.0, float("nan"), "cannot tell at this n") for g in column.labels
    ]
    notes = told(judged, [column], [wer])
    assert notes == [
        "In all groups of speaker the WER is 1, and it does not vary within them: the differences are 0, and from examples "
        "that are all alike no interval can be stated."
    ]


def test_one_small_group_is_told_of_in_the_singular():
    one = Grouping("sex", np.repeat([0, 1], [40, 3]), ("sex=f", "sex=x"))
    assert small([one])[0].startswith("1 group holds fewer than 20 examples, and little can be said of it: sex=x (3)")
    assert small([one, one])[0].startswith("2 groups hold fewer than 20 examples, and little can be said of them")


@pytest.mark.parametrize("better", [True, False])
def test_a_group_that_is_worse_in_one_metric_and_better_in_the_first_is_told_of_with_both(better):
    """Macro F1 of a group that holds one class only is low however good its answers are."""
    f1 = Metric("macro_f1", lambda sums: sums, "higher")
    column = Grouping("x", np.array([0, 1]), ("x=low", "x=high"))
    judged = [
        Judged(Gap(ACCURACY, "x=low", 500, 0.964, 0.826, low=0.1, high=0.2), 1e-9, 0.05, BETTER if better else CANNOT),
        Judged(Gap(f1, "x=low", 500, 0.491, 0.826, low=-0.354, high=-0.317), 1e-9, 0.05, WORSE),
    ]
    (note,) = [note for note in told(judged, [column], [ACCURACY, f1]) if note.startswith("Worse for x=low")]
    assert ("Its accuracy is better (0.964, the rest's 0.826): look at both" in note) is better


def test_crossings_that_say_the_same_as_their_group_are_not_told_again():
    column = Grouping("a & b", np.array([0, 1, 2]), ("a=x", "a=x & b=1", "a=x & b=2"))
    judged = [
        Judged(Gap(ACCURACY, "a=x", 200, 0.5, 0.9, low=-0.45, high=-0.35), 1e-9, 0.1, WORSE),
        Judged(Gap(ACCURACY, "a=x & b=1", 100, 0.5, 0.8, low=-0.41, high=-0.2), 1e-6, 0.1, WORSE),
        Judged(Gap(ACCURACY, "a=x & b=2", 100, 0.1, 0.8, low=-0.8, high=-0.6), 1e-7, 0.1, WORSE),
    ]
    notes = told(judged, [column], [ACCURACY])
    assert [note.split(":")[0] for note in notes[:2]] == ["Worse for a=x", "Worse for a=x & b=2"]
    assert notes[2] == "1 crossing of these groups says no more than that: see the table of gaps."
    assert not any("b=1" in note for note in notes)


def test_rates_that_are_shown_to_differ_are_told_by_the_group_that_is_worse_off():
    accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
    tpr = ratio("true_positive_rate", 0, 1, better="higher", proportion=True)
    column = Grouping("sex", np.array([0, 1]), ("sex=F", "sex=M"))
    judged = [
        Judged(Gap(accuracy, "sex=F", 500, 0.9, 0.9), 1.0, 0.05, CANNOT),
        Judged(Gap(tpr, "sex=F", 200, 0.5, 0.8, low=-0.4, high=-0.2), 1e-9, 0.1, WORSE),
        Judged(Gap(tpr, "sex=M", 200, 0.8, 0.5, low=0.2, high=0.4), 1e-9, 0.1, BETTER),
    ]
    notes = told(judged, [column], [accuracy])
    assert notes[0] == (
        "By sex, the true positive rate differs: 0.500 for sex=F and 0.800 for the rest, a gap of 0.300 [0.200, 0.400] "
        "(n = 200)."
    )
    assert not any("sex=M" in note for note in notes)
