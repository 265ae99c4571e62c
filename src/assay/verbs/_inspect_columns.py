"""Columns one by one: those that never change, those that only name the example, and those that say the target."""

from __future__ import annotations

import numpy as np

from assay.methods.one_column import Cells, cells_of, is_id, tells_class, tells_value
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import Finding, amount, some, table, verb
from assay.verbs._inspect_target import Target

TELLS = 0.98  # of the errors of always guessing the largest class: a column that avoids as many says the target
RANKS = 0.999  # of a rank correlation
MOST = 20_000  # examples that a column is judged on


def columns(data: Examined, target: Target | None) -> list[Finding]:
    """Looks at every input column (where an example is a row of them) and every further one."""
    first = next(iter(data.datasets.values()))
    inputs = first.roles.inputs if first.roles.row else ()
    names = [name for name in first.split.columns if name != first.roles.target]
    names = [name for name in names if name in inputs or name not in first.roles.inputs]
    rows = []
    constant, ids, leaks = [], [], []
    for name in names:
        cells = cells_of(data.column(name))
        if cells is None:
            continue
        skill = _skill(cells, target)
        remarks = []
        if cells.distinct == 1:
            constant.append(name)
            remarks.append("never changes")
        elif is_id(cells):
            ids.append(name)
            remarks.append("names the example")
        if skill >= (TELLS if target and target.labelled else RANKS):
            leaks.append(name)
            remarks.append("says the target")
        rows.append((name, "input" if name in inputs else "not used", cells.distinct, skill, ", ".join(remarks)))
    told = "How much of the target the column alone tells, held out: 0 nothing, 1 all."
    listed = table("columns", ("column", "role", "distinct", "tells", "remark"), rows, told)
    constant, ids, used = ([n for n in found if n in inputs] for found in (constant, ids, leaks))
    findings = [Finding(tables=listed)]
    if used:
        note = (
            f"{some(used)} alone {verb(len(used), 'says', 'say')} the target. Would that be known before the "
            "answer? If not, leave it out (--ignore): a model will look perfect and be of no use."
        )
        findings.append(Finding(weight=82, note=note))
    if ids:
        it = verb(len(ids), "it", "them")
        note = f"{some(ids)} {verb(len(ids), 'names', 'name')} each example: leave {it} out (--ignore)."
        findings.append(Finding(weight=15, note=note))
    if constant:
        noun = amount(len(constant), "column")
        findings.append(
            Finding(weight=10, note=f"{noun} never {verb(len(constant), 'changes', 'change')}: {some(constant)}.")
        )
    return findings


def _skill(cells: Cells, target: Target | None) -> float:
    if target is None or not target.there.any() or cells.distinct == 1:
        return 0.0
    at = np.flatnonzero(target.there)
    if len(at) > MOST:
        at = np.sort(np.random.default_rng(0).choice(at, MOST, replace=False))
    some_cells = Cells(cells.distinct, cells.codes[at], None if cells.numbers is None else cells.numbers[at])
    if target.labelled:
        return max(0.0, tells_class(some_cells, target.values[at].astype(np.int64)))
    return tells_value(some_cells, target.values[at].astype(np.float64))
