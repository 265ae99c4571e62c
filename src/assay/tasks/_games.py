"""A game with a known answer: a pole that is balanced on a cart."""

from __future__ import annotations

from pathlib import Path

from assay.core.demo import Demo


def pole(_: Path) -> Demo:
    """The cart and pole of Barto, Sutton and Anderson (1983), as Gymnasium has them; nothing is written."""
    return Demo(
        data="CartPole-v1",
        about="a pole to be balanced on a cart (Barto, Sutton & Anderson 1983), played with Gymnasium",
        inputs=("[0.0, 0.0, 0.05, 0.0]", "[0.0, 0.0, -0.05, 0.0]"),
        time="30s",
        known=("mean_return", 500.0, "since an episode ends after 500 steps and each of them gives 1"),
    )
