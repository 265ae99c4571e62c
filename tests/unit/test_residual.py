"""The residual network, its whitening layer and the heads that read it."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from assay.core.errors import ConfigError
from assay.networks.heads import pooled
from assay.networks.residual import SIZES, residual
from assay.networks.whitening import Whitening


def pictures(n: int = 64, channels: int = 3, side: int = 16, seed: int = 0) -> torch.Tensor:
    """Smooth noise, whose patches are mostly brightness as those of photographs are."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, channels, side // 4, side // 4, generator=generator)
    fine = torch.randn(n, channels, side, side, generator=generator)
    return nn.functional.interpolate(coarse, size=(side, side), mode="bilinear") + 0.1 * fine


@pytest.mark.parametrize(
    ("channels", "side"), list(itertools.product([1, 3], [(8, 8), (16, 16), (28, 28), (32, 32), (9, 50)]))
)
def test_any_image_of_at_least_eight_pixels_gives_a_map_that_a_head_reads(channels: int, side: tuple[int, int]) -> None:
    body = residual("tiny", channels=channels, height=side[0], width=side[1])
    features = body(torch.rand(2, channels, *side))
    assert features.shape[:2] == (2, body.features)
    assert pooled(body.features, 5)(features).shape == (2, 5)


@pytest.mark.parametrize(("size", "about"), [("tiny", 1e5), ("small", 1e6), ("base", 1e7), ("large", 1e8)])
def test_each_size_has_about_the_parameters_that_its_stop_says(size: str, about: float) -> None:
    with torch.device("meta"):
        body = residual(size, channels=3, height=32, width=32)
        assert body(torch.empty(2, 3, 32, 32)).shape[1] == body.features == SIZES[size][0][-1]
    count = sum(parameter.numel() for parameter in body.parameters())
    assert 0.6 < count / about < 1.6


def test_larger_images_pass_more_stages_so_that_the_map_stays_small() -> None:
    with torch.device("meta"):
        shapes = [residual("tiny", channels=3, height=s, width=s)(torch.empty(2, 3, s, s)).shape for s in (32, 64, 128)]
    assert len(set(shapes)) == 1


def test_whitened_patches_have_no_correlations_and_variance_one() -> None:
    x = pictures(side=32)
    layer = Whitening(3, patch=3)
    before = spread(layer, x)
    layer.fit(x)
    after = spread(layer, x)
    assert before > 50
    assert after < 2


@torch.no_grad()
def spread(layer: Whitening, x: torch.Tensor) -> float:
    """The ratio of the largest variance of the layer's outputs (one sign each) to the median one."""
    out = layer(x)[:, : layer.features // 2, 1:-1, 1:-1].transpose(0, 1).flatten(1).double()
    values = torch.linalg.eigvalsh(out @ out.T / out.shape[1])
    return float(values[-1] / values.median())


def test_whitening_is_kept_with_the_weights_is_never_learned_and_is_the_same_each_time() -> None:
    layers = [Whitening(1, patch=3) for _ in range(2)]
    for layer in layers:
        layer.fit(pictures(channels=1))
    assert torch.equal(layers[0].state_dict()["weight"], layers[1].state_dict()["weight"])
    assert [name for name, _ in layers[0].named_parameters()] == []


def test_whitening_of_images_without_any_variation_is_finite() -> None:
    layer = Whitening(3, patch=3)
    layer.fit(torch.zeros(4, 3, 8, 8))
    assert torch.isfinite(layer(torch.zeros(1, 3, 8, 8))).all()


def test_the_body_answers_each_image_alone_when_it_does_not_learn() -> None:
    body = residual("tiny", channels=3, height=16, width=16)
    body.initialise(pictures())
    body(pictures())
    body.eval()
    x = pictures(6)
    torch.testing.assert_close(body(x), torch.cat([body(one[None]) for one in x]), rtol=1e-4, atol=1e-4)


def test_a_mask_hides_places_from_the_head() -> None:
    sequence = torch.randn(2, 4, 8)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    for pool in ("mean", "max"):
        head = pooled(8, 3, pool=pool)
        torch.testing.assert_close(head((sequence, mask))[0], head(sequence[:1, :2])[0])
        torch.testing.assert_close(head((sequence, mask))[1], head(sequence)[1])


def test_pooling_a_map_is_the_same_as_pooling_its_places_as_a_sequence() -> None:
    features = torch.randn(2, 8, 3, 3)
    for pool in ("mean", "max"):
        head = pooled(8, 3, pool=pool)
        torch.testing.assert_close(head(features), head(features.flatten(2).transpose(1, 2)))


def test_an_unknown_pooling_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="mean"):
        pooled(8, 3, pool="maen")
