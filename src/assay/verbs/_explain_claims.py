"""One claim of an answer that makes several: a box among boxes, a token of a text."""

from __future__ import annotations

from dataclasses import replace

from assay.core.errors import choose
from assay.verbs._explain_player import Case


def with_claim(case: Case, wanted: str) -> Case:
    """The example with the claim ``wanted`` named, by its name or its number from 1.

    Raises:
        ConfigError: the answer makes no such claim; offers the nearest.
    """
    several = case.claims[1:]
    if wanted.isdecimal() and 1 <= int(wanted) <= len(several):
        return replace(case, chosen=int(wanted))
    return replace(case, chosen=case.claims.index(choose("claim", wanted, case.claims)))
