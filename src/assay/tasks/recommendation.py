"""What a user takes next, out of a whole catalogue, after all that he has had."""

from collections.abc import Sequence
from typing import Any

from assay.codecs.catalogue import learn
from assay.core.source import Source
from assay.core.task import FittedInput, FittedOutput, Input, Network, Output, Pair, Task
from assay.inputs.history import History
from assay.inputs.history import raw_items as history_items
from assay.networks.linear_items import RECIPE as LINEAR
from assay.networks.linear_items import LinearHead, plain
from assay.networks.recommendation import RECIPE, attention, gru, scored
from assay.outputs.ranking import Ranking, targets
from assay.tasks._clicks import clicks


def _fit(history: Input, ranking: Output, xs: Sequence[Any], ys: Sequence[Any]) -> tuple[FittedInput, FittedOutput]:
    """Both with one catalogue: the items of the histories and of what followed them."""
    assert isinstance(history, History)
    assert isinstance(ranking, Ranking)
    pasts = [items if isinstance(items := history_items(x), list) else [] for x in xs]
    nexts = [items if isinstance(items := targets(y), list) else [] for y in ys]
    # the targets of an example hold its history but for the first items, wherever there is more than one
    events = [[*past[: max(0, len(past) + 1 - len(then))], *then] for past, then in zip(pasts, nexts, strict=True)]
    catalogue = learn(events)
    fitted = history.fitted(catalogue, [len(past) for past in pasts])
    counts = [len(then) for then in nexts]
    return fitted, ranking.fitted(catalogue, counts, min(max(counts, default=1), fitted.longest + 1))


def _arrange(source: Source, history: Input, ranking: Output) -> Source:  # noqa: ARG001 - as `Pair` takes it
    """One history a user and split, of a table of events."""
    assert isinstance(history, History)
    return history.arrange(source)


TASK = Task(
    name="recommendation",
    summary="What a user takes next, out of a whole catalogue, after all that he has had.",
    input=History(),
    output=Ranking(),
    networks=(
        Network(name="attention", body=attention, head=scored, recipe=RECIPE),
        Network(name="gru", body=gru, head=scored, recipe=RECIPE),
        Network(name="linear", body=plain, head=LinearHead, recipe=LINEAR, sizes=()),
    ),
    pair=Pair(fit=_fit, arrange=_arrange),
    demo=clicks,
)
