"""The causal language model: masks and cache are exact, counts are Kneser–Ney's and leave each place out of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from assay.networks._counts import FIELDS, NONE, Counts
from assay.networks.language import CausalHead, Shape, counting_head, prompt_body

VOCABULARY, CONTEXT, BEGIN, PAD = 11, 24, 1, 0
Memory = tuple[Tensor, Tensor]


def head(*, counted: bool, context: int = CONTEXT) -> CausalHead:
    torch.manual_seed(0)
    made = CausalHead(Shape(16, 2, 2), VOCABULARY, context, BEGIN, PAD, order=3 if counted else 0)
    torch.nn.init.normal_(made.readout.weight, std=0.5)
    if counted:
        torch.nn.init.normal_(made.told.weight, std=0.5)
        made.observe(*texts(40, 12))
    return made.eval()


def texts(n: int, longest: int, seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    rng = torch.Generator().manual_seed(seed)
    length = torch.randint(2, longest + 1, (n,), generator=rng)
    tokens = torch.randint(4, VOCABULARY, (n, longest), generator=rng).masked_fill(
        torch.arange(longest) >= length.unsqueeze(1), PAD
    )
    prompt = torch.tensor([[BEGIN, 5]]).repeat(n, 1)
    return {"prompt": prompt, "length": torch.full((n,), 2)}, {"tokens": tokens, "length": length}


def memory(*prompts: list[int]) -> Memory:
    longest = max(map(len, prompts)) + 1
    rows = [[PAD] * (longest - len(prompt) - 1) + [BEGIN, *prompt] for prompt in prompts]
    masks = [[False] * (longest - len(prompt) - 1) + [True] * (len(prompt) + 1) for prompt in prompts]
    return torch.tensor(rows), torch.tensor(masks)


def given(*answers: list[int]) -> Tensor:
    return torch.tensor([[BEGIN, *answer] for answer in answers])


@pytest.mark.parametrize("counted", [False, True])
def test_neighbours_in_a_batch_change_nothing(counted: bool) -> None:
    network = head(counted=counted)
    long, short = [4, 5, 6, 7, 8, 9], [7]
    both = network(memory(long, short), given([5, 6, 7], [8, 9, 10]))
    torch.testing.assert_close(both[1:], network(memory(short), given([8, 9, 10])), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(both[:1], network(memory(long), given([5, 6, 7])), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("counted", [False, True])
def test_what_comes_later_changes_nothing(counted: bool) -> None:
    network = head(counted=counted)
    one, other = network(memory([4]), given([5, 6, 7])), network(memory([4]), given([5, 9, 10]))
    torch.testing.assert_close(one[:, :2], other[:, :2])
    assert (one[:, 2] - other[:, 2]).abs().max() > 1e-3


@pytest.mark.parametrize("counted", [False, True])
def test_steps_with_a_cache_equal_teacher_forcing(counted: bool) -> None:
    network = head(counted=counted)
    prompts, answers = memory([4, 5, 6, 7], [8]), given([5, 6, 7, 4], [10, 9, 8, 4])
    whole, state = network(prompts, answers), network.start(prompts)
    for at in range(answers.shape[1]):
        logits, state = network.step(state, answers[:, at])
        torch.testing.assert_close(logits, whole[:, at], atol=1e-5, rtol=1e-4)


def test_rows_can_be_reordered_between_steps() -> None:
    network = head(counted=True)
    prompts, answers = memory([4, 5, 6, 7], [8]), given([5, 6], [10, 9])
    whole, state = network(prompts, answers), network.start(prompts)
    for at in range(2):
        _, state = network.step(state, answers[:, at])
    turned = network.reorder(state, torch.tensor([1, 0, 1]))
    logits, _ = network.step(turned, answers[[1, 0, 1], 2])
    torch.testing.assert_close(logits, whole[[1, 0, 1], 2], atol=1e-5, rtol=1e-4)


def test_an_answer_longer_than_the_context_is_the_same_in_any_batch() -> None:
    network = head(counted=False, context=10)
    answers = torch.randint(4, VOCABULARY, (2, 30), generator=torch.Generator().manual_seed(1))
    answers[:, 0] = BEGIN
    both, alone = network.start(memory([4, 5, 6, 7], [8])), network.start(memory([8]))
    for at in range(30):
        together, both = network.step(both, answers[:, at])
        single, alone = network.step(alone, answers[1:, at])
        torch.testing.assert_close(together[1:], single, atol=1e-5, rtol=1e-4)
        assert int(both["mask"].sum(1).max()) <= 10


def test_counted_probabilities_sum_to_one_and_are_sharp_where_the_text_is() -> None:
    counts = Counts(4, 3)
    tokens = torch.tensor([[0, 1, 2, 3] * 50])
    counts.learn(tokens, torch.ones_like(tokens, dtype=torch.bool))
    chance, told = counts(torch.tensor([[0, 1, 2, 0, 0]]))
    torch.testing.assert_close(chance.exp().sum(-1), torch.ones(1, 5))
    assert chance[0, 2, 3].exp() > 0.95
    assert told.shape == (1, 5, counts.features)


def test_counts_are_those_of_kneser_and_ney() -> None:
    """Against a literal transcription with dictionaries, for contexts of up to two tokens."""
    rng = np.random.default_rng(0)
    text = rng.integers(0, 5, 300).tolist()
    counts = Counts(5, 2)
    counts.learn(torch.tensor([text]), torch.ones(1, 300, dtype=torch.bool))
    two: dict[tuple[int, ...], dict[int, float]] = {}
    for at in range(2, 300):
        follows = two.setdefault(tuple(text[at - 2 : at]), {})
        follows[text[at]] = follows.get(text[at], 0) + 1
    tables = {2: two}
    for order, longer in ((1, two), (0, None)):
        table: dict[tuple[int, ...], dict[int, float]] = {}
        for context, follows in (longer if longer is not None else tables[1]).items():
            for token in follows:
                below = table.setdefault(context[1:], {})
                below[token] = below.get(token, 0) + 1
        # the first tokens of the text have no longer context and are counted as often as they are there
        start = text[order]
        below = table.setdefault(tuple(text[:order]), {})
        below[start] = below.get(start, 0) + 1
        tables[order] = table

    def chance(context: tuple[int, ...], token: int) -> float:
        lower = 1 / 5 if not context else chance(context[1:], token)
        follows = tables[len(context)].get(context)
        if not follows:
            return lower
        cut = getattr(counts, f"discounts{len(context)}").tolist()
        taken = {t: cut[min(int(n), 3)] for t, n in follows.items()}
        total = sum(follows.values())
        own = follows.get(token, 0) - taken.get(token, 0)
        return float((own + sum(taken.values()) * lower) / total)

    probe = rng.integers(0, 5, 20).tolist()
    found, _ = counts(torch.tensor([probe]))
    for at in range(2, 20):
        expected = [chance(tuple(probe[at - 1 : at + 1]), token) for token in range(5)]
        np.testing.assert_allclose(found[0, at].exp().numpy(), expected, rtol=1e-5)


def test_a_place_that_is_learned_from_is_left_out_of_its_own_count() -> None:
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 4, (6, 30), generator=rng)
    every = torch.ones_like(tokens, dtype=torch.bool)
    whole = Counts(4, 3)
    whole.learn(tokens, every)
    after = torch.cat([tokens[:, 1:], torch.full((6, 1), NONE)], dim=1)
    left_out, _ = whole(tokens, after)
    for row, at in ((0, 3), (2, 11), (5, 28)):
        wanted = every.clone()
        wanted[row, at + 1] = False
        without = Counts(4, 3)
        without.learn(tokens, wanted)
        for k in range(4):
            setattr(without, f"discounts{k}", getattr(whole, f"discounts{k}"))
        expected, _ = without(tokens)
        torch.testing.assert_close(left_out[row, at], expected[row, at])
        assert (whole(tokens)[0][row, at] - expected[row, at]).abs().max() > 1e-4


def test_counts_come_back_from_a_saved_state() -> None:
    one, other = head(counted=True), head(counted=False)
    fresh = CausalHead(Shape(16, 2, 2), VOCABULARY, CONTEXT, BEGIN, PAD, order=3).eval()
    fresh.load_state_dict(one.state_dict())
    torch.testing.assert_close(fresh(memory([4]), given([5])), one(memory([4]), given([5])), atol=0, rtol=0)
    assert other.counts is None
    assert all(len(getattr(fresh.counts, f"{name}3")) for name in FIELDS)


def test_counts_are_kept_for_characters_alone() -> None:
    shape = prompt_body("tiny").features
    assert counting_head(shape, vocabulary=60, context=8, begin=1, pad=0).counts is not None
    assert counting_head(shape, vocabulary=8000, context=8, begin=1, pad=0).counts is None
