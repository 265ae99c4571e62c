"""Learning from examples with targets: fit the codecs, build the network, train it, calibrate it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from assay.core.dataset import Dataset
from assay.core.errors import DataError
from assay.core.feed import Feed
from assay.core.figure import Figure
from assay.core.model import Model, at_once, build
from assay.core.norms import group_norms
from assay.core.packing import Encoded, encode, listing, missed
from assay.core.protocols import FittedInput, FittedOutput, Pack, Tensors
from assay.core.recipe import Recipe
from assay.core.record import Table
from assay.core.seen import Hashes, hashes, recall
from assay.core.settings import Settings
from assay.core.source import Problem
from assay.core.task import Network, Task, fit_codecs
from assay.core.training import Training
from assay.core.verb import Watch
from assay.learners import checkpoint
from assay.learners.allocator import keep_freed_memory
from assay.learners.devices import device
from assay.learners.engine import Job, train
from assay.learners.evening import evened, groups_of, not_kept
from assay.learners.fair import fair
from assay.learners.pace import Pace
from assay.learners.private import private, private_options, promises
from assay.learners.run import Run, announce

INITIAL = 5_000  # training examples that a network may look at before its first update,
INITIAL_NUMBERS = 1 << 27  # and the input numbers that they may have together


@dataclass(frozen=True)
class Fitted:
    """A model in memory and how it came about.

    Attributes:
        model: with the best weights.
        curve: one row an epoch.
        examples_per_second: the pace of the updates, all work of the epochs included.
        seconds: of all epochs.
        best_epoch: the epoch whose weights these are.
        notes: sentences for the card.
        seen: hashes of the examples that it was fitted to or selected on, its parent's included.
        figures: what else is to be stated: how private it is.
    """

    model: Model
    curve: Table
    examples_per_second: float
    seconds: float
    best_epoch: int
    notes: tuple[str, ...]
    seen: Hashes
    figures: tuple[Figure, ...] = ()


def fit(training: Training, watch: Watch) -> Fitted:
    """Train on the ``train`` split, select and calibrate on ``validation`` where there is one.

    Raises:
        DataError: examples cannot be read, or nothing can be learned from them.
        ConfigError, BudgetError, ModelError: as `assay.learners.engine.train`.
    """
    task, splits, recipe, settings = training.task, training.splits, training.recipe, training.settings
    network, size, parent = training.network, training.size, training.parent
    where = device(settings.device)
    learn = splits["train"]
    fitted_input, fitted_output = _codecs(task, learn, parent)
    encoded = _encode_all(task, splits, fitted_input, fitted_output, settings, watch)
    announce(training, len(encoded["train"]), watch)
    mechanism = private(settings, recipe, len(encoded["train"]))
    torch.manual_seed(settings.seed)
    module = build(network, size, fitted_input, fitted_output)
    if mechanism:
        options = private_options(network, module, _others(task, network, fitted_input, fitted_output))
        if options != network.options:
            network = replace(network, options=options)
            module = group_norms(module)
    notes = [*(() if parent else fitted_input.remarks), *_left_out(encoded, splits)]  # a parent's are of its own data
    feed = Feed(encoded["train"], fitted_input, where)
    if mechanism:
        notes += promises(mechanism, network, parent, encoded, recall(parent.hash) if parent else None)
    updates = recipe.epochs * max(1, len(feed) // recipe.batch_size)
    groups = groups_of(settings, splits, encoded["train"])
    weighing = fair(settings, learn, encoded["train"], fitted_output, updates, where)
    if weighing:
        notes.append(weighing.note(task.input.row and weighing.column in learn.roles.inputs))
    if parent:
        notes += [inherit(module, parent.network), not_kept(parent, groups)]
    elif initialise := getattr(module.body, "initialise", None):
        shown = encoded.get("validation") if mechanism else encoded["train"]  # no noise covers what it looks at
        if shown:
            some = _spread(len(shown), min(INITIAL, at_once(shown.x, INITIAL_NUMBERS)))
            initialise(**Feed(shown, fitted_input, where).batch(some).x)
    if observe := getattr(module.head, "observe", None):  # what is counted and not learned
        observe(
            *({name: torch.from_numpy(array) for name, array in pack.items()} for pack in _arrays(encoded["train"]))
        )
    module = module.to(where)
    model = Model(
        task=task,
        network_name=network.name,
        size=size or (network.sizes[0] if network.sizes else None),
        input=fitted_input,
        output=fitted_output,
        network=module,
        roles=learn.roles,
        options=network.options,
        chosen=training.chosen,
    )
    validation = encoded.get("validation")
    together = task.pair.augment if task.pair else None
    job = Job(
        feed=feed,
        fitted_input=fitted_input,
        output=fitted_output,
        recipe=recipe,
        settings=settings,
        device=where,
        score=_scorer(model, validation, recipe) if validation else None,
        pace=Pace(len(validation) if validation else 0, len(splits["test"]) if "test" in splits else 0),
        watch=watch,
        plan=training.plan,
        checkpoint=training.folder / checkpoint.NAME if training.folder else None,
        augment=partial(together, fitted_input, fitted_output) if together else None,
        fair=weighing,
        private=mechanism,
        observer=training.observer,
    )
    keep_freed_memory()
    run = train(job, module)
    assert run.best is not None
    module.load_state_dict(run.best)
    if validation:
        model = replace(model, output=_calibrated(model, validation))
        if groups:
            model, said = evened(model, groups, splits["validation"], validation, settings)
            notes += said
    size_of_batch = min(recipe.batch_size, len(feed))
    return Fitted(
        model=model,
        curve=curve(run),
        examples_per_second=run.step * size_of_batch / run.seconds,
        seconds=run.seconds,
        best_epoch=run.best_epoch,
        notes=tuple(note for note in notes if note),
        seen=_seen(encoded, parent),
        figures=mechanism.figures(run.step) if mechanism else (),
    )


def _others(
    task: Task, network: Network, fitted_input: FittedInput, fitted_output: FittedOutput
) -> Iterator[tuple[str, nn.Module]]:
    """The task's own networks besides ``network``, built when asked for."""
    for other in task.networks:
        if other.name != network.name and ":" not in other.name:  # those with a colon read files
            yield other.name, build(other, None, fitted_input, fitted_output)


