"""What a task shows itself on: real data that a dependency ships, or made data with a known answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Data on disk and how to use it.

    Attributes:
        data: as a verb takes it.
        about: one sentence: what it is and where it comes from.
        inputs: raw inputs or files to predict.
        target: the column to predict, where it must be named.
        by: a column to judge subgroups by.
        time: a budget that trains a good model.
        size: of the network, where its usual one is larger than the data asks for.
        known: where the data is made, what is known of it: a metric, the value that the best possible model reaches, and
            why that is so, as the end of a sentence.
        enough: what a model reaches of that metric where its time is enough; a worse one was trained for too short a time.
        robustness: whether the audit asks how the model stands bad inputs: where it has something to ask and little to do.
        planted: what is hidden in the data for explanations and audits to find.
    """

    data: Path | str
    about: str
    inputs: tuple[str, ...]
    target: str | None = None
    by: str | None = None
    time: str = "45s"
    size: str | None = None
    known: tuple[str, float, str] | None = None
    enough: float | None = None
    robustness: bool = False
    planted: Planted | None = None


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What is hidden in a demo's data, so that it is known what an explanation and an audit should find.

    Attributes:
        part: the part of the first input that decides its answer.
        why: why it does, as a sentence.
        group: the group, ``column=value``, that a model must be worse for.
        harm: why, as a sentence.
        secret: data whose targets can only be learned by heart, so that whoever was trained on is known by it.
    """

    part: str
    why: str
    group: str
    harm: str
    secret: Path
