"""An audit of a training that claims an ε: the same training once more, with canaries in it and a recorder beside it.

The run keeps sampling rate, clipping, network and recipe, and claims the same ε; it takes no more examples and updates
than that needs, so that it is done in a few minutes. Its weights are thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core import discovery
from assay.core.figure import Figure, number
from assay.core.model import Model
from assay.core.recipe import Recipe
from assay.core.record import Table
from assay.core.settings import Settings
from assay.core.verb import Watch
from assay.learners.private import Private, private
from assay.learners.recorder import Recorder
from assay.methods.canaries import Bound, best_guesses, bound, likelihood_scores
from assay.methods.conformance import Check, checks
from assay.verbs._audit_members import Sides
from assay.verbs._audit_references import Prefixed, like
from assay.verbs._findings import Findings

if TYPE_CHECKING:
    from assay.verbs.audit import Config

BATCH = 32  # examples an update of the audit run takes on average, at most
UPDATES = 1000  # and how many updates it makes
CANARIES = 1000
NUMBERS = 1 << 26  # of the canaries' gradients in one update, on average
DOUBTS = 4  # failed checks that are told in full


@dataclass(frozen=True)
class Claim:
    """What the run claims to keep to."""

    epsilon: float
    delta: float
    rate: float
    noise: float
    updates: int


def claimed(model: Model) -> Private | None:
    """What the training of a model claims to keep to; ``None`` where it claims nothing."""
    plan = model.lineage.get("plan", {})
    if plan.get("epsilon") is None:
        return None
    settings = Settings(epsilon=plan["epsilon"], delta=plan.get("delta"))
    return private(settings, Recipe(**plan["recipe"]), int(model.lineage["data"]["train"]["n"]))


def private_run(model: Model, found: Sides, config: Config, watch: Watch) -> Findings:
    """Figures ``epsilon_lower_bound`` (what was shown), ``…_expected`` (what an honest run shows) and ``…_ceiling`` (what so
    many canaries can show at best), against ``epsilon_claimed``; table ``private training`` has the checks.

    Raises:
        AssayError: the training cannot be run again; with the reason.
    """
    plan = model.lineage["plan"]
    n = int(model.lineage["data"]["train"]["n"])
    recipe = Recipe(**plan["recipe"])
    size = min(recipe.batch_size, n)
    batch = min(BATCH, size)
    members = np.flatnonzero(found.members)
    rng = np.random.default_rng(config.seed)
    some = rng.permutation(members)[: max(batch, round(batch * n / size))]
    epochs = max(1, min(recipe.epochs, UPDATES // max(1, len(some) // batch)))
    training = like(
        model,
        found.pool.take(np.sort(some)),
        None,
        seed=config.seed,
        device=config.device,
        batch_size=batch,
        epochs=epochs,
        patience=None,
    )
    weights = max(1, model.parameters)
    recorder = Recorder(canaries=min(CANARIES, max(16, int(2 * NUMBERS / (weights * size / n)))), seed=config.seed)
    claim = claimed(model)
    assert claim is not None
    training = replace(training, settings=replace(training.settings, delta=claim.delta), observer=recorder)
    fit = discovery.module("assay.learners", model.task.learner).fit
    fit(training, Prefixed(watch, "audit of the private training: "))
    kept = Claim(claim.epsilon, claim.delta, recorder.rate, recorder.noise, len(recorder.seen))
    return judged(recorder, kept, cut=epochs < recipe.epochs)


def judged(recorder: Recorder, claim: Claim, *, cut: bool = False) -> Findings:
    """What a recorded run says of its claim."""
    canaries = len(recorder.inside)
    guesses, likely = best_guesses(canaries, claim.rate, claim.noise, claim.updates, claim.delta)
    scores = likelihood_scores(np.array(recorder.seen), claim.rate, claim.noise)
    shown = bound(scores, recorder.inside, claim.delta, guesses=guesses)
    tests = checks(recorder.recorded, rate=claim.rate, noise=claim.noise)
    values = {
        "epsilon_claimed": claim.epsilon,
        "epsilon_lower_bound": shown.epsilon,
        "epsilon_lower_bound_expected": likely,
        "epsilon_lower_bound_ceiling": shown.ceiling,
    }
    figures = [
        Figure(
            name, value, n=canaries, better="lower" if name in ("epsilon_claimed", "epsilon_lower_bound") else "neither"
        )
        for name, value in values.items()
    ]
    rows = tuple((test.name, test.expected, test.found, test.p, test.passed) for test in tests)
    note = (
        f"In {claim.updates:,} updates that claim ε = {number(claim.epsilon)}; p is corrected for the number of checks."
    )
    return Findings(
        figures=tuple(figures),
        tables=(Table("private training", ("check", "expected", "found", "p corrected", "passed"), rows, note),),
        notes=(_told(shown, likely, claim, cut), *doubts(tests)),
    )


def doubts(tests: Sequence[Check]) -> tuple[str, ...]:
    """Sentences for the checks that failed, the one that explains the others first; one where none did."""
    failed = sorted((test for test in tests if not test.passed), key=_weight)
    if not failed:
        return (
            f"The private training does what its guarantee rests on: {len(tests)} checks of sampling, clipping and noise "
            "were passed.",
        )
    more = f" ({len(failed) - DOUBTS} more checks failed)" if len(failed) > DOUBTS else ""
    told = " ".join(test.says for test in failed[:DOUBTS])
    return (f"The private training does not do what its guarantee rests on. {told}{more}",)


def _weight(test: Check) -> Any:
    """Noise that is the same again spoils all other checks; a wrong clipping shows in the noise as well."""
    shared = test.name.startswith("fresh")
    order = ("sampling", "clipping", "noise", "fresh")
    rank = (
        -1
        if shared and abs(test.found) > 0.9
        else next(i for i, word in enumerate(order) if test.name.startswith(word))
    )
    return rank, test.p, -abs(test.found)


def _told(shown: Bound, likely: float, claim: Claim, cut: bool) -> str:
    claimed = f"Claimed ε = {number(claim.epsilon)} (δ = {claim.delta:.2g})"
    run = f"{shown.canaries:,} canaries in a training of {claim.updates:,} updates"
    run += ", fewer than the model had, with the noise that keeps to the same ε" if cut else ""
    if shown.epsilon > claim.epsilon:
        return (
            f"{claimed}, but {run} show that ε is at least {number(shown.epsilon)} (95 %): the claim is wrong, and the "
            "training has a bug."
        )
    return (
        f"{claimed}; at least {number(shown.epsilon)} is shown (95 %) by {run}. An honest run shows about {number(likely)}; "
        f"so many canaries can show {number(shown.ceiling)} at best. A bound below the claim does not prove the claim."
    )
