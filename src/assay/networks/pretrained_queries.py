"""Pretrained detectors that answer with a list of queries, taken whole: DETR (Carion et al. 2020, arXiv:2005.12872), Table
Transformer and YOLOS (Fang et al. 2021, arXiv:2106.00666).

A query is a vector that the network makes of an image; one small network of the checkpoint reads a box from each, another
one the class of what is in it, or that nothing is. Both are kept, but for the last layer of the second one: of the classes
that the checkpoint knows by the names that the data has, and of "no object", it keeps what is known; others are learned.

Legend: B batch, C channels, H height, W width, Q queries, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import Unsupported
from assay.networks._pretrained_checkpoint import Checkpoint
from assay.networks.detection import DetectionHead, located
from assay.networks.pretrained import Pretrained
from assay.networks.pretrained_maps import MapEncoder
from assay.networks.pretrained_signals import Scaled

KINDS = ("detr", "table-transformer", "yolos")
WHOLE = "ForObjectDetection"  # how the class ends that a whole detector was saved as


def queried(config: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is a detector that is taken whole, and no image network for a detector to be made of.

    >>> queried({"model_type": "yolos", "architectures": ["YolosForObjectDetection"]}), queried({"model_type": "vit"})
    (True, False)
    """
    kind, saved = config.get("model_type"), config.get("architectures") or [WHOLE]
    return kind in KINDS and (kind != "yolos" or str(saved[0]).endswith(WHOLE))


def refuse_timm(source: Checkpoint) -> None:
    """See that a detector's image network is one of ``transformers``, too.

    Raises:
        Unsupported: it is one of ``timm``, as in DETR's first checkpoints and most that were made of them.
    """
    made_of = source.config.get("backbone_config") or {}
    plain = not made_of and source.config.get("use_timm_backbone", True)
    if source.config["model_type"] != "yolos" and (plain or made_of.get("model_type") == "timm_backbone"):
        raise Unsupported(
            f"The image network of {source.name} comes from timm, which assay does without. Of facebook/detr-resnet-50, "
            "microsoft/table-transformer-detection and others the hub holds the same without it: hf download NAME "
            "--revision no_timm --local-dir FOLDER, then --network hf:FOLDER."
        )


def detector(*, queries: bool = False, **options: Any) -> QueryEncoder | MapEncoder:
    """The body of a whole detector, or of assay's own that is made of an image network."""
    return QueryEncoder(**options) if queries else MapEncoder(**options)


def detector_head(features: QueryEncoder | int, classes: int, labels: Sequence[str]) -> QueryHead | DetectionHead:
    """The head that belongs to such a body."""
    return QueryHead(features, labels) if isinstance(features, QueryEncoder) else located(features, classes)


class QueryEncoder(Pretrained):
    """What a detector's own heads read of an image: its queries.

    Raises:
        DataError: the checkpoint's weights cannot be read, or are those of no detector.
        Unsupported: it takes a library that is not installed.
    """

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        pixels: Mapping[str, Sequence[float]],
        source: Checkpoint | None = None,
        **others: Any,  # noqa: ARG002 - what the checkpoint began with, and the sides of images: it takes any
    ) -> None:
        heads: list[nn.Module] = []

        def without_heads(model: Any) -> Any:
            heads.extend((model.class_labels_classifier, model.bbox_predictor))
            return model.base_model

        super().__init__("AutoModelForObjectDetection", config, tuning, source, 0, part=without_heads)
        known = self.model.config
        self.heads = tuple(heads)  # of classes and of boxes: for `QueryHead`, which takes them
        self.names = [str(known.id2label.get(code, code)) for code in range(known.num_labels)]  # they may begin at 1
        self.queries = int(getattr(known, "num_queries", 0) or known.num_detection_tokens)
        self.scaled = Scaled(**pixels)

    @property
    def features(self) -> QueryEncoder:
        """Itself, for its head."""
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in −1 … 1 → queries ``[B, Q, D]``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuning != "frozen"):
            places: Tensor = self.model(pixel_values=self.scaled(image)).last_hidden_state
        return places[:, -self.queries :]  # of YOLOS they stand behind the patches


class QueryHead(nn.Module):
    """The checkpoint's own readings of a query: its box, and its class among ``labels`` or none."""

    def __init__(self, body: QueryEncoder, labels: Sequence[str]) -> None:
        super().__init__()
        known: Any
        known, self.box = body.heads
        body.heads = ()
        if isinstance(known, nn.Linear):
            known = relabelled(known, body.names, labels)
        else:
            known.layers[-1] = relabelled(known.layers[-1], body.names, labels)
        self.label: nn.Module = known

    def forward(self, queries: Tensor) -> Tensor:
        """Queries ``[B, Q, D]`` → ``[B, Q, 4 + K + 1]``: a box's centre, width and height in shares of the image's sides, a
        logit a class and that of no object."""
        return torch.cat([self.box(queries).sigmoid(), self.label(queries)], dim=2)


def relabelled(layer: nn.Linear, names: Sequence[str], labels: Sequence[str]) -> nn.Linear:
    """A layer for the classes ``labels``, and none of them: what ``layer`` knows of those that are among its own ``names``
    (in small or in capital letters), and of none, is kept.

    >>> old = nn.Linear(2, 3)
    >>> new = relabelled(old, ["cat", "dog"], ["bolt", "Dog"])
    >>> new.out_features, torch.equal(new.weight[1:], old.weight[1:])
    (3, True)
    """
    new = nn.Linear(layer.in_features, len(labels) + 1)
    known = [name.casefold() for name in names]
    pairs = [(at, known.index(name)) for at, label in enumerate(labels) if (name := label.casefold()) in known]
    to, of = map(list, zip(*pairs, (len(labels), len(names)), strict=True))
    with torch.no_grad():
        new.weight[to], new.bias[to] = layer.weight[of], layer.bias[of]
    return new
