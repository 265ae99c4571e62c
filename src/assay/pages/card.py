"""The README.md of a model folder: a model card (Mitchell et al. 2019) in the form that model hubs read.

It says what was measured and nothing else: what facts and records do not tell is named as not known.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.figure import Figure, number
from assay.core.record import Record
from assay.pages._words import DIRECTIONS, amount, clean, count, duration, grouped, headed, human, short, warns

TELLING = ("inspect", "train", "evaluate", "audit", "compress")  # verbs whose notes limit what the model is good for
GROUPS = 60  # rows of a table of subgroups
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#$])")
_BREAKS = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def model_card(model_facts: Mapping[str, Any], records: Sequence[Record]) -> str:
    """The card as Markdown with a YAML head.

    Args:
        model_facts: as `assay.pages.facts.facts_of` gives them, and perhaps ``license`` and ``name``.
        records: the evidence; the newest of each verb and data is told.
    """
    ordered = sorted(records, key=lambda record: record.when)
    judged = [record for record in ordered if record.verb == "evaluate"]
    name = str(model_facts.get("name") or model_facts.get("folder") or model_facts.get("task") or "model")
    parts = [_head(name, model_facts, judged), f"# {_md(name)}", *_what(model_facts), *_use(model_facts)]
    parts += _evaluation(judged)
    parts += _limits(ordered, judged)
    parts += _training(model_facts, ordered)
    artefact = _code(model_facts.get("hash"))
    parts.append(
        f"Written by assay, of the artefact with the hash {artefact} alone. `card.json` holds all the evidence."
    )
    return "\n\n".join(parts) + "\n"


def scalar(value: Any) -> str:
    r"""A value as JSON that every YAML reader takes for the same value.

    YAML takes JSON's strings but for characters that it calls not printable, and its 1e-05 for a string.

    >>> scalar("a: b\u2028#"), scalar(1e-05), scalar(float("nan")), scalar(["x", {"y": 0.5}])
    ('"a: b\\u2028#"', '1.0e-05', 'null', '["x", {"y": 0.5}]')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(k))}: {scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(v) for v in value) + "]"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "null"
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    text = json.dumps(value, ensure_ascii=False)
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _head(name: str, facts: Mapping[str, Any], judged: Sequence[Record]) -> str:
    task = facts.get("task")
    head: dict[str, Any] = {"library_name": "assay", "tags": ["assay", *([task] if task else [])]}
    if facts.get("license"):
        head = {"license": facts["license"], **head}
    results = []
    for record in judged:
        metrics = [
            {"type": f.name, "name": human(f.name), "value": float(f.value)}
            for f in record.figures
            if f.group is None and math.isfinite(f.value)
        ]
        if metrics:
            data = {"type": "assay", "name": short(record.data.get("fingerprint") or "unknown")}
            data |= {key: record.data[key] for key in ("split",) if record.data.get(key)}
            results.append({"task": {"type": record.task}, "dataset": data, "metrics": metrics})
    if results:
        head["model-index"] = [{"name": name, "results": results}]
    return "\n".join(["---", *(f"{key}: {scalar(value)}" for key, value in head.items()), "---"])


def _what(facts: Mapping[str, Any]) -> list[str]:
    network = " ".join(str(facts[key]) for key in ("network", "size") if facts.get(key))
    rows = [
        ("Task", facts.get("task")),
        ("Network", network),
        ("Weights", f"{facts['parameters']:,}" if facts.get("parameters") else None),
        ("Input", ", ".join(map(str, facts.get("inputs") or ()))),
        ("Target", facts.get("target")),
        ("Classes", _some(facts.get("classes") or ())),
    ]
    summary = [_md(facts["summary"])] if facts.get("summary") else []
    return [*summary, "\n".join(f"- **{key}**: {_md(value)}" for key, value in rows if value)]


def _some(values: Sequence[Any], most: int = 20) -> str:
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(str(value) for value in values[:most]) + more


def _use(facts: Mapping[str, Any]) -> list[str]:
    if not facts.get("inputs") or not facts.get("target"):
        return []
    inputs = _md(_some([str(name) for name in facts["inputs"]]))
    text = f"It answers with **{_md(facts['target'])}** when it is given **{inputs}**"
    if facts.get("classes"):
        text += f", and its answer is always one of the {len(facts['classes']):,} classes above"
    license_ = "" if facts.get("license") else " No license was stated."
    return ["## Intended use", f"{text}. Who may use it, and what for, was not stated.{license_}"]


