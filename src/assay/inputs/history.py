"""Histories: what one user had, oldest first, as codes of a catalogue.

Legend: N examples, B batch, W places (the longest history that is kept), V items, P parts, M masks, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.catalogue import NONE, Catalogue, item_name, learn
from assay.core.columns import Column
from assay.core.errors import DataError, nearest
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.core.source import WHOLE, Source
from assay.inputs._history_columns import USUAL, find, usual
from assay.inputs._history_corruptions import ITEMS, KINDS, corrupted
from assay.inputs._history_items import raw_items as raw_items
from assay.inputs._history_rows import arranged
from assay.inputs._shade_bars import bars

SHOWN = 20  # items of a history that people are shown
DIRECTIONS = 64  # random directions that neighbours are told apart by
RECENT = 8  # items, from the end, that they are told apart by
SPARE = 1.5  # how much longer than in training a history may get before it is cut
LATER = (
    8  # items that it may grow by in any case: the events that were held out come back before the next one is foretold
)


@dataclass(frozen=True)
class History:
    """The modality of histories: a list of items (text or whole numbers), or such a list as JSON text.

    Data is a table of events with a column each for the user, the item and, where the order of the rows is not that of the
    events, the time (see `History.arrange`); or a table that holds the histories themselves.

    Attributes:
        user: the column of users in a table of events; ``auto`` goes by the usual names.
        item: the column of items.
        time: the column of times (numbers or ISO dates); ``none`` for the order of the rows.
        longest: the most items of a history that are looked at, counted from its end.
    """

    user: str = "auto"
    item: str = "auto"
    time: str = "auto"
    longest: Annotated[int, Within(1, 65_536)] = 1000

    names = ("history", "items", "past", "sequence", "clicks")
    row = False
    store = False
    optional = False
    files = False
    example = '["50", "181"]'

    def __post_init__(self) -> None:
        check(self)

    def accepts(self, cell: Any) -> bool:
        """Whether a cell is a list of items, or such a list as JSON."""
        if isinstance(cell, np.ndarray):
            return cell.ndim == 1
        if isinstance(cell, str) and cell.lstrip().startswith("["):
            return isinstance(raw_items(cell), list)
        return isinstance(cell, list | tuple)

    def arrange(self, source: Source) -> Source:
        """The source with one history a user, where it is a table of events; else as it is.

        Raises:
            DataError: its columns do not say who had what, or its events are in several splits already.
        """
        split = next(iter(source.splits.values()))
        given = {"user": self.user, "item": self.item, "time": self.time}
        by_hand = any(value not in ("auto", "none") for value in given.values())
        if not by_hand and any(self._histories(name, column) for name, column in split.columns.items()):
            return source
        events = find(list(split.columns), given, source.name)
        if events is None:
            columns = list(split.columns)
            role = next(role for role in ("user", "item") if usual(role, columns) is None)
            raise DataError(
                f"{source.name} is no table of events: no column has a usual name of a{'n' * (role == 'item')} {role} (as "
                f"{role}_id). Name it with --set {role}=… {nearest(role, columns)} A table of histories has a column of "
                'lists, as ["50", "181"].'
            )
        if list(source.splits) != [WHOLE]:
            raise DataError(
                f"{source.name} holds its events in several splits ({', '.join(source.splits)}). Give one table of all "
                "events: the last of every user is held out to test on, and the last but one to select by."
            )
        return arranged(source, split, events)

    def fit(self, xs: Sequence[Any]) -> FittedHistory:
        """The catalogue of the items in ``xs``; `assay.tasks.recommendation` fits it to the targets too.

        Raises:
            DataError: there is no item in them.
        """
        cells = [items for x in xs if isinstance(items := raw_items(x), list)]
        return self.fitted(learn(cells), [len(items) for items in cells])

    def fitted(self, catalogue: Catalogue, lengths: Sequence[int]) -> FittedHistory:
        """The codec for a catalogue and for histories of such ``lengths``.

        Raises:
            DataError: the catalogue is empty.
        """
        if not len(catalogue):
            raise DataError("There is no item in any training history.")
        most = max(lengths, default=0)
        cut = sum(length > self.longest for length in lengths)
        return FittedHistory(catalogue, min(self.longest, max(most + LATER, round(SPARE * most))), cut, len(lengths))

    def load(self, state: JSON) -> FittedHistory:
        """The inverse of `FittedHistory.to_json`."""
        catalogue = Catalogue(tuple(state["catalogue"]))
        return FittedHistory(catalogue, int(state["longest"]), int(state["cut"]), int(state["of"]))

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Histories of three to eight items whose last one is of the right (+1) or of the left (−1), and the others of
        neither."""
        signs = rng.choice([-1, 1], n)
        made = []
        for sign in signs.tolist():
            others = rng.permutation([f"item {at}" for at in range(12)])[: rng.integers(2, 8)]
            made.append([*others.tolist(), f"{'right' if sign > 0 else 'left'} {rng.integers(3)}"])
        return made

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if x[-1].startswith("right") else -1 for x in xs])

    def _histories(self, name: str, column: Column) -> bool:
        roles = {word for words in USUAL.values() for word in words.split()}
        return name.casefold() not in roles and any(self.accepts(cell) for cell in column[:20])


