"""The ranking output against a brute-force ranking of the whole catalogue."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from assay.codecs.catalogue import Catalogue
from assay.core.errors import ConfigError, DataError, Unsupported
from assay.outputs._ranking_scores import divergence, likely, ranks, temperature
from assay.outputs.ranking import UNSEEN, FittedRanking, Ranking

ITEMS = tuple("abcdefghijklmnop")


def test_an_item_that_was_never_seen_can_be_no_answer():
    fitted = FittedRanking(Catalogue(("tea", "coffee")), 2, 1)
    assert fitted.impossible("tea") is None
    assert 'Did you mean "coffee"' in fitted.impossible("cofee")


class Fixed(torch.nn.Module):
    """A network that gives the scores it was made with."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, *, rows, given=None):
        return self.scores[rows]


def masked(rng, n, seen):
    """Random scores of `ITEMS`, −∞ where ``seen``, and which those are, ``[N, V + 1]``."""
    scores = torch.from_numpy(rng.normal(size=(n, len(ITEMS) + 1)).round(1).astype(np.float32))
    had = torch.from_numpy(rng.random((n, len(ITEMS) + 1)) < seen)
    had[:, 0] = True
    had[:, 1] = False  # something is left
    return scores.masked_fill(had, -math.inf), had.numpy()


def decoded(scores, target, k=10):
    fitted = FittedRanking(Catalogue(ITEMS), k, 1)
    y = {"next": target[:, None].astype(np.int32)}
    tensors = {"next": torch.from_numpy(y["next"])}
    answers = fitted.decode(Fixed(scores), {"rows": torch.arange(len(scores))}, tensors)
    return fitted, answers, y


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 20), st.integers(0, 10_000))
def test_metrics_are_those_of_a_brute_force_ranking(n, k, seed):
    rng = np.random.default_rng(seed)
    scores, had = masked(rng, n, 0.3)
    target = rng.choice([UNSEEN, *range(1, len(ITEMS) + 1)], n)
    fitted, answers, y = decoded(scores, target, k)
    gains, hits, reciprocal = [], [], []
    for row in range(n):
        # the worst order that the scores allow: what is as good as the target comes before it
        order = sorted(
            (-float(scores[row, c]), c == target[row], c) for c in range(1, len(ITEMS) + 1) if not had[row, c]
        )
        listed = [code for _, _, code in order]
        at = listed.index(target[row]) + 1 if target[row] in listed else math.inf
        gains.append(1 / math.log2(at + 1) if at <= k else 0)
        hits.append(at <= k)
        reciprocal.append(1 / at)
    sums = fitted.tally(answers, y).sum(0)
    found = {metric.name: float(metric.of(sums)) for metric in fitted.metrics}
    assert found[f"ndcg@{k}"] == pytest.approx(np.mean(gains))
    assert found[f"recall@{k}"] == pytest.approx(np.mean(hits))
    assert found["mrr"] == pytest.approx(np.mean(reciprocal))
    assert np.array_equal(fitted.verdict(answers, y), np.array(hits, dtype=float))


def test_ndcg_is_scikit_learns():
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.normal(size=(50, len(ITEMS) + 1)).astype(np.float32))
    scores[:, 0] = -math.inf
    target = rng.integers(1, len(ITEMS) + 1, 50)
    fitted, answers, y = decoded(scores, target, 5)
    expected = ndcg_score(np.eye(len(ITEMS) + 1)[target][:, 1:], scores[:, 1:].numpy(), k=5)
    assert fitted.metrics[0].of(fitted.tally(answers, y).sum(0)) == pytest.approx(expected, rel=1e-6)


def test_the_list_is_of_the_best_items_that_were_not_had_with_their_probabilities():
    rng = np.random.default_rng(1)
    scores, had = masked(rng, 20, 0.5)
    fitted, answers, _ = decoded(scores, np.full(20, 1), 10)
    for row, answer in enumerate(fitted.rows(answers)):
        left = [code for code in range(1, len(ITEMS) + 1) if not had[row, code]]
        chance = np.exp(scores[row, left].numpy())
        listed = [item["item"] for item in answer["items"]]
        assert len(listed) == min(10, len(left))
        assert {ITEMS.index(name) + 1 for name in listed} <= set(left)
        shown = [item["probability"] for item in answer["items"]]
        assert shown == sorted(shown, reverse=True)
        assert shown == pytest.approx(np.sort(chance / chance.sum())[::-1][: len(shown)], rel=1e-4)
        assert (answer["item"], answer["confidence"]) == (listed[0], shown[0])


def test_who_says_the_same_of_all_items_gets_nothing():
    scores = torch.zeros(1, len(ITEMS) + 1)
    scores[:, 0] = -math.inf
    assert ranks(scores, torch.tensor([3])).tolist() == [len(ITEMS)]


def test_k_may_be_larger_than_the_catalogue():
    fitted, answers, _ = decoded(masked(np.random.default_rng(0), 3, 0.0)[0], np.full(3, 1), 40)
    assert answers["items"].shape == (3, 40)
    assert [len(row["items"]) for row in fitted.rows(answers)] == [len(ITEMS)] * 3


