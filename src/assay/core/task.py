"""A task is a value: an input times an output, the networks that join them and the learner that fits them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.core.demo import Demo
from assay.core.metric import Array, Metric
from assay.core.recipe import Recipe
from assay.core.record import Table
from assay.core.source import Source

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from assay.core.model import Model
    from assay.core.packing import Encoded
    from assay.core.verb import Watch

Pack: TypeAlias = dict[str, NDArray[Any]]
Tensors: TypeAlias = "dict[str, Tensor]"
Problems: TypeAlias = dict[int, str]
JSON: TypeAlias = dict[str, Any]

SIZES = ("tiny", "small", "base", "large")
LENGTH = "length"
"""The name, in a pack, of an array ``[N]`` that says how many places of each row are used: batches are made of rows of like
length, and only the places that are used need to reach the network."""


class FittedInput(Protocol):
    """An input that has seen training data: frozen, JSON-able, able to encode.

    Legend: N examples, B batch, P parts, M masks, D features.
    """

    @property
    def dims(self) -> JSON:
        """What a body must know to be built: channels, sides, categories …"""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on what fitting decided that a user should know (a column left out)."""

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """Raw inputs → arrays ``[N, …]``, by name. What cannot be opened goes to ``problems`` by its position."""

    def notes(self, xs: Sequence[Any]) -> Problems:
        """What is odd in each raw input but can be answered still (a category never seen), by position."""

    def collate(self, arrays: Tensors) -> Tensors:
        """Gathered arrays ``[B, …]``, on the device → what the network takes, by its argument names."""

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """A label-preserving random change of a collated batch, on its device."""

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The names of the parts that can be removed from one example (arrays ``[1, …]``)."""

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """One example ``[1, …]`` under masks ``[M, P]`` → ``[M, …]``; what is not kept is absent."""

    def features(self, x: Pack) -> NDArray[np.float32]:
        """Cheap vectors ``[N, D]`` for judging how alike examples are."""

    def show(self, x: Any) -> tuple[str, str]:
        """One raw input for people: (kind, data) as in a record's `Medium`."""

    def to_json(self) -> JSON:
        """Everything that `Input.load` needs."""


class Input(Protocol):
    """A modality before any data: its options."""

    @property
    def names(self) -> tuple[str, ...]:
        """The column names that people give it, most usual first."""

    @property
    def row(self) -> bool:
        """Whether it takes a whole row of cells."""

    @property
    def store(self) -> bool:
        """Whether encoding is slow enough for its arrays to be kept on disk."""

    @property
    def optional(self) -> bool:
        """Whether the task can do without an input column: every raw input is then ``None``."""

    @property
    def files(self) -> bool:
        """Whether a cell that is text names a file, from the folder of the table on (see `assay.core.located`)."""

    # An input may also have ``usual``, the format of which a name is where nothing of that name is there (see
    # `assay.core.reading.read`), and ``example``, a raw input as it is written on a command line.

    def accepts(self, cell: Any) -> bool:
        """Whether a raw cell could be of this modality."""

    def fit(self, xs: Sequence[Any]) -> FittedInput:
        """Learn the codec (sizes, vocabularies, statistics) from training data.

        Raises:
            DataError: nothing can be learned from.
        """

    def load(self, state: JSON) -> FittedInput:
        """The inverse of `FittedInput.to_json`."""

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """``n`` raw inputs that a network can tell apart by the sign of their first feature (see `Output.fake`)."""


class FittedOutput(Protocol):
    """An output that has seen training targets: frozen, JSON-able.

    Legend: N examples, B batch, k tally columns.
    """

    @property
    def dims(self) -> JSON:
        """What a head must know to be built."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of their codes, where a target is one of a few; else none, ``()``."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that summed tallies give; the first one is the headline, and selects checkpoints."""

    def plain(self, y: Pack) -> NDArray[np.int64] | NDArray[np.float64] | None:
        """One plain value an example, ``[N]``, for looking at data: ``int64`` positions in `classes`, or ``float64``
        quantities in their own unit. ``None`` where a target is neither (boxes, sentences)."""

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """Raw targets → arrays ``[N, …]``; ``float64`` ones are for tallies and never reach a device. What is no target of
        this task goes to ``problems``."""

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """The network's raw answer for a collated batch. An output that is made step by step needs the target too: each
        step is given the true ones before it (teacher forcing)."""

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """One value an example, ``[B]``; where the output is a distribution, minus the log-probability of the whole
        target, in nats."""

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """What training minimises, ``[B]``: the loss, perhaps smoothed."""

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """How far two raw answers are apart, ``[B]``: 0 when equal, never negative."""

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """Answers for a collated batch, by column, ``[B, …]``, as wide in every batch. Where the target is known, an output
        may score it too, or score it instead of searching for an answer."""

    def rows(self, answers: Pack) -> list[JSON]:
        """Answers as JSON-able predictions with confidence, one an example. An answer that is a file is an
        `assay.core.attachment.Attachment` there, and the output has its ``suffix``."""

    def tally(self, answers: Pack, y: Pack) -> Array:
        """What each example contributes to the metrics, ``[B, k]``."""

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedOutput:
        """The output with its confidence fitted to held-out raw answers and targets, batch by batch. They are worked out
        as they are asked for: an output with nothing to fit asks for none."""

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """How right each answer is, ``[B]``, higher is better: what flips are counted on."""

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """What people look at beside the metrics: confusions, residuals …"""

    # Optional: ``draw(shown, y, row)``, what `FittedInput.show` gave with a raw target (or None) and an answer's row drawn
    # onto it; ``summary(y)``, a raw target in a few words; ``notes(ys)``, as the input's; ``labels``, the classes that its
    # metrics are of where no target is just one of them, ``count(y)`` → example and class of each thing that targets hold,
    # and ``counted``, the noun for one; ``forms``, endings of what ``written(form, inputs, rows)`` → {path: bytes} makes.

    def to_json(self) -> JSON:
        """Everything that `Output.load` needs."""


class Output(Protocol):
    """A kind of target before any data: its options."""

    @property
    def names(self) -> tuple[str, ...]:
        """The column names that people give it, most usual first."""

    def fit(self, ys: Sequence[Any]) -> FittedOutput:
        """Learn the codec from training targets (those that are missing or wrong are left to `FittedOutput.encode`).

        Raises:
            DataError: nothing can be learned from (one class, no number).
        """

    def load(self, state: JSON) -> FittedOutput:
        """The inverse of `FittedOutput.to_json`."""

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """Raw targets that ``signs`` (−1 or 1, see `Input.fake`) decide."""


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
