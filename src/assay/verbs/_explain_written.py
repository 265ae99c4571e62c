"""Explanations as files: the pictures for a slide or a mail, and the whole as one page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from assay.core.errors import ConfigError
from assay.core.files import writable, write
from assay.core.model import Model
from assay.core.record import Medium, Record
from assay.pages.facts import facts_of
from assay.pages.report import report_html

PAGE = "explanation.html"
KINDS = (".html", ".png", ".svg")


def check_out(out: Path | None) -> None:
    """Refuse a place that pictures cannot be written to, before any work.

    Raises:
        ConfigError: it ends in something else than what can be written.
    """
    if out is None or out.suffix.lower() in KINDS or out.is_dir():
        return
    if out.suffix:
        raise ConfigError(
            f"--out {out}: a name ends in {', '.join(KINDS)}, or in nothing and is a folder for all of it."
        )
    writable(out)


def write_out(model: Model, record: Record, out: Path) -> str:
    """Write a page, one picture or a folder of all, as the ending of ``out`` says; a sentence on what was written.

    Raises:
        ConfigError: there is no picture of that kind.
        BudgetError: the disk is full.
    """
    suffix = out.suffix.lower() if not out.is_dir() else ""
    if suffix == ".html":
        write(out, _page(model, record))
        return f"The page is at {out}."
    drawn = [medium for medium in record.media if medium.name == "explanation"]
    if suffix:
        fits = [medium for medium in drawn if medium.kind == suffix[1:]]
        if not fits:
            raise ConfigError(f"--out {out}: {_offer(drawn)}")
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


def _offer(drawn: Sequence[Medium]) -> str:
    if not drawn:
        return "an input of this kind cannot be drawn; a page can be written, with a name that ends in .html."
    return f"pictures of this kind of input end in .{drawn[0].kind}."