def test_targets_unseen_or_had_are_misses_that_are_counted_and_have_a_finite_loss():
    scores, _ = masked(np.random.default_rng(2), 3, 0.0)
    scores[1, 5] = -math.inf
    fitted, answers, y = decoded(scores, np.array([UNSEEN, 5, 5]))
    assert answers["rank"].tolist()[:2] == [len(ITEMS) + 1] * 2
    tally = fitted.tally(answers, y)
    assert tally[:2, :3].sum() == 0
    assert tally[:, 3].sum() == 3
    table = next(t for t in fitted.tables(answers, y) if t.name == "ranks")
    counts = {row[0]: row[1] for row in table.rows}
    assert (counts["never seen in training"], counts["in the history already"]) == (1, 1)
    assert sum(counts.values()) == 3
    loss = fitted.loss(scores, {"next": torch.from_numpy(y["next"])})
    assert torch.isfinite(loss).all()
    assert loss[:2].tolist() == pytest.approx([87.3365] * 2)
    assert loss[2] == pytest.approx(-float(scores[2].log_softmax(0)[5]), rel=1e-5)


def test_targets_are_right_aligned_and_the_unseen_ones_before_the_answer_passed_over():
    fitted = Ranking().fitted(Catalogue(("a", "b")), 4)
    problems: dict[int, str] = {}
    pack = fitted.encode([["a", "zz", "b"], "b", "zz", ["a"] * 9, None, [], ["a", None]], problems)
    assert pack["next"][:4].tolist() == [[0, 1, 0, 2], [0, 0, 0, 2], [0, 0, 0, UNSEEN], [1, 1, 1, 1]]
    assert sorted(problems) == [4, 5, 6]


def test_smoothing_shares_a_part_among_the_items_that_could_have_been():
    scores = torch.tensor([[-math.inf, 1.0, 2.0, -math.inf, 0.0]])
    log_p = scores.log_softmax(1)
    assert likely(scores, torch.tensor([2]))[0].tolist() == pytest.approx(
        [float(log_p[0, 2]), float(log_p[0, [1, 2, 4]].mean())]
    )
    fitted = FittedRanking(Catalogue(tuple("abcd")), 10, 1)
    y = {"next": torch.tensor([[2]])}
    mixed = fitted.objective(scores, y, 0.1)
    assert float(mixed) == pytest.approx(-0.9 * float(log_p[0, 2]) - 0.1 * float(log_p[0, [1, 2, 4]].mean()))
    assert torch.equal(fitted.objective(scores, y, 0.0), fitted.loss(scores, y))


def test_training_weighs_every_user_the_same_however_many_targets_he_has():
    fitted = Ranking().fitted(Catalogue(("a", "b")), 4)
    y = {"next": torch.tensor([[1, 2, 1, 2], [0, 0, 1, 2]])}
    raw = torch.tensor([[-4.0, -8.0], [-4.0, -8.0]])
    assert fitted.objective(raw, y, 0.0).tolist() == [1.0, 2.0]
    assert fitted.objective(raw, y, 0.5).tolist() == [1.5, 3.0]
    assert fitted.loss(raw, y).tolist() == [4.0, 4.0]


def test_the_gap_looks_at_what_neither_history_holds():
    a = torch.tensor([[-math.inf, 1.0, 2.0, -math.inf, 0.0]])
    b = a.clone()
    b[0, 3] = 9.0  # deleted from the history: it would be recommended at once, which says nothing of the others
    assert float(divergence(a, b)) == pytest.approx(0, abs=1e-6)
    b[0, 1] = 5.0
    p, q = a[0, [1, 2, 4]].softmax(0), b[0, [1, 2, 4]].softmax(0)
    assert float(divergence(a, b)) == pytest.approx(float((p * (p / q).log()).sum()), rel=1e-5)


def test_calibration_finds_the_temperature_that_answers_were_drawn_at():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4000, 12, generator=generator) * 3
    scores[:, 0] = -math.inf
    target = (scores / 2.5).softmax(1).multinomial(1, generator=generator)[:, 0]
    assert temperature(scores, target) == pytest.approx(2.5, rel=0.1)
    fitted = FittedRanking(Catalogue(ITEMS[:11]), 10, 1)
    found = fitted.calibrated(
        [(scores[:2000], {"next": target[:2000, None]}), (scores[2000:], {"next": target[2000:, None]})]
    )
    assert found.temperature == pytest.approx(2.5, rel=0.1)
    assert found.loss(scores, {"next": target[:, None]}).mean() < fitted.loss(scores, {"next": target[:, None]}).mean()
    assert fitted.calibrated([]) is fitted


def test_sampled_metrics_are_refused_with_the_reason():
    with pytest.raises(Unsupported, match=r"ranked among all items.*Krichene"):
        Ranking(candidates="100")
    with pytest.raises(ConfigError, match="k=0"):
        Ranking(k=0)
    with pytest.raises(DataError, match="at least two"):
        Ranking().fit(["a", "a"])