def _codecs(task: Task, learn: Dataset, parent: Model | None) -> tuple[FittedInput, FittedOutput]:
    assert learn.y is not None
    if parent is None:
        return fit_codecs(task, learn.x, learn.y)
    # What both sides share cannot be learned anew on one of them; classes can.
    return parent.input, parent.output if task.pair and task.pair.fit else task.output.fit(learn.y)


def _encode_all(
    task: Task,
    splits: Mapping[str, Dataset],
    fitted: FittedInput,
    output: FittedOutput,
    settings: Settings,
    watch: Watch,
) -> dict[str, Encoded]:
    """Every split, the test split too: what cannot be read is listed at once and before training.

    Raises:
        DataError: some examples cannot be read and ``skip_bad`` is off, or none can.
    """
    found = {}
    for name, part in splits.items():
        progress = partial(watch.progress, f"read the {name} data")
        found[name] = encode(
            part,
            fitted,
            output,
            store=task.input.store,
            skip_bad=True,
            whole=task.input.optional,
            progress=progress,
        )
        for column in part.split.columns.values():
            column.forget()
    problems = _problems(found)
    if problems and not settings.skip_bad:
        raise DataError(listing(problems, _total(problems, splits)))
    return found


def _seen(encoded: Mapping[str, Encoded], parent: Model | None) -> Hashes:
    own = [hashes(encoded[name]) for name in ("train", "validation") if name in encoded]
    before = recall(parent.hash) if parent else None
    return np.concatenate([*own, *([] if before is None else [before])])


def _problems(encoded: Mapping[str, Encoded]) -> tuple[Problem, ...]:
    """Those of all splits, each once: parts of one split share what never became an example."""
    return tuple({(p.where, p.what): p for part in encoded.values() for p in part.problems}.values())


def _left_out(encoded: Mapping[str, Encoded], splits: Mapping[str, Dataset]) -> list[str]:
    problems = _problems(encoded)
    if not problems:
        return []
    told = missed(len(problems), _total(problems, splits), " of all splits")
    return [f"{told}, such as {str(problems[0]).rstrip('.')}."]


def _total(problems: tuple[Problem, ...], splits: Mapping[str, Dataset]) -> int:
    """How many examples there were, with those that never became one, which no split counts."""
    return sum(map(len, splits.values())) + sum(problem.row is None for problem in problems)


def _scorer(model: Model, validation: Encoded, recipe: Recipe) -> Any:
    metrics = model.output.metrics
    chosen = next((metric for metric in metrics if metric.name == recipe.select), metrics[0])

    def score(network: nn.Module) -> tuple[float, dict[str, float]]:
        tallies = replace(model, network=network).tallies(validation)
        shown = {f"validation_{metric.name}": metric.over(tallies) for metric in metrics}
        value = shown[f"validation_{chosen.name}"]
        if not np.isfinite(value):
            return -float("inf"), shown
        return (value if chosen.better == "higher" else -value), shown

    return score


def _calibrated(model: Model, validation: Encoded) -> FittedOutput:
    model.network.eval()
    feed = Feed(validation, model.input, model.device)

    def answers() -> Iterator[tuple[Tensor, Tensors]]:
        size = at_once(validation.x)
        for start in range(0, len(feed), size):
            batch = feed.batch(torch.arange(start, min(start + size, len(feed))))
            with torch.inference_mode():
                raw = model.output.forward(model.network, batch.x, batch.y)
            yield raw, batch.y

    return model.output.calibrated(answers())


def inherit(module: nn.Module, parent: nn.Module) -> str:
    """Copy every weight of the parent that fits; say which do not."""
    own, theirs = module.state_dict(), parent.state_dict()
    fits = {name: tensor for name, tensor in theirs.items() if name in own and own[name].shape == tensor.shape}
    module.load_state_dict(fits, strict=False)
    fresh = [name for name in own if name not in fits]
    return f"Weights that begin fresh, since the parent's do not fit: {', '.join(fresh)}." if fresh else ""


def _spread(n: int, most: int) -> torch.Tensor:
    return torch.linspace(0, n - 1, min(n, most)).long()


def _arrays(encoded: Encoded) -> tuple[Pack, Pack]:
    return encoded.take(np.arange(len(encoded)))


def curve(run: Run) -> Table:
    """The rows of a run's epochs, and which of them is kept."""
    columns = list(dict.fromkeys(name for row in run.history for name in row))
    rows = tuple(tuple(row.get(name) for name in columns) for row in run.history)
    return Table(
        "learning curve",
        tuple(columns),
        rows,
        f"The weights of epoch {run.best_epoch} of {len(run.history)} were kept.",
    )
