"""What a judge finds goes on the model's card, in the form for machines and in the form for people."""

from __future__ import annotations

from assay.core.errors import AssayError
from assay.core.files import write
from assay.core.folder import README, add_evidence, read_card
from assay.core.model import Model
from assay.core.record import Record
from assay.core.verb import Watch
from assay.pages.card import model_card
from assay.pages.facts import facts_of


def keep_evidence(model: Model, record: Record, watch: Watch) -> None:
    """Put ``record`` on the card of ``model`` (in the place of an older one of the same verb and data).

    A card that cannot be written costs no result: the user is told, and the record is handed back all the same.
    """
    if problem := add_evidence(model, record):
        watch.say(problem)
        return
    if model.folder is None:
        return
    try:
        write(model.folder / README, model_card(facts_of(model), read_card(model)))
    except AssayError as error:
        watch.say(f"The page of {model.folder} was not updated: {error}")
