"""A network's recipe with the user's options in it, each checked for its range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from assay.core.errors import ConfigError, choose
from assay.core.recipe import Recipe
from assay.learners.optimizers import DEFAULT_LR
from assay.learners.schedule import SCHEDULES

_LEAST = {"epochs": 1, "batch_size": 1, "accumulate": 1, "seeds": 1, "seed": 0, "patience": 0, "lr": 0.0, "clip": 0.0,
          "momentum": 0.0, "weight_decay": 0.0, "warmup": 0.0, "smoothing": 0.0, "ema": 0.0, "validation": 0.0}  # fmt: skip
_BATCHES = 8
PRIVATE_LR = 0.2
PRIVATE_BATCH = 2  # times as large, for as many passes: noise is per update, and half as many updates have less of it
_BELOW = dict.fromkeys(("momentum", "warmup", "smoothing", "ema", "validation"), 1.0) | {"seed": 2.0**62}


def override(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """``recipe`` with every option that has its field's name and is not ``None``.

    Another optimizer brings its own learning rate, unless one is given. 0 turns ``ema``, ``patience`` and ``clip`` off.

    Raises:
        ConfigError: a name is not known, or a number out of its range.
    """
    check_ranges(options)
    given = {f.name: options[f.name] for f in fields(Recipe) if options.get(f.name) is not None}
    if "optimizer" in given:
        choose("optimizer", given["optimizer"], DEFAULT_LR)
        if given["optimizer"] != recipe.optimizer:
            given.setdefault("lr", DEFAULT_LR[given["optimizer"]])
    if "schedule" in given:
        choose("schedule", given["schedule"], SCHEDULES)
    for name in ("ema", "patience", "clip"):
        if given.get(name) == 0:
            given[name] = None
    return replace(recipe, **given)


def for_privacy(recipe: Recipe) -> Recipe:
    """``recipe`` as training with differential privacy begins with it: batches twice as large, and SGD for AdamW.

    AdamW divides by the size of what is mostly noise, so that each number that learns moves as far as any other. At ε = 8,
    with AdamW and with SGD: 1,200 easy rows of a table, 50 updates, accuracy 0.52 … 0.70 and 0.97; 1,200 easy texts, 0.70
    and 1.00 (attention), 0.47 and 0.99 (convolution). At ε = 1 batches twice as large took SGD on the rows from 0.80 to
    0.93; a rate of 0.5 failed there. Muon stays: on 3,000 images of clothes at ε = 8 it had 0.75 after 6 epochs, SGD 0.56
    after 8.

    >>> kept = for_privacy(Recipe(optimizer="adamw", lr=1e-3, batch_size=128, weight_decay=0.01))
    >>> kept.optimizer, kept.lr, kept.batch_size, kept.weight_decay
    ('sgd', 0.2, 256, 0.0)
    """
    size, updates = PRIVATE_BATCH * recipe.batch_size, math.ceil(recipe.updates / PRIVATE_BATCH)
    recipe = replace(recipe, batch_size=size, updates=updates)
    if recipe.optimizer != "adamw":
        return recipe
    return replace(recipe, optimizer="sgd", lr=PRIVATE_LR, momentum=0.9, weight_decay=0.0)


def suited(recipe: Recipe, n: int, options: Mapping[str, Any]) -> Recipe:
    """``recipe`` for ``n`` training examples, as far as the user left it open.

    Small data is cut into at least eight batches (of 32 at least), and passed over until there are ``recipe.updates``;
    with ``epsilon`` into at least four.

    >>> small = suited(Recipe(batch_size=512, epochs=10, updates=300), 320, {})
    >>> small.batch_size, small.epochs
    (40, 38)
    """
    if options.get("batch_size") is None:
        most = _BATCHES if options.get("epsilon") is None else _BATCHES // PRIVATE_BATCH
        recipe = replace(recipe, batch_size=min(recipe.batch_size, max(32, n // most)))
    if options.get("epochs") is None:
        per_epoch = max(1, n // recipe.batch_size)
        recipe = replace(recipe, epochs=max(recipe.epochs, math.ceil(recipe.updates / per_epoch)))
    return recipe


def check_ranges(options: Mapping[str, Any]) -> None:
    """Refuse a number that is out of its range.

    Raises:
        ConfigError: naming the option, what was given and what is accepted.
    """
    for name, least in _LEAST.items():
        value = options.get(name)
        if value is None:
            continue
        below = _BELOW.get(name, math.inf)
        if not least <= value < below:
            until = f" and less than {below:g}" if math.isfinite(below) else ""
            raise ConfigError(f"--{name.replace('_', '-')} is {value}; it must be at least {least:g}{until}.")
