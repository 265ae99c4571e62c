"""Verbs as Python functions: made from a verb's `run` and `Config`, as the commands are, so that they cannot differ."""

from __future__ import annotations

import importlib
import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from numbers import Real  # those of numpy are among them
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core import discovery
from assay.core.errors import ConfigError, Unsupported, nearest
from assay.core.verb import Outcome, Watch

VERBS = "assay.verbs"
IN_MEMORY = ("test", "train")  # options that name data, which in Python need not be on the disk


def positionals(verb: ModuleType) -> dict[str, Any]:
    """The parameters of a verb's ``run`` that the user names, with their types."""
    hints = typing.get_type_hints(verb.run)
    names = [name for name in inspect.signature(verb.run).parameters if name not in ("config", "watch")]
    return {name: hints[name] for name in names}


def options(verb: ModuleType) -> dict[str, tuple[Any, Any, str]]:
    """The fields of a verb's ``Config``: name → type, default, description."""
    hints = typing.get_type_hints(verb.Config)
    words = described(verb.Config)
    return {
        f.name: (hints[f.name], f.default if f.default is not MISSING else ..., words[f.name])
        for f in fields(verb.Config)
    }


def described(config: type) -> dict[str, str]:
    """The descriptions in the ``Attributes:`` section of a docstring, by name."""
    _, _, section = (inspect.getdoc(config) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, rest = line.strip().partition(": ")
            found[name] = rest
        elif line.strip() and name:
            found[name] += " " + line.strip()
    return found


def call(verb: ModuleType, given: Mapping[str, Any], chosen: Mapping[str, Any], watch: Watch) -> Outcome:
    """Run a verb: ``given`` are its positional arguments by name, ``chosen`` its options.

    Raises:
        ConfigError: an option is not known or of the wrong type.
        AssayError: as the verb.
    """
    known = options(verb)
    for name in chosen:
        if name not in known:
            raise ConfigError(f'{_name(verb)} has no option "{name}". {nearest(name, known)}')
    config = verb.Config(**{name: _coerce(name, value, known[name][0]) for name, value in chosen.items()})
    kinds = positionals(verb)
    resolved = [_resolve(value, kinds[name]) for name, value in given.items()]
    for value in resolved:
        task = getattr(value, "task", value)
        if reason := getattr(task, "gaps", {}).get(_name(verb)):
            raise Unsupported(f"{_name(verb)} does not apply to {task.name}: {reason}")
    return typing.cast(Outcome, verb.run(*resolved, config=config, watch=watch))


def function(name: str) -> Callable[..., Any]:
    """The Python function of the verb of that name."""
    verb = discovery.module(VERBS, name)
    kinds, known = positionals(verb), options(verb)

    def verb_function(*args: Any, **kwargs: Any) -> Any:
        from assay.pages.live import live

        quiet = kwargs.pop("quiet", False)
        names = list(kinds)
        many = next((n for n in names if is_many(kinds[n])), None)
        if many and len(args) > names.index(many) and not isinstance(args[names.index(many)], list | tuple):
            args = (*args[: names.index(many)], list(args[names.index(many) :]))
        bound = dict(zip(names, args, strict=False)) | {n: kwargs.pop(n) for n in names[len(args) :] if n in kwargs}
        missing = [n for n in names if n not in bound]
        if missing or len(args) > len(names):
            raise TypeError(
                f"{name}() takes {', '.join(names)}" + (f"; {', '.join(missing)} is missing" if missing else "")
            )
        from assay.core.verb import Silence

        if quiet:
            return call(verb, bound, kwargs, Silence()).value
        with live() as watch:
            return call(verb, bound, kwargs, watch).value

    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=k) for n, k in kinds.items()]
    parameters += [
        inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for n, (kind, default, _) in known.items()
    ]
    parameters.append(inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool))
    verb_function.__name__ = verb_function.__qualname__ = name
    verb_function.__module__ = "assay"
    arguments = "".join(f"    {n}: {words}\n" for n, (_, _, words) in known.items())
    verb_function.__doc__ = f"{inspect.getdoc(verb)}\n\nKeyword arguments:\n{arguments}    quiet: show no progress.\n"
    verb_function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return verb_function


def load(folder: str | Path, *, device: str = "cpu") -> Any:
    """The `assay.Model` that a folder holds.

    Raises:
        ModelError: there is none, or it is damaged or changed.
    """
    return importlib.import_module("assay.core.folder").load(folder, device=device)


def _resolve(value: Any, kind: Any) -> Any:
    if inspect.isclass(kind) and kind.__module__ == "assay.core.model" and isinstance(value, str | Path):
        return load(value)
    if inspect.isclass(kind) and kind.__module__ == "assay.core.task" and isinstance(value, str):
        return discovery.task(value)
    if is_many(kind) and (isinstance(value, str | bytes | Path | Mapping) or not isinstance(value, Sequence)):
        return [value]
    return value


def is_many(kind: Any) -> bool:
    """Whether a positional argument takes any number of values."""
    return typing.get_origin(kind) is Sequence


def whole(name: str, value: Any) -> int:
    """A whole number, as Python has it or as text; a fraction is never cut.

    >>> whole("n", 2.0), whole("--n", "12")
    (2, 12)

    Raises:
        ConfigError: it is none; names the option.
    """
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            with suppress(ValueError):
                value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return operator.index(value)
    raise ConfigError(f"{name} is {value}; it takes a whole number.")


def _coerce(name: str, value: Any, kind: Any) -> Any:
    """A Python value as its option's type: a string for a path, one name for a tuple of names, a number for its text."""
    accepted = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in accepted:
        return None
    for one in accepted:
        if typing.get_origin(one) is tuple:
            if name == "set" and isinstance(value, Mapping):  # set={"beam": 5}, as --set beam=5
                value = [f"{key}={given}" for key, given in value.items()]
            many = [value] if isinstance(value, str | Path) else value
            if isinstance(many, Iterable) and not isinstance(many, Mapping | bytes):
                many = list(many)
                if all(isinstance(each, str | Path) for each in many):
                    return tuple(typing.get_args(one)[0](each) for each in many)
        elif one is Path and isinstance(value, str | Path):
            return Path(value)
        elif one is float and _is_number(value):
            return float(value)
        elif one is int and not isinstance(value, str):
            return whole(name, value)
        elif one is str and (isinstance(value, Path) or _is_number(value)):
            return str(value)  # as a command has it: claim=2
        elif inspect.isclass(one) and isinstance(value, one):
            return value
    if name in IN_MEMORY:
        return value
    raise ConfigError(f"{name} is {value!r}; it must be of type {' or '.join(map(_in_words, accepted))}.")


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real)


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"{typing.get_args(kind)[0].__name__} or a list of them"
    return "None" if kind is type(None) else getattr(kind, "__name__", str(kind))


def _name(verb: ModuleType) -> str:
    return verb.__name__.rsplit(".", 1)[-1]
