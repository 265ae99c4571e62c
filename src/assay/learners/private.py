"""Training with differential privacy: DP-SGD (Abadi et al. 2016, arXiv:1607.00133), accounted for by Opacus.

Each update takes every training example with the same probability, bounds the norm of each one's gradient, sums them, adds
Gaussian noise and divides by the expected number of examples. Neighbouring data differ by one example (added or removed).

All chance comes from a key that is drawn from the system for this one training and thrown away at its end: a seed that
anybody can read in a model's plan would let them take the noise away again. Which examples are taken, dropout and
augmentation are drawn from it too, since the amplification by sampling holds only for a sample that nobody knows, and since
what is drawn by place in a batch would else tell of the places before it. Each update has its own stream, so that a run that
was killed makes the same updates again, and no noise is used twice.

Legend: N training examples, B examples taken, q sampling rate, σ noise multiplier.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from assay.core.errors import ConfigError, Unsupported
from assay.core.figure import Figure
from assay.core.model import Model
from assay.core.norms import NORM, has_batch_norms
from assay.core.packing import Encoded
from assay.core.recipe import Recipe
from assay.core.seen import Hashes, hashes
from assay.core.settings import Settings
from assay.core.task import Network

KEY = "key"  # where a run keeps it
KEY_BYTES = 32
CLIP = 1.0
CURVE = (0.001, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3)  # δ at which a training's other guarantees are worked out
LEAST = 0.2  # of σ: below it nothing is promised, and the accountant works for minutes
POWER = -1.1  # of n, for δ
SAMPLE, NOISE, CHANCE, AUGMENT = range(4)  # what a stream is for


@dataclass(frozen=True)
class Private:
    """The mechanism, fixed before the first update.

    Attributes:
        epsilon, delta: what the training is to keep to.
        rate: the probability q with which an update takes each example.
        noise: σ, the deviation of the noise as a multiple of ``clip``.
        clip: the largest norm of one example's gradient.
        updates: how many there are at most.
        n: training examples.
    """

    epsilon: float
    delta: float
    rate: float
    noise: float
    clip: float
    updates: int
    n: int

    def taken(self, key: Tensor, step: int) -> Tensor:
        """The examples of update ``step`` in ascending order, ``[B]``; there may be none."""
        return torch.from_numpy(np.flatnonzero(stream(key, SAMPLE, step).random(self.n) < self.rate))

    def noisy(self, summed: list[Tensor], key: Tensor, step: int) -> list[Tensor]:
        """Sums of clipped gradients with their noise, over the expected number of examples."""
        chance, expected = stream(key, NOISE, step), self.rate * self.n
        return [
            (g + torch.from_numpy(chance.standard_normal(tuple(g.shape)) * (self.noise * self.clip)).to(g)) / expected
            for g in summed
        ]

    def spent(self, updates: int) -> float:
        """ε after so many updates."""
        return epsilon_of(self.noise, self.rate, updates, self.delta)

    def guarantees(self) -> tuple[tuple[float, float], ...]:
        """Pairs of ε and δ that hold at once: the one that is claimed, and what the same noise keeps to at larger δ."""
        others = [(max(0.0, epsilon_of(self.noise, self.rate, self.updates, delta)), delta) for delta in CURVE]
        return ((self.epsilon, self.delta), *others)

    def figures(self, updates: int) -> tuple[Figure, ...]:
        """What the record states of a run that made so many updates."""
        held = {
            "epsilon": self.spent(updates),
            "delta": self.delta,
            "sampling_rate": self.rate,
            "noise_multiplier": self.noise,
            "clip": self.clip,
            "private_updates": updates,
        }
        lower = ("epsilon", "delta")
        return tuple(
            Figure(name, float(value), n=self.n, better="lower" if name in lower else "neither")
            for name, value in held.items()
        )


def private(settings: Settings, recipe: Recipe, n: int) -> Private | None:
    """The mechanism that was asked for, its noise found for the budget of epochs; ``None`` where none was.

    Raises:
        ConfigError: an option would void the guarantee, or the budget cannot be kept.
        Unsupported: Opacus is not installed.
    """
    refuse(settings)
    if settings.epsilon is None:
        return None
    delta = n**POWER if settings.delta is None else settings.delta
    if not 0 < delta < 1 / n:
        raise ConfigError(
            f"--delta is {delta:g}; for {n:,} training examples it must be above 0 and less than 1/{n:,} = {1 / n:.2g}: a "
            "training that publishes one example outright would keep to any larger one."
        )
    size = min(recipe.batch_size, n)
    rate, updates = size / n, recipe.epochs * (n // size)
    return Private(
        epsilon=settings.epsilon,
        delta=delta,
        rate=rate,
        noise=noise_for(settings.epsilon, delta, rate, updates),
        clip=recipe.clip or CLIP,
        updates=updates,
        n=n,
    )


def refuse(settings: Settings) -> None:
    """Refuse what would void the guarantee.

    Raises:
        ConfigError: with the reason.
    """
    epsilon = settings.epsilon
    if epsilon is None:
        if settings.delta is not None:
            raise ConfigError("--delta says how surely --epsilon holds; give --epsilon too.")
        return
    if settings.delta is not None and not 0 < settings.delta < 1:
        raise ConfigError(f"--delta is {settings.delta:g}; it is a probability, above 0 and less than 1.")
    if not 0 < epsilon < math.inf:
        raise ConfigError(
            f"--epsilon is {epsilon}; it must be above 0 (1 is strong, 8 is usual, above 10 promises little)."
        )
    reasons = {
        "--fair-by": (
            settings.fair_by is not None,
            "its weights, samples or thresholds depend on the other examples, so that one example's influence has no bound",
        ),
        "--time": (
            settings.seconds is not None,
            "the noise is worked out from the number of updates, which a time does not fix before the first; give --epochs",
        ),
        "--compile": (settings.compile, "the gradients of single examples are taken by layer"),
        "--precision": (settings.precision != "fp32", "norms of gradients are bounded in fp32 only"),
    }
    for option, (given, why) in reasons.items():
        if given:
            raise ConfigError(f"--epsilon and {option} cannot go together: {why}.")


def private_options(network: Network, module: nn.Module, others: Iterable[tuple[str, nn.Module]]) -> Mapping[str, Any]:
    """The network's options, with norms that do not mix examples; ``others`` are asked only where it is refused.

    Raises:
        Unsupported: the network counts training examples, which no noise covers; names those of ``others`` that do not.
    """
    if _counts(module):
        fit = [f"--network {name}" for name, other in others if not _counts(other)]
        raise Unsupported(
            f'The network "{network.name}" keeps counts of the training data beside what it learns, and no noise covers '
            f"them. With --epsilon take {' or '.join(fit) or 'another task: this one has no network without counts'}."
        )
    return {**network.options, NORM: "group"} if has_batch_norms(module) else network.options


def _counts(module: nn.Module) -> bool:
    return hasattr(module.head, "observe") and getattr(module.head, "counts", True) is not None


def promises(
    held: Private, network: Network, parent: Model | None, encoded: Mapping[str, Encoded], known: Hashes | None
) -> list[str]:
    """What is promised and what is not, for the record.

    Raises:
        ConfigError: the parent was trained on some of the same examples.
    """
    if known is not None and (again := int(np.isin(hashes(encoded["train"]), known).sum())):
        raise ConfigError(
            f"--epsilon cannot be kept: the model of --from was trained on {again:,} of these {held.n:,} training examples. "
            "Begin with one that never saw them."
        )
    validation = len(encoded["validation"]) if "validation" in encoded else 0
    own = "what the codec learned of the training inputs and targets (words, categories, edges, means, classes)"
    codec = f"the codec, which is that of the model before ({parent.hash})" if parent else own
    selected = f", nor the {validation:,} validation examples that its weights were selected on" if validation else ""
    notes = [
        f"The weights keep to (ε = {held.epsilon:g}, δ = {held.delta:.2g}) for each of the {held.n:,} training examples, "
        f"added or removed (DP-SGD: an update takes an example with probability {held.rate:.4g}, clips its gradient to "
        f"{held.clip:g} and adds noise of {held.noise:g} times that; PRV accountant).",
        f"ε does not cover {codec}, the number of examples and the data's fingerprint{selected}. Other trainings on this "
        "data add their own ε, also those that only served to choose options.",
    ]
    if parent and known is None:
        notes.append(
            "ε holds only if the model of --from never saw these examples, which cannot be looked up here: it was trained "
            "elsewhere, or the cache was emptied since."
        )
    if network.options.get(NORM) == "group":
        notes.append("Its batch norms, which mix examples, were replaced by group norms.")
    return notes


def new_key() -> Tensor:
    """A secret from the system, uint8 ``[32]``."""
    return torch.frombuffer(bytearray(secrets.token_bytes(KEY_BYTES)), dtype=torch.uint8)


def stream(key: Tensor, purpose: int, step: int) -> np.random.Generator:
    """Philox under a key that BLAKE2b derives from the secret, for one purpose of one update."""
    return np.random.Generator(np.random.Philox(key=_derived(key, purpose, step)))


def secret(key: Tensor, purpose: int, step: int) -> int:
    """A 63-bit seed derived from the secret, for PyTorch's own generators."""
    return _derived(key, purpose, step) & (2**63 - 1)


