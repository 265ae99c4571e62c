"""Networks over histories: exact for prefixes and batches, trained on all places at once, and able to find a rule."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch

import assay
from assay.core.loading import for_judging
from assay.networks import recommendation
from assay.networks._item_weights import ease, learned, weighed
from assay.networks.linear_items import LinearHead, plain
from assay.networks.recommendation import ScoreHead, attention, gru, scored
from assay.tasks._clicks import clicks

ITEMS = 30
BODIES = {"attention": partial(attention, "tiny"), "gru": partial(gru, "tiny"), "linear": plain}


@pytest.fixture(params=BODIES)
def pair(request):
    """A body and its head, with biases that are not 0, or with weights."""
    torch.manual_seed(0)
    body = BODIES[request.param](items=ITEMS).eval()
    if request.param == "linear":
        head = LinearHead(body.features, items=ITEMS)
        items, length = histories(np.random.default_rng(9), [8] * 40)
        head.observe({"items": items[:, :-1], "length": length - 1}, {"next": items[:, -1:]})
        assert head.weights.abs().sum() > 0
    else:
        head = scored(body.features, items=ITEMS)
        torch.nn.init.normal_(head.bias)
    return body, head


def histories(rng, lengths):
    """Histories of distinct items, left-aligned."""
    items = torch.zeros(len(lengths), max(1, *lengths), dtype=torch.int32)
    for row, length in enumerate(lengths):
        items[row, :length] = torch.from_numpy(rng.permutation(np.arange(1, ITEMS + 1))[:length].astype(np.int32))
    return items, torch.tensor(lengths, dtype=torch.int32)


@torch.inference_mode()
def test_what_follows_changes_no_earlier_answer_and_padding_none_at_all(pair):
    body, head = pair
    items, length = histories(np.random.default_rng(0), [12, 5, 0, 9])
    together = body(items, length)
    for row, whole in enumerate(length.tolist()):
        for n in range(whole + 1):
            alone = body(items[row : row + 1, : max(n, 1)] * (n > 0), torch.tensor([n], dtype=torch.int32))
            if hasattr(together, "scores"):
                here, there = (
                    m.scores(torch.tensor([at]), torch.tensor([n])) for m, at in ((alone, 0), (together, row))
                )
                torch.testing.assert_close(here, there, rtol=1e-5, atol=1e-5)
        last = head(body(items[row : row + 1, : max(whole, 1)], length[row : row + 1]))
        torch.testing.assert_close(last[0], head(together)[row], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_what_was_had_is_out_of_the_question_and_all_else_is_not(pair):
    body, head = pair
    items, length = histories(np.random.default_rng(1), [7, 0])
    scores = head(body(items, length))
    for row in range(2):
        had = {0, *items[row].tolist()}
        assert {at for at in range(ITEMS + 1) if scores[row, at] == -math.inf} == had


@torch.inference_mode()
def test_all_places_at_once_are_the_answers_to_every_prefix(pair):
    """The log-probability of a whole sequence is the sum of those of its items, each after its own prefix alone."""
    body, head = pair
    rng = np.random.default_rng(2)
    whole, count = histories(rng, [10, 6, 1])
    given = torch.zeros(3, 10, dtype=torch.int32)
    for row, n in enumerate(count.tolist()):
        given[row, 10 - n :] = whole[row, :n]
    found = head(body(whole[:, :9], count - 1), given)
    for row, n in enumerate(count.tolist()):
        expected = torch.zeros(2)
        for at in range(n):
            prefix = whole[row : row + 1, : max(at, 1)] * (at > 0)
            log_p = head(body(prefix, torch.tensor([at], dtype=torch.int32)))[0].log_softmax(0)
            expected += torch.stack([log_p[int(whole[row, at])], log_p[log_p.isfinite()].mean()])
        torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-4)


def test_few_scores_at_a_time_give_the_same_loss_and_gradient(pair, monkeypatch):
    body, head = pair
    items, length = histories(np.random.default_rng(3), [11, 8])
    given = torch.nn.functional.pad(items, (1, 0))
    given[1] = given[1].roll(3)  # right-aligned

    def run():
        body.zero_grad()
        head.zero_grad()
        found = head(body(items, length - 1), given)
        found.sum().backward()
        learn = [p for p in (*body.parameters(), *head.parameters()) if p.grad is not None]
        return found.detach(), *(parameter.grad.clone() for parameter in learn)

    whole = run()
    monkeypatch.setattr(recommendation, "AT_ONCE", 3 * ITEMS)
    parts = run()
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)


def test_a_target_that_cannot_be_named_has_the_least_probability():
    head = ScoreHead(ITEMS)
    torch.manual_seed(0)
    body = attention("tiny", items=ITEMS).eval()
    items, length = histories(np.random.default_rng(0), [4, 4])
    given = torch.tensor([[0, -1], [0, int(items[1, 0])]], dtype=torch.int32)
    found = head(body(items, length), given)
    assert found[:, 0].tolist() == pytest.approx([-87.3365] * 2)


@pytest.mark.parametrize("network", ["attention", "gru"])
def test_the_hidden_rule_of_the_demo_is_found_and_no_more_than_it(network, tmp_path):
    demo = clicks(tmp_path)
    name, best, _ = demo.known
    model = assay.train("recommendation", demo.data, network=network, epochs=3, quiet=True)
    record = assay.evaluate(model, demo.data, by=demo.by, quiet=True)
    figure = record.figure(name)
    assert best - 0.05 < figure.value < best + 0.02
    tallies = model.tallies(for_judging(demo.data, model.task, model.roles))
    assert len(tallies) == figure.n == 800
    # the rule holds six times in ten, and the answers know that
    test = model.answer(for_judging(demo.data, model.task, model.roles)).columns
    assert abs(test["probability"][:, 0].mean() - (test["rank"] == 1).mean()) < 0.1


def test_with_no_rule_nothing_is_found():
    rng = np.random.default_rng(0)
    rows = [
        {"user": user, "item": int(item), "time": at}
        for user in range(150)
        for at, item in enumerate(rng.permutation(40)[:12])
    ]
    model = assay.train("recommendation", rows, epochs=8, quiet=True)
    figure = assay.evaluate(model, rows, quiet=True).figure("ndcg@10")
    by_chance = (1 / np.log2(np.arange(2, 12))).sum() / (40 - 11)
    assert figure.low < by_chance < figure.high


def test_ease_is_the_ridge_regression_of_each_item_on_the_others():
    rng = np.random.default_rng(0)
    clicks = (rng.random((60, 9)) < 0.4).astype(float)
    clicks[:, 0] = 0
    found = ease(torch.from_numpy(clicks.T @ clicks), 3.0).numpy()
    for item in range(1, 9):
        others = [at for at in range(1, 9) if at != item]
        x, y = clicks[:, others], clicks[:, item]
        ridge = np.linalg.solve(x.T @ x + 3.0 * np.eye(7), x.T @ y)
        np.testing.assert_allclose(found[others, item], ridge, rtol=1e-8, atol=1e-12)
        assert found[item, item] == 0


def test_weights_of_age_are_counted_from_the_end_of_each_prefix():
    items = torch.tensor([[3, 1, 2, 0], [4, 2, 0, 0]])
    found = weighed(items, torch.tensor([3, 1]), 1.0, 4)  # item 4 has no weights
    torch.testing.assert_close(found, torch.tensor([[0, 1 / 2, 1, 1 / 3], [0, 0, 0, 0]]))


@pytest.mark.parametrize(("recent", "expected"), [(True, {0.6, 1.0}), (False, {0.0})])
def test_the_power_of_age_follows_from_what_the_last_item_depends_on(recent, expected):
    """Users change between two groups of items: what comes next is of the group of the last item, or of most of them."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(600):
        first, second = rng.permutation(2)
        groups = [np.arange(1, 21) + 20 * group for group in (first, second)]
        long, short = rng.permutation(groups[0])[:9], rng.permutation(groups[1])[:3]
        last = rng.choice(np.setdiff1d(groups[1], short) if recent else np.setdiff1d(groups[0], long))
        rows.append([*long, *short, last] if recent else [*rng.permutation([*long, *short]), last])
    items = torch.from_numpy(np.array(rows))
    _, power = learned(items, torch.full((600,), 13), 41)
    assert power in expected


def test_a_linear_model_finds_groups_of_items_in_one_pass():
    rng = np.random.default_rng(0)
    rows = []
    for user in range(200):
        group = int(rng.integers(8))
        rows += [{"user": user, "item": f"{group} {at}", "time": n} for n, at in enumerate(rng.permutation(10)[:6])]
    model = assay.train("recommendation", rows, network="linear", quiet=True)
    figure = assay.evaluate(model, rows, quiet=True).figure("recall@10")
    assert figure.low > 0.95  # the five items of the group that are left are listed
