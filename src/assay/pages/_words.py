"""Values as people read them, for every page alike."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assay.core.figure import ACRONYMS, Figure, finite, number
from assay.core.figure import count as count
from assay.core.figure import human as spelled
from assay.core.group_names import column_of
from assay.core.record import Record

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "neither": ""}
MISSING = "–"
GUESSING = 0.5  # the AUC of who guesses

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# How notes begin that only say what was done; whatever else is noted may be a reason to doubt, and is marked.
_PLAIN = re.compile(
    r'Method: |The answer "|".*" instead of "|".*", which is the model\'s own answer|An? [\w ]+ that is absent |'
    r'Gradients are taken on |What is taken out of an |The column ".*" makes the splits|[\d,]+ of .* explained \(--n\)|'
    r"Explained are |The search looked at |Of .*none is shown to be worse",
    re.DOTALL,
)
_CODES = {"id", "row", "line", "index", "seed", "epoch", "year", "class", "label"}  # numbers that name, not count


def clean(text: object) -> str:
    r"""Text from a file name or a label that can do nothing to a terminal or to the order of a line.

    Control characters (an escape sequence could rewrite the screen), marks that turn the direction of writing, and
    halves of surrogate pairs become ``�``.

    >>> clean("a\x1b[2Jb\tc")
    'a�[2Jb\tc'
    """
    return _UNSAFE.sub("�", str(text))


def warns(note: str) -> bool:
    r"""Whether a note may be a reason to doubt, and should be seen first; else it says what was done.

    >>> warns("Worse for sex=F: accuracy is 0.1 below"), warns("Method: shapley, 64 evaluations of the model.")
    (True, False)
    >>> warns('"cat", which is the model\'s own answer: for it speak most ears (+1.000).')
    False
    """
    return not _PLAIN.match(note)


def human(name: str) -> str:
    """`assay.core.figure.human`, of a name that may come from a file."""
    return spelled(clean(name))


def headed(name: str) -> str:
    """`human`, as a heading begins: with a capital, unless an acronym has its own.

    >>> headed("log_loss"), headed("chrf")
    ('Log loss', 'chrF')
    """
    return capital(human(name))


def capital(words: str) -> str:
    """Words that begin with a capital, unless they begin with an acronym, which has its own.

    >>> capital("by class"), capital("mAP, higher is better")
    ('By class', 'mAP, higher is better')
    """
    return words if words.startswith(tuple(ACRONYMS.values())) else words[:1].upper() + words[1:]


def amount(figure: Figure) -> str:
    """The value of a figure with its unit.

    >>> amount(Figure("size", 1.25, unit="MB"))
    '1.250 MB'
    """
    return f"{number(figure.value)} {clean(figure.unit)}".rstrip()


def cell(value: Any, column: str = "") -> str:
    """A cell of a table as text.

    >>> cell(12345, "n"), cell(2014, "year"), cell(0.5), cell(None), cell(True), cell(["a", 1])
    ('12,345', '2014', '0.500', '–', 'yes', '["a", 1]')
    """
    if finite(value) is None:  # as it is read back from a file
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if column.casefold() in _CODES else f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        return number(value)
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def cells(values: Sequence[Any], column: str = "") -> list[str]:
    """A column as text: small decimal numbers have as many digits, so that they stand one below another.

    >>> cells([0.5, 1.0, None, 0.00012]), cells([1.5, 200.0]), cells([0.5, float("nan")])
    (['0.500', '1.000', '–', '0.00012'], ['1.500', '200'], ['0.500', '–'])
    """
    values = finite(list(values))
    sizes = [abs(value) for value in values if isinstance(value, float)]
    alike = numeric(values) and bool(sizes) and max(sizes) < 10
    if not alike:
        return [cell(value, column) for value in values]
    return [
        f"{value:.3f}".replace("-", "−") if value is not None and (value == 0 or abs(value) >= 0.001) else cell(value)
        for value in values
    ]


def numeric(values: Sequence[Any]) -> bool:
    """Whether the cells of a column are numbers, but for missing ones, and so stand at the right.

    >>> numeric([1, None, 0.5]), numeric([None]), numeric(["1"]), numeric([True])
    (True, False, False, False)
    """
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)


def is_number(value: Any) -> bool:
    """Whether a cell is a number that can be drawn.

    >>> is_number(1), is_number(0.5), is_number(True), is_number(float("nan")), is_number("1")
    (True, True, False, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def duration(seconds: float) -> str:
    """A length of time in two units at most.

    >>> duration(0.42), duration(75), duration(7500), duration(200000)
    ('0.4 s', '1 min 15 s', '2 h 5 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for large, small, size, part in (("min", "s", 60, 1), ("h", "min", 3600, 60), ("d", "h", 86400, 3600)):
        if whole < size * (60 if large == "min" else 24) or large == "d":
            if whole < size:
                return f"{whole} s"
            rest = whole % size // part
            return f"{whole // size} {large}" + (f" {rest} {small}" if rest else "")
    raise AssertionError("a length of time is always below one of the sizes")


def short(digest: object) -> str:
    """The first eight characters of a hash, which tell artefacts apart for people."""
    return clean(digest)[:8]


def grouped(figures: Sequence[Figure]) -> dict[str, dict[str, dict[str, Figure]]]:
    """Figures of subgroups as column → value → name → figure, in the order given.

    >>> grouped([Figure("accuracy", 0.9, group="sex=F")])["sex"]["F"]["accuracy"].value
    0.9
    """
    found: dict[str, dict[str, dict[str, Figure]]] = {}
    for figure in figures:
        if figure.group is not None:
            column, value = column_of(figure.group)
            if not value:
                column, value = "group", figure.group
            found.setdefault(column, {}).setdefault(value, {})[figure.name] = figure
    return found


def parted(record: Record) -> tuple[list[Figure], list[Figure]]:
    """The figures of a record that speak of the whole, and those of its groups.

    A figure of a column (of how far its groups are apart) speaks of the whole and is named after it. Gaps that a table
    states with verdicts are left to it.

    >>> spread = Figure("accuracy_difference", 0.1, group="sex")
    >>> [figure.name for figure in parted(Record("audit", "", None, {}, (spread,)))[0]]
    ['accuracy_difference_by_sex']
    """
    stated = any(table.name in ("gaps", "found groups") for table in record.tables)
    whole, groups = [], []
    for figure in record.figures:
        if figure.group is None:
            whole.append(figure)
        elif record.verb == "audit" and column_of(figure.group)[1] is None:
            whole.append(replace(figure, name=f"{figure.name}_by_{column_of(figure.group)[0]}", group=None))
        elif not (stated and figure.name.endswith("_gap")):
            groups.append(figure)
    return whole, groups


def reference(name: str, whole: Figure | None) -> float | None:
    """What a figure is held against: 0 for a difference or a gap, 1 for a ratio of groups, what guessing reaches for an
    attack, else the whole's.

    >>> reference("demographic_parity_ratio_by_sex", None), reference("accuracy_gap", None)
    (1.0, 0.0)
    """
    if name.startswith("membership_auc"):
        return GUESSING
    if name.partition("_by_")[0].endswith(("difference", "gap")):
        return 0.0
    if name.partition("_by_")[0].endswith(("parity_ratio", "odds_ratio", "opportunity_ratio")):
        return 1.0
    return None if whole is None else whole.value


def stands(figure: Figure, against: float | None) -> str:
    """Where an interval stands: ``better`` or ``worse`` than ``against``, ``apart`` from it, or ``""`` around it.

    >>> stands(Figure("accuracy", 0.7, 0.6, 0.8, better="higher"), 0.9)
    'worse'
    """
    ends = bounds(figure)
    if against is None or ends is None or ends[0] <= against <= ends[1]:
        return ""
    if figure.better == "neither":
        return "apart"
    return "better" if (ends[0] > against) == (figure.better == "higher") else "worse"


def bounds(figure: Figure) -> tuple[float, float] | None:
    """The ends of an interval that can be drawn; ``None`` where one of them, or the value, is not a finite number.

    >>> bounds(Figure("accuracy", 0.7, 0.6, 0.8)), bounds(Figure("loss", 0.7, 0.6, float("inf")))
    ((0.6, 0.8), None)
    """
    if figure.low is None or figure.high is None or not math.isfinite(figure.low + figure.value + figure.high):
        return None
    return figure.low, figure.high
