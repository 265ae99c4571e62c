"""A recipe is everything about training that is not the task, the network or the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Defaults that train one network well; every field can be overridden by an option of ``train``.

    Attributes:
        optimizer: ``sgd`` (Nesterov where momentum allows), ``adamw`` or ``muon``.
        lr: the peak learning rate.
        momentum: of ``sgd`` and ``muon``.
        weight_decay: decoupled for ``adamw`` and ``muon``; never applied to biases, norms and other vectors.
        batch_size: examples an update.
        epochs: passes over the training data where no time is given.
        updates: at least so many; small data is passed over more often.
        schedule: ``constant``, ``linear`` or ``cosine``: the way down to 0, as a share of the budget of epochs or time.
        warmup: the share of the budget over which the rate rises.
        smoothing: of labels, for outputs that have them.
        augment: whether the input changes training batches at random.
        ema: the decay a step of the average of weights that is evaluated and kept; ``None`` for none.
        patience: stop after this many epochs without a better validation score; ``None`` for never.
        select: the validation metric whose best epoch is kept; ``None`` for the output's headline metric.
        clip: the largest norm of the gradient; ``None`` for no bound.
    """

    optimizer: str = "adamw"
    lr: float = 1e-3
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    batch_size: int = 128
    epochs: int = 20
    updates: int = 200
    schedule: str = "linear"
    warmup: float = 0.0
    smoothing: float = 0.0
    augment: bool = False
    ema: float | None = None
    patience: int | None = None
    select: str | None = None
    clip: float | None = None
