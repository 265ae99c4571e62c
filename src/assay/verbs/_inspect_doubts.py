"""Examples worth a look: targets that are likely wrong, and inputs far from all others."""

from __future__ import annotations

import numpy as np

from assay.core.figure import Figure
from assay.core.verb import Watch
from assay.methods.held_out import Progress, held_out_probabilities, held_out_values
from assay.methods.label_errors import label_errors, mixture_loss, value_errors
from assay.methods.neighbours import Floats, Ints
from assay.methods.outliers import outliers
from assay.verbs._inspect_balance import FEW
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import Finding, amount, share, table, verb
from assay.verbs._inspect_target import Target

FEWEST = 40  # examples below which nobody can say which target is wrong
MOST_CELLS = 30_000_000  # examples × classes that are answered
SHOWN = 16


def wrong_targets(data: Examined, target: Target, watch: Watch) -> tuple[list[Finding], list[str]]:
    """Targets that quick learners, which have not seen the example, are sure to be wrong."""
    at = np.flatnonzero(target.there[data.compared])
    if target.labelled:
        enough = np.bincount(target.values[data.compared[at]], minlength=len(target.classes)) >= FEW
        at = at[enough[target.values[data.compared[at]]]]
    too_many = target.labelled and len(at) * len(target.classes) > MOST_CELLS
    if len(at) < FEWEST or too_many:
        why = "there are too many classes" if too_many else f"it takes {FEWEST} examples of classes that have {FEW}"
        return [], [f"Wrong targets were not looked for: {why}."]
    examples = data.compared[at]

    def told(done: int, total: int) -> None:
        watch.progress("doubting targets", done, total)

    told(0, 1)
    if target.labelled:
        return [_labels(data, target, examples, data.features[at], told)], []
    return [_values(data, target, examples, data.features[at], told)], []


def _labels(data: Examined, target: Target, examples: Ints, features: Floats, told: Progress) -> Finding:
    kinds, codes = np.unique(target.values[examples], return_inverse=True)
    if len(kinds) < 2:
        return Finding()
    answers = held_out_probabilities(features, codes, len(kinds), score=mixture_loss, progress=told)
    found = label_errors(answers, codes)
    rows = []
    shown: list[tuple[int, str]] = []
    for i in found.suspects.tolist():
        example, likely, chance = int(examples[i]), target.classes[kinds[found.proposed[i]]], float(found.chance[i])
        rows.append((data.split_name(example), data.place(example), data.answer(example), likely, chance))
        if len(shown) < SHOWN:
            caption = f"given {data.answer(example)}, likely {likely} ({chance:.0%}) · {data.place(example)}"
            shown.append((example, caption))
    note = ""
    if rows:
        note = (
            f"{amount(len(rows), 'label')} of {len(examples):,} {verb(len(rows), 'is', 'are')} likely wrong, the surest "
            f'at {rows[0][1]} ("{rows[0][2]}", likely "{rows[0][3]}"). '
            f"About {found.rate:.1%} of all labels are estimated to be wrong."
        )
    told_ = (
        f"The chance that the label is wrong, by quick learners that had not seen the example (they agree with "
        f"{found.agreement:.1%} of all labels) and the rate of wrong labels that explains them best."
    )
    figures = (
        share("likely_label_errors", len(rows), len(examples)),
        *([Figure("label_noise", found.rate, n=len(examples), better="lower")] if rows else []),
        share("held_out_agreement", round(found.agreement * len(examples)), len(examples), better="higher"),
    )
    columns = ("split", "place", "label", "likely", "chance")
    return Finding(
        weight=60,
        note=note,
        figures=figures,
        tables=table("likely label errors", columns, rows, told_),
        media=data.sheet("likely label errors", shown),
    )


def _values(data: Examined, target: Target, examples: Ints, features: Floats, told: Progress) -> Finding:
    values = target.values[examples].astype(np.float64)
    predicted = held_out_values(features, values, progress=told)
    suspects, times = value_errors(predicted, values)
    rows = [
        (
            data.split_name(int(examples[i])),
            data.place(int(examples[i])),
            float(values[i]),
            float(predicted[i]),
            float(times[i]),
        )
        for i in suspects.tolist()
    ]
    note = ""
    if rows:
        note = (
            f"{amount(len(rows), 'target')} of {len(examples):,} {verb(len(rows), 'is', 'are')} far from what similar "
            f"examples have, the farthest at {rows[0][1]} ({rows[0][2]:.4g}, "
            f"where {rows[0][3]:.4g} is likely): a slip of the pen, or of the unit?"
        )
    columns = ("split", "place", "target", "likely", "times usual error")
    told_ = "How far the target is from a held-out answer, as a multiple of the error that 95 % of examples keep to."
    shown = [(int(examples[i]), f"{values[i]:g}, likely {predicted[i]:.4g}") for i in suspects[:SHOWN].tolist()]
    return Finding(
        weight=60,
        note=note,
        figures=(share("likely_target_errors", len(rows), len(examples)),),
        tables=table("likely wrong targets", columns, rows, told_),
        media=data.sheet("likely wrong targets", shown),
    )


def strangers(data: Examined) -> list[Finding]:
    """Inputs far from all others."""
    found = outliers(data.features)
    rows = [
        (data.split_name(at), data.place(at), float(found.times[i]), data.answer(at))
        for i, at in zip(found.rows.tolist(), data.compared[found.rows].tolist(), strict=True)
    ]
    note = ""
    if rows:
        note = (
            f"{amount(len(rows), 'example')} {verb(len(rows), 'is', 'are')} unlike all others, the farthest "
            f"at {rows[0][1]}: {verb(len(rows), 'does it', 'do they')} belong to the data?"
        )
    columns = ("split", "place", "times usual distance", "target")
    return [
        Finding(
            weight=20,
            note=note,
            figures=(share("outliers", len(rows), len(data.compared)),),
            tables=table("outliers", columns, rows),
            media=data.sheet("outliers", [(int(at), data.place(int(at))) for at in data.compared[found.rows][:SHOWN]]),
        )
    ]
