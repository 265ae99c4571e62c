"""What people look at beside the metrics of a ranking."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array
from assay.core.record import Table

POPULAR = 0.1  # the share of the catalogue that is popular
BANDS = 5  # of popularity
EDGES = (1, 3, 10, 30, 100, 300, 1000)


def ranking_tables(
    count: int, k: int, items: NDArray[Any], rank: NDArray[Any], target: NDArray[Any]
) -> tuple[Table, ...]:
    """Where targets stand, quality by popularity, and coverage.

    Args:
        count: V, the items of the catalogue, whose codes go by the number of their training events.
        k: how many are listed.
        items: the listed items, ``[N, k]``; 0 is none.
        rank: of the targets, ``[N]``; ``count + 1`` where it cannot be named.
        target: their codes, ``[N]``; less than 1 where the catalogue has none.
    """
    return _ranks(count, rank, target), _popularity(count, k, items, rank, target)


def exposure(count: int, items: NDArray[Any]) -> Array:
    """The exposure in each list of items that are not popular, and that of all, ``[N, 2]``: a place counts for
    ``1 / log2(place + 1)``, as often as it is looked at (Singh & Joachims 2018, *Fairness of exposure in rankings*).

    Args:
        count: V, the items of the catalogue, whose codes go by the number of their training events; the first tenth of
            them are popular.
        items: the listed items, ``[N, k]``; 0 is none.

    >>> exposure(10, np.array([[1, 7, 3]])).round(3).tolist()
    [[1.131, 2.131]]
    """
    seen = 1 / np.log2(np.arange(items.shape[1]) + 2.0)
    popular = max(1, round(POPULAR * count))
    return np.stack([((items > popular) * seen).sum(1), ((items > 0) * seen).sum(1)], axis=1)


def _ranks(count: int, rank: NDArray[Any], target: NDArray[Any]) -> Table:
    n = max(1, len(rank))
    rows: list[tuple[Any, ...]] = []
    below = 0
    for edge in (*(edge for edge in EDGES if edge < count), count):
        among = int(((rank > below) & (rank <= edge)).sum())
        rows.append((f"{below + 1} to {edge}" if edge > below + 1 else str(edge), among, among / n))
        below = edge
    unseen = int((target < 1).sum())
    had = int((rank > count).sum()) - unseen
    rows.append(("never seen in training", unseen, unseen / n))
    rows.append(("in the history already", had, had / n))
    note = (
        f"Ranks of the targets among all {count:,} items but those of the history. The last two rows count as misses."
    )
    return Table("ranks", ("rank", "targets", "share"), tuple(rows), note)


def _popularity(count: int, k: int, items: NDArray[Any], rank: NDArray[Any], target: NDArray[Any]) -> Table:
    hit = rank <= min(k, count)
    gain = np.where(hit, 1 / np.log2(rank + 1.0), 0)
    bounds = np.linspace(0, count, BANDS + 1).round().astype(int)
    offered = np.unique(items[items > 0])
    rows: list[tuple[Any, ...]] = []
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if high == low:
            continue
        own = (target > low) & (target <= high)
        listed = int(((offered > low) & (offered <= high)).sum())
        rows.append(
            (
                f"{low + 1:,} to {high:,}",
                int(own.sum()),
                *(_mean(v[own]) for v in (gain, hit)),
                listed / (high - low),
            )
        )
    columns = ("items by popularity", "targets", f"ndcg@{k}", f"recall@{k}", "share of them ever listed")
    note = f"{len(offered):,} of {count:,} items were listed among the first {k} for anybody."
    return Table("popularity", columns, tuple(rows), note)


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
