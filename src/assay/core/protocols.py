"""What an input and an output must offer: before any data (`Input`, `Output`) and fitted to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric
from assay.core.record import Table

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Pack: TypeAlias = dict[str, NDArray[Any]]
Tensors: TypeAlias = "dict[str, Tensor]"
Problems: TypeAlias = dict[int, str]
JSON: TypeAlias = dict[str, Any]

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

    @property
    def corruptions(self) -> tuple[str, ...]:
        """What can befall such an input where it is used (noise, blur, typing errors), the most usual first."""

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Arrays ``[N, …]`` of inputs that one of `corruptions` befell, at a severity of 1 (hardly seen) to 5."""

    def features(self, x: Pack) -> NDArray[np.float32]:
        """Cheap vectors ``[N, D]`` for judging how alike examples are."""

    def show(self, x: Any) -> tuple[str, str]:
        """One raw input for people: (kind, data) as in a record's `Medium`."""

    # Optional: ``shade(x, values)``, what `show` gives of a raw input with what each of its parts ``[P]`` counts for laid
    # over it (red speaks for the answer, blue against it); ``beside(x, shaded, values)``, that next to the input as it was,
    # for answers that are not drawn onto it; ``absence``, a sentence on what a part that is not kept looks like;
    # ``fill(x, mask, count, seed)``, as `keep` but ``[M × K, …]`` where several stand-ins for what is absent are to be
    # averaged over (those of one mask together; ``count`` of them, or 1, drawn by the seed, each stretch of 2^k of them
    # like the whole); ``pooled(x)``, names of parts that mean the same in inputs of any length;
    # ``moments(xs, decide, n, seed)``, raw inputs met on the way where one only says where to begin (an environment).

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

    def own(self, answers: Pack) -> Pack:
        """Answers ``[N, …]`` as targets, the arrays that `encode` gives but for those that only training asks for: an
        explanation asks what speaks for them."""

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
    # and ``counted``, the noun for one; ``forms``, endings of what ``written(form, inputs, rows)`` → {path: bytes} makes;
    # ``claims(y)``, the names of what one target ``[1, …]`` claims (a box, a token), and ``explained(raw, y)`` →
    # ``[B, C]``, how strongly a raw answer makes each of them (else there is one claim, the answer, and minus its loss);
    # ``claimed(row, y, claim)``, an answer's row for ``draw`` in which one of these claims alone stands out;
    # ``rates``, further metrics that a fairness audit states by group, and ``rated(answers, y)`` → ``[B, k]``, their
    # tallies (a rate of one of several classes is named ``rate of class``); ``parities``, by name of a parity the names of
    # the rates that it asks to be equal in all groups; ``guided``, false where `forward` does not need the target;
    # ``scarce(ys)``, of raw targets to learn from those that hold what is too rare to be learned, as `notes` tells;
    # ``impossible(y)``, why no answer can be this raw target, though `encode` takes it (it counts as a miss), or ``None``;
    # ``judged``, what `verdict` is where no metric is its mean; ``probabilities``, the column of its answers that holds the
    # probability of each of `classes`, ``[B, C]``, from which all else that it says comes (`Output` has it too, before any
    # data): thresholds by group shift it.

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
