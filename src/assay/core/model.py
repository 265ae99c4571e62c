"""A model is a fitted input, a fitted output and a network, with the lineage that led to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from assay.core.columns import Index
from assay.core.dataset import Dataset, Roles
from assay.core.errors import ConfigError, DataError, choose
from assay.core.evening import Evening
from assay.core.feed import Batch, Feed, collate
from assay.core.metric import Array
from assay.core.norms import NORM, group_norms
from assay.core.packing import Encoded, encode
from assay.core.protocols import JSON, FittedInput, FittedOutput, Pack, Problems
from assay.core.source import WHOLE
from assay.core.task import Network, Task
from assay.core.verb import Watch

EVAL_BATCH = 512  # examples answered at once, where they are small
EVAL_NUMBERS = 1 << 23  # input numbers answered at once: what layers make of them is some ten times as much


class BodyAndHead(nn.Module):
    """A network: ``head(body(**x))``, or ``head(body(**x), given)`` where an answer is made step by step."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def forward(self, *, given: Any = None, **x: torch.Tensor) -> torch.Tensor:
        """The raw answer, as the output's `FittedOutput.forward` documents it; ``given`` is what that tells the head of the
        target (its tokens, say)."""
        features = self.body(**x)
        return self.head(features) if given is None else self.head(features, given)  # type: ignore[no-any-return]


def build(network: Network, size: str | None, fitted_input: FittedInput, fitted_output: FittedOutput) -> nn.Module:
    """A network with fresh weights (drawn from torch's global generator).

    Raises:
        ConfigError: the network has no such size.
    """
    if not network.sizes and size is not None:
        raise ConfigError(f'The network "{network.name}" has one size only; leave out --size {size}.')
    options = {"size": choose("size", size or network.sizes[0], network.sizes)} if network.sizes else {}
    own = {name: value for name, value in network.options.items() if name != NORM}
    body = network.body(**options, **own, **fitted_input.dims)
    whole = BodyAndHead(body, network.head(body.features, **fitted_output.dims))
    return group_norms(whole) if network.options.get(NORM) == "group" else whole


def network_of(task: Task, name: str | None) -> Network:
    """The task's network of that name; its first one where none is named; for ``hf:REFERENCE`` the one named ``hf:``.

    Raises:
        ConfigError: it has no such network; offers the nearest.
    """
    if name is None:
        return task.networks[0]
    kind, colon, _ = name.partition(":")
    choose("network", kind + colon, [network.name for network in task.networks])
    return next(network for network in task.networks if network.name == kind + colon)


def opened(task: Task, name: str | None) -> tuple[Task, Network]:
    """The network to train and the task as that network has it: a checkpoint brings its own codecs.

    Raises:
        ConfigError: there is no such network, or nothing follows the colon.
    """
    network = network_of(task, name)
    if network.open is None:
        return task, network
    reference = (name or "").partition(":")[2]
    if not reference:
        raise ConfigError(f"--network {network.name} is not whole: write {network.name}ID or {network.name}FOLDER.")
    return network.open(task, reference)


@dataclass(frozen=True)
class Answers:
    """A model's answers to a dataset.

    Attributes:
        columns: what the output decoded, ``[N, …]`` by name.
        encoded: the examples answered.
        tallies: ``[N, k]``; ``None`` where there is no target.
    """

    columns: Pack
    encoded: Encoded
    tallies: Array | None