def _evaluation(judged: Sequence[Record]) -> list[str]:
    parts = ["## Evaluation"]
    if not judged:
        return [*parts, "None was recorded: run `assay evaluate MODEL DATA`."]
    for record in judged:
        n = record.data.get("n")
        many = count(n, "example") if isinstance(n, int) else "an unknown number of examples"
        split = f" (split: {_md(record.data['split'])})" if record.data.get("split") else ""
        source = _code(record.data.get("fingerprint"))
        parts.append(f"Measured on {many}{split} of the data with the fingerprint {source}. Intervals are of 95 %.")
        whole = [figure for figure in record.figures if figure.group is None]
        rows = [[human(f.name), amount(f), _interval(f), _n(f), DIRECTIONS[f.better]] for f in whole]
        parts.append(_table(["Metric", "Value", "95 % interval", "n", "Direction"], rows))
        for column, values in grouped(record.figures).items():
            names = list(dict.fromkeys(name for by_name in values.values() for name in by_name))
            rows = [
                [value, _n(next(iter(by_name.values()))), *(_short(by_name.get(name)) for name in names)]
                for value, by_name in list(values.items())[:GROUPS]
            ]
            parts += [f"### By {_md(human(column))}", _table([human(column), "n", *map(human, names)], rows)]
    return parts


def _limits(records: Sequence[Record], judged: Sequence[Record]) -> list[str]:
    told = (note for record in records if record.verb in TELLING for note in record.notes)
    notes = list(dict.fromkeys(note for note in told if warns(note)))
    if judged and not any(figure.group for record in judged for figure in record.figures):
        notes.append(
            "It was not evaluated by subgroup (assay evaluate --by COLUMN), so how it fares for each is not known."
        )
    if not notes:
        return []
    return ["## Limitations", "\n".join(f"- {_md(note)}" for note in notes)]


def _training(facts: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    rows: list[tuple[str, str]] = []
    for record in records:
        if record.verb == "train":
            n = record.data.get("n")
            rows.append(
                ("Learned from", f"data with the fingerprint {clean(record.data.get('fingerprint') or 'unknown')}")
            )
            rows += [("Examples", f"{n:,}")] if isinstance(n, int) else []
            rows += [("Time", duration(record.seconds))] if record.seconds else []
            rows += [("Day", time.strftime("%Y-%m-%d", time.gmtime(record.when)))] if record.when else []
    lineage = facts.get("lineage") or {}
    for key, value in lineage.items():
        if isinstance(value, Mapping):
            told = ", ".join(f"{k} {json.dumps(v) if isinstance(v, Mapping | list) else v}" for k, v in value.items()
                             if v not in (None, "", []))  # fmt: skip
            rows += [(headed(str(key)), told)] if told else []
        elif value not in (None, "", []):
            rows.append((headed(str(key)), str(value)))
    return ["## Training", "\n".join(f"- **{_md(key)}**: {_md(value)}" for key, value in rows)] if rows else []


def _n(figure: Figure) -> str:
    return f"{figure.n:,}" if figure.n else ""


def _short(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return number(figure.value) + (f" ({ends})" if (ends := _interval(figure)) else "")


def _interval(figure: Figure) -> str:
    """Its ends, without the brackets that Markdown might take for a link."""
    return "" if figure.low is None or figure.high is None else f"{number(figure.low)} to {number(figure.high)}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(part if at == 1 else _md(part) for part in row) + " |" for at, row in enumerate(lines)
    )


def _code(digest: object) -> str:
    """A hash as code, where no escape has a meaning: so nothing but what hashes are made of is let in."""
    return f"`{re.sub(r'[^0-9A-Za-z:._-]', '', str(digest or '')) or 'unknown'}`"


def _md(text: object) -> str:
    r"""Text that Markdown and HTML leave as it is, on one line.

    >>> _md("a|b <script> *x*\n# y & z")
    'a\\|b \\<script\\> \\*x\\* \\# y &amp; z'
    """
    flat = " ".join(clean(text).split())
    return _SPECIAL.sub(r"\\\1", flat.replace("&", "&amp;"))
