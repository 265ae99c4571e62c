"""Objects and where they are: a box and a class each, judged by average precision as COCO does.

Boxes are shares of the image's width and height, so they hold at any size: (x0, y0, x1, y1) from 0 to 1, x0 left of x1 and
y0 above y1.

Legend: N examples, B batch, M places for true objects, D = 100 found ones, C classes, k tally columns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.core.errors import DataError
from assay.core.metric import Array, Metric
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.core.record import Table
from assay.outputs import _boxes_map, _boxes_queries
from assay.outputs._boxes_cells import packed, parsed
from assay.outputs._boxes_files import FORMS, boxes_files
from assay.outputs._boxes_matching import FOUND, tallied
from assay.outputs._boxes_metrics import boxes_metrics
from assay.outputs._boxes_odd import odd_objects
from assay.outputs._boxes_picture import claimed, pictured
from assay.outputs._boxes_tables import best_least, boxes_tables

MOST = 300  # places for true objects, unless a training image has more
ROOM = 1.5  # how many times as many objects as any training image an image may have
MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Boxes:
    """Objects of several classes and where they are.

    Attributes:
        most: the most objects of one image; 0 for half as many again as any training image has, at most 300.
        least: how sure an object must be to be listed; held-out answers choose it where there are any.
        overlap: of two objects of a class that overlap by more than this (intersection over union) only the surer one is
            kept; 0 for what suits the network: 0.6 for a map of cells, 1 for queries, no two of which tell of one object.
    """

    most: Annotated[int, Within(0, 100_000)] = 0
    least: Annotated[float, Within(0, 1)] = 0.3
    overlap: Annotated[float, Within(0, 1)] = 0.0

    names = ("objects", "boxes", "annotations", "bboxes", "target", "answer", "y")

    def __post_init__(self) -> None:
        check(self)

    def fit(self, ys: Sequence[Any]) -> FittedBoxes:
        """The classes are the labels found, in the order of the alphabet.

        Raises:
            DataError: there is no object at all, or there are so many labels that they are no classes.
        """
        wrong: Problems = {}
        found = parsed(ys, wrong)
        counts = Counter(thing.label for objects in found for thing in objects)
        if not counts:
            why = f" The first is wrong: {next(iter(wrong.values()))}." if wrong else ""
            raise DataError(f"Not one of {len(found):,} training images has an object to learn from.{why}")
        if len(counts) > MOST_CLASSES:
            raise DataError(f"The objects have {len(counts):,} distinct labels: these are not classes.")
        largest = max(map(len, found))
        most = self.most or max(largest, min(MOST, math.ceil(ROOM * largest)))
        return FittedBoxes(labels=tuple(sorted(counts)), most=most, least=self.least, overlap=self.overlap)

    def load(self, state: JSON) -> FittedBoxes:
        """The inverse of `FittedBoxes.to_json`.

        Raises:
            ValueError: the state is none that `FittedBoxes.to_json` gives.
        """
        labels, most = state["labels"], state["most"]
        if not labels or not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels):
            raise ValueError(f"no classes of objects: {str(labels)[:80]}")
        if not isinstance(most, int) or not 1 <= most <= 1 << 20:
            raise ValueError(f"no number of objects: {str(most)[:80]}")
        return FittedBoxes(tuple(labels), most, float(state["least"]), float(state["overlap"]))

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """One object an image: a ``day`` in the upper half where the sign is +1, a ``night`` in the lower one where −1.

        Where its left and right sides are exactly no image shows, so nobody is right at every overlap.
        """
        sides = rng.uniform([0.0, 0.7], [0.3, 1.0], (len(signs), 2)).tolist()
        halves = {1: ("day", 0.0, 0.5), -1: ("night", 0.5, 1.0)}
        return [
            [{"label": label, "x0": left, "y0": top, "x1": right, "y1": bottom}]
            for (left, right), (label, top, bottom) in zip(sides, map(halves.__getitem__, signs.tolist()), strict=True)
        ]


@dataclass(frozen=True)
class FittedBoxes:
    """Objects of known classes.

    Attributes:
        labels: the classes' names.
        most: M, the most true objects of an image.
        least, overlap: see `Boxes`.
    """

    labels: tuple[str, ...]
    most: int
    least: Annotated[float, Within(0, 1)] = 0.3
    overlap: Annotated[float, Within(0, 1)] = 0.0

    adjustable: ClassVar[tuple[str, ...]] = ("least", "overlap")
    forms: ClassVar[tuple[str, ...]] = tuple(FORMS)  # of files that `written` makes
    counted: ClassVar[str] = "object"
    classes: ClassVar[tuple[str, ...]] = ()  # a target is not one of a few
    guided: ClassVar[bool] = False
    judged: ClassVar[str] = "f1_of_an_image"

    def __post_init__(self) -> None:
        check(self)

    @property
    def dims(self) -> JSON:
        """How many classes have to be told apart, and which: a pretrained head may know some by name."""
        return {"classes": len(self.labels), "labels": list(self.labels)}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """COCO's mAP@[.5:.95], AP50 and AP75; then F1, precision and recall of the objects that are listed."""
        return boxes_metrics(len(self.labels))

    def plain(self, y: Pack) -> None:
        """A target is neither one class nor one number."""
        return

    def count(self, y: Pack) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every object that has to be found: which example it is of, and the position of its class in `labels`."""
        image, place = np.nonzero((y["code"] >= 0) & ~y["ignore"])
        return image, y["code"][image, place]

    def notes(self, ys: Sequence[Any]) -> Problems:
        """Images with objects that are hardly to be seen, or that were drawn twice."""
        return odd_objects(parsed(ys, {}))

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``{"boxes": float32 [N, M, 4], "code": int64 [N, M], "ignore": bool [N, M], "exact": float64 [N, M, 4]}``; the
        code is −1 where there is no object, ``exact`` are the boxes for the tally.

        A box that is none (no number, no area, out of the image) or of a class that was not in the training data makes its
        image a problem.
        """
        return packed(parsed(ys, problems), self.labels, self.most, problems)

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """A map of cells ``[B, 4 + C, h, w]``, see `assay.outputs._boxes_map`; or queries ``[B, Q, 4 + C + 1]``."""
        return network(**x)  # type: ignore[no-any-return]

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """What the ``loss`` of a map or of a list says, ``[B]``; no likelihood."""
        return _form(raw).loss(raw, y["boxes"], y["code"], y["ignore"].bool())  # type: ignore[no-any-return]

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss; smoothing has no meaning here."""
        return self.loss(raw, y)

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """How far two maps, or two lists, are apart, ``[B]``."""
        return _form(a).gap(a, b)  # type: ignore[no-any-return]

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """``{"boxes": float32 [B, D, 4], "code": int64 [B, D], "confidence": float32 [B, D]}``, the surest first; where
        there are fewer the code is −1 and the confidence 0."""
        with torch.inference_mode():
            return self._found(self.forward(network, x))

    def rows(self, answers: Pack) -> list[JSON]:
        """What was found in words, how sure it is (the mean of the objects listed: the share of them that should be right;
        where there are none, how sure it is of that), and the objects of confidence `least` and above."""
        rows: list[JSON] = []
        for boxes, code, confidence in zip(answers["boxes"], answers["code"], answers["confidence"], strict=True):
            listed = np.flatnonzero((code >= 0) & (confidence >= self.least))
            sure = float(confidence[listed].mean()) if len(listed) else 1.0 - float(confidence.max(initial=0.0))
            objects = [
                {
                    "label": self.labels[code[at]],
                    "confidence": float(confidence[at]),
                    "box": [round(float(side), 6) for side in boxes[at]],
                }
                for at in listed.tolist()
            ]
            said = _counted(self.labels[c] for c in code[listed])
            rows.append({"found": said, "confidence": sure, "objects": objects})
        return rows

    def tally(self, answers: Pack, y: Pack) -> Array:
        """The matches of an image's objects, see `assay.outputs._boxes_matching`, ``[B, k]``."""
        boxes, confidence = answers["boxes"].astype(np.float64), answers["confidence"].astype(np.float64)
        true = y["exact"] if "exact" in y else y["boxes"].astype(np.float64)
        classes = len(self.labels)
        return tallied(boxes, answers["code"], confidence, true, y["code"], y["ignore"], classes, self.least)

    def own(self, answers: Pack) -> Pack:
        """The objects that are listed, as `encode` gives them; where none is, no object."""
        boxes, code = answers["boxes"][:, : self.most], answers["code"][:, : self.most]
        room = self.most - code.shape[1]
        listed = (code >= 0) & (answers["confidence"][:, : self.most] >= self.least)
        exact = np.pad(np.where(listed[..., None], boxes, 0).astype(np.float64), ((0, 0), (0, room), (0, 0)))
        code = np.pad(np.where(listed, code, -1), ((0, 0), (0, room)), constant_values=-1).astype(np.int64)
        return {
            "boxes": exact.astype(np.float32),
            "code": code,
            "ignore": np.zeros(code.shape, dtype=np.bool_),
            "exact": exact,
        }

    def claims(self, y: Pack) -> tuple[str, ...]:
        """All objects, and where there are several each of them."""
        names = [f"{self.labels[code]} {at + 1}" for at, code in enumerate(y["code"][0].tolist()) if code >= 0]
        return ("objects" if names else "no object", *(names if len(names) > 1 else ()))

    def claimed(self, row: JSON, y: Pack, claim: int) -> JSON:
        """An answer's row for `draw` in which the object that ``claim`` of `claims` names stands out."""
        at = np.flatnonzero(y["code"][0] >= 0)[claim - 1]
        return claimed(row, self.labels[y["code"][0, at]], y["exact"][0, at].tolist())

    def explained(self, raw: Tensor, y: Tensors) -> Tensor:
        """How strongly each object is said, see `assay.outputs._boxes_found.claimed`: their mean, then each, ``[B, C]``.
        Where no object is said, minus the loss."""
        return _form(raw).explained(raw, y["boxes"], y["code"], -self.loss(raw, y))  # type: ignore[no-any-return]

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedBoxes:
        """`least` such that the objects which are listed have the largest F1 on held-out answers."""
        parts = []
        for raw, y in answers:
            with torch.inference_mode():
                parts.append(self.tally(self._found(raw), {name: part.cpu().numpy() for name, part in y.items()}))
        return replace(self, least=best_least(np.concatenate(parts), len(self.labels), self.least)) if parts else self

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """F1 of the objects listed for each image, ``[B]``; 1 where nothing is there and nothing is listed."""
        right, listed, true = self.tally(answers, y)[:, -3:].T
        return np.where(listed + true > 0, 2 * right / np.maximum(listed + true, 1), 1.0)

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """Quality by class, and what kinds of mistakes there are."""
        return boxes_tables(self.labels, self.least, self.tally(answers, y), answers, y)

    def written(self, form: str, inputs: Sequence[Any], rows: Sequence[JSON]) -> dict[str, bytes]:
        """The answers to image files as COCO's JSON, or as a folder of Pascal VOC's or YOLO's, see
        `assay.outputs._boxes_files.boxes_files`.

        Raises:
            DataError: an input is no image file, or two have one name.
        """
        return boxes_files(form, inputs, rows, self.labels)

    def summary(self, y: Any) -> str:
        """A raw target in a few words.

        >>> Boxes().fit([[{"label": "cat", "x0": 0, "y0": 0, "x1": 1, "y1": 1}]]).summary("[]")
        'nothing'
        """
        return _counted(thing.label for thing in parsed([y], {})[0]) if y is not None else "nothing"

    def draw(self, shown: tuple[str, str], y: Any, row: JSON | None) -> tuple[str, str]:
        """The image with the true objects (dashed) and those that were found, as SVG."""
        return pictured(shown, [] if y is None else parsed([y], {})[0], row, self.labels)

    def to_json(self) -> JSON:
        """Everything that `Boxes.load` needs."""
        return {"labels": list(self.labels), "most": self.most, "least": self.least, "overlap": self.overlap}

    def _found(self, raw: Tensor) -> Pack:
        form = _form(raw)
        boxes, code, confidence = form.decode(raw.float(), most=FOUND, overlap=self.overlap or form.ALIKE)
        return {"boxes": boxes.cpu().numpy(), "code": code.cpu().numpy(), "confidence": confidence.cpu().numpy()}


def _form(raw: Tensor) -> ModuleType:
    """What reads a raw answer: a map has two sides, a list of queries one."""
    return _boxes_map if raw.ndim == 4 else _boxes_queries


def _counted(labels: Iterable[str]) -> str:
    return ", ".join(f"{count} {label}" for label, count in Counter(labels).most_common()) or "nothing"
