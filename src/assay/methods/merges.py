"""The bootstrap and the jackknife of metrics that are no function of sums (mAP): a merge of tallies by other weights.

Shapes: N examples, k tally columns, R replicates, J parts of the jackknife.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assay.core.metric import Array, Metric
from assay.methods.bootstrap import bootstrap_weights

PARTS = 500  # of the jackknife, which would else cost more than the replicates do
_CELLS = 1 << 22  # weights in a block: 32 MB


def merges(
    metrics: Sequence[Metric], tallies: Array, replicates: int, seed: int
) -> dict[str, tuple[float, Array, Array]]:
    """Each metric's value, its replicates ``[R]`` and its jackknife ``[J]``, by name; the same weights for all of them.

    Up to `PARTS` examples the jackknife leaves out one at a time; of more it leaves out one of 500 random parts of them.
    The skewness that BCa takes from it is of sums of independent influences, and is the same for sums of parts of them.

    Args:
        metrics: with a ``merge``.
        tallies: ``[N, k]``.
        replicates: R.
        seed: of the weights.
    """
    n = len(tallies)
    with np.errstate(all="ignore"):  # what is not defined is nan, and says so
        values = {metric.name: metric.over(tallies) for metric in metrics}
        drawn = _all(metrics, tallies, bootstrap_weights(n, replicates=replicates, seed=seed))
        without = _all(metrics, tallies, _others(n))
    return {name: (values[name], drawn[name], without[name]) for name in values}


def _all(metrics: Sequence[Metric], tallies: Array, blocks: Iterator[Array]) -> dict[str, Array]:
    parts: dict[str, list[Array]] = {metric.name: [np.empty(0)] for metric in metrics}
    for weights in blocks:
        for metric in metrics:
            assert metric.merge is not None
            parts[metric.name].append(metric.merge(tallies, weights))
    return {name: np.concatenate(found) for name, found in parts.items()}


def _others(n: int) -> Iterator[Array]:
    """Weights of everything but one part, a row a part, in blocks."""
    parts = min(n, PARTS)
    part = np.random.default_rng(0).permutation(n) % max(parts, 1)
    step = max(1, _CELLS // max(n, 1))
    for start in range(0, parts, step):
        yield (part[None, :] != np.arange(start, min(start + step, parts))[:, None]).astype(np.float64)
