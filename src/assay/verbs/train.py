"""Train a model on your data, from scratch or from another model.

The model is one folder with everything it needs: weights, codecs, lineage, and the evidence about it. Data without a test
or validation split is divided, always the same way. The model is evaluated on the test split, which nothing was selected
on. Run the same command again to go on with a training that was interrupted.

Examples:
  assay train image-classification photos/ --out models/photos
  assay train tabular-classification people.csv --target income --out models/income --time 3min
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assay.core import discovery
from assay.core.errors import ConfigError, choose
from assay.core.figure import Figure, count
from assay.core.files import sweep
from assay.core.folder import FILES, load, room, save, versions
from assay.core.loading import for_training
from assay.core.model import Model, network_of, opened
from assay.core.options import pairs, with_options
from assay.core.record import Record
from assay.core.seen import remember
from assay.core.settings import Settings
from assay.core.task import Network, Task
from assay.core.training import Training
from assay.core.verb import Outcome, Watch
from assay.learners.checkpoint import NAME as CHECKPOINT
from assay.learners.recipes import check_ranges, for_privacy, override, suited
from assay.learners.run import forget_other
from assay.learners.schedule import seconds
from assay.methods.intervals import over_runs
from assay.verbs import evaluate
from assay.verbs._evidence import keep_evidence
from assay.verbs._oddities import oddities
from assay.verbs._plan import SPECIAL, plan_of, standing
from assay.verbs._special import held_out, ignored, possible

_SETTINGS = ("accumulate", "precision", "device", "compile", "skip_bad", *SPECIAL)
NEEDED = ("out",)  # on the command line: the model would be lost
SEEDS = "seeds"  # the folder, in a model's, of those of further seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``train``; those that are not given come from the network's recipe.

    Attributes:
        out: the folder that becomes the model; a command needs one (in Python, without one, the model stays in memory).
        test: other data to test on; by default the test split of DATA, or a fifth of it.
        input: the column to learn from; where an example is a whole row, the columns.
        target: the column to predict.
        ignore: columns to leave out.
        group: a column whose examples are never divided between splits (a patient, a source).
        validation: the share of the training data held out to select on, where DATA holds no validation split; 0 for none.
        network: the network, by name; the task's first one by default.
        size: tiny, small, base or large (about 0.1, 1, 10 and 100 million weights).
        from_: a model folder whose codec and weights to begin with.
        epochs: passes over the training data.
        time: train as well as can be within this time (3min, 90s, 1.5h), evaluation included.
        batch_size: examples an update.
        optimizer: sgd, adamw or muon.
        lr: the peak learning rate.
        momentum: of sgd and muon.
        weight_decay: pull of weights towards 0; never on biases and norms.
        schedule: how the learning rate goes down: constant, linear or cosine.
        warmup: the share of the budget over which it rises.
        smoothing: label smoothing, where the target is a label.
        augment: whether training examples are changed at random.
        ema: decay an update of the average of weights that is kept; 0 for none.
        patience: stop after this many epochs without a better validation; 0 for never.
        clip: the largest norm of the gradient; 0 for no bound.
        accumulate: cut each batch into this many parts, to use less memory.
        precision: fp32, bf16 or fp16.
        device: auto, cpu, cuda, mps.
        compile: compile the network with torch.compile.
        seed: of all that is random.
        seeds: train this many models, with seeds from --seed on; the first is kept, and the spread is reported.
        set: a field of the task's input or output as NAME=VALUE (the task's page lists them).
        fair_by: a column whose groups training is to be fair to; no input of the network unless --input names it.
        fair_method: how: group-dro (the default), reweigh, resample, or for labels thresholds (by group, after training).
        fair_strength: how much of it: 0 for none, 1 for all; 0.25 for group-dro and 1 for the others by default.
        epsilon: train with differential privacy, so that no training example changes what is learned by more than this.
        delta: the probability with which that may fail; n to the power of -1.1 by default.
        skip_bad: go on without examples that cannot be read, and say so in the card.
        overwrite: train anew and then replace the model that stands in the folder.
    """

    out: Path | None = None
    test: str | None = None
    input: tuple[str, ...] = ()
    target: str | None = None
    ignore: tuple[str, ...] = ()
    group: str | None = None
    validation: float | None = None
    network: str | None = None
    size: str | None = None
    from_: Path | None = None
    epochs: int | None = None
    time: str | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    warmup: float | None = None
    smoothing: float | None = None
    augment: bool | None = None
    ema: float | None = None
    patience: int | None = None
    clip: float | None = None
    accumulate: int = 1
    precision: str = "fp32"
    device: str = "auto"
    compile: bool = False
    seed: int = 0
    seeds: int = 1
    set: tuple[str, ...] = ()
    fair_by: str | None = None
    fair_method: str | None = None
    fair_strength: float | None = None
    epsilon: float | None = None
    delta: float | None = None
    skip_bad: bool = False
    overwrite: bool = False


