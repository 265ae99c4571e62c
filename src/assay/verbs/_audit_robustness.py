"""How far a model falls as its inputs get worse: every corruption of the input, at five severities, against clean inputs.

The same examples are answered clean and corrupted, so differences are paired. A corruption befalls a batch on its way to
the network, which is why it works wherever a network is asked: for examples, and for observations during play.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, Unsupported
from assay.core.figure import Figure
from assay.core.metric import Array, Metric
from assay.core.model import Answers, Model
from assay.core.packing import Encoded
from assay.core.protocols import LENGTH, FittedInput, Tensors
from assay.core.verb import Watch
from assay.methods.calibration import calibration_error, calibration_tally, chance_error
from assay.methods.intervals import figures, paired
from assay.verbs._audit_robustness_told import Asked, Fall, calibration_note, curves, summary, verdict_note
from assay.verbs._findings import Findings

if TYPE_CHECKING:
    from assay.verbs.audit import Config

SEVERITIES = (1, 2, 3, 4, 5)
MOST, STEPWISE, EPISODES = 1000, 200, 100  # examples; those whose answer is made step by step; games
REPLICATES, MERGED = 1000, 200  # of a bootstrap; of that of a metric that is a merge, which costs far more


def audit(model: Model, dataset: Dataset, answers: Answers, config: Config, watch: Watch) -> Findings:
    """Answers to corrupted inputs against ``answers`` to clean ones, on some of the examples where there are many.

    Figures ``corrupted_METRIC`` and ``corrupted_METRIC_difference`` are means over all corruptions and severities, tables
    ``corruptions`` (a row each, the worst first) and ``robustness`` (a row a corruption, severity and metric).

    Raises:
        Unsupported: nothing is known that could befall such inputs.
        ConfigError: there is no target to be right about.
    """
    kinds = tuple(getattr(model.input, "corruptions", ()))
    if not kinds:
        raise Unsupported(
            f"--robustness does not apply to this {model.task.name} model: nothing is known that could befall its inputs "
            "and leave the right answer as it is. Leave it out."
        )
    if answers.tallies is None:
        raise ConfigError("--robustness needs a target to be right about, and this data has none.")
    some, clean = _some(model, answers, config.seed)
    headline, k = model.output.metrics[0], answers.tallies.shape[1]
    confident = _confident(model, clean)
    metrics = (headline,) if headline.merge else (*model.output.metrics, *([calibration_error(k)] if confident else []))
    led = (headline, *metrics[-1:]) if confident else (headline,)
    replicates, seed = MERGED if headline.merge else REPLICATES, config.seed
    tallies, asked = [_tally(model, clean, confident)], []
    for at, kind in enumerate(kinds):
        for severity in SEVERITIES:
            rng = np.random.default_rng([config.seed, at])  # of the kind alone: the same noise, only more of it
            worse = replace(model, input=cast(FittedInput, _Corrupted(model.input, kind, severity, rng)))
            tallies.append(_tally(model, worse.answer(some), confident))
            values = figures(metrics, tallies[-1], replicates=replicates, seed=seed)
            apart, ps = paired(metrics, tallies[0], tallies[-1], replicates=replicates, seed=seed)
            asked += [Asked(kind, severity, *found) for found in zip(values, apart, ps, strict=True)]
            watch.progress("corrupt", len(tallies) - 1, len(kinds) * len(SEVERITIES))
    whole = figures(metrics, tallies[0], replicates=replicates, seed=seed)
    every = [_over(metric, tallies[0], tallies[1:], replicates, seed) for metric in led]
    each = len(SEVERITIES)
    falls = [
        Fall(kind, *_over(headline, tallies[0], tallies[1 + at * each : 1 + (at + 1) * each], replicates, seed))
        for at, kind in enumerate(kinds)
    ]
    notes = [verdict_note(falls, asked, whole[0])]
    if confident:
        sure = [row["confidence"] for row in model.output.rows(clean.columns)]
        notes.append(calibration_note(whole[-1], every[-1][0], every[-1][1], every[-1][2], chance_error(sure)))
    if len(some) < len(answers.encoded):
        notes.append(
            f"Robustness was judged on {len(some):,} of the {len(answers.encoded):,} examples, drawn at random."
        )
    return Findings(
        figures=tuple(replace(f, name=f"corrupted_{f.name}") for mean, apart, _ in every for f in (mean, apart)),
        tables=(summary(falls, whole[0]), curves(whole, asked)),
        notes=tuple(notes),
    )


class _Corrupted:
    """An input whose every batch is corrupted on its way to the network; in all else it is the input that it wraps."""

    def __init__(self, wrapped: FittedInput, kind: str, severity: int, rng: np.random.Generator) -> None:
        self._wrapped, self._kind, self._severity, self._rng = wrapped, kind, severity, rng

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def collate(self, arrays: Tensors) -> Tensors:
        """The batch, corrupted."""
        device = next(iter(arrays.values())).device
        x = {name: tensor.cpu().numpy() for name, tensor in arrays.items()}
        worse = self._wrapped.corrupt(x, self._kind, self._severity, self._rng)
        made = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in worse.items()}
        return self._wrapped.collate(made)


def _some(model: Model, answers: Answers, seed: int) -> tuple[Encoded, Answers]:
    """The examples to judge, and the answers to them as they are."""
    encoded = answers.encoded
    most = EPISODES if model.task.evaluate else STEPWISE if LENGTH in encoded.y else MOST
    if len(encoded) <= most:
        return encoded, answers
    at = np.sort(np.random.default_rng(seed).choice(len(encoded), most, replace=False))
    y = {name: array[at] for name, array in encoded.y.items()}
    some = replace(encoded, rows=encoded.rows[at], y=y, kept=encoded.kept[at])
    if model.task.evaluate:  # how a game goes may depend on those beside it
        return some, model.answer(some)
    assert answers.tallies is not None
    return some, Answers({name: array[at] for name, array in answers.columns.items()}, some, answers.tallies[at])


def _confident(model: Model, answers: Answers) -> bool:
    """Whether an answer is one of a few classes, with a confidence that it is the right one."""
    if not model.output.classes or not answers.encoded.y or model.output.metrics[0].merge:
        return False
    return "confidence" in model.output.rows({name: array[:1] for name, array in answers.columns.items()})[0]


def _tally(model: Model, answers: Answers, confident: bool) -> Array:
    """The output's tallies and, where answers are ``confident``, those of their calibration, ``[N, k]``."""
    assert answers.tallies is not None
    if not confident:
        return answers.tallies
    sure = [row["confidence"] for row in model.output.rows(answers.columns)]
    right = model.output.verdict(answers.columns, answers.encoded.y)
    return np.concatenate([answers.tallies, calibration_tally(sure, right)], axis=1)


def _over(
    metric: Metric, clean: Array, worse: Sequence[Array], replicates: int, seed: int
) -> tuple[Figure, Figure, float]:
    """The mean of a metric over several corrupted tallies, how far it is from clean, and the p-value of no difference."""
    mean, side_by_side = _mean(metric, clean.shape[1], len(worse)), np.concatenate(worse, axis=1)
    apart, ps = paired([mean], np.tile(clean, len(worse)), side_by_side, replicates=replicates, seed=seed)
    return figures([mean], side_by_side, replicates=replicates, seed=seed)[0], apart[0], ps[0]


def _mean(metric: Metric, k: int, count: int) -> Metric:
    """The mean of a metric over ``count`` tallies of k columns each that stand side by side."""
    parts = [slice(at * k, (at + 1) * k) for at in range(count)]

    def of(sums: Array) -> Array:
        return np.asarray(np.mean([metric.of(sums[..., part]) for part in parts], axis=0))

    merge = metric.merge

    def merged(tallies: Array, weights: Array) -> Array:
        assert merge is not None
        return np.asarray(np.mean([merge(tallies[:, part], weights) for part in parts], axis=0))

    return replace(metric, of=of, counts=None, merge=merged if merge else None)
