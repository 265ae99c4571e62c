"""Fitted actions: encoding, the policy's loss, answers and tallies.

Legend: N examples, B batch, A actions (all choices together), K numbers or choices, W width, k tally columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.core.metric import Array, Metric, ratio
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.core.record import Table
from assay.outputs import _policies as policies

ILLEGAL = -1e9  # a logit that no move is chosen by; finite, so that losses and gaps stay numbers
LISTED = 10  # probabilities listed in a prediction

_RETURN, _ONE, _LENGTH, _WON, _DRAWN = range(5)  # columns of the tally


@dataclass(frozen=True)
class FittedAction:
    """Actions as numbers.

    Attributes:
        kind: ``choice`` or ``numbers``.
        counts: how many values each choice has, ``[K]``; none for numbers.
        shape: of an action as the environment takes it; ``()`` for one choice.
        low, high: the bounds of numbers, ``[K]``; infinite where there are none.
        game: whether two play: then what counts is who wins.
        greedy: whether the likeliest action is taken; else one is drawn.
        seed: of what is drawn.
    """

    kind: Literal["choice", "numbers"]
    counts: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    game: bool = False
    greedy: bool = True
    seed: Annotated[int, Within(0, 4_294_967_295)] = 0

    adjustable: ClassVar[tuple[str, ...]] = ("greedy", "seed")
    guided: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self)

    @property
    def dims(self) -> JSON:
        """A logit for every value of every choice, or a mean for every number."""
        return {"kind": self.kind, "width": sum(self.counts) if self.counts else len(self.low)}

    @property
    def classes(self) -> tuple[str, ...]:
        """None: what is judged is an episode, and no single action."""
        return ()

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Of episodes: mean return and length. Of games of two: how many were won and drawn, and their length."""
        length = ratio("mean_length", _LENGTH, _ONE, better="neither", unit="moves" if self.game else "steps")
        if not self.game:
            return ratio("mean_return", _RETURN, _ONE, better="higher"), length
        won = ratio("win_rate", _WON, _ONE, better="higher", proportion=True)
        drawn = ratio("draw_rate", _DRAWN, _ONE, better="neither", proportion=True)
        return won, drawn, ratio("mean_return", _RETURN, _ONE, better="higher"), length

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``{"action"}``: int64 ``[N, K]`` of choices, float32 ``[N, K]`` of numbers, in the network's unit."""
        width = len(self.counts) or len(self.low)
        out = np.zeros((len(ys), width), dtype=np.int64 if self.counts else np.float32)
        for at, y in enumerate(ys):
            try:
                row = np.asarray(y, dtype=np.float64).reshape(width)
            except (ValueError, TypeError):
                problems[at] = f"{str(y)[:60]!r} is no action; one is {self._said()}"
                continue
            counts = np.array(self.counts or [np.inf] * width)
            if (self.counts and ((row != np.round(row)) | (row < 0) | (row >= counts)).any()) or not np.isfinite(
                row
            ).all():
                problems[at] = f"the action {str(y)[:60]} is out of range; one is {self._said()}"
                continue
            out[at] = row if self.counts else (row - self._middle()) / self._half()
        return {"action": out}

    def plain(self, y: Pack) -> None:
        """None: actions are neither classes nor quantities to look at."""

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """``[B, W + 1]``; where ``x`` has ``legal`` (bool ``[B, A]``), no other move can be chosen."""
        raw: Tensor = network(observation=x["observation"])
        if "legal" not in x:
            return raw
        return torch.cat([raw[:, :-1].masked_fill(~x["legal"], ILLEGAL), raw[:, -1:]], dim=1)

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """Minus the log-probability (density, of numbers) of an action, in nats, ``[B]``."""
        return -self.judged(raw, y["action"])[0]

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss: imitation. (Play has an objective of its own.)"""
        return self.loss(raw, y)

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """Kullback–Leibler divergence of ``b``'s policy from ``a``'s, in nats, ``[B]``."""
        a, b = a.float(), b.float()
        found = policies.divergence(a, b, self.counts) if self.counts else policies.normal_divergence(a, b)
        return found.clamp_min(0)

    def judged(self, raw: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probability of actions ``[B, K]``, and the entropy of each policy, in nats, ``[B]``."""
        raw = raw.float()
        return policies.judged(raw, action, self.counts) if self.counts else policies.normal_judged(raw, action)

    def draw(self, raw: Tensor, generator: torch.Generator) -> Tensor:
        """An action from each policy, ``[B, K]``."""
        return policies.draw(raw, self.counts, generator) if self.counts else policies.normal_draw(raw, generator)

    def best(self, raw: Tensor) -> Tensor:
        """The likeliest action of each policy, ``[B, K]``."""
        return policies.likeliest(raw, self.counts) if self.counts else policies.mean(raw)

    def value(self, raw: Tensor) -> Tensor:
        """What is still to be had, ``[B]``, in the unit that the network learned in."""
        return raw[:, -1]

    def told(self, action: Tensor) -> list[Any]:
        """Actions ``[B, K]`` as the environment takes them, one a row."""
        array = action.cpu().numpy()
        if self.counts:
            return array[:, 0].tolist() if not self.shape else list(array.reshape(len(array), *self.shape))
        return list(self._scaled(array).reshape(len(array), *self.shape))

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """Choices: ``{"probability": float32 [B, A], "value": float32 [B]}``. Numbers: ``{"action", "deviation"}``,
        float32 ``[B, K]``, in the environment's unit, and the value."""
        with torch.inference_mode():
            raw = self.forward(network, x).float()
        value = (torch.tanh(raw[:, -1]) if self.game else raw[:, -1]).cpu().numpy()
        if self.counts:
            parts = [part.softmax(-1) for part in policies.parts(raw, self.counts)]
            return {"probability": torch.cat(parts, dim=1).cpu().numpy(), "value": value}
        mean, log_deviation = raw[:, :-1].chunk(2, dim=1)
        deviation = log_deviation.exp().cpu().numpy() * self._half()
        return {"action": self._scaled(mean.cpu().numpy()), "deviation": deviation, "value": value}

    def rows(self, answers: Pack) -> list[JSON]:
        """Of an episode its return and length; of an observation the action, with the probabilities or deviations."""
        if "return" in answers:
            names = [name for name in ("return", "length", "won", "drawn") if name in answers]
            return [{name: float(answers[name][at]) for name in names} for at in range(len(answers["return"]))]
        if not self.counts:
            return [
                {"action": _listed(action), "deviation": _listed(deviation)}
                for action, deviation in zip(answers["action"], answers["deviation"], strict=True)
            ]
        return [self._chosen(row, float(v)) for row, v in zip(answers["probability"], answers["value"], strict=True)]

    def tally(self, answers: Pack, y: Pack) -> Array:
        """Of episodes: return, 1, length, won, drawn, ``[N, 5]``."""
        n = len(answers["return"])
        nothing = np.zeros(n)
        columns = [answers["return"], np.ones(n), answers["length"]]
        return np.column_stack([*columns, answers.get("won", nothing), answers.get("drawn", nothing)]).astype(
            np.float64
        )

    def own(self, answers: Pack) -> Pack:
        """The likeliest action at each observation, as `encode` gives it."""
        if not self.counts:
            return {"action": ((answers["action"] - self._middle()) / self._half()).astype(np.float32)}
        starts = np.cumsum(self.counts)[:-1]
        parts = np.split(answers["probability"], starts, axis=1)
        return {"action": np.stack([part.argmax(1) for part in parts], axis=1).astype(np.int64)}

    def claims(self, y: Pack) -> tuple[str, ...]:
        """The action; of several choices or numbers then each."""
        width = len(self.counts) or len(self.low)
        noun = "choice" if self.counts else "number"
        single = () if self.counts and width == 1 else tuple(f"{noun} {at + 1}" for at in range(width))
        return ("action", *single)

    def explained(self, raw: Tensor, y: Tensors) -> Tensor:
        """The log-probability of the action (density, of numbers); then that of each choice where there are several, or
        each number that the policy means, in the environment's unit; ``[B, C]``."""
        whole = -self.loss(raw, y).unsqueeze(1)
        if self.counts:
            if len(self.counts) == 1:
                return whole
            parts = [part.log_softmax(-1) for part in policies.parts(raw.float(), self.counts)]
            each = [part.gather(1, y["action"][:, at : at + 1]) for at, part in enumerate(parts)]
            return torch.cat([whole, *each], dim=1)
        half, middle = raw.new_tensor(self._half()), raw.new_tensor(self._middle())
        return torch.cat([whole, policies.mean(raw.float()) * half + middle], dim=1)

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedAction:
        """The output as it is: a policy's chances are what it was trained to have."""
        return self

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """The return of each episode, ``[N]``."""
        return np.asarray(answers["return"], dtype=np.float64)

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """How returns and lengths are spread over the episodes."""
        shares = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
        names = ("least", "5 %", "25 %", "half", "75 %", "95 %", "most")
        cells = [np.quantile(answers[name], shares).tolist() for name in ("return", "length")]
        rows = tuple(zip(names, *cells, strict=True))
        return (Table("returns", ("share of episodes", "return at most", "length at most"), rows),)

    def to_json(self) -> JSON:
        """Everything that `Action.load` needs."""
        names = ("kind", "game", "counts", "shape", "low", "high")
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in names}

    def _half(self) -> NDArray[np.float32]:
        """What one unit of the network's is in the environment's: half the room between bounds, or 1."""
        low, high = np.array(self.low), np.array(self.high)
        bounded = np.isfinite(low) & np.isfinite(high)
        return np.where(bounded, np.where(bounded, high, 2) / 2 - np.where(bounded, low, 0) / 2, 1.0).astype(np.float32)

    def _scaled(self, numbers: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(np.clip(numbers * self._half() + self._middle(), self.low, self.high), dtype=np.float32)

    def _middle(self) -> NDArray[np.float32]:
        low, high = np.array(self.low), np.array(self.high)
        bounded = np.isfinite(low) & np.isfinite(high)
        return np.where(bounded, np.where(bounded, low, 0) / 2 + np.where(bounded, high, 0) / 2, 0.0).astype(np.float32)

    def _chosen(self, probability: NDArray[np.float32], value: float) -> JSON:
        starts = np.cumsum((0, *self.counts[:-1]))
        parts = [probability[start : start + count] for start, count in zip(starts, self.counts, strict=True)]
        action = [int(part.argmax()) for part in parts]
        row: JSON = {"action": action[0] if not self.shape else action}
        row["confidence"] = float(np.prod([part.max() for part in parts]))
        if len(parts) == 1:
            order = np.argsort(-probability, kind="stable")[:LISTED]
            row["probabilities"] = {str(at): float(probability[at]) for at in order.tolist() if probability[at] > 0}
        return row | ({"value": value} if self.game else {})

    def _said(self) -> str:
        ranges = ", ".join(f"0 … {count - 1}" for count in self.counts)
        return f"whole numbers out of {ranges}" if self.counts else f"{len(self.low)} numbers"


def _listed(numbers: NDArray[Any]) -> list[float]:
    return [float(number) for number in numbers.reshape(-1)]
