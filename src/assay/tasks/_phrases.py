"""A made-up pair of languages whose every sentence has one translation, so that the right answer is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from assay.core.demo import Demo
from assay.core.files import write

T = TypeVar("T")

# Of English: one, many. Of the other language: the stem and the gender, which articles, adjectives and plurals agree with.
NOUNS = {
    ("dog", "dogs"): ("rud", "a"), ("cat", "cats"): ("mim", "o"), ("bird", "birds"): ("pliv", "o"),
    ("child", "children"): ("nen", "a"), ("woman", "women"): ("dal", "o"), ("man", "men"): ("hor", "a"),
    ("horse", "horses"): ("kaval", "a"), ("goose", "geese"): ("ans", "o"),
}  # fmt: skip
ADJECTIVES = {"small": "pik", "old": "ved", "red": "ruf", "happy": "glad", "white": "alv", "quick": "snel"}
VERBS = {("sees", "see"): "vid", ("hears", "hear"): "aud", ("follows", "follow"): "seg", ("likes", "like"): "lub"}
NUMBERS = {"two": "du", "three": "tri", "four": "kvar"}
SIZES = {"train": 4_000, "validation": 200, "test": 300}


def phrases(folder: Path) -> Demo:
    """``train.english``, ``train.other`` … in ``folder``: no sentence stands in two of the splits.

    The other language puts the verb last and the adjective behind its noun, agrees in gender and number where English does
    not, and has no word for "the".
    """
    rng = np.random.default_rng(0)
    pairs: dict[str, str] = {}
    while len(pairs) < sum(SIZES.values()):
        english, other = _sentence(rng)
        pairs[english] = other
    lines = iter(pairs.items())
    for split, n in SIZES.items():
        taken = [next(lines) for _ in range(n)]
        for at, language in enumerate(LANGUAGES):
            write(folder / f"{split}.{language}", "".join(pair[at] + "\n" for pair in taken))
    return Demo(
        data=folder,
        about="4,500 sentences of a made-up pair of languages: verbs come last, adjectives follow nouns and agree with them",
        inputs=("The small dogs see a red bird.", "Three old women follow the horse."),
        target=LANGUAGES[1],
        known=("bleu", 100.0, "since every sentence has one right translation"),
        time="60s",
    )


LANGUAGES = ("eng", "qaa")  # qaa: for private use, in ISO 639-2


def _sentence(rng: np.random.Generator) -> tuple[str, str]:
    subject, many, said_subject = _noun_phrase(rng)
    what, _, said_what = _noun_phrase(rng)
    verb = _one(rng, VERBS)
    english = f"{subject} {verb[many]} {what}."
    other = f"{said_subject} {said_what} {VERBS[verb]}{'un' if many else 'et'}."
    return english[0].upper() + english[1:], other[0].upper() + other[1:]


def _noun_phrase(rng: np.random.Generator) -> tuple[str, bool, str]:
    """English, whether it is many, and the other language."""
    forms = _one(rng, NOUNS)
    stem, gender = NOUNS[forms]
    many = rng.random() < 0.5
    ending = gender + ("i" if many else "")
    if many:
        number = _one(rng, [None, *NUMBERS])
        article, said_article = (number, NUMBERS[number]) if number else ("the", "")
    else:
        article, said_article = _one(rng, [("the", ""), ("a", f"un{gender}")])
    adjective = _one(rng, [None, *ADJECTIVES])
    english = " ".join(word for word in (article, adjective, forms[many]) if word)
    other = [said_article, f"{stem}{ending}", f"{ADJECTIVES[adjective]}{ending}" if adjective else ""]
    return english, many, " ".join(word for word in other if word)


def _one(rng: np.random.Generator, items: Iterable[T]) -> T:
    found = list(items)
    return found[rng.integers(len(found))]
