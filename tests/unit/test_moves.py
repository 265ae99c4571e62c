"""Random moves of images."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from assay.inputs._moves import moved


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("side", [(8, 8), (32, 32), (9, 50)])
@pytest.mark.parametrize("flip", [False, True])
def test_every_image_is_a_crop_of_itself_mirrored_beyond_its_edges_and_every_move_occurs(
    side: tuple[int, int], flip: bool
) -> None:
    most, (height, width) = 2, side
    x = torch.rand(400, 3, *side, generator=generator())
    wide = functional.pad(x, (most,) * 4, mode="reflect")
    crops = [wide[:, :, i : i + height, j : j + width] for i in range(5) for j in range(5)]
    expected = torch.stack(crops + ([crop.flip(3) for crop in crops] if flip else []))
    found = (expected == moved(x, most, flip, generator())).flatten(2).all(2)
    assert (found.sum(0) == 1).all()
    assert found.any(1).all()


def test_memory_comes_out_channels_last_whichever_way_it_came_in() -> None:
    x = torch.rand(4, 3, 8, 8)
    out = moved(x, 1, True, generator())
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(out, moved(x.contiguous(memory_format=torch.channels_last), 1, True, generator()))
