"""One claim of an answer that makes several: a box among boxes, a token or symbol of a text."""

from __future__ import annotations

from dataclasses import replace

from assay.core.errors import choose
from assay.verbs._explain_cases import Found
from assay.verbs._given import amount


def with_claim(found: Found, wanted: str) -> Found:
    """The examples with the claim ``wanted`` chosen, by its name or its number from 1. Of several examples those are left
    out whose answers make no such claim (a shorter text has fewer tokens), and a note says how many.

    Raises:
        ConfigError: not one answer makes such a claim; offers the nearest.
    """
    places = [_place(case.claims, wanted) for case in found.cases]
    kept = [at for at, place in enumerate(places) if place is not None]
    if not kept:
        choose("claim", wanted, dict.fromkeys(name for case in found.cases for name in case.claims))
    cases = tuple(
        replace(case, chosen=place) for case, place in zip(found.cases, places, strict=True) if place is not None
    )
    left = len(found.cases) - len(kept)
    said = (f'{amount(left)} whose answer makes no claim "{wanted}" {"was" if left == 1 else "were"} left out.',)
    return Found(
        cases=cases,
        rows=tuple(found.rows[at] for at in kept),
        data={**found.data, "n": len(kept)},
        notes=(*found.notes, *(said if left else ())),
    )


def _place(claims: tuple[str, ...], wanted: str) -> int | None:
    if wanted in claims:
        return claims.index(wanted)
    return int(wanted) if wanted.isdecimal() and 1 <= int(wanted) < len(claims) else None
