"""Fields of a task's input and output that a user sets by name: ``--set tokenizer=bpe``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from assay.core.errors import ConfigError, nearest
from assay.core.protocols import FittedOutput
from assay.core.task import Task

_READS = {str: str, int: int, float: float}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def pairs(given: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as a dict; a mapping as it is.

    >>> pairs(["tokenizer=bpe", "longest = 64"])
    {'tokenizer': 'bpe', 'longest': '64'}

    Raises:
        ConfigError: one of them has no ``=``.
    """
    if isinstance(given, Mapping):
        return dict(given)
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f'--set "{text}" is not NAME=VALUE, as in --set {text.strip() or "name"}=…')
        found[name.strip()] = value.strip()
    return found


def with_options(task: Task, given: Sequence[str] | Mapping[str, Any]) -> tuple[Task, dict[str, Any]]:
    """The task with fields of its input and output set, and what was set, as JSON holds it.

    A name that both have is set in both.

    Raises:
        ConfigError: neither has such a field, it takes no such value, or the values do not go together.
    """
    wanted = pairs(given)
    if not wanted:
        return task, {}
    chosen: dict[str, Any] = {}
    sides: dict[str, Any] = {"input": task.input, "output": task.output}
    known = {side: _types(thing, None) for side, thing in sides.items()}
    values: dict[str, dict[str, Any]] = {side: {} for side in sides}
    for name, value in wanted.items():
        having = [side for side in sides if name in known[side]]
        if not having:
            names = sorted({*known["input"], *known["output"]})
            offer = nearest(name, names) if names else "It has nothing to set."
            raise ConfigError(f"--set {name}: {task.name} has no option of that name. {offer}")
        for side in having:
            chosen[name] = values[side][name] = _typed(name, value, known[side][name])
    # all at once: some values go together only
    changed = {side: _with(thing, values[side]) for side, thing in sides.items()}
    return replace(task, **changed), chosen


def answering(output: FittedOutput, given: Sequence[str] | Mapping[str, Any]) -> FittedOutput:
    """The fitted output with some of its ``adjustable`` fields set: how it searches for answers.

    Raises:
        ConfigError: it has no such adjustable field, it takes no such value, or the values do not go together.
    """
    able: tuple[str, ...] = getattr(output, "adjustable", ())
    types = _types(output, able)
    values: dict[str, Any] = {}
    for name, value in pairs(given).items():
        if name not in types:
            offer = nearest(name, able) if able else "This kind of answer has nothing to set."
            raise ConfigError(f"--set {name}: that is not for setting when a model answers. {offer}")
        values[name] = _typed(name, value, types[name])
    return _with(output, values)  # type: ignore[no-any-return]


def _with(thing: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass with fields replaced; it refuses by itself what is out of their ranges (see `assay.core.ranges`)."""
    if not values:
        return thing
    made = replace(thing, **values)
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"--set {name}={value}: it takes a finite number.")
    return made


def _types(thing: Any, only: Sequence[str] | None) -> dict[str, Any]:
    if not is_dataclass(thing):
        return {}
    hints = get_type_hints(type(thing))
    return {f.name: hints[f.name] for f in fields(thing) if only is None or f.name in only}


def _typed(name: str, value: Any, kind: Any) -> Any:
    # ``int | None`` takes what an int takes, and "none"
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if type(None) in options and (value is None or str(value).lower() == "none"):
        return None
    plain = next(option for option in options if option is not type(None))
    if plain is bool:
        if isinstance(value, bool) or str(value).lower() in _TRUTH:
            return value if isinstance(value, bool) else _TRUTH[str(value).lower()]
        raise ConfigError(f"--set {name}={value}: it is either true or false.")
    try:
        return _READS[plain](value)
    except (ValueError, TypeError, OverflowError):
        words = {int: "a whole number", float: "a number"}.get(plain, "text")
        raise ConfigError(f"--set {name}={value}: it takes {words}.") from None
    except KeyError:
        raise ConfigError(f"--set {name}: that cannot be set by a word or a number.") from None
