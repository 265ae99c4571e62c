"""What a user decides about one training besides the recipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one training runs.

    Attributes:
        seed: of the weights, the order of the examples, augmentation and dropout.
        seconds: the whole time that may pass from ``started`` on, to the end of the evaluation; ``None`` for no bound.
        started: `time.perf_counter` at the start of what the user asked for.
        accumulate: into how many parts each batch is cut, their gradients summed: less memory, the same update (but for
            batch statistics).
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``auto``, ``cpu``, ``cuda``, ``mps`` …
        compile: whether the network is compiled with ``torch.compile``.
        skip_bad: whether to go on without the examples that cannot be read.
        fair_by: the column whose groups training is to be fair to; ``None`` for none.
        fair_method: how: ``reweigh``, ``group-dro``, ``resample`` or ``thresholds``.
        fair_strength: how much of it, 0 … 1; ``None`` for the method's own default.
        epsilon: the privacy that each training example is to have; ``None`` for none.
        delta: the probability with which it may fail; ``None`` for n to the power of −1.1.
    """

    seed: int = 0
    seconds: float | None = None
    started: float = 0.0
    accumulate: int = 1
    precision: str = "fp32"
    device: str = "auto"
    compile: bool = False
    skip_bad: bool = False
    fair_by: str | None = None
    fair_method: str | None = None
    fair_strength: float | None = None
    epsilon: float | None = None
    delta: float | None = None
