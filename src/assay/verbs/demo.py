"""Every verb on real data, offline, in a few minutes: from the data to a report.

Writes a small data set, then runs on it the very commands that you would type, and shows each of them.

Examples:
  assay demo
  assay demo --task tabular-regression --out my-demo
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core import discovery
from assay.core.demo import Demo
from assay.core.errors import ConfigError
from assay.core.figure import Figure
from assay.core.files import writable, write_json
from assay.core.model import Model
from assay.core.record import Record
from assay.core.verb import Outcome, Watch
from assay.pages.live import console
from assay.pages.terminal import show
from assay.verbs import compare, evaluate, inspect, predict, report, train


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``demo``.

    Attributes:
        task: the task to show; assay --help lists them.
        out: the folder to work in.
        time: how long each of the two trainings may take.
    """

    task: str | None = None
    out: Path = Path("assay-demo")
    time: str | None = None


def run(config: Config, watch: Watch) -> Outcome:
    """Run every verb on the task's own data.

    Raises:
        ConfigError: the task has nothing to show itself on, or the folder cannot be written to.
    """
    began = time.perf_counter()
    task = discovery.task(config.task or discovery.demo_task())
    if task.demo is None:
        raise ConfigError(f"The task {task.name} brings no data to show itself on.")
    writable(config.out)
    demo = task.demo(config.out / "data")
    target, by = (f" --target {demo.target}" if demo.target else ""), (f" --by {demo.by}" if demo.by else "")
    columns: dict[str, Any] = {"target": demo.target}
    groups = (demo.by,) if demo.by else ()
    budget = config.time or demo.time
    watch.say(f"The data: {demo.about}.")

    def step(command: str, verb: Callable[[], Outcome]) -> Outcome:
        """Say what a user would type, do it, and show what it shows."""
        watch.say(f"\n$ assay {command}")
        outcome = verb()
        if outcome.record.figures or outcome.record.tables:
            show(outcome.record, console())
        return outcome

    models: list[Model] = []

    def training(name: str, seed: int) -> None:
        out = config.out / name
        options = train.Config(out=out, time=budget, seed=seed, overwrite=True, **columns)
        watch.started = time.perf_counter()
        command = f"train {task.name} {demo.data}{target} --time {budget} --seed {seed} --out {out}"
        models.append(step(command, lambda: train.run(task, demo.data, options, watch)).value)

    first, second = config.out / "model", config.out / "second"
    found: Outcome | None = None
    if "inspect" not in task.gaps:
        found = step(
            f"inspect {task.name} {demo.data}{target}{by}",
            lambda: inspect.run(task, demo.data, inspect.Config(by=groups, **columns), watch),
        )
    training("model", 0)
    training("second", 1)
    judged = step(
        f"evaluate {first} {demo.data}{by}",
        lambda: evaluate.run(models[0], demo.data, evaluate.Config(by=groups), watch),
    )
    answers = step(
        f"predict {first} {shlex.join(demo.inputs)}",
        lambda: predict.run(models[0], demo.inputs, predict.Config(), watch),
    )
    for line in str(answers.text).splitlines():
        watch.say(line)
    step(
        f"compare {second} {first} {demo.data}{by}",
        lambda: compare.run(models[1], models[0], demo.data, compare.Config(by=groups), watch),
    )
    page = config.out / "report.html"
    records: tuple[Path, ...] = ()
    if found:
        records = (config.out / "inspection.json",)
        write_json(records[0], found.record.to_json())
    options = report.Config(out=page, records=records, title=f"assay demo: {task.name}")
    beside = "".join(f" --records {path}" for path in records)
    step(f"report {first}{beside} --out {page}", lambda: report.run(models[0], options, watch))
    seconds = time.perf_counter() - began
    record = Record(
        verb="demo",
        task=task.name,
        model={"hash": models[0].hash},
        data=judged.record.data,
        figures=(*judged.record.figures, Figure("demo_seconds", seconds, n=1, unit="s", better="lower")),
        notes=(
            *_known(demo, judged.record),
            f"The report: {page}",
            "Next, on your own data:",
            f"  assay inspect {task.name} DATA",
            f"  assay train {task.name} DATA --out models/mine --time 5min",
            "  assay report models/mine",
        ),
        seconds=seconds,
    )
    return Outcome(page, record, f"\nDone in {seconds:.0f} s. " + "\n".join(record.notes) + "\n")


def _known(demo: Demo, judged: Record) -> tuple[str, ...]:
    """The known answer beside what the model reached."""
    if demo.known is None:
        return ()
    name, best, why = demo.known
    figure = judged.figure(name)
    around = "" if figure.low is None else f" [{figure.low:.4g}, {figure.high:.4g}]"
    words = name.replace("_", " ")
    return (
        f"Known: the best {words} that any model can reach here is {best:.4g}, {why}. Reached: {figure.value:.4g}{around}.",
    )