def _derived(key: Tensor, purpose: int, step: int) -> int:
    message = purpose.to_bytes(1, "big") + step.to_bytes(8, "big")
    return int.from_bytes(hashlib.blake2b(message, key=bytes(key.tolist()), digest_size=16).digest(), "big")


@lru_cache(64)
def noise_for(epsilon: float, delta: float, rate: float, updates: int) -> float:
    """The least σ that keeps to (ε, δ) over so many updates, rounded up to 4 digits.

    Raises:
        ConfigError: there is none.
    """
    low, high = 0.0, 1.0
    while epsilon_of(high, rate, updates, delta) > epsilon:
        low, high = high, 2 * high
        if high > 1e4:
            raise ConfigError(f"--epsilon {epsilon:g} is too little for {updates:,} updates: no noise keeps to it.")
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        if middle < LEAST or epsilon_of(middle, rate, updates, delta) > epsilon:
            low = middle
        else:
            high = middle
    return math.ceil(high * 1e4) / 1e4


@lru_cache(1024)
def epsilon_of(noise: float, rate: float, updates: int, delta: float) -> float:
    """ε of so many updates: the upper bound of the PRV accountant (Gopi, Lee & Wutschitz 2021, arXiv:2106.02848).

    Raises:
        Unsupported: Opacus is not installed.
    """
    try:
        from opacus.accountants import PRVAccountant
    except ImportError as error:
        raise Unsupported('--epsilon needs Opacus: pip install "assay[privacy]".') from error
    accountant = PRVAccountant()
    accountant.history = [(noise, rate, updates)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tails that it cuts, which its bound counts in
        return float(accountant.get_epsilon(delta=delta, eps_error=0.01))
