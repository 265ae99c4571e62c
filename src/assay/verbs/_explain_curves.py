"""Whether the parts that are said to count most move the answer most: taken out, and put in, next to random orders."""

from __future__ import annotations

from collections.abc import Sequence

from assay.methods.attribution import Attribution
from assay.verbs._explain_player import Case, Player
from assay.verbs._findings import Findings


def curves(player: Player, cases: Sequence[Case], found: Sequence[Attribution], seed: int) -> Findings:
    """``deletion_gain`` and ``insertion_gain``."""
    return Findings()
