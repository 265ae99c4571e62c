"""A task is a value: an input times an output, the networks that join them and the learner that fits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.demo import Demo
from assay.core.metric import Array
from assay.core.protocols import FittedInput, FittedOutput, Input, Output, Pack, Tensors
from assay.core.recipe import Recipe
from assay.core.source import Source

if TYPE_CHECKING:
    import torch
    from torch import nn

    from assay.core.model import Model
    from assay.core.packing import Encoded
    from assay.core.verb import Watch

SIZES = ("tiny", "small", "base", "large")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A body times a head, with the recipe that trains it well.

    Attributes:
        name: as ``--network`` takes it.
        body: ``body(size=…, **input.dims) → Module``; has ``features``, the width of what it gives.
        head: ``head(features, **output.dims) → Module``.
        recipe: its defaults for training.
        sizes: the stops of the size dial that it has, the first one the default; none where it has one size only.
        open: for a name that ends in a colon (``hf:``): ``open(task, reference)`` gives the network that follows the colon
            in ``--network hf:REFERENCE``, and the task with the codecs that this network was made for.
        options: further arguments of the body, JSON-able; the model keeps them (a checkpoint's configuration).
    """

    name: str
    body: Callable[..., nn.Module]
    head: Callable[..., nn.Module]
    recipe: Recipe
    sizes: tuple[str, ...] = SIZES
    open: Callable[[Task, str], tuple[Task, Network]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """How an input and an output that cannot do without one another come together.

    Attributes:
        fit: ``fit(input, output, xs, ys)`` fits both at once (a vocabulary that they share); ``None`` fits each by itself.
        arrange: ``arrange(source, input, output)`` makes examples of rows as they were read (clicks → one row a user);
            ``None`` where each row is an example already.
        augment: ``augment(input, output, x, y, generator)`` gives another ``(x, y)`` of a collated training batch, where a
            change of the input changes the target (it says where something is); it stands for the input's own.
    """

    fit: Callable[[Input, Output, Sequence[Any], Sequence[Any]], tuple[FittedInput, FittedOutput]] | None = None
    arrange: Callable[[Source, Input, Output], Source] | None = None
    augment: (
        Callable[[FittedInput, FittedOutput, Tensors, Tensors, torch.Generator], tuple[Tensors, Tensors]] | None
    ) = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Input × output × networks × learner.

    Attributes:
        name: as the command line takes it.
        summary: one line, for people.
        networks: the first one is the default.
        learner: the module of ``assay.learners`` that fits it.
        pair: where input and output need one another to be fitted or to have examples at all.
        evaluate: ``evaluate(model, encoded, watch)`` gives answers by column and tallies ``[N, k]``, where an answer to each
            example alone cannot be scored (an example is a whole game).
        gaps: verbs that do not apply, each with its reason.
        demo: writes data to show the task on into a folder.
    """

    name: str
    summary: str
    input: Input
    output: Output
    networks: tuple[Network, ...]
    learner: str = "supervised"
    pair: Pair | None = None
    evaluate: Callable[[Model, Encoded, Watch | None], tuple[Pack, Array]] | None = None
    gaps: Mapping[str, str] = field(default_factory=dict)
    demo: Callable[[Path], Demo] | None = None


def fit_apart(given: Input, output: Output, xs: Sequence[Any], ys: Sequence[Any]) -> tuple[FittedInput, FittedOutput]:
    """Each fitted by itself. As a `Pair.fit` it says that a model which is trained further keeps both: its weights are of
    these vocabularies."""
    return given.fit(xs), output.fit(ys)


def fit_codecs(task: Task, xs: Sequence[Any], ys: Sequence[Any]) -> tuple[FittedInput, FittedOutput]:
    """The task's input and output fitted to training data, together where they need one another.

    Raises:
        DataError: nothing can be learned from.
    """
    fit = (task.pair.fit if task.pair else None) or fit_apart
    return fit(task.input, task.output, xs, ys)
