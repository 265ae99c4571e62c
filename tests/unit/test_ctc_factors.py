"""What each symbol of a transcript adds to its probability: exact, complete, and whatever else is in the batch."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from assay.outputs import _ctc
from assay.outputs._ctc_factors import factors
from assay.outputs.transcript import Transcript


def logits(rows, frames, symbols, seed=0):
    return 2 * torch.randn(rows, frames, symbols, generator=torch.Generator().manual_seed(seed))


def chances(log_p):
    """The probability of every text, and that a text begins so, by listing all alignments."""
    whole, begins = {}, {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        text = tuple(c for c, _ in itertools.groupby(path) if c)
        p = math.exp(sum(log_p[t, c].item() for t, c in enumerate(path)))
        whole[text] = whole.get(text, 0) + p
        for end in range(len(text) + 1):
            begins[text[:end]] = begins.get(text[:end], 0) + p
    return whole, begins


def some_texts(rows, longest, symbols, seed=0):
    """Texts without the blank, of few symbols, so that many come twice running; the first is empty."""
    rng = np.random.default_rng(seed)
    size = rng.integers(0, longest + 1, rows)
    size[:2] = 0, longest
    return torch.from_numpy(rng.integers(1, symbols, (rows, longest))).int(), torch.from_numpy(size).int()


@pytest.mark.parametrize("seed", range(2))
def test_each_factor_is_how_the_probability_of_beginning_so_falls(seed):
    """All texts that five frames of three symbols and a blank can say."""
    raw = logits(1, 5, 4, seed)
    whole, begins = chances(raw[0].double().log_softmax(-1))
    assert {(), (1,), (2, 2, 2), (1, 2, 1, 3, 2)} <= whole.keys()
    for text, p in whole.items():
        found = factors(raw, torch.tensor([[*text, 0]]), torch.tensor([len(text)]), 0)[0].exp().tolist()
        wanted = [begins[text[: at + 1]] / begins[text[:at]] for at in range(len(text))]
        assert found == pytest.approx([*wanted, p / begins[text]], rel=1e-5)


@pytest.mark.parametrize("symbols", [3, 30])
def test_the_factors_together_are_the_probability_of_the_text(symbols):
    raw = logits(24, 60, symbols)
    raw[5:12, 41:] = torch.where(torch.arange(symbols) == 0, 0.0, _ctc.GONE)  # these have fewer frames
    tokens, size = some_texts(24, 20, symbols)
    found = factors(raw, tokens, size, 0)
    assert found.dtype == torch.float64
    assert found.shape == (24, 21)
    assert (found <= 0).all()
    assert (found[torch.arange(21) > size[:, None]] == 0).all()
    log_p, frames = raw.double().log_softmax(2).transpose(0, 1), torch.full((24,), 60)
    frames[5:12] = 41
    whole = torch.nn.functional.ctc_loss(log_p, tokens.long(), frames, size.long(), reduction="none")
    torch.testing.assert_close(found.sum(1), -whole, rtol=1e-6, atol=1e-5)


def test_factors_depend_neither_on_the_batch_nor_on_what_stands_behind_the_end_nor_on_which_symbol_is_the_blank():
    raw, (tokens, size) = logits(4, 12, 5), some_texts(4, 5, 5, seed=1)
    found = factors(raw, tokens, size, 0)
    gone = torch.full((4, 7, 5), _ctc.GONE)
    gone[..., 0] = 0
    padded = torch.where(torch.arange(5) < size[:, None], tokens, 0)
    torch.testing.assert_close(factors(torch.cat([raw, gone], 1), padded, size, 0), found)
    for at in range(4):
        one = factors(raw[at, None], tokens[at, None], size[at, None], 0)[0]
        torch.testing.assert_close(one, found[at, : len(one)])
        assert len(one) == int(size[at]) + 1
    torch.testing.assert_close(factors(raw.roll(-1, 2), (tokens - 1) % 5, size, 4), found)


def test_what_cannot_be_said_costs_as_much_as_the_loss_says_and_has_finite_slopes():
    raw = logits(2, 4, 3).requires_grad_()
    tokens, size = torch.tensor([[1, 2, 2, 1], [1, 2, 1, 2]]), torch.tensor([4, 4])  # the first takes five frames
    found = factors(raw, tokens, size, 0)
    torch.testing.assert_close(found.sum(1), -_ctc.nats(raw, tokens, size, 0).double(), rtol=1e-6, atol=0)
    assert found[0].sum() == -_ctc.IMPOSSIBLE
    assert found[0, :3].min() > -20, "its first three symbols can be said"
    found.sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert raw.grad[1].abs().max() > 0.1


def test_slopes_are_those_of_the_loss():
    tokens, size = some_texts(4, 5, 4)
    slopes = []
    for value in (lambda raw: factors(raw, tokens, size, 0).sum(), lambda raw: -_ctc.nats(raw, tokens, size, 0).sum()):
        raw = logits(4, 12, 4).requires_grad_()
        value(raw).backward()
        slopes.append(raw.grad)
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)


def test_unlikely_texts_lose_no_precision():
    """A hundred symbols of which none is likely: e^−7000."""
    raw = 40 * logits(1, 260, 30)
    tokens, size = some_texts(2, 100, 30)
    found = factors(raw, tokens[1:], size[1:], 0)
    assert found.sum() < -5000
    whole = _ctc.nats(raw, tokens[1:], size[1:], 0)
    assert float(found.sum()) == pytest.approx(-float(whole), rel=1e-6)


def test_a_transcript_claims_each_of_its_symbols():
    output = Transcript().fit(["no moon", "on"])
    y = output.encode(["no moon", "on"], {})
    names = output.claims({name: array[:1] for name, array in y.items()})
    assert names == ("text", "1: n", "2: o", "3: ␣", "4: m", "5: o", "6: o", "7: n", "8: (end)")
    raw = logits(2, 12, output.tokenizer.size)
    there = {name: torch.from_numpy(array) for name, array in y.items()}
    found = output.explained(raw, there)
    assert found.shape == (2, 9)
    torch.testing.assert_close(found[:, 0].float(), -output.loss(raw, there))
    torch.testing.assert_close(found[:, 1:].sum(1), found[:, 0])
    assert (found[1, 4:] == 0).all(), "the shorter text has two symbols and an end"


def test_a_transcript_of_words_or_pieces_claims_these_and_an_empty_one_its_end():
    texts = ["six seven", "seven six six"] * 10
    for kind, wanted in (("words", ["six", "seven"]), ("bpe", None)):
        output = Transcript(tokenizer=kind).fit(texts)
        _, *names = output.claims(output.encode(["six seven"], {}))
        said = [name.partition(": ")[2] for name in names]
        assert said[-1] == "(end)"
        assert "".join(said[:-1]) == "sixseven"
        assert wanted is None or said[:-1] == wanted
        nothing = {"tokens": np.zeros((1, output.longest), dtype=np.int32), "symbols": np.zeros(1, dtype=np.int32)}
        assert output.claims(nothing) == ("text", "1: (end)")
        raw = logits(1, 4, output.tokenizer.size)
        found = output.explained(raw, {name: torch.from_numpy(array) for name, array in nothing.items()})
        blank = raw.log_softmax(2)[0, :, output.tokenizer.pad].sum().double()
        torch.testing.assert_close(found, blank.expand(1, 2))
