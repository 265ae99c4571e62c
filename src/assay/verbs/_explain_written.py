"""Explanations as files: the pictures for a slide or a mail, and the whole as one page."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import AssayError, ConfigError
from assay.core.files import check_parent, writable, write
from assay.core.folder import is_model
from assay.core.model import Model
from assay.core.record import Medium, Record
from assay.core.verb import Watch
from assay.pages.facts import facts_of
from assay.pages.report import report_html
from assay.verbs._explain_player import Case
from assay.verbs._explain_shown import picture

PAGE = "explanation.html"
KINDS = (".html", ".png", ".svg")


def check_out(out: Path | None) -> None:
    """Refuse a place that pictures cannot be written to, before any work.

    Raises:
        ConfigError: it ends in something else than what can be written, or its folder cannot be written to.
    """
    if out is None:
        return
    folder = next((path for path in (out, *out.parents) if is_model(path)), None)
    if folder is not None:
        beside = folder if folder.name else Path("..", folder.resolve().name)
        raise ConfigError(
            f"--out {out}: {folder} is a model folder, and what is put there would be shipped with the model. Name another "
            f"place, such as --out {beside}-explained{'' if out == folder else out.suffix}."
        )
    if out.suffix.lower() in KINDS and not out.is_dir():
        check_parent(out)
        writable(out.parent)
        return
    if out.suffix and not out.is_dir():
        raise ConfigError(
            f"--out {out}: a name ends in {', '.join(KINDS)}, or in nothing and is a folder for all of it."
        )
    check_parent(out)
    writable(out)


def check_kind(model: Model, case: Case, row: dict[str, Any], out: Path | None) -> None:
    """Refuse a picture that inputs such as ``case``, answered by ``row``, are not drawn as, before any work.

    Raises:
        ConfigError: it offers what can be written.
    """
    suffix = _suffix(out) if out else ""
    if suffix in ("", ".html"):
        return
    nothing = np.zeros(len(case.parts))
    drawn = picture(model, case, row, nothing, nothing)
    kind = None if drawn is None else drawn[0]
    if suffix != f".{kind}":
        raise ConfigError(f"--out {out}: {_offer(kind)}")


def written(model: Model, record: Record, out: Path, watch: Watch) -> Record:
    """Write what ``out`` names; the record, with a note where it could not be written: what was found is not lost by it."""
    try:
        watch.say(write_out(model, record, out))
    except AssayError as error:
        return replace(record, notes=(*record.notes, f"--out {out} was not written: {error}"))
    return record


def write_out(model: Model, record: Record, out: Path) -> str:
    """Write a page, one picture or a folder of all, as the ending of ``out`` says; a sentence on what was written.

    Raises:
        ConfigError: there is no picture of that kind.
        BudgetError: the disk is full.
    """
    suffix = _suffix(out)
    if suffix == ".html":
        write(out, _page(model, record))
        return f"The page is at {out}."
    drawn = [medium for medium in record.media if medium.name == "explanation"]
    if suffix:
        fits = [medium for medium in drawn if medium.kind == suffix[1:]]
        if not fits:
            raise ConfigError(f"--out {out}: {_offer(drawn[0].kind if drawn else None)}")
        write(out, _content(fits[0]))
        return f"The {'first picture' if len(drawn) > 1 else 'picture'} is at {out}."
    writable(out)
    for at, medium in enumerate(drawn, 1):
        write(out / f"{at:02}.{medium.kind}", _content(medium))
    write(out / PAGE, _page(model, record))
    return f"{len(drawn)} picture{'' if len(drawn) == 1 else 's'} and a page are in {out}."


def _page(model: Model, record: Record) -> str:
    facts = facts_of(model)
    return report_html(facts["folder"] or model.task.name, facts, [record])


def _content(medium: Medium) -> str | bytes:
    return base64.b64decode(medium.data) if medium.kind == "png" else medium.data


def _suffix(out: Path) -> str:
    return "" if out.is_dir() else out.suffix.lower()


def _offer(kind: str | None) -> str:
    if kind is None:
        return "an input of this kind cannot be drawn; a page can be written, with a name that ends in .html."
    return f"pictures of this kind of input end in .{kind}."
