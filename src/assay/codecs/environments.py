"""Environments by their id: what they are, how they are opened, and what to say where they cannot be.

An episode is written ``ID?seed=17``: what an environment is reset with is a fact of the example, so that a game can be
played again and two models be compared on the same ones.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from assay.codecs import boards
from assay.core.errors import DataError, Unsupported, nearest

INSTALL = 'pip install "assay[games]"'
ARCADE = "ALE"  # the namespace of Atari games
WRITTEN = "The id of an environment ends in its version, as CartPole-v1; a board game has a name, as connect_four."

_VERSION = re.compile(r"-v\d+$")
_ID = re.compile(r"(?:[A-Za-z_][\w.]*:)?(?:[\w-]+/)*[\w.-]+-v\d+")


def kind(text: object) -> Literal["gymnasium", "board"] | None:
    """What a text names, by its looks alone; ``None`` where it is no id of an environment.

    >>> kind("CartPole-v1"), kind("ALE/Breakout-v5"), kind("connect_four"), kind("photos/cats")
    ('gymnasium', 'gymnasium', 'board', None)
    """
    return _kind(text) if isinstance(text, str) else None


@lru_cache(maxsize=1024)
def _kind(text: str) -> Literal["gymnasium", "board"] | None:
    if _ID.fullmatch(text):
        return "gymnasium"
    return "board" if boards.looks(text) else None


def episode(environment: str, **facts: object) -> str:
    """An episode as one text.

    >>> episode("CartPole-v1", seed=17)
    'CartPole-v1?seed=17'
    """
    return f"{environment}?{urlencode(facts)}"


def parse(text: object) -> tuple[str, dict[str, str]] | None:
    """The environment and the facts of an episode; ``None`` where the text is none.

    >>> parse("connect_four?seed=17&opponent=random")
    ('connect_four', {'seed': '17', 'opponent': 'random'})
    >>> parse("[0.1, 0.2]") is None
    True
    """
    if not isinstance(text, str):
        return None
    environment, mark, facts = text.partition("?")
    if not mark or kind(environment) is None:
        return None
    return environment, dict(parse_qsl(facts))


def version(environment: str) -> str:
    """The version of the library that plays it: another one may play otherwise.

    Raises:
        Unsupported: it is not installed.
    """
    if kind(environment) == "board":
        return boards.version()
    library = "ale_py" if is_arcade(environment) else "gymnasium"
    _gymnasium(environment)
    return f"{library} {importlib.metadata.version(library)}"


def is_arcade(environment: str) -> bool:
    """Whether it is an Atari game: those are played in grey frames, four at a time."""
    return environment.startswith(f"{ARCADE}/")


def spec(environment: str) -> Any:
    """Gymnasium's registration of an environment (its limit of steps, its reward threshold …).

    Raises:
        DataError: there is none of that id; offers the nearest.
        Unsupported: the library that brings it is not installed.
    """
    gymnasium = _gymnasium(environment)
    module, colon, name = environment.rpartition(":")
    if colon:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise DataError(f'{environment}: the module "{module}" cannot be imported ({error}).') from error
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        offer = _nearest_of(module) if colon else _nearest(name)
        raise DataError(f'There is no environment (and no file) "{environment}". {offer}') from error


def make(environment: str) -> Any:
    """One environment of Gymnasium, opened.

    Raises:
        DataError: there is none of that id, or it cannot be opened.
        Unsupported: a library that it needs is not installed; names the command that installs it.
    """
    gymnasium = _gymnasium(environment)
    spec(environment)
    try:
        return gymnasium.make(environment, disable_env_checker=True)
    except (gymnasium.error.DependencyNotInstalled, ImportError) as error:
        raise Unsupported(f"{environment} needs a library that is not installed: {error}") from error
    except Exception as error:  # whatever the environment's own code raises
        raise DataError(f"{environment} cannot be opened: {type(error).__name__}: {error}") from error


def longest(environment: str) -> int | None:
    """The limit of steps of an episode; ``None`` where the id says none."""
    limit = spec(environment).max_episode_steps
    return None if limit is None else int(limit)


def threshold(environment: str) -> float | None:
    """The mean return at which the environment counts as solved; ``None`` where the id says none."""
    found = spec(environment).reward_threshold
    return None if found is None else float(found)


def offer(text: str) -> str:
    """What was meant by a text that is no id (one without its version, a game that is not played), in a sentence or two.

    >>> offer("cartpole").split("?")[0]
    'Did you mean "CartPole-v1"'
    """
    try:
        registry = _registry()
    except ImportError:
        return f"{WRITTEN} They need an extra: {INSTALL}"
    known = {board: board for board in boards.BOARDS}
    for environment in sorted(registry, key=_standing):  # of several of one name the last one stays
        stem = _VERSION.sub("", environment).casefold()
        known |= {stem: environment, stem.rpartition("/")[2]: environment}
    stem = _VERSION.sub("", text).casefold()
    refused = _refusal(text)
    if refused and stem not in known:
        return refused
    close = get_close_matches(stem, known, n=1, cutoff=0.7)
    return " ".join([*(f'Did you mean "{known[name]}"?' for name in close), *([refused] if refused else []), WRITTEN])


def _refusal(text: str) -> str:
    """Why a game that OpenSpiel has is none to learn, in words; nothing where it has no game of this name."""
    with suppress(ImportError):
        import pyspiel

        if text.partition("(")[0] in pyspiel.registered_names():
            try:
                boards.check(text)
            except (DataError, Unsupported) as error:
                return str(error)
    return ""


def _standing(environment: str) -> tuple[bool, int]:
    """Gymnasium's own before those of a namespace, and the newer before the older."""
    found = _VERSION.search(environment)
    return "/" not in environment, int(found[0][2:]) if found else 0


def _gymnasium(environment: str) -> Any:
    try:
        import gymnasium
    except ImportError as error:
        raise Unsupported(f"{environment} needs the library gymnasium: {INSTALL}") from error
    if is_arcade(environment):
        try:
            import ale_py  # registers its games
        except ImportError as error:
            raise Unsupported(f"{environment} needs the library ale-py: {INSTALL}") from error
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    return gymnasium


def _nearest(environment: str) -> str:
    """The ids of the same name where there are any, else the nearest one."""
    registry = _registry()
    name = _VERSION.sub("", environment)
    same = [known for known in registry if _VERSION.sub("", known) == name]
    if same:
        return f"Accepted: {', '.join(sorted(same))}."
    space = environment.rpartition("/")[0]
    alike = [known for known in registry if known.rpartition("/")[0] == space]
    return nearest(environment, alike or registry)


def _nearest_of(module: str) -> str:
    """The ids that a module (or the package that it is of) registers, as they are written with its name."""
    import gymnasium

    package = module.partition(".")[0]
    own = []
    for known, held in gymnasium.registry.items():
        entry = held.entry_point
        owner = entry.partition(":")[0] if isinstance(entry, str) else getattr(entry, "__module__", "")
        if owner.partition(".")[0] == package:
            own.append(f"{module}:{known}")
    return f"Accepted: {', '.join(sorted(own))}." if own else f'The module "{module}" registers none.'


def _registry() -> dict[str, Any]:
    """What is registered, without the old names of Atari games.

    Raises:
        ImportError: gymnasium is not installed.
    """
    import gymnasium

    with suppress(ImportError):
        import ale_py  # noqa: F401 - registers its games
    registry: Mapping[str, Any] = gymnasium.registry
    return {
        known: held
        for known, held in registry.items()
        if "/" in known or not str(held.entry_point).startswith("ale_py")
    }
