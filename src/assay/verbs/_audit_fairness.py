"""Gaps between groups, those that a user names and those that a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError
from assay.core.model import Answers, Model
from assay.core.verb import Watch
from assay.verbs._audit_found import found_groups
from assay.verbs._audit_gaps import named_groups
from assay.verbs._findings import Findings, together

if TYPE_CHECKING:
    from assay.verbs.audit import Config


def audit(model: Model, dataset: Dataset, answers: Answers, config: Config, watch: Watch) -> Findings:
    """The gaps of the groups of ``config.by``, and of those that a search finds where ``config.find_groups`` asks for it.

    Raises:
        ConfigError: there is no target to be right about.
        DataError: a column makes no groups.
    """
    if answers.tallies is None:
        raise ConfigError("A gap between groups needs a target to be right about, and this data has none.")
    parts = []
    if config.by:
        watch.progress("compare groups", 0, 1)
        parts.append(named_groups(model, dataset, answers, config.by, config.seed))
        watch.progress("compare groups", 1, 1)
    if config.find_groups:
        watch.progress("search for groups", 0, 1)
        parts.append(found_groups(model, dataset, answers, config.seed))
        watch.progress("search for groups", 1, 1)
    return together(parts)
