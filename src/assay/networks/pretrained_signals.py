"""Pretrained networks that look: at an image, or at a clip.

What comes out of them is what their own classifier read: it is taken off, since the classes to be learned are others. They
are shown images as they know them, which `assay.networks._pretrained_preprocessing` says.

Legend: B batch, S frames given, T frames of one view, C channels, H height, W width, D features.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import DataError
from assay.networks._pretrained_checkpoint import Checkpoint
from assay.networks.pretrained import Pretrained

FRESH = ("fc_norm", "pooler.layernorm")  # norms before the classifier, which checkpoints without one may lack
ANYWHERE = "interpolate_pos_encoding"  # what networks are told that have learned where things are for one size only


def unlabelled(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a network without a classifier: of no classes, as ``transformers`` has it.

    Of SigLIP's kin it is left as it is: they cannot be made without one.

    >>> unlabelled({"model_type": "vit", "id2label": {"0": "cat"}})
    {'model_type': 'vit', 'id2label': {}, 'label2id': {}}
    """
    if str(config.get("model_type", "")).startswith("siglip"):
        return dict(config)
    return {**{key: value for key, value in config.items() if key != "num_labels"}, "id2label": {}, "label2id": {}}


class Scaled(nn.Module):
    """Pixels as a checkpoint knows them."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Sequence[float], shift: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32), persistent=False)
        self.register_buffer("shift", torch.tensor(shift, dtype=torch.float32), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """``[…, C, H, W]`` in −1 … 1 → the same, scaled."""
        return image * self.scale[:, None, None] + self.shift[:, None, None]


class ImageEncoder(Pretrained):
    """What the classifier of an image network reads."""

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
        super().__init__("AutoModelForImageClassification", config, tuning, source, 0, unstored=(*FRESH, "classifier"))
        if isinstance(getattr(self.model, "classifier", None), nn.Linear):
            self.model.classifier = nn.Identity()
        self.scaled = Scaled(**pixels)
        self.told = told(self.model)
        self.features = _width(self, torch.zeros(1, channels, height, width))

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in −1 … 1 → ``[B, D]``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuning != "frozen"):
            return self.model(pixel_values=self.scaled(image), **self.told).logits  # type: ignore[no-any-return]


class ClipEncoder(Pretrained):
    """What the classifier of a video network reads.

    Of more frames than it knows at once, every S / T-th makes a view from each of the first ones on, and what the views
    give is averaged.
    """

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        pixels: Mapping[str, Sequence[float]],
        source: Checkpoint | None = None,
        frames: int,
        **others: Any,  # noqa: ARG002
    ) -> None:
        super().__init__("AutoModelForVideoClassification", config, tuning, source, 0, unstored=(*FRESH, "classifier"))
        self.model.classifier = nn.Identity()
        self.scaled = Scaled(**pixels)
        self.frames = frames
        self.told = told(self.model)
        taken = inspect.signature(type(self.model).forward).parameters
        self.named = "pixel_values_videos" if "pixel_values_videos" in taken else "pixel_values"
        self.features = int(self.model.config.hidden_size)

    def forward(self, video: Tensor) -> Tensor:
        """Clips ``[B, S, C, H, W]`` in −1 … 1, S a multiple of T → ``[B, D]``."""
        views = video.shape[1] // self.frames
        clips = video.view(len(video), self.frames, views, *video.shape[2:]).transpose(1, 2).flatten(0, 1).contiguous()
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuning != "frozen"):
            found: Tensor = self.model(**{self.named: self.scaled(clips)}, **self.told).logits
        return found.view(len(video), views, -1).mean(1)


def told(model: nn.Module) -> dict[str, bool]:
    """The argument by which a network that has learned where things are for images of one size takes others too."""
    return {ANYWHERE: True} if ANYWHERE in inspect.signature(type(model).forward).parameters else {}


def _width(body: ImageEncoder, image: Tensor) -> int:
    """D, found by looking at an image; one that cannot be looked at is told now and not in the midst of training."""
    learning = body.training
    body.eval()
    try:
        with torch.inference_mode():
            found = body(image)
    except (ValueError, RuntimeError) as error:
        kind, sides = type(body.model).__name__, " × ".join(map(str, image.shape[2:]))
        raise DataError(f"A {kind} cannot look at images of {sides} pixels: {str(error).splitlines()[0]}") from error
    body.train(learning)
    if found.ndim != 2 or not found.shape[1]:
        raise DataError(
            f"A {type(body.model).__name__} gives no features beside its classes: it is no body for others."
        )
    return int(found.shape[1])
