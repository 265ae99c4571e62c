"""Attribution by gradients on functions whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from assay.core.errors import BudgetError, Unsupported
from assay.methods.gradients import AT_ENDS, STEPS, grad_cam, integrated_gradients

X = torch.tensor([[1.0, -2.0, 0.5, 3.0]])


def numbers(mask):
    """Parts 0 and 1 are numbers of their own, part 2 is the two last ones; what is absent is 0."""
    kept = torch.from_numpy(mask)[[0, 1, 2, 2]]
    return {"x": torch.where(kept, X, torch.zeros(()))}


def test_of_a_linear_function_each_part_gets_its_own_product():
    weight = torch.tensor([2.0, 1.0, -1.0, 4.0])
    found = integrated_gradients(lambda x: (x["x"] @ weight).unsqueeze(1), numbers, 3)
    np.testing.assert_allclose(found.values[:, 0], [2.0, -2.0, 11.5], rtol=1e-5)
    assert abs(float(found.gap[0])) < 1e-5
    assert np.isnan(found.errors).all()
    assert found.evaluations == STEPS + AT_ENDS


def test_values_add_up_for_a_curve_and_for_each_claim():
    def value(x):
        whole = torch.tanh(x["x"].sum(1)) + x["x"][:, 0] * x["x"][:, 1]
        return torch.stack([whole, x["x"].square().sum(1)], dim=1)

    found = integrated_gradients(value, numbers, 3)
    np.testing.assert_allclose(found.gap, 0, atol=1e-4)
    np.testing.assert_allclose(found.values[:, 1], [1.0, 4.0, 9.25], rtol=1e-5)


class Codes(nn.Module):
    """Two codes looked up in one table, and a number that chooses its bin by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(6, 3)
        self.readout = nn.Linear(3, 1)

    def forward(self, code, x):
        low = x.floor().long().clamp(0, 4)
        here, after = (functional.embedding(at, self.vectors.weight[:, :1]).squeeze(-1) for at in (low, low + 1))
        line = torch.lerp(here, after, x - low)
        return self.readout(self.vectors(code)).sum(1) + line


def coded(mask):
    code = torch.tensor([[5, 2]])
    kept = torch.from_numpy(mask)
    return {
        "code": torch.where(kept[:2], code, torch.zeros((), dtype=torch.int64)),
        "x": torch.tensor([[2.5]]) * kept[2],
    }


def test_codes_are_followed_by_their_embeddings_and_numbers_by_themselves():
    torch.manual_seed(0)
    network = Codes().eval()
    found = integrated_gradients(lambda x: network(**x), coded, 3, steps=200)
    with torch.no_grad():
        each = network.readout(network.vectors(torch.tensor([0, 5, 2])))[:, 0]
    np.testing.assert_allclose(found.values[:2, 0], [each[1] - each[0], each[2] - each[0]], rtol=1e-4)
    assert found.evaluations == 200 + AT_ENDS + 3, "each code is looked at by itself too"
    with pytest.raises(BudgetError, match="takes 208 evaluations of this model, more than 207"):
        integrated_gradients(lambda x: network(**x), coded, 3, budget=207, steps=200)
    assert abs(float(found.gap[0])) < 0.02, "the line bends twice between its ends"


def test_a_part_that_changes_a_shape_is_refused():
    def shorter(mask):
        return {"x": X[:, torch.from_numpy(mask)]}

    with pytest.raises(Unsupported, match="changes the shape"):
        integrated_gradients(lambda x: x["x"].sum(1, keepdim=True), shorter, 4)
    with pytest.raises(Unsupported, match="changes the shape"):
        grad_cam(nn.Identity(), lambda x: x["x"].sum(1, keepdim=True), shorter, 4)


def test_codes_that_are_not_looked_up_are_refused():
    def value(x):
        return (x["code"] == 5).sum(1, keepdim=True).float() + x["x"]

    with pytest.raises(Unsupported, match="no gradient"):
        integrated_gradients(value, coded, 3)


class Bright(nn.Module):
    """Two maps, of light and of its lack, of which the answer is the mean of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 1, bias=False)
        with torch.no_grad():
            self.maps.weight[:] = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)

    def forward(self, x):
        return self.maps(x).relu().mean((2, 3))[:, :1]


def test_the_map_is_warm_where_the_light_is():
    def quarters(mask):
        light = torch.zeros(1, 1, 8, 8) - 0.5
        kept = torch.from_numpy(mask.reshape(1, 1, 2, 2)).repeat_interleave(4, 2).repeat_interleave(4, 3)
        light[:, :, 4:, :4] = 1.0  # the third part
        return {"x": torch.where(kept, light, torch.zeros(()))}

    network = Bright()
    found = grad_cam(network, lambda x: network(**x), quarters, 4)
    assert found.values[:, 0].argmax() == 2
    assert (found.values[[0, 1, 3], 0] < 0.2 * found.values[2, 0]).all()
    assert np.isnan(found.gap).all()


def test_a_network_without_maps_has_none():
    layer = nn.Linear(4, 1)
    with pytest.raises(Unsupported, match="no map of features"):
        grad_cam(layer, lambda x: layer(x["x"]), numbers, 3)
