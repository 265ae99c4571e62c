"""Networks of texts: the same answer in any batch, runs hashed as they should be, and order learned where it matters."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.feed import collate
from assay.core.recipe import Recipe
from assay.inputs.text import Text
from assay.learners.optimizers import optimizer_of
from assay.networks._ngrams import ORDER, STIR, bordered, buckets, distinct, runs
from assay.networks.heads import pooled
from assay.networks.text import SCALE, SHARE, attention, convolution, gru, lstm, mixed, ngrams

BODIES = {
    "mixed": mixed,
    "ngrams": ngrams,
    "convolution": convolution,
    "lstm": lstm,
    "gru": gru,
    "attention": attention,
}
DIMS = {"vocabulary": 40, "longest": 30, "pad": 0, "unknown": 3}


def batch(n: int = 9, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    length = torch.randint(1, 12, (n,), generator=generator)
    length[0] = 12
    mask = torch.arange(12) < length[:, None]
    tokens = torch.randint(3, 40, (n, 12), generator=generator) * mask
    letters = torch.arange(40) < 3 * length[:, None]
    return {
        "tokens": tokens,
        "mask": mask,
        "characters": torch.randint(97, 123, (n, 40), generator=generator) * letters,
    }


def built(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    body = BODIES[name]("tiny", **DIMS)
    for parameter in body.parameters():
        if not parameter.any():
            nn.init.normal_(parameter)
    return body


@pytest.mark.parametrize("name", BODIES)
def test_a_text_has_the_same_features_in_any_batch(name: str) -> None:
    body = built(name).eval()
    network = nn.Sequential(pooled(body.features, 5, pool="max" if name in ("gru", "lstm") else "mean"))
    x = batch()
    whole = network(body(**x))
    assert whole.shape == (9, 5)
    for at in range(9):
        count, letters = int(x["mask"][at].sum()), int((x["characters"][at] != 0).sum())
        alone = {"tokens": x["tokens"][at : at + 1, :count], "mask": x["mask"][at : at + 1, :count],
                 "characters": x["characters"][at : at + 1, :letters]}  # fmt: skip
        torch.testing.assert_close(network(body(**alone))[0], whole[at], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BODIES)
def test_every_weight_has_a_gradient(name: str) -> None:
    body = built(name)
    found = body(**batch(64))
    (found[0] if isinstance(found, tuple) else found).square().sum().backward()
    for weight, parameter in body.named_parameters():
        assert parameter.grad is not None, weight
        assert parameter.grad.abs().sum() > 0, weight


@pytest.mark.parametrize("name", BODIES)
def test_each_stop_of_the_dial_is_larger_than_the_one_before(name: str) -> None:
    counts = []
    for size in ("tiny", "small", "base", "large"):
        with torch.device("meta"):
            body = BODIES[name](size, **{**DIMS, "vocabulary": 10_000})
        counts.append(sum(p.numel() for p in body.parameters()))
    assert all(4 * a < b for a, b in pairwise(counts)), counts
    assert 1e5 < counts[0] < 1e6
    assert 3e7 < counts[-1] < 5e8


def test_runs_are_those_of_the_row_and_hash_as_written() -> None:
    codes = torch.tensor([[5, 6, 7, 0], [6, 7, 0, 0]])
    hashed, there = runs(codes, torch.tensor([3, 2]), 3, 9)
    assert there.sum(1).tolist() == [6, 3], "three, two and one runs; two and one"
    wanted = {}
    for row, text in (((0, (5, 6, 7))), (1, (6, 7))):
        for n in (1, 2, 3):
            for start in range(len(text) - n + 1):
                value = 9
                for at in range(n):
                    value = (value * ORDER + text[start + at] + at + 1) % 2**64
                wanted.setdefault(row, []).append(value)
    for row, values in wanted.items():
        assert [value % 2**64 for value in hashed[row][there[row]].tolist()] == values
    assert set(hashed[1][there[1]].tolist()) < set(hashed[0][there[0]].tolist()), (
        "the same run hashes the same anywhere"
    )


def test_buckets_are_the_upper_bits_of_a_stirred_hash_and_are_filled_evenly() -> None:
    value = 123456789
    stirred = value
    for _ in range(2):
        signed = (stirred + 2**63) % 2**64 - 2**63
        stirred = ((signed ^ (signed >> 32)) * STIR) % 2**64
    assert buckets(torch.tensor([value]), 16).tolist() == [stirred >> 48]
    codes = torch.arange(200_000).view(-1, 4)
    hashed, there = runs(codes, torch.full((len(codes),), 4), 4, 1)
    counts = torch.bincount(buckets(hashed[there], 8), minlength=256).double()
    chi2 = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
    assert abs(chi2 - 255) < 5 * math.sqrt(2 * 255)


def test_a_border_stands_before_and_after_what_is_used() -> None:
    out, length = bordered(torch.tensor([[5, 6, 0], [7, 0, 0]]), torch.tensor([2, 1]))
    assert out.tolist() == [[10, 5, 6, 10, 0], [10, 7, 10, 0, 0]]
    assert length.tolist() == [4, 3]


def test_a_run_that_stands_twice_counts_once() -> None:
    found, first = distinct(
        torch.tensor([[4, 2, 4, 1], [3, 3, 9, 9]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]).bool()
    )
    assert [row[here].tolist() for row, here in zip(found, first, strict=True)] == [[1, 2, 4], [3, 9]]


def test_the_bag_weighs_runs_by_their_rarity_among_the_texts_and_leaves_out_what_was_never_seen() -> None:
    body = ngrams("tiny", **DIMS).eval()
    x = batch(300)
    body.initialise(**x)
    kinds = [
        [set(row[here].tolist()) for row, here in zip(found, first, strict=True)] for found, first in body.runs(**x)
    ]
    held = [tokens | characters for tokens, characters in zip(*kinds, strict=True)]
    for bucket in list(held[0])[:20]:
        texts = sum((bucket in tokens) + (bucket in characters) for tokens, characters in zip(*kinds, strict=True))
        assert float(body.rarity[bucket]) == pytest.approx(1 + math.log(301 / (texts + 1)), rel=1e-5)
    assert not body(**x).any(), "nothing is known before training"
    nn.init.normal_(body.vectors)
    expected = torch.zeros(body.features)
    for kind in kinds:
        weight = torch.tensor([float(body.rarity[b]) for b in sorted(kind[0])])
        expected = expected + SCALE * (weight / weight.norm()) @ body.vectors[sorted(kind[0])]
    torch.testing.assert_close(body(**x)[0], expected, rtol=1e-4, atol=1e-4)


def test_the_mixed_network_answers_as_both_its_bodies_and_teaches_each_on_its_part_of_a_batch() -> None:
    body = built("mixed")
    x = batch(40)
    first, second = body.first, body.second
    body.eval()
    torch.testing.assert_close(body(**x), torch.cat([first(**x), second(**x)], dim=1))
    body.train()
    taught = torch.stack([body(**x)[:, : first.features].any(1) for _ in range(100)])
    assert (taught.sum(1) == round(SHARE * 40)).all()
    assert ((taught.float().mean(0) - SHARE).abs() < 0.2).all(), "each example in its turn"
    found = body(**x)
    assert not (found[:, : first.features].any(1) & found[:, first.features :].any(1)).any()


def words(n: int, seed: int, negated: bool) -> tuple[list[str], np.ndarray]:
    """Texts of filler words around ``good`` or ``bad``; where ``negated``, half of them behind ``not``, which turns it."""
    rng = np.random.default_rng(seed)
    filler = [f"word{at}" for at in range(30)]
    texts, labels = [], []
    for _ in range(n):
        good, turned = bool(rng.random() < 0.5), negated and bool(rng.random() < 0.5)
        said = ["not"] * turned + ["good" if good else "bad"]
        parts = list(rng.choice(filler, 6))
        if negated and not turned:  # the word itself tells nothing
            parts.insert(0, "not")
        at = int(rng.integers(2, 7))
        texts.append(" ".join([*parts[:at], *said, *parts[at:]]))
        labels.append(good != turned)
    return texts, np.array(labels)


def accuracy(name: str, negated: bool, steps: int) -> float:
    texts, labels = words(1200, 0, negated)
    fitted = Text(lower=True, characters=True).fit(texts)
    x = collate(fitted, fitted.encode(texts, {}), torch.device("cpu"))
    y = torch.from_numpy(labels.astype(np.int64))
    torch.manual_seed(0)
    network = nn.ModuleDict({"body": BODIES[name]("tiny", **fitted.dims)})
    network["head"] = pooled(network["body"].features, 2, pool="max" if name in ("gru", "lstm") else "mean")
    if hasattr(network["body"], "initialise"):
        network["body"].initialise(**x)
    optimizer = optimizer_of(Recipe(lr=5e-3), network)
    for step in range(steps):
        rows = torch.from_numpy(np.random.default_rng(step).integers(0, 900, 64))
        answer = network["head"](network["body"](**{k: v[rows] for k, v in x.items()}))
        optimizer.zero_grad()
        functional.cross_entropy(answer, y[rows]).backward()
        optimizer.step()
    network.eval()
    with torch.inference_mode():
        answer = network["head"](network["body"](**{k: v[900:] for k, v in x.items()})).argmax(1)
    return float((answer == y[900:]).float().mean())


@pytest.mark.parametrize("name", BODIES)
def test_a_word_is_found_wherever_it_stands(name: str) -> None:
    assert accuracy(name, negated=False, steps=120) > 0.95


def test_order_is_learned_where_the_words_alone_say_nothing() -> None:
    assert accuracy("mixed", negated=True, steps=250) > 0.9


def test_runs_of_chinese_characters_are_shorter_than_those_of_letters():
    def lengths(text: str) -> list[int]:
        codes = torch.tensor([[ord(letter) for letter in text]])
        _, there = runs(codes, torch.tensor([len(text)]), 7, 2, 3)
        each = [len(text) - n + 1 for n in range(1, 8)]
        return [int(part.sum()) for part in there[0].split(each)]

    assert lengths("a fine film") == [11, 10, 9, 8, 7, 6, 5]
    assert lengths("很好吃的东西啊啊啊啊啊") == [11, 10, 9, 0, 0, 0, 0]
    assert lengths("abcdefgh很") == [9, 8, 7, 5, 4, 3, 2], "longer runs stop before the first such character"
