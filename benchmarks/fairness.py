"""Claims about `assay audit --by`: equal to fairlearn, honest intervals, few false alarms, a planted harm found, fast.

    python benchmarks/fairness.py ADULT            # the folder of UCI Adult; needs fairlearn
    python benchmarks/fairness.py --only coverage  # or: alarms, harm, speed; these need no data

Claims: figures on Adult equal fairlearn's to 1e-9; intervals of gaps hold the truth in 93–97 % of simulations; with no gap
planted at most 5 % of 200 audits raise an alarm; a harm of 10 points in a group of 3 % is found and named in at least 95 %;
100,000 examples in 20 groups are audited within 3 s after predictions.
"""

from __future__ import annotations

import argparse
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

import assay
from assay.core.columns import Column
from assay.core.dataset import Dataset, Roles
from assay.core.loading import for_judging
from assay.core.metric import Array, Metric, ratio
from assay.core.model import Answers
from assay.core.packing import Encoded
from assay.core.source import Split
from assay.methods.gaps import gaps
from assay.methods.groups import Grouping
from assay.methods.verdicts import CANNOT_TELL, NO_GAP
from assay.outputs.label import FittedLabel
from assay.verbs._audit_found import found_groups
from assay.verbs._audit_gaps import named_groups


def case(rng: np.random.Generator, columns: dict[str, np.ndarray], right: np.ndarray) -> tuple[Any, Dataset, Answers]:
    """A model of yes and no that is right with the probability ``right`` of each example, and knows how sure it may be."""
    n = len(right)
    hit = rng.random(n) < right
    label = rng.integers(0, 2, n)
    sure = np.clip(rng.normal(0.9, 0.05, n), 0.55, 0.999)
    answer = np.where(hit, label, 1 - label)
    probability = np.stack([np.where(answer == 0, sure, 1 - sure), np.where(answer == 1, sure, 1 - sure)], axis=1)
    output = FittedLabel(("no", "yes"))
    columns_ = {name: Column(values) for name, values in columns.items()} | {"y": Column(label)}
    dataset = Dataset("test", Split(columns_, str), Roles(("x",), False, "y"), "")
    packed, given = {"probability": probability.astype(np.float32)}, {"label": label}
    encoded = Encoded({}, np.arange(n), given, np.arange(n), ())
    return SimpleNamespace(output=output), dataset, Answers(packed, encoded, output.tally(packed, given))


def adult(data: str, folder: str | None) -> None:
    """Every figure that fairlearn has too, by sex, by race and by both."""
    import fairlearn.metrics as fair
    from sklearn.metrics import accuracy_score

    model = assay.load(folder) if folder else assay.train("tabular-classification", data, epochs=1, quiet=True)
    record = assay.audit(model, data, by=("sex", "race"), quiet=True)
    dataset = for_judging(data, model.task, model.roles, made=model.lineage.get("made"))
    answers = model.answer(dataset)
    predicted, actual = answers.columns["probability"].argmax(1), answers.encoded.y["label"]
    asked = {
        "accuracy": accuracy_score,
        "selection_rate": fair.selection_rate,
        "true_positive_rate": fair.true_positive_rate,
        "false_positive_rate": fair.false_positive_rate,
    }
    cells = {name: np.array([str(cell) for cell in dataset.column(name)]) for name in ("sex", "race")}
    off: list[float] = []
    for name, by in {"sex": cells["sex"], "race": cells["race"]}.items():
        frame = fair.MetricFrame(metrics=asked, y_true=actual, y_pred=predicted, sensitive_features=by)
        for metric, value in frame.difference().items():
            off.append(abs(record.figure(f"{metric}_difference", name).value - value))
        table = record.table(f"groups of {name}")
        for row in table.rows:
            for metric in asked:
                own = dict(zip(table.columns, row, strict=True))[metric]
                off.append(abs(own - frame.by_group[metric][row[0].removeprefix(f"{name}=")]))
        for parity in ("demographic_parity", "equal_opportunity", "equalized_odds"):
            for kind in ("difference", "ratio"):
                value = getattr(fair, f"{parity}_{kind}")(actual, predicted, sensitive_features=by)
                off.append(abs(record.figure(f"{parity}_{kind}", name).value - value))
    print(f"adult: {len(off)} figures, largest difference to fairlearn {np.max(off):.1e}")


