"""Batches of rows of like length."""

from __future__ import annotations

import numpy as np
import torch

from assay.core.feed import Feed
from assay.core.packing import Encoded


class Plain:
    def collate(self, arrays):
        return arrays


def feed(lengths):
    n = 0 if lengths is None else len(lengths)
    n = n or 1000
    x = {"tokens": np.arange(n)[:, None]} | ({} if lengths is None else {"length": np.asarray(lengths)})
    encoded = Encoded(x, np.arange(n), {"label": np.zeros(n, np.int64)}, np.arange(n), ())
    return Feed(encoded, Plain(), torch.device("cpu"))


def order_of(given, size, seed):
    return given.shuffled(size, torch.Generator().manual_seed(seed))


def test_every_example_comes_once_and_another_order_comes_with_another_seed():
    lengths = np.random.default_rng(0).integers(1, 90, 1003)
    given = feed(lengths)
    first, second = order_of(given, 16, 0), order_of(given, 16, 1)
    assert sorted(first.tolist()) == list(range(1003))
    assert first.tolist() != second.tolist()
    assert first.tolist() == order_of(given, 16, 0).tolist()


def test_rows_of_a_batch_are_of_like_length_and_batches_come_in_no_order_of_length():
    lengths = np.random.default_rng(0).integers(1, 90, 1600)
    batches = lengths[order_of(feed(lengths), 16, 0).numpy()].reshape(-1, 16)
    assert np.ptp(batches, axis=1).mean() < 5  # of 89 at most; a random batch has about 79
    assert abs(np.corrcoef(np.arange(100), batches.mean(1))[0, 1]) < 0.5


def test_what_makes_no_whole_batch_is_drawn_at_random():
    lengths = np.r_[np.full(990, 5), np.full(13, 80)]
    left_out = {tuple(order_of(feed(lengths), 16, seed)[-11:].tolist()) for seed in range(5)}
    assert len(left_out) == 5


def test_rows_without_length_are_a_permutation_as_it_always_was():
    expected = torch.randperm(1000, generator=torch.Generator().manual_seed(3))
    assert torch.equal(order_of(feed(None), 16, 3), expected)
