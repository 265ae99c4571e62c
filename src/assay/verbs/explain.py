"""Why this answer? What each part of an input counts for, how far that can be trusted, and a picture.

An INPUT is what `predict` takes: data in any format, or one raw input as the task knows it. One input is explained by
itself; of many (--n 500, or a file of data) the record says what counts on the whole. Parts are what the task's input is
made of (columns, words, regions, past items …). What is explained is how strongly the model gives its own answer, or
--target, when some of them are taken away.

Examples:
  assay explain models/photos cat.jpg --out why.png
  assay explain models/income people.csv --n 500 --method shapley
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.core.model import Model
from assay.core.options import answering
from assay.core.record import Record
from assay.core.verb import Outcome, Watch
from assay.learners.devices import device
from assay.learners.recipes import check_ranges
from assay.verbs._evidence import keep_evidence
from assay.verbs._explain_cases import find
from assay.verbs._explain_claims import with_claim
from assay.verbs._explain_evidence import evidence
from assay.verbs._explain_methods import GRADIENTS, attributed, by_chance, check, drawn, expected, planned, stand_ins
from assay.verbs._explain_player import Player
from assay.verbs._explain_shown import headline, one_by_one, pictures, tables
from assay.verbs._explain_summary import importance
from assay.verbs._explain_written import check_kind, check_out, written

PICTURED = 12  # examples of many that are shown
TYPICAL = "Gradients are taken on the way from one typical input, in which all parts are absent."
ABSENT = "What is taken out of an input is replaced by what this kind of input takes for absent."


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``explain``.

    Attributes:
        method: auto, shapley, permutation, lime, occlusion, integrated-gradients, grad-cam.
        n: explain so many examples of the data, chosen at random; at most 100 by default.
        target: explain another answer than the model's own: why it would be given, or why not.
        claim: explain one claim of an answer (a box, a token) by its name or number; the whole answer by default.
        out: write the pictures: a name that ends in .png, .svg or .html, or a folder for all of them and a page.
        budget: how often the model may be asked about each input; by the number of its parts where it is not given.
        sanity: explain the same network with its weights shuffled too: an explanation that stays as it is says nothing.
        split: of data with splits, the one to explain; the test split by default.
        set: how answers are searched for, as NAME=VALUE (the task's page lists what there is).
        device: auto, cpu, cuda, mps.
        seed: of what is drawn by chance.
        skip_bad: leave out what cannot be read, and say so.
    """

    method: str = "auto"
    n: int | None = None
    target: str | None = None
    claim: str | None = None
    out: Path | None = None
    budget: int | None = None
    sanity: bool = False
    split: str | None = None
    set: tuple[str, ...] = ()
    device: str = "auto"
    seed: int = 0
    skip_bad: bool = False


def run(model: Model, inputs: Sequence[Any], config: Config, watch: Watch) -> Outcome:
    """Explain ``model``'s answers to ``inputs``; what was found of data goes on the model's card.

    Raises:
        ConfigError: there is no such method, claim, target or number of examples, or no input, or no such picture of it.
        DataError: an input cannot be read, or has no parts.
        BudgetError: the method takes more evaluations than were allowed.
        Unsupported: the method does not apply to this network or input.
    """
    began = time.perf_counter()
    model = model.to(device(config.device))
    model = replace(model, output=answering(model.output, config.set))
    check_out(config.out)
    check(config.method, config.budget)
    check_ranges({"seed": config.seed})
    found = find(
        model,
        inputs,
        n=config.n,
        target=config.target,
        split=config.split,
        skip_bad=config.skip_bad,
        seed=config.seed,
    )
    found = found if config.claim is None else with_claim(found, config.claim)
    cases = found.cases
    many = len(cases) > 1
    check_kind(model, cases[0], found.rows[0], config.out)
    most = max(len(case.parts) for case in cases)
    method, budget = planned(config.method, config.budget, most, many=many)
    waits = sum(expected(method, budget, len(case.parts)) for case in cases)
    player = Player(model, watch, waits, stand_ins(method, budget, most), config.seed)
    attributions = attributed(player, cases, method, budget, config.seed)
    judged = evidence(model, player, cases, attributions, method, budget, seed=config.seed, sanity=config.sanity)
    asked = max(one.evaluations for one in attributions)
    how = f"Method: {method}, {asked:,} evaluations {'at most of each input' if many else 'of the model'}."
    first = headline(model, cases[0], found.rows[0], attributions[0], config.target)
    rows = player.stand_ins if drawn(model, method) else 0
    shown = tables(cases[0], attributions[0], sampled=by_chance(method, budget, len(cases[0].parts)), stand_ins=rows)
    if many:
        shown = (importance(model, cases, attributions), one_by_one(cases, found.rows, attributions, PICTURED))
    record = Record(
        verb="explain",
        task=model.task.name,
        model={"hash": model.hash},
        data=found.data,
        figures=judged.figures,
        tables=(*shown, *judged.tables),
        media=tuple(pictures(model, cases[:PICTURED], found.rows, attributions)),
        notes=(
            *(() if many else (first,)),
            *judged.notes,
            how,
            _absence(model, method),
            *_by_group(model),
            *found.notes,
        ),
        seconds=time.perf_counter() - began,
    )
    if many and "split" in found.data:
        keep_evidence(model, record, watch)
    if config.out:
        record = written(model, record, config.out, watch)
    return Outcome(record, record)


def _by_group(model: Model) -> tuple[str, ...]:
    """That thresholds by group are no part of what is explained, where the model has some."""
    if model.evening is None:
        return ()
    by = model.evening.groups.column
    return (
        f"Explained is the network's own answer. The model then answers by {by}, with thresholds for each group, which may "
        "turn it into another.",
    )


def _absence(model: Model, method: str) -> str:
    """What stood for a part that is absent."""
    if method in GRADIENTS and hasattr(model.input, "fill"):
        return TYPICAL
    return str(getattr(model.input, "absence", ABSENT))