def run(task: Task, data: Any, config: Config, watch: Watch) -> Outcome:
    """Train on ``data``, keep the model and evaluate it.

    Raises:
        AssayError: of any kind; nothing that was computed is lost.
    """
    parent = load(config.from_) if config.from_ else None
    if parent and parent.task.name != task.name:
        raise ConfigError(f"{config.from_} is a model for {parent.task.name}, not for {task.name}.")
    task, chosen = with_options(task, {**(parent.chosen if parent else {}), **pairs(config.set)})
    task, network, size = _network(task, parent, config)
    check_ranges(asdict(config))
    recipe = override(network.recipe if config.epsilon is None else for_privacy(network.recipe), asdict(config))
    if config.epochs is not None and config.time is not None:
        raise ConfigError("--epochs and --time are two budgets; give one of them.")
    settings = Settings(
        seed=config.seed,
        seconds=None if config.time is None else seconds(config.time) / config.seeds,
        started=watch.started,
        **{k: getattr(config, k) for k in _SETTINGS},
    )
    possible(task, settings, config.seeds, config.clip)
    with room(config.out, begun=(CHECKPOINT, SEEDS), beside=config.overwrite):
        splits = for_training(
            data,
            task,
            test=config.test,
            inputs=config.input,
            target=config.target,
            ignore=ignored(task, config),
            group=config.group,
            validation=config.validation,
        )
        held_out(settings, splits)
        recipe = suited(recipe, len(splits["train"]), asdict(config))
        plan = plan_of(task, network, size, recipe, splits, parent, config) | ({"set": chosen} if chosen else {})
        if config.out and not config.overwrite and (done := standing(config.out, plan)):
            watch.say(f"{config.out} holds the finished model of this very command (--overwrite trains it anew).")
            return done
        training = Training(
            task=task,
            network=network,
            size=size,
            splits=splits,
            recipe=recipe,
            settings=settings,
            plan=plan,
            folder=config.out,
            parent=parent,
            chosen=chosen,
        )
        fitted = [_one(training, at, config, watch) for at in range(config.seeds)]
        model, record = fitted[0]
        if config.seeds > 1:
            record = replace(record, figures=(*record.figures, *_over_seeds([held for _, held in fitted])))
            keep_evidence(model, record, watch)
        return Outcome(model, record)


def _one(training: Training, at: int, config: Config, watch: Watch) -> tuple[Model, Record]:
    """The training of the seed that is ``at`` above the first, kept and evaluated."""
    began = time.perf_counter()
    settings = training.settings
    if at > 0:
        seed = settings.seed + at
        training = replace(
            training,
            settings=replace(settings, seed=seed, started=began),
            plan={**training.plan, "seed": seed},
            folder=config.out / SEEDS / str(seed) if config.out else None,
        )
    task, parent = training.task, training.parent
    splits, folder = training.splits, training.folder
    if at > 0 and folder and not config.overwrite and (done := standing(folder, training.plan)):
        return done.value, done.record
    if config.overwrite and folder:
        forget_other(folder / CHECKPOINT, training.plan)
    fitted = discovery.module("assay.learners", task.learner).fit(training, watch)
    origin = splits["train"].origin
    model = replace(
        fitted.model,
        lineage={
            "verb": "train",
            "plan": dict(training.plan),
            "parents": [parent.hash] if parent else [],
            "data": {name: {"fingerprint": d.fingerprint, "n": len(d)} for name, d in splits.items()},
            "made": {"origin": origin, "group": config.group, "test": splits["test"].origin == origin},
            "versions": versions(),
        },
    )
    if folder:
        model = save(model, folder)
        remember(model.hash, fitted.seen)
    judged = evaluate.judge(
        model,
        splits["test"],
        began=time.perf_counter(),
        watch=watch,
        brief=True,
        skip_bad=config.skip_bad,
        known=fitted.seen,
    )
    learned = [  # of the test split the judge has said it; of training inputs, unless files, the codec fitted to them has
        note
        for name in ("train", "validation")
        if name in splits and (name != "train" or config.epsilon is None)  # a note tells of single examples
        for note in oddities(model, splits[name], inputs=name != "train" or parent is not None or task.input.files)
    ]
    honest = f"The figures are of the test split ({count(judged.data['n'], 'example')})"
    honest += (
        "." if any("too good" in note for note in judged.notes) else ", which nothing was fitted to or selected on."
    )
    record = Record(
        verb="train",
        task=task.name,
        model={"hash": model.hash},
        data={"fingerprint": splits["train"].fingerprint, "n": len(splits["train"]), "split": "train"},
        figures=(
            *judged.figures,
            Figure("train_seconds", fitted.seconds, n=1, unit="s", better="lower"),
            Figure("examples_per_second", fitted.examples_per_second, n=1, unit="examples/s", better="higher"),
            *fitted.figures,
        ),
        tables=(replace(fitted.curve, note=f"{fitted.curve.note} {honest}"),),
        notes=tuple(dict.fromkeys((*judged.notes, *splits["train"].remarks, *fitted.notes, *learned))),
        seconds=time.perf_counter() - began,
    )
    keep_evidence(model, judged, watch)
    keep_evidence(model, record, watch)
    if folder:
        (folder / CHECKPOINT).unlink(missing_ok=True)
        sweep(folder, (*FILES, CHECKPOINT))
    return model, record


def _over_seeds(records: list[Record]) -> list[Figure]:
    """The mean of each metric over trainings with several seeds, with Student's interval."""
    shared = [figure for figure in records[0].figures if figure.low is not None and figure.group is None]
    return [
        over_runs(f"{f.name}_over_seeds", [r.figure(f.name).value for r in records], better=f.better, unit=f.unit)
        for f in shared
    ]


def _network(task: Task, parent: Model | None, config: Config) -> tuple[Task, Network, str | None]:
    name = config.network or (parent.network_name if parent else None)
    if parent and name == parent.network_name:  # as it is, whether or not what it once began with can still be had
        network = replace(network_of(task, name), name=parent.network_name, options=parent.options)
    else:
        task, network = opened(task, name)
    if config.size is not None and not network.sizes:
        raise ConfigError(f'The network "{network.name}" has one size only; leave out --size {config.size}.')
    if config.size is not None:
        choose("size", config.size, network.sizes)
    size = config.size or (parent.size if parent and parent.network_name == network.name else None)
    return task, network, size or (network.sizes[0] if network.sizes else None)