@dataclass(frozen=True)
class FittedHistory:
    """Histories as codes, left-aligned: what stands after the last item is padding.

    Attributes:
        catalogue: the items.
        longest: W.
        cut: how many training histories are longer than that.
        of: how many there are.
    """

    catalogue: Catalogue
    longest: int
    cut: int = 0
    of: int = 0

    absence = "An item that is absent is taken out: those after it move up, as though it had never been clicked."
    corruptions = KINDS

    @property
    def dims(self) -> JSON:
        """How many items there are."""
        return {"items": len(self.catalogue)}

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence where histories are cut."""
        if not self.cut:
            return ()
        return (
            f"{self.cut:,} of {self.of:,} training histories are longer than {self.longest:,} items: only the last "
            f"{self.longest:,} are looked at, and older ones may be recommended again (--set longest=…).",
        )

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``items`` int32 ``[N, W]`` (codes 1 to V, then 0) and ``length`` int32 ``[N]``.

        Items that were never seen in training are left out, see `notes`; an empty history is that of a new user. What is no
        list, or holds something that is no item, is a problem.
        """
        items = np.full((len(xs), self.longest), NONE, dtype=np.int32)
        length = np.zeros(len(xs), dtype=np.int32)
        for at, x in enumerate(xs):
            cells = raw_items(x)
            if isinstance(cells, str):
                problems[at] = cells
                continue
            codes = self.catalogue.codes(cells)
            codes = codes[codes != NONE][-self.longest :]
            items[at, : len(codes)] = codes
            length[at] = len(codes)
        return {ITEMS: items, LENGTH: length}

    def notes(self, xs: Sequence[Any]) -> Problems:
        """Items that were never seen in training, and histories that are cut."""
        found: Problems = {}
        for at, x in enumerate(xs):
            cells = raw_items(x)
            if isinstance(cells, str):
                continue
            unseen = [str(item_name(cell)) for cell in cells if self.catalogue.code(cell) == NONE]
            said = []
            if unseen:
                more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
                offer = self.catalogue.offer(unseen[0]).split(" Accepted")[0]
                offer = f" {offer}" if offer.startswith("Did") else ""
                said.append(f'the item "{unseen[0]}"{more} was not in the training data and is passed over.{offer}')
            if len(cells) - len(unseen) > self.longest:
                said.append(f"only the last {self.longest:,} of {len(cells) - len(unseen):,} items are looked at.")
            if said:
                found[at] = " ".join(said)
        return found

    def collate(self, arrays: Tensors) -> Tensors:
        """``items`` int32 ``[B, T]``, cut to the longest of the batch (T ≥ 1), and ``length`` int32 ``[B]``."""
        length = arrays[LENGTH]
        most = max(1, int(length.max()))
        return {ITEMS: arrays[ITEMS][:, :most], LENGTH: length}

    def augment(self, x: Tensors, generator: Any) -> Tensors:
        """Nothing changes: no change of a history is known to keep what comes next."""
        return x

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The items, oldest first."""
        return tuple(self.catalogue.name(code) for code in x[ITEMS][0, : x[LENGTH][0]].tolist())

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """Histories without the items that are not kept: those after them move up."""
        count = mask.shape[1]
        items = np.full((len(mask), self.longest), NONE, dtype=np.int32)
        order = np.argsort(~mask, axis=1, kind="stable")
        length = mask.sum(axis=1, dtype=np.int32)
        moved = x[ITEMS][0][:count][order]
        items[:, :count] = np.where(np.arange(count) < length[:, None], moved, NONE)
        return {ITEMS: items, LENGTH: length}

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Lost, random or shuffled clicks (see `assay.inputs._history_corruptions`)."""
        return corrupted(x, len(self.catalogue), kind, severity, rng)

    def features(self, x: Pack) -> NDArray[np.float32]:
        """The last items of each history in random directions, ``[N, D]``, of length 1 (0 for an empty one).

        The direction of an item is another at every age: histories are alike that end in the same items in the same places.
        So one history is not like itself an item later, as which it stands in the next split by design.
        """
        rng = np.random.default_rng(0)
        directions = rng.normal(size=(len(self.catalogue) + 1, DIRECTIONS)).astype(np.float32)
        turns = rng.choice(np.array([-1, 1], dtype=np.float32), (RECENT, DIRECTIONS))
        directions[NONE] = 0
        at = x[LENGTH][:, None] - 1 - np.arange(RECENT)
        recent = np.where(at >= 0, np.take_along_axis(x[ITEMS], at.clip(0, self.longest - 1), axis=1), NONE)
        found = np.zeros((len(recent), DIRECTIONS), dtype=np.float32)
        for age in range(RECENT):
            found += directions[recent[:, age]] * turns[age]
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    def show(self, x: Any) -> tuple[str, str]:
        """The last items, in order."""
        cells = raw_items(x)
        if isinstance(cells, str):
            return "text", cells
        last = " → ".join(str(item_name(cell)) for cell in cells[-SHOWN:])
        before = f"({len(cells) - SHOWN:,} before) → " if len(cells) > SHOWN else ""
        return "text", before + last or "(nothing yet)"

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """The items that are known, oldest first, with a bar each for what they count for (``values`` ``[P]``), as SVG."""
        names = self.parts(self.encode([x], {}))
        return bars(names, [""] * len(names), values, order="oldest first")

    def to_json(self) -> JSON:
        """Everything that `History.load` needs."""
        return {"catalogue": list(self.catalogue.items), "longest": self.longest, "cut": self.cut, "of": self.of}
