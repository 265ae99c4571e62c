"""How histories and rankings come together: one catalogue, and one history a user of a table of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.codecs.catalogue import learn
from assay.core.protocols import FittedInput, FittedOutput, Input, Output
from assay.core.source import Source
from assay.core.task import Pair
from assay.inputs.history import History, raw_items
from assay.outputs.ranking import Ranking, targets


def fit(history: Input, ranking: Output, xs: Sequence[Any], ys: Sequence[Any]) -> tuple[FittedInput, FittedOutput]:
    """Both with the catalogue of the items in the histories and of what followed them.

    Raises:
        DataError: there are fewer than two items.
    """
    assert isinstance(history, History)
    assert isinstance(ranking, Ranking)
    pasts = [items if isinstance(items := raw_items(x), list) else [] for x in xs]
    nexts = [items if isinstance(items := targets(y), list) else [] for y in ys]
    # Targets before the last one stand in the history too; they are counted once.
    events = [[*past[: max(0, len(past) + 1 - len(then))], *then] for past, then in zip(pasts, nexts, strict=True)]
    catalogue = learn(events)
    fitted = history.fitted(catalogue, [len(past) for past in pasts])
    most = max((len(then) for then in nexts), default=1)
    return fitted, ranking.fitted(catalogue, min(most, fitted.longest + 1))


def arrange(source: Source, history: Input, ranking: Output) -> Source:  # noqa: ARG001 - as `Pair` takes it
    """As `assay.inputs.history.History.arrange`."""
    assert isinstance(history, History)
    return history.arrange(source)


PAIR = Pair(fit=fit, arrange=arrange)
