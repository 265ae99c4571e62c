"""What is shown while a verb works: enough, not too often, and the terminal is left as it was."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from assay.pages.live import EVERY, REFRESH, console, live


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """Counts how often it is drawn on."""

    drawings = 0

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.drawings += 1


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def last_state(terminal: Terminal) -> str:
    return plain(terminal.getvalue().split("\x1b[2K")[-1])


def test_lines_are_the_first_the_last_and_one_every_few_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    with live(stream, clock=clock) as watch:
        for done in range(1001):
            watch.progress("training", done, 1000, {"loss": f"{1 / (done + 1):.3f}"})
            clock.now += 0.02
    lines = stream.getvalue().splitlines()
    assert lines[0] == "training 0/1,000 (0 %): loss 1.000"
    assert lines[-1].startswith("training 1,000/1,000 (100 %): loss 0.001, 20 s")
    assert len(lines) == 2 + int(1000 * 0.02 / EVERY) - 1
    assert "time left 15 s" in lines[1]


def test_what_was_not_finished_is_told_when_the_block_ends() -> None:
    stream, clock = io.StringIO(), Clock()

    def fail() -> None:
        with live(stream, clock=clock) as watch:
            watch.progress("reading", 0, 50)
            clock.now += 1
            watch.progress("reading", 7, 50)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stream.getvalue().splitlines() == ["reading 0/50 (0 %)", "reading 7/50 (14 %): time left 6.1 s"]


def test_the_same_task_again_is_timed_anew_and_still_seldom_told() -> None:
    stream, clock = io.StringIO(), Clock()
    with live(stream, clock=clock) as watch:
        for _ in range(100):  # an evaluation after each of a hundred short epochs
            for done in (0, 5, 10):
                watch.progress("evaluating", done, 10)
                clock.now += 0.01
    lines = stream.getvalue().splitlines()
    assert len(lines) <= 4
    assert lines[-1] == "evaluating 10/10 (100 %): 0.0 s"


def test_a_task_that_was_over_begins_with_the_end_of_what_came_between() -> None:
    stream, clock = io.StringIO(), Clock()
    with live(stream, clock=clock) as watch:
        watch.progress("answer", 0, 100)
        clock.now += 10
        watch.progress("answer", 100, 100)
        for at in range(4):
            clock.now += 60
            watch.progress("explain", 50 * at, 150)
        watch.progress("explain", 150, 150)  # more was asked than was expected
        clock.now += 60
        watch.progress("explain", 150, 150)
        clock.now += 7
        watch.progress("answer", 100, 100)
    lines = [line for line in stream.getvalue().splitlines() if "100 %" in line]
    assert lines == [
        "answer 100/100 (100 %): 10 s",
        "explain 150/150 (100 %): 3 min",
        "answer 100/100 (100 %): 7.0 s",
    ]


def test_time_left_counts_from_where_a_run_went_on() -> None:
    stream, clock = io.StringIO(), Clock()
    with live(stream, clock=clock) as watch:
        watch.progress("training", 80, 100)
        clock.now += 10
        watch.progress("training", 90, 100)
        clock.now += EVERY
        watch.progress("training", 95, 100, {"time left": "ask me"})
    assert "time left 10 s" in stream.getvalue()
    assert stream.getvalue().count("time left") == 2
    assert "time left ask me" in stream.getvalue()


def test_a_total_that_is_not_known_is_not_made_up() -> None:
    stream = io.StringIO()
    with live(stream, clock=Clock()) as watch:
        watch.progress("finding files", 1200, 0)
    assert stream.getvalue() == "finding files 1,200\n"


def test_names_cannot_write_to_the_terminal(terminal: Terminal) -> None:
    for stream in (io.StringIO(), terminal):
        with live(stream, clock=Clock()) as watch:
            watch.progress("a\x1b]0;owned\x07", 0, 3, {"b\x1b[2J": "\x9b31m"})
            watch.say("cat\x1b[8m[bold]x[/bold].jpg")
        assert "\x1b]0" not in stream.getvalue()
        assert "\x1b[2J" not in stream.getvalue()
        assert "\x1b[8m" not in stream.getvalue()
        assert "\x9b" not in stream.getvalue()
        assert "[bold]x[/bold].jpg" in plain(stream.getvalue())


def test_a_terminal_is_drawn_ten_times_a_second_at_most(terminal: Terminal) -> None:
    clock = Clock()
    with live(terminal, clock=clock) as watch:
        watch.progress("training", 0, 10**6)
        before = terminal.drawings
        for done in range(1, 5001):
            clock.now += 0.001
            watch.progress("training", done, 10**6, {"loss": "0.1"})
        assert 40 <= terminal.drawings - before <= 5 / REFRESH + 1
    assert "5,000/1,000,000" in last_state(terminal)


def test_many_short_tasks_do_not_draw_more_often(terminal: Terminal) -> None:
    clock = Clock()
    with live(terminal, clock=clock) as watch:
        before = terminal.drawings
        for at in range(2000):
            clock.now += 0.001
            watch.progress(f"file {at % 3}", at % 2, 1)
        assert terminal.drawings - before <= 2 * (10 + 8) + 8 + 2


def test_the_end_of_a_task_is_drawn_at_once(terminal: Terminal) -> None:
    with live(terminal, clock=Clock()) as watch:
        watch.progress("reading", 0, 3)
        watch.progress("reading", 3, 3)  # and now nothing is called for a minute
        assert "✓ reading" in last_state(terminal)
        assert "3/3" in last_state(terminal)


def test_facts_stand_beside_the_bar_where_there_is_room_and_below_where_not(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"epoch": "3/10", "loss": "0.412", "accuracy": "0.871", "examples/s": "12,300", "time left": "1 min 3 s"}
    heights = []
    for width in ("140", "80", "40"):
        monkeypatch.setenv("COLUMNS", width)
        stream = Terminal()
        with live(stream, clock=Clock()) as watch:
            watch.progress("training", 3, 10, facts)
        lines = [line for line in last_state(stream).splitlines() if line.strip()]
        assert all(len(line) <= int(width) for line in lines)
        assert "loss 0.412" in " ".join(lines)
        heights.append(len(lines))
    assert heights == [1, 2, 2]


def test_older_finished_tasks_scroll_away(terminal: Terminal) -> None:
    clock = Clock()
    with live(terminal, clock=clock) as watch:
        for at in range(20):
            watch.progress(f"pilot {at}", 1, 1)
            clock.now += 1
    assert "pilot 0 " not in last_state(terminal)
    assert "pilot 19" in last_state(terminal)
    assert "✓ pilot 0 " in plain(terminal.getvalue())


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal: Terminal, monkeypatch: Any) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with live(terminal, clock=Clock()) as watch:
        watch.progress("reading", 1, 3)
    assert terminal.getvalue() == "reading 1/3 (33 %)\n"


def test_work_goes_on_when_nobody_reads_the_lines_any_more() -> None:
    class Gone(io.StringIO):
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise BrokenPipeError

    stream = Gone()
    with live(stream, clock=Clock()) as watch:
        watch.progress("training", 0, 10)
        watch.say("still here")
        watch.progress("training", 10, 10)
    assert stream.tries == 1


def test_what_is_printed_meanwhile_stands_above_the_bars(terminal: Terminal) -> None:
    with live(terminal, clock=Clock()) as watch:
        watch.progress("training", 1, 10)
        console().print("a table")
        before, found, after = plain(terminal.getvalue()).rpartition("a table")
        assert found
        assert "training" in before  # which was wiped away
        assert "training" in after  # and drawn again below
        assert "\x1b[2K" in terminal.getvalue().rpartition("a table")[0]
        inner = console()
    assert inner is not console()
    assert console().stderr


def test_budgets_count_from_when_the_user_asked() -> None:
    with live(io.StringIO(), started=12.5) as watch:
        assert watch.started == 12.5


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, assay.pages.live; print({'torch', 'numpy', 'rich', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


SCRIPT = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
from assay.pages.live import live
with live() as watch:
    for done in range(10_000):
        watch.progress("training", done, 10_000, {"loss": "0.5"})
        if done == 20:
            print("ready")
        time.sleep(0.01)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_ctrl_c_leaves_the_terminal_with_its_cursor_and_the_last_state() -> None:
    primary, secondary = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=secondary,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(secondary)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    seen = b""
    while True:
        try:
            block = os.read(primary, 4096)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        seen += block
    assert process.stdout.read() == b""
    process.stdout.close()
    process.wait(timeout=30)
    os.close(primary)
    text = seen.decode()
    assert re.findall(r"\x1b\[\?25([hl])", text)[-1] == "h"
    assert "\x1b[?1049h" not in text
    assert "KeyboardInterrupt" in text
    assert "training" in plain(text)
