"""Pretrained image networks as bodies of detectors: their maps joined into one that is read cell by cell.

Of a network of stages the last three maps are taken, of one that reads patches (a vision transformer) the patches as a map
of their own. What follows is the neck of `assay.networks.detection`, with fresh weights; a map of patches is made
twice as fine first, as in ViTDet (Li et al. 2022, arXiv:2203.16527).

Legend: B batch, C channels, H height, W width, D features, h, w sides of a map, N places of a sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import DataError, Unsupported
from assay.networks._pretrained_checkpoint import Checkpoint
from assay.networks.detection import Join
from assay.networks.pretrained import POOLER, Pretrained
from assay.networks.pretrained_signals import Scaled, told
from assay.networks.residual import convolution, norm

WIDTH = 128  # half of D: one half tells of boxes, the other one of classes
STAGES = 3  # maps that are joined, as a rule of an eighth to a 32nd of the sides
READINGS = 2  # convolutions of each half
COARSE = 16  # pixels of a cell from which on a map is made twice as fine
WHOLE = 32  # sides are whole multiples of this, which the patches and strides of most networks go into


def grain(config: Mapping[str, Any]) -> int:
    """What the sides of images must be multiples of.

    >>> grain({"model_type": "resnet"}), grain({"patch_size": 16}), grain({"patch_size": [14, 14]})
    (32, 32, 28)
    """
    patch = config.get("patch_size") or 1
    patch = max(patch) if isinstance(patch, list | tuple) else patch
    return WHOLE if WHOLE % patch == 0 else 2 * patch


def refuse_detectors(config: Mapping[str, Any]) -> None:
    """See that a network is one for images, of which a detector can be made.

    Raises:
        Unsupported: it is a whole detector of a kind that is not trained here.
    """
    if "num_queries" in config or "backbone" in config or "backbone_config" in config:
        raise Unsupported(
            f"A network of the kind {config.get('model_type')} is a whole detector, and not one of those that are trained "
            "here as they are (detr, table-transformer, yolos). Name the image network that it was made of (resnet, "
            "convnext, swin, vit, dinov2 …)."
        )


class MapEncoder(Pretrained):
    """A map of what an image shows, for `assay.networks.detection.located`."""

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        pixels: Mapping[str, Sequence[float]],
        source: Checkpoint | None = None,
        channels: int,
        height: int,
        width: int,
        **others: Any,  # noqa: ARG002 - what the checkpoint began with
    ) -> None:
        super().__init__("AutoModel", config, tuning, source, 0)
        if hasattr(self.model, POOLER):
            self.model.pooler = nn.Identity()  # which some networks ask in any case
        self.scaled = Scaled(**pixels)
        self.told = told(self.model)
        shapes = self._shapes(torch.zeros(1, channels, height, width))
        self.joins = nn.ModuleList(Join(shape[1], WIDTH) for shape in shapes)
        self.finer: nn.Module = nn.Identity()
        if height // shapes[0][2] >= COARSE:
            self.finer = nn.Sequential(nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2), norm(WIDTH), nn.ReLU())
        self.readings = nn.ModuleList(nn.Sequential(*(_layer() for _ in range(READINGS))) for _ in range(2))
        self.features = 2 * WIDTH

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in −1 … 1 → a map ``[B, D, h, w]``, as a rule of an eighth of the sides."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuning != "frozen"):
            maps = self.maps(image)
        joined: Tensor | None = None
        for join, x in zip(reversed(self.joins), reversed(maps), strict=True):
            joined = join(x, joined)
        joined = self.finer(joined)
        return torch.cat([reading(joined) for reading in self.readings], dim=1)

    def maps(self, image: Tensor) -> list[Tensor]:
        """What the checkpoint makes of images, ``[B, C, h, w]`` each, the finest first."""
        found = self.model(pixel_values=self.scaled(image), output_hidden_states=True, **self.told)
        layers = getattr(found, "reshaped_hidden_states", None) or found.hidden_states
        if layers[-1].ndim == 4:  # of each size the last one
            return list({layer.shape[2]: layer for layer in layers}.values())[-STAGES:]
        places = found.last_hidden_state
        size = self.model.config.patch_size
        rows, columns = (side // part for side, part in zip(image.shape[2:], _pair(size), strict=True))
        end = places.shape[1] - getattr(self.model.config, "num_detection_tokens", 0)
        begin = end - rows * columns  # what is no patch stands in front: a place for the class, registers
        if begin < 0:
            raise ValueError(f"{places.shape[1]} places are no {rows} × {columns} patches")
        return [places[:, begin:end].transpose(1, 2).unflatten(2, (rows, columns))]

    def _shapes(self, image: Tensor) -> list[torch.Size]:
        learning = self.training
        self.eval()
        try:
            with torch.inference_mode():
                shapes = [found.shape for found in self.maps(image)]
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            kind, reason = type(self.model).__name__, str(error).splitlines()[0]
            raise DataError(f"A {kind} gives no map of an image, so it is no body of a detector: {reason}") from error
        self.train(learning)
        return shapes


def _layer() -> nn.Sequential:
    return nn.Sequential(convolution(WIDTH, WIDTH), norm(WIDTH), nn.ReLU())


def _pair(size: Any) -> tuple[int, int]:
    return (size[0], size[1]) if isinstance(size, list | tuple) else (size, size)
