"""Which plot a table is drawn as, by its name or its columns, and media that strangers may have made."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.figure import Figure
from assay.core.record import Medium, Table
from assay.pages import plots
from assay.pages._words import clean, grouped, headed, human, is_number, numeric, reference
from assay.pages.pictures_judges import judged
from assay.pages.plots_label import MOST, heat_map, reliability

ROWS = 30  # bars or dots of one plot
FOLDERS = 12  # characters of a path before its last part
WIDE = 1.5  # times as wide as high
COUNTS = {"n", "count", "share", "examples", "rows", "files"}
BINS = ("confidence_low", "confidence_high", "mean_confidence", "accuracy", "n")
_PNG = b"\x89PNG\r\n\x1a\n"
_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
_FOLDERS = re.compile(r"""[^\s()"]*/(?=[^\s()"/])""")


@dataclass(frozen=True)
class Picture:
    """A plot: SVG text that this package made, and the words over it; ``small`` where it is one of many side by side."""

    svg: str
    caption: str = ""
    small: bool = False


@dataclass(frozen=True)
class Image:
    """A medium for a page: a ``data:`` address (``src``), or plain text; ``problem`` where it is neither.

    An SVG stands behind an address too: as an image it can run no script and fetch nothing.
    """

    name: str
    caption: str
    src: str = ""
    text: str = ""
    problem: str = ""
    small: bool = False  # so few pixels that each should stay a square
    wide: bool = False  # so much wider than high that it needs a line of its own
    drawn: bool = False  # lines and letters, which need room to be read


def forests(all_: Sequence[Figure], groups: Sequence[Figure]) -> list[tuple[str, list[Picture]]]:
    """A plot for each metric of each grouping of ``groups``, held against that of ``all_``: column → pictures."""
    whole = {figure.name: figure for figure in all_}
    found = []
    for column, values in grouped(groups).items():
        names = dict.fromkeys(name for by_name in values.values() for name in by_name)
        pictures = []
        for name in names:
            rows = [(value, by_name[name]) for value, by_name in values.items() if name in by_name]
            figure = rows[0][1]
            better = {"higher": ", higher is better", "lower": ", lower is better", "neither": ""}[figure.better]
            unit = f" ({clean(figure.unit)})" if figure.unit else ""
            line = reference(name, whole.get(name))
            named = (
                "no difference"
                if line == 0 or name.endswith("_ratio")
                else "guessing"
                if name.startswith("membership_auc")
                else "all"
            )
            drawn = plots.forest(rows, line, named)
            pictures.append(Picture(drawn, f"{human(name)}{unit}{better}"))
        found.append((human(column), pictures))
    return found


def drawn(table: Table) -> list[Picture]:
    """The plots of a table; none where it is a table and nothing more."""
    columns = {name: [row[i] for row in table.rows] for i, name in enumerate(table.columns)}
    if not table.rows:
        return []
    if found := judged(table):
        return [Picture(*one) for one in found]
    names = set(columns)
    if table.name == "learning curve" and all(map(is_number, columns.get("epoch", [None]))):
        return _learning(columns)
    if (
        table.name == "confusion"
        and {"actual", "predicted", "count"} <= names
        and all(map(is_number, columns["count"]))
    ):
        return _confusion(columns)
    if table.name == "calibration" and set(BINS) <= names:
        bins = list(zip(*(columns[name] for name in BINS), strict=True))
        if all(is_number(low) and is_number(high) and is_number(n) for low, high, _, _, n in bins):
            bins = [(a, b, m if is_number(m) else None, c if is_number(c) else None, n) for a, b, m, c, n in bins]
            return [Picture(reliability(bins), "Confidence against how often it was right; the diagonal is ideal")]
    if table.name == "by class" and "class" in names and numeric(columns.get("f1", [])):
        return _by_class(columns)
    if table.name == "residuals" and {"predicted", "actual"} <= names:
        pairs = [
            (p, a)
            for p, a in zip(columns["predicted"], columns["actual"], strict=True)
            if is_number(p) and is_number(a)
        ]
        return [Picture(plots.scatter([p for p, _ in pairs], [a for _, a in pairs], "predicted", "actual"),
                        "Predicted against actual; on the line both are equal")] if pairs else []  # fmt: skip
    return _counted(table, columns)


def brief(caption: str) -> str:
    """A caption with the last part of each path alone: a table names it in full.

    >>> brief("cat, answered dog (photos/2024/may/pets.csv:12)"), brief("on/off (a/b.png)")
    ('cat, answered dog (…/pets.csv:12)', 'on/off (a/b.png)')
    """
    return _FOLDERS.sub(lambda found: "…/" if len(found[0]) > FOLDERS else found[0], caption)


def image(medium: Medium) -> Image:
    """A medium as a page may show it, whoever made it."""
    name, caption = clean(medium.name), brief(clean(medium.caption))
    if medium.kind == "text":
        return Image(name, caption, text=clean(medium.data))
    if medium.kind == "svg":
        data = medium.data
        if _NAMESPACE not in data:
            data = re.sub(r"<svg\b", f"<svg {_NAMESPACE}", data, count=1)  # without it an image is not drawn
        encoded = base64.b64encode(data.encode("utf-8", "replace")).decode("ascii")
        box = re.search(r'viewBox="0 0 (\d{1,6}(?:\.\d+)?) (\d{1,6}(?:\.\d+)?)"', data[:2000])
        wide = box is not None and float(box[1]) > WIDE * float(box[2])
        return Image(name, caption, src=f"data:image/svg+xml;base64,{encoded}", wide=wide, drawn=True)
    try:
        raw = base64.b64decode("".join(medium.data.split()), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw.startswith(_PNG):
        return Image(name, caption, problem="This picture is damaged: it is not a PNG in base64.")
    encoded = base64.b64encode(raw).decode("ascii")
    width, height = (int.from_bytes(raw[at : at + 4], "big") for at in (16, 20))
    src = f"data:image/png;base64,{encoded}"
    return Image(name, caption, src=src, small=width <= 96, wide=width > WIDE * height)


def side_by_side(images: Sequence[Image]) -> list[tuple[str, list[list[Image]]]]:
    """Pictures by name, each by itself or beside its pair (captions 1a and 1b)."""
    found: dict[str, list[list[Image]]] = {}
    for image in images:
        groups = found.setdefault(image.name, [])
        pair = groups and len(groups[-1]) == 1 and _paired(groups[-1][0].caption, image.caption)
        if pair:
            groups[-1].append(image)
        else:
            groups.append([image])
    return list(found.items())


def _paired(one: str, other: str) -> bool:
    number = re.match(r"\d+(?=a · )", one)
    return number is not None and other.startswith(f"{number[0]}b · ")


def _learning(columns: dict[str, list[Any]]) -> list[Picture]:
    epochs = columns["epoch"]
    if len(epochs) < 2:  # no curve; the table says it all
        return []
    losses = [name for name in columns if name == "loss" or re.fullmatch("validation_(.*_)?loss", name)][: plots.SERIES]
    rest = [name for name in columns if name not in {"epoch", "seconds", "lr", *losses}]
    groups = ([losses] if losses else []) + [[name] for name in rest] + ([["lr"]] if "lr" in columns else [])
    captions = {"loss": "Loss on the examples learned from, and on those held out", "lr": "Learning rate"}
    found = []
    for group in groups:
        series = [(name, epochs, [v if is_number(v) else None for v in columns[name]]) for name in group]
        if any(value is not None for _, _, values in series for value in values):
            name = group[0].removeprefix("validation_")
            caption = captions.get(group[0], headed(name) + (" on held-out examples" if name != group[0] else ""))
            found.append(
                Picture(plots.curves(series, "epoch"), caption if len(group) > 1 or group[0] != "loss" else "Loss")
            )
    return found


def _confusion(columns: dict[str, list[Any]]) -> list[Picture]:
    cells = list(zip(columns["actual"], columns["predicted"], columns["count"], strict=True))
    names = list(dict.fromkeys(str(name) for pair in cells for name in pair[:2]))
    if len(names) > MOST:
        worst = sorted((c for c in cells if c[0] != c[1] and c[2]), key=lambda c: -c[2])[:ROWS]
        labels = [f"{actual} → {predicted}" for actual, predicted, _ in worst]
        return (
            [Picture(plots.bars(labels, [c[2] for c in worst], "count"), "The most frequent mistakes")] if worst else []
        )
    place = {name: i for i, name in enumerate(names)}
    counts = [[0.0] * len(names) for _ in names]
    for actual, predicted, n in cells:
        counts[place[str(actual)]][place[str(predicted)]] += n
    caption = "Rows are what it is, columns what it was taken for. Blue is right, orange is a mistake"
    return [Picture(heat_map(names, counts), f"{caption}; shaded by the share of the row")]


def _by_class(columns: dict[str, list[Any]]) -> list[Picture]:
    shown = [name for name in ("f1", "precision", "recall") if name in columns]
    order = sorted(
        range(len(columns["class"])), key=lambda i: columns["f1"][i] if is_number(columns["f1"][i]) else -1.0
    )
    kept = order[:ROWS]
    series = [(name, [columns[name][i] if is_number(columns[name][i]) else None for i in kept]) for name in shown]
    more = f"; the {ROWS} of {len(order)} classes with the lowest f1" if len(order) > ROWS else ""
    return [Picture(plots.dots([str(columns["class"][i]) for i in kept], series), f"Weakest class first{more}")]


def _counted(table: Table, columns: dict[str, list[Any]]) -> list[Picture]:
    """A histogram of (low, high, n), or bars of (name, n)."""
    names = list(columns)
    last = columns[names[-1]]
    if names[-1] not in COUNTS or not all(is_number(value) and value >= 0 for value in last):
        return []
    if names[:2] == ["low", "high"] and len(names) == 3:
        edges = list(zip(columns["low"], columns["high"], strict=True))
        if all(is_number(a) and is_number(b) for a, b in edges):
            return [Picture(plots.histogram(edges, last, table.name))]
    if len(names) == 2 and 1 < len(last) <= ROWS:
        return [Picture(plots.bars([str(value) for value in columns[names[0]]], last, table.name))]
    return []
