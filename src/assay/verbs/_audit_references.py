"""Reference models: trained as the audited one was, on random halves of the examples that an attack is to tell apart."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core import discovery
from assay.core.dataset import Dataset
from assay.core.errors import AssayError, BudgetError
from assay.core.files import digest, write
from assay.core.metric import Array
from assay.core.model import Model, opened
from assay.core.packing import cache_folder
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.core.training import Training
from assay.core.verb import Watch
from assay.learners.schedule import seconds
from assay.methods.membership import halves
from assay.verbs._audit_members import Sides

LEAST = 40  # examples that a reference model can be trained on half of
_OWN = ("seed", "seconds", "started", "device", "skip_bad")  # settings that are not those of the audited training


@dataclass(frozen=True)
class References:
    """What the reference models make of the pool.

    Attributes:
        losses: ``[K, N]``.
        inside: whether each was trained on each example, or cannot read it, ``[K, N]``.
        note: why there are none, or fewer than were asked for; empty where all are there.
    """

    losses: Array
    inside: NDArray[np.bool_]
    note: str = ""


def references(model: Model, sides: Sides, count: int, *, seed: int, device: str, watch: Watch) -> References:
    """Train ``count`` of them, or take up what an earlier run of this audit has kept.

    What is kept (losses alone, and a checkpoint while a model is under way) is in the user's own cache and not in the
    model's folder, which would give away who was in its training data.

    Raises:
        BudgetError: it was told to stop; the next run goes on from there.
    """
    n = len(sides.pool)
    none = References(np.empty((0, n)), np.empty((0, n), dtype=np.bool_))
    if count == 0:
        return none
    if n < LEAST:
        return replace(none, note=_cannot(f"there are {n} examples in all, and half of them is too few"))
    if model.lineage.get("parents"):
        return replace(none, note=_cannot("the model began with another one (--from), which its folder does not hold"))
    if "plan" not in model.lineage:
        return replace(none, note=_cannot("the model does not say how it was trained"))
    inside = halves(n, count, seed)
    key = digest(model.hash, json.dumps(model.lineage["plan"], sort_keys=True), sides.pool.fingerprint, str(seed))
    found: list[Array] = []
    for at in range(count):
        try:
            found.append(_one(model, sides, inside[at], at, count, key, seed, device, watch))
        except BudgetError:
            raise
        except AssayError as error:
            return _together(found, inside, _cannot(str(error)))
    return _together(found, inside, "")


def _together(found: list[Array], inside: NDArray[np.bool_], note: str) -> References:
    losses = np.array(found).reshape(len(found), inside.shape[1])
    return References(losses, inside[: len(found)] | ~np.isfinite(losses), note)


def _cannot(why: str) -> str:
    return (
        f"No reference model could be trained ({why.rstrip('.')}): the attack goes by the loss alone, and finds less."
    )


def _one(
    model: Model,
    sides: Sides,
    rows: NDArray[np.bool_],
    at: int,
    count: int,
    key: str,
    seed: int,
    device: str,
    watch: Watch,
) -> Array:
    """The losses of one reference model on the pool, ``[N]``; nan where it cannot read an example."""
    kept = cache_folder() / "references" / key / f"{at}.f64"
    if kept.is_file() and kept.stat().st_size == 8 * len(rows):
        return np.frombuffer(kept.read_bytes(), dtype=np.float64)
    folder = kept.with_suffix("")
    told = Prefixed(watch, f"reference model {at + 1} of {count}: ")
    training = like(model, sides.pool.take(np.flatnonzero(rows)), sides.validation, seed=seed + 1 + at, device=device)
    training = replace(training, plan={**training.plan, "reference": at, "rows": digest(rows.tobytes())}, folder=folder)
    folder.mkdir(parents=True, exist_ok=True)
    fitted = discovery.module("assay.learners", model.task.learner).fit(training, told)
    encoded = fitted.model.encode(sides.pool, skip_bad=True, watch=told)
    losses = np.full(len(rows), np.nan)
    losses[encoded.kept] = fitted.model.losses(encoded)
    write(kept, losses.tobytes())
    shutil.rmtree(folder, ignore_errors=True)
    return losses


def like(
    model: Model, learn: Dataset, validation: Dataset | None, *, seed: int, device: str, **changes: Any
) -> Training:
    """A training of a fresh model by the recipe of ``model`` on other examples; ``changes`` are of the recipe.

    Raises:
        AssayError: its network cannot be had any more (a checkpoint that is no longer there).
    """
    plan: Mapping[str, Any] = model.lineage["plan"]
    task, network = opened(model.task, model.network_name)
    recipe = Recipe(**{**plan["recipe"], **changes})
    time_given = plan.get("time")
    settings = Settings(
        seed=seed,
        seconds=None if time_given is None else seconds(time_given) / plan.get("seeds", 1),
        started=time.perf_counter(),
        device=device,
        skip_bad=True,
        **{f.name: plan[f.name] for f in fields(Settings) if f.name in plan and f.name not in _OWN},
    )
    splits = {"train": learn.named("train"), **({} if validation is None else {"validation": validation})}
    return Training(
        task=task,
        network=network,
        size=model.size,
        splits=splits,
        recipe=recipe,
        settings=settings,
        plan=json.loads(json.dumps({**plan, "recipe": asdict(recipe), "seed": seed})),
        chosen=model.chosen,
    )


class Prefixed:
    """A watch that says of which model it speaks."""

    def __init__(self, watch: Watch, prefix: str) -> None:
        self._watch, self._prefix = watch, prefix
        self.started = watch.started

    def progress(self, what: str, done: int, total: int, facts: Mapping[str, str] | None = None) -> None:
        """Passed on."""
        self._watch.progress(self._prefix + what, done, total, facts)

    def say(self, text: str) -> None:
        """Passed on."""
        self._watch.say(self._prefix + text)