@dataclass(frozen=True)
class Model:
    """A trained model; every judge sees only this.

    Attributes:
        task, network_name, size: what it is.
        input, output: the fitted codecs.
        network: the weights.
        roles: the columns that it was trained on.
        options: the network's, see `Network.options`.
        chosen: fields of the task's input and output that were set by hand.
        lineage: verb, options, parents, data fingerprints, seed, versions.
        evening: thresholds by group, where it answers by group; ``None`` where it answers everybody alike.
        folder: where it was loaded from or saved to; ``None`` for a model in memory.
        hash: of the artefact, once saved.
    """

    task: Task
    network_name: str
    size: str | None
    input: FittedInput
    output: FittedOutput
    network: nn.Module
    roles: Roles
    options: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    evening: Evening | None = None
    folder: Path | None = None
    hash: str = ""

    @cached_property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.network.parameters()).device

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(p.numel() for p in self.network.parameters())

    def to(self, device: torch.device | str) -> Model:
        """The same model with its weights moved to ``device``."""
        return replace(self, network=self.network.to(device))

    def encode(self, dataset: Dataset, *, skip_bad: bool = False, watch: Watch | None = None) -> Encoded:
        """The dataset as this model's arrays.

        Raises:
            DataError: some examples cannot be read and ``skip_bad`` is off; or it answers by group, and the dataset lacks
                the column.
        """
        groups = self.evening.of(dataset) if self.evening else None

        def progress(done: int, total: int) -> None:
            if watch:
                watch.progress(
                    "read the data" if dataset.name == WHOLE else f"read the {dataset.name} data", done, total
                )

        encoded = encode(
            dataset,
            self.input,
            self.output,
            store=self.task.input.store,
            skip_bad=skip_bad,
            whole=self.task.input.optional,
            progress=progress,
        )
        return replace(encoded, groups=groups)

    def answer(self, dataset: Dataset | Encoded, *, skip_bad: bool = False, watch: Watch | None = None) -> Answers:
        """Answers and tallies for a whole dataset; by group, where the model does.

        Raises:
            DataError: as `encode`.
            ConfigError: the model answers by group, and what is encoded bears none.
        """
        encoded = dataset if isinstance(dataset, Encoded) else self.encode(dataset, skip_bad=skip_bad, watch=watch)
        if self.evening and encoded.groups is None:
            raise ConfigError(
                "The model answers by group, and these examples bear none: let its own encode() read them."
            )
        if self.task.evaluate:
            columns, tally = self.task.evaluate(self, encoded, watch)
            return Answers(columns, encoded, tally)
        parts: list[Pack] = []
        tallies: list[Array] = []
        order: list[Index] = []
        done = 0
        for at, batch in self._batches(encoded):
            part = self.output.decode(self.network, batch.x, batch.y if encoded.y else None)
            if self.evening and encoded.groups is not None:
                part = self.evening.even(part, encoded.groups[encoded.kept[at]], self.output)
            parts.append(part)
            order.append(at)
            if encoded.y:
                tallies.append(self.output.tally(part, {name: array[at] for name, array in encoded.y.items()}))
            done += batch.size
            if watch:
                watch.progress("answer", done, len(encoded))
        back = np.argsort(np.concatenate(order))
        columns = {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}
        return Answers(columns, encoded, np.concatenate(tallies)[back] if tallies else None)

    def losses(self, dataset: Dataset | Encoded) -> Array:
        """One loss an example, ``[N]``: of the network, before any thresholds by group.

        Raises:
            ConfigError: the data has no target.
        """
        encoded = dataset if isinstance(dataset, Encoded) else self.encode(dataset)
        if not encoded.y:
            raise ConfigError("A loss needs a target, and this data has none.")
        with torch.inference_mode():
            parts = [
                (at, self.output.loss(self.output.forward(self.network, batch.x, batch.y), batch.y))
                for at, batch in self._batches(encoded)
            ]
        losses = np.empty(len(encoded))
        for at, loss in parts:
            losses[at] = loss.double().cpu().numpy()
        return losses

    def tallies(self, dataset: Dataset | Encoded) -> Array:
        """What each example contributes to the metrics, ``[N, k]``.

        Raises:
            ConfigError: the data has no target.
        """
        found = self.answer(dataset).tallies
        if found is None:
            raise ConfigError("A tally needs a target, and this data has none.")
        return found

    def predict(self, xs: Sequence[Any]) -> list[JSON]:
        """JSON-able predictions with confidence for raw inputs.

        Raises:
            DataError: an input cannot be read, or is a row that lacks the column by which the model answers; names its
                position.
            ConfigError: the model answers by group, and an input is no row that could tell it.
        """
        if not len(xs):
            return []
        groups = self.evening.of_inputs(xs) if self.evening else None
        problems: Problems = {}
        x = self.input.encode(xs, problems)
        if problems:
            at, what = next(iter(sorted(problems.items())))
            raise DataError(f"input {at + 1}: {what}")
        return self.output.rows(self.decode(x, groups))

    def decode(self, x: Pack, groups: Index | None = None) -> Pack:
        """Answers for arrays ``[N, …]`` that are already encoded; the network's own without ``groups`` ``[N]``."""
        self.network.eval()
        n = len(next(iter(x.values())))
        parts = []
        size = at_once(x)
        for start in range(0, n, size):
            block = {name: array[start : start + size] for name, array in x.items()}
            parts.append(self.output.decode(self.network, collate(self.input, block, self.device)))
        answers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return answers if self.evening is None or groups is None else self.evening.even(answers, groups, self.output)

    def _batches(self, encoded: Encoded) -> Iterator[tuple[Index, Batch]]:
        """Batches of examples of like length, each with their positions."""
        self.network.eval()
        feed = Feed(encoded, self.input, self.device)
        size = at_once(encoded.x) if feed.lengths is None else min(EVAL_BATCH // 4, at_once(encoded.x))
        order = np.arange(len(feed)) if feed.lengths is None else np.argsort(-feed.lengths, kind="stable")
        for start in range(0, len(feed), size):
            at = order[start : start + size]
            yield at, feed.batch(torch.from_numpy(at))


def at_once(x: Pack, numbers: int | None = None) -> int:
    """How many examples of such arrays ``[N, …]`` are answered at once; or how many hold so many ``numbers``."""
    each = max(1, sum(int(np.prod(array.shape[1:])) for array in x.values()))
    return max(1, min(EVAL_BATCH, EVAL_NUMBERS // each) if numbers is None else numbers // each)
