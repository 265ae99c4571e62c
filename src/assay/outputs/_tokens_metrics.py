"""Metrics of how well a text was foreseen, from its log-probability and its size.

Legend: B texts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric, ratio

NLL, TOKENS, CHARACTERS, BYTES, TEXTS = range(5)
COLUMNS = 5


def sizes(nll: NDArray[np.float64], tokens: Array, characters: Array, size: Array) -> Array:
    """What each text contributes: nats, tokens, characters, bytes and 1, ``[B, 5]``.

    >>> sizes(np.array([2.0]), np.array([3.0]), np.array([2.0]), np.array([4.0])).tolist()
    [[2.0, 3.0, 2.0, 4.0, 1.0]]
    """
    return np.stack([nll, tokens, characters, size, np.ones(len(nll))], axis=1).astype(np.float64)


def metrics(first_column: int = 0) -> tuple[Metric, ...]:
    """Bits and nats a character, bits a byte and perplexity a token.

    Figures a character or a byte can be compared between tokenizers; perplexity cannot.

    >>> bits, nats, byte, perplexity = metrics()
    >>> sums = np.array([8 * np.log(2), 4.0, 8.0, 16.0, 1.0])
    >>> [round(float(metric.of(sums)), 4) for metric in (bits, nats, byte, perplexity)]
    [1.0, 0.6931, 0.5, 4.0]
    """
    at = first_column
    nats = ratio("nats_per_character", at + NLL, at + CHARACTERS, better="lower", unit="nats")
    a_byte = ratio("", at + NLL, at + BYTES, better="lower")
    a_token = ratio("", at + NLL, at + TOKENS, better="lower")
    return (
        Metric("bits_per_character", lambda sums: nats.of(sums) / math.log(2), better="lower", unit="bits"),
        nats,
        Metric("bits_per_byte", lambda sums: a_byte.of(sums) / math.log(2), better="lower", unit="bits"),
        perplexity(a_token),
    )


def perplexity(nats_per_token: Metric) -> Metric:
    """``exp`` of the nats a token."""
    return Metric("perplexity", lambda sums: np.exp(nats_per_token.of(sums)), better="lower")
