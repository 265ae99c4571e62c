"""The command ``assay``: built from the verbs found and their Configs, which are loaded only when they are used."""

from __future__ import annotations

import time

STARTED = time.perf_counter()  # a budget of time counts from here

import ast  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from assay.core import discovery  # noqa: E402
from assay.core.errors import AssayError, ConfigError, nearest  # noqa: E402

VERBS = "assay.verbs"
DONE, BUG, MEND = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 our bug, 2 the user can mend it."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        signal.signal(signal.SIGTERM, _terminate)
        return _run(words)
    except AssayError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("Stopped. Nothing that was finished is lost; run the same command again.")
    except BrokenPipeError:
        sys.stderr.close()
        return DONE
    except Exception:  # the last door: what gets here is our bug, shown whole, with exit status 1
        import traceback

        traceback.print_exc()
        print("\nThis is a bug in assay, not your mistake. Please report it with the lines above.", file=sys.stderr)  # noqa: T201
        return BUG


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        _overview()
        return DONE
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        _out(f"assay {version('assay')}\n")
        return DONE
    verbs = discovery.names(VERBS)
    if words[0] not in verbs:
        raise ConfigError(f'There is no verb "{words[0]}". {nearest(words[0], verbs)}')
    from assay.commands import run_verb

    return run_verb(words[0], words[1:], STARTED)


def _overview() -> None:
    """The page of all verbs and tasks, from their docstrings alone: nothing is imported."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble(("\nassay", "bold"), " — from raw data to a model you can ship and answer for\n"))
    console.print(
        Text.assemble(("  assay ", ""), ("VERB", "bold cyan"), " …            ", ("assay VERB --help", "dim"), "\n")
    )
    for title, package in (("Verbs", VERBS), ("Tasks", "assay.tasks")):
        table = Table(
            box=None, show_header=False, padding=(0, 2), title=title, title_justify="left", title_style="bold"
        )
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        for name in _in_order(discovery.names(package)):
            table.add_row(name, _first_sentence(package, name))
        console.print(table)
        console.print()
    console.print(
        Text.assemble(("New here? ", "bold"), "assay demo", (" shows every verb on real data, offline.\n", "dim"))
    )


ORDER = ("demo", "inspect", "choose", "train", "evaluate", "compare", "explain", "audit", "compress", "predict", "export",
         "serve", "report")  # fmt: skip


def _in_order(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _first_sentence(package: str, name: str) -> str:
    folder = Path(__file__).parent / package.rsplit(".", 1)[1]
    text = ast.get_docstring(ast.parse((folder / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ")


def _fail(message: str) -> int:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), message))
    return MEND


def _terminate(*_: Any) -> None:
    raise KeyboardInterrupt


def _out(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
