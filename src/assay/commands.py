"""One verb as a command: its arguments from ``run``, its options from ``Config``, read by cyclopts."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, Token
from rich.console import Console

from assay import api
from assay.core import discovery
from assay.core.errors import ConfigError
from assay.core.files import check_parent, write
from assay.core.verb import Outcome, Silence
from assay.pages.live import live
from assay.pages.terminal import show

COMMON = {
    "json": (
        str,
        None,
        "Write the record as JSON to this file; - for standard output, where nothing else is then written.",
    ),
    "quiet": (bool, False, "Show no progress."),
}


def run_verb(name: str, words: Sequence[str], started: float) -> int:
    """Read ``words`` as the verb's arguments and run it; returns the exit status.

    Raises:
        AssayError: what the user can mend.
    """
    verb = discovery.module(api.VERBS, name)
    chosen: dict[str, Any] = {}
    given: dict[str, Any] = {}
    kinds = api.positionals(verb)

    def command(*args: Any, **kwargs: Any) -> bool:
        names = list(kinds)
        if names and api.is_many(kinds[names[-1]]):
            args = (*args[: len(names) - 1], list(args[len(names) - 1 :]))
        given.update(zip(names, args, strict=True))
        chosen.update(kwargs)
        return True

    command.__signature__ = _signature(verb)  # type: ignore[attr-defined]
    command.__doc__ = None
    console = Console(highlight=False)
    app = App(
        name=f"assay {name}",
        help=_help(verb),
        help_format="plaintext",
        version_flags=[],
        console=console,
        default_parameter=Parameter(negative_iterable=(), consume_multiple=(1, None)),
    )
    app.default(command)
    app["--help"].show = False
    try:
        called = app(list(words), exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise ConfigError(f"{_message(error)}{_meant(error, verb)} See assay {name} --help.") from error
    if str(chosen.get("json") or "").startswith("-") and chosen["json"] != "-":
        raise ConfigError(f'--json needs a file, or - for standard output, before "{chosen["json"]}".')
    if called is not True:
        return 0  # help was asked for, and shown
    _check_needed(verb, given, chosen)
    where, quiet = chosen.pop("json", None), chosen.pop("quiet", False)
    if where not in (None, "-") and chosen.get("out") not in Path(where).parents:  # a folder that the verb makes
        check_parent(Path(where), "--json")
    watch = Silence()
    if quiet:
        watch.started = started
        outcome = api.call(verb, given, chosen, watch)
    else:
        with live(started=started) as shown:
            outcome = api.call(verb, given, chosen, shown)
    _hand_over(outcome, where, console)
    return 0


def _check_needed(verb: ModuleType, given: dict[str, Any], chosen: dict[str, Any]) -> None:
    """Refuse, before the work, a command whose outcome would end with it: in Python it stays in memory.

    Raises:
        ConfigError: an option that the verb has in ``NEEDED`` is absent; offers a folder.
    """
    for name in getattr(verb, "NEEDED", ()):
        if chosen.get(name) is None:
            after = re.sub(r"[^\w.-]+", "-", Path(next(reversed(given.values()))).stem).strip("-.") or "mine"
            raise ConfigError(
                f"assay {verb.__name__.rpartition('.')[2]} needs a folder to keep its model in: add --{name}, such as "
                f"--{name} models/{after}."
            )


def _hand_over(outcome: Outcome, where: str | None, console: Console) -> None:
    if where is not None:
        text = json.dumps(outcome.record.to_json(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        if where == "-":
            sys.stdout.write(text)
            return
        write(Path(where), text)
    if outcome.text is None:
        show(outcome.record, console)
    else:
        sys.stdout.write(outcome.text)


def _signature(verb: ModuleType) -> inspect.Signature:
    parameters = []
    for name, kind in api.positionals(verb).items():
        many = api.is_many(kind)
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.VAR_POSITIONAL if many else inspect.Parameter.POSITIONAL_ONLY,
                annotation=Annotated[str, Parameter(help=_MEANING.get(name, ""), show_default=False)],
            )
        )
    for name, (kind, default, words) in api.options(verb).items():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        parameters.append(_option(name, flag, kind, default, words))
    for name, (kind, default, words) in COMMON.items():
        parameters.append(_option(name, f"--{name}", kind | None if default is None else kind, default, words))
    return inspect.Signature(parameters)


def _option(name: str, flag: str, kind: Any, default: Any, words: str) -> inspect.Parameter:
    def read(_: Any, tokens: Sequence[Token]) -> int:
        return api.whole(flag, tokens[0].value)

    annotation = Annotated[
        kind,
        Parameter(
            name=flag,
            help=words,
            show_default=default not in (None, (), False),
            allow_leading_hyphen=flag == "--json",
            converter=read if kind in (int, int | None) else None,
        ),
    ]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_MEANING = {
    "task": "A task; assay --help lists them.",
    "data": "A folder, a file, a pattern of files, or the id of a data set (hf:NAME).",
    "model": "A model folder.",
    "inputs": "Data in any format that is read, or raw inputs.",
    "a": "The model folder before.",
    "b": "The model folder after.",
}


def _help(verb: ModuleType) -> str:
    """The module's docstring, its paragraphs as wide as the screen, its examples as they are."""
    paragraphs = (inspect.getdoc(verb) or "").split("\n\n")
    return "\n\n".join(p if p.startswith("Examples:") else " ".join(p.split()) for p in paragraphs)


def _meant(error: CycloptsError, verb: ModuleType) -> str:
    """Where a task was given to a verb that has an option for it, that option."""
    task = next(iter(getattr(error, "unused_tokens", None) or ()), "")
    known = "task" in api.options(verb) and task in discovery.names("assay.tasks")
    return f" Did you mean --task {task}?" if known else ""


def _message(error: CycloptsError) -> str:
    return " ".join(str(error).split())