def coverage(runs: int) -> None:
    """How often intervals of gaps hold the true gap, by kind of metric and size of the group (of 2,000 examples)."""
    share = ratio("share", 0, 1, better="higher", proportion=True)
    mean = ratio("mean", 0, 1, better="lower")
    metrics: dict[str, tuple[Metric, Any]] = {
        "share .8 against .9": (share, lambda rng, n, own: np.c_[rng.random(n) < (0.8 if own else 0.9), np.ones(n)]),
        "share .98 against .98": (share, lambda rng, n, _: np.c_[rng.random(n) < 0.98, np.ones(n)]),
        "mean of losses": (mean, lambda rng, n, own: np.c_[rng.exponential(1.3 if own else 1.0, n), np.ones(n)]),
        "errors over lengths": (mean, lambda rng, n, _: _lengths(rng, n)),
    }
    truth = {"share .8 against .9": -0.1, "mean of losses": 0.3}
    print(f"coverage over {runs} runs of 2,000 examples each; group sizes " + ", ".join(map(str, SIZES)))
    for name, (metric, draw) in metrics.items():
        found = []
        for size in SIZES:
            held = 0
            for run in range(runs):
                rng = np.random.default_rng([run, size])
                tallies = np.concatenate([draw(rng, size, True), draw(rng, 2000 - size, False)]).astype(float)
                grouping = Grouping("g", np.repeat([0, -1], [size, 2000 - size]), ("g",))
                gap = gaps([metric], tallies, grouping, seed=run, replicates=1000)[0]
                held += gap.low is not None and gap.high is not None and gap.low <= truth.get(name, 0.0) <= gap.high
            found.append(f"{100 * held / runs:.1f} %")
        print(f"  {name:24} {'  '.join(found)}", flush=True)


SIZES = (40, 200, 1000)


def _lengths(rng: np.random.Generator, n: int) -> Array:
    """Edits and lengths, as of a word error rate."""
    words = rng.poisson(9, n) + 1
    return np.c_[rng.binomial(words, rng.beta(1, 4, n)), words].astype(float)


def alarms(runs: int) -> None:
    """How many audits raise an alarm where groups do not differ: named groups with crossings, and a search."""
    named = found = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        model, dataset, answers = case(rng, _columns(rng, 2000), np.full(2000, 0.85))
        table = named_groups(model, dataset, answers, ("a", "b", "c"), run).tables[0]
        named += any(row[-1] not in (NO_GAP, CANNOT_TELL) for row in table.rows)
        found += found_groups(model, dataset, answers, run).figures[0].value > 0
    print(f"no gap planted, {runs} audits of 2,000 examples: {named} alarms by named groups, {found} by the search")


def _columns(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    return {name: rng.choice([f"{name}{v}" for v in range(size)], n) for name, size in (("a", 2), ("b", 4), ("c", 6))}


def harm(runs: int) -> None:
    """How often a harm of 10 points in a group of 3 % is found and named, by examples judged."""
    shares = [0.03, 0.17, 0.2, 0.15, 0.15, 0.1, 0.1, 0.1]
    for n in (5000, 10_000, 20_000, 40_000):
        named = found = 0
        for run in range(runs):
            rng = np.random.default_rng([n, run])
            group = rng.choice(list("ABCDEFGH"), n, p=shares)
            columns = {"group": group, **_columns(rng, n)}
            model, dataset, answers = case(rng, columns, np.where(group == "A", 0.8, 0.9))
            notes = named_groups(model, dataset, answers, ("group",), run).notes
            named += any(note.startswith("Worse for group=A:") for note in notes)
            searched = found_groups(model, dataset, answers, run)
            found += any(row[0] == "group=A" for row in searched.tables[0].rows)
        print(
            f"harm of 10 points in 3 % of {n:,}: named by --by {named} of {runs}, by --find-groups {found}", flush=True
        )


def speed() -> None:
    """The time after predictions."""
    rng = np.random.default_rng(0)
    columns = {"group": rng.choice([f"g{v:02}" for v in range(20)], 100_000)}
    model, dataset, answers = case(rng, columns, np.full(100_000, 0.9))
    wall, cpu = time.perf_counter(), time.process_time()
    named_groups(model, dataset, answers, ("group",), 0)
    print(f"100,000 examples, 20 groups: {time.perf_counter() - wall:.2f} s ({time.process_time() - cpu:.2f} s of CPU)")


def main() -> None:
    """Everything, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adult", nargs="?")
    parser.add_argument("--model", help="a model folder that was trained on it; else one is trained")
    parser.add_argument("--only", choices=("adult", "coverage", "alarms", "harm", "speed"))
    parser.add_argument("--runs", type=int, default=0)
    given = parser.parse_args()
    if given.only in (None, "adult"):
        if not given.adult:
            sys.exit("give the folder of UCI Adult, or --only coverage, alarms, harm or speed")
        adult(given.adult, given.model)
    for name, part, runs in (("coverage", coverage, 1000), ("alarms", alarms, 200), ("harm", harm, 100)):
        if given.only in (None, name):
            part(given.runs or runs)
    if given.only in (None, "speed"):
        speed()


if __name__ == "__main__":
    main()
