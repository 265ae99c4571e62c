"""The table network: its shapes and sizes, what its curves can bend at, and that it learns what is planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.columns import Column, Rows
from assay.inputs.table import Table
from assay.networks.table import SIZES, CategoryEmbeddings, NumberEmbeddings, TableBody, table

CENSUS = {"numbers": [64, 64, 15, 60, 50, 50], "categories": [9, 18, 9, 15, 8, 7, 4, 42]}


def batch(body_dims: dict[str, list[int]], n: int, seed: int = 0) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    bins, slots = np.array(body_dims["numbers"]), np.array(body_dims["categories"])
    return {
        "numbers": torch.from_numpy((rng.random((n, len(bins))) * (bins + 2) - 1).astype(np.float32)),
        "missing": torch.from_numpy((rng.random((n, len(bins))) < 0.2).astype(np.float32)),
        "categories": torch.from_numpy((rng.random((n, len(slots))) * slots).astype(np.int64)),
    }


@pytest.mark.parametrize(("size", "millions"), [("tiny", 0.1), ("small", 1), ("base", 10), ("large", 100)])
def test_each_stop_of_the_dial_is_about_ten_times_the_one_before(size: str, millions: float) -> None:
    with torch.device("meta"):
        body = table(size, **CENSUS)
    count = sum(p.numel() for p in body.parameters())
    assert 0.7 * millions < count / 1e6 < 1.4 * millions


@pytest.mark.parametrize("dims", [CENSUS, {"numbers": [3], "categories": []}, {"numbers": [], "categories": [5]}])
def test_features_have_the_width_that_the_body_promises(dims: dict[str, list[int]]) -> None:
    body = table("tiny", **dims).eval()
    x = body(**batch(dims, 7))
    assert x.shape == (7, body.features)
    assert torch.isfinite(x).all()


def test_a_row_has_the_same_features_in_any_batch() -> None:
    body = table("tiny", **CENSUS).eval()
    x = batch(CENSUS, 9)
    whole = body(**x)
    alone = torch.cat([body(**{name: array[at : at + 1] for name, array in x.items()}) for at in range(9)])
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)


def test_every_weight_has_a_gradient() -> None:
    body = table("tiny", **CENSUS)
    body(**batch(CENSUS, 2000)).square().sum().backward()
    for name, parameter in body.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_number_embeddings_are_the_piecewise_linear_encoding_times_a_matrix() -> None:
    """Gorishniy et al. 2022: bin j of the code is clip(place − j, 0, 1), the outermost ones unclipped."""
    torch.manual_seed(0)
    bins, width = [3, 5], 4
    embed = NumberEmbeddings(bins, width)
    place = torch.tensor([[-0.5, 0.0], [0.25, 4.75], [3.0, 5.5], [1.0, 2.0], [3.5, 5.0]])
    found = embed(place, torch.zeros_like(place)).reshape(5, 2, width)
    for column, count in enumerate(bins):
        at = place[:, column, None] - torch.arange(count)
        low = torch.tensor([-9.0] + [0.0] * (count - 1))
        high = torch.tensor([1.0] * (count - 1) + [9.0])
        code = torch.minimum(torch.maximum(at, low), high)
        expected = (code @ embed.slope[column, :count] + embed.bias[column]).relu()
        torch.testing.assert_close(found[:, column], expected, rtol=1e-5, atol=1e-6)


def test_a_missing_number_is_a_vector_of_its_own_whatever_place_it_is_given() -> None:
    embed = NumberEmbeddings([4], 8)
    x = embed(torch.tensor([[0.0], [3.0]]), torch.ones(2, 1))
    torch.testing.assert_close(x[0], x[1])
    torch.testing.assert_close(x[0], embed.missing[0])


def test_slots_of_different_columns_never_share_a_vector() -> None:
    embed = CategoryEmbeddings([3, 2], 4)
    x = embed(torch.tensor([[2, 0], [0, 1]])).reshape(2, 2, 4)
    torch.testing.assert_close(x[0, 0], embed.vectors[2])
    torch.testing.assert_close(x[0, 1], embed.vectors[3])
    torch.testing.assert_close(x[1, 1], embed.vectors[4])


def trained(columns: dict[str, object], label: np.ndarray) -> tuple[float, float]:
    """The accuracy on the second half of the rows after training on the first, and that of the more frequent label."""
    n = len(label)
    whole = Rows({name: Column(cells) for name, cells in columns.items()})
    fitted = Table().fit(whole[: n // 2])
    x = {name: torch.from_numpy(array) for name, array in fitted.encode(whole, {}).items()}
    y = torch.from_numpy(label.astype(np.int64))
    torch.manual_seed(0)
    body = table("tiny", **fitted.dims)
    network = nn.Sequential(nn.Linear(body.features, 2))
    optimizer = torch.optim.AdamW([*body.parameters(), *network.parameters()], lr=3e-3)
    for step in range(300):
        rows = torch.from_numpy(np.random.default_rng(step).integers(0, n // 2, 128))
        loss = functional.cross_entropy(network(body(**{k: v[rows] for k, v in x.items()})), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    body.eval()
    with torch.inference_mode():
        answer = network(body(**{k: v[n // 2 :] for k, v in x.items()})).argmax(1)
    share = float(y[n // 2 :].float().mean())
    return float((answer == y[n // 2 :]).float().mean()), max(share, 1 - share)


def test_a_planted_band_a_category_and_a_gap_are_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    columns = {
        "number": rng.lognormal(5, 3, n),
        "colour": list(rng.choice(["red", "green", "blue"], n)),
        "second": np.where(rng.random(n) < 0.5, np.nan, rng.normal(size=n)),
    }
    quarters = np.quantile(columns["number"], [0.25, 0.75])
    band = (columns["number"] > quarters[0]) & (columns["number"] < quarters[1])
    for label in (band, np.array(columns["colour"]) == "red", np.isnan(columns["second"])):
        found, frequent = trained(columns, label)
        assert found > 0.97 > frequent
    found, _ = trained(columns, rng.random(n) < 0.5)
    assert abs(found - 0.5) < 4.5 * (0.25 / (n / 2)) ** 0.5


def test_the_dial_is_complete_and_an_unknown_stop_is_our_own_bug() -> None:
    assert list(SIZES) == ["tiny", "small", "base", "large"]
    with pytest.raises(KeyError):
        table("huge", **CENSUS)
    assert isinstance(table("tiny", **CENSUS), TableBody)
