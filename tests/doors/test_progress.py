"""Progress: lines where it is read later, a bar where it is watched."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from rich.console import Console

from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.progress import Bar, Lines, bar_display, open_progress, rate


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticking() -> Callable[[], float]:
    """A clock that is two seconds later whenever it is read."""
    seconds = count(0, 2)
    return lambda: float(next(seconds))


def two_passes(progress: Progress) -> None:
    progress.start_pass("first", 300)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(progress.advance, [3] * 100))
    progress.end_pass("log-likelihood -3.5 nats per row")
    progress.start_pass("second", 40)
    progress.advance(40)
    progress.end_pass("")


EXPECTED = [
    "first            2.00 s     150 rows/s  log-likelihood -3.5 nats per row",
    "second           2.00 s    20.0 rows/s",
]


def test_a_log_has_one_line_per_pass() -> None:
    stream = io.StringIO()
    two_passes(Lines(stream, ticking()))
    assert stream.getvalue().splitlines() == EXPECTED


def test_an_instant_pass_has_no_speed() -> None:
    stream = io.StringIO()
    two_passes(Lines(stream, lambda: 0.0))
    assert stream.getvalue().splitlines()[1] == "second           0.00 s"


def test_a_stream_that_is_no_terminal_gets_lines_alone() -> None:
    stream = io.StringIO()
    with open_progress(stream) as progress:
        two_passes(progress)
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_the_lines_and_the_bar() -> None:
    stream = Terminal()
    with bar_display(stream) as display:
        progress = Bar(display, ticking())
        two_passes(progress)
        assert [(task.completed, task.visible) for task in display.tasks] == [(40, False)]
        progress.start_pass("third", 50)
        progress.advance(20)
        display.refresh()
    for line in EXPECTED:
        assert line in stream.getvalue()
    assert "third" in stream.getvalue()
    assert " 40%" in stream.getvalue()


@pytest.mark.parametrize(
    ("speed", "written"),
    [
        (0.5, "0.500 rows/s"),
        (42, "42.0 rows/s"),
        (999.4, "999 rows/s"),
        (999.6, "1.00 k rows/s"),
        (19_361_508, "19.4 M rows/s"),
        (999_600_000, "1.00 G rows/s"),
    ],
)
def test_a_speed_has_three_digits(speed: float, written: str) -> None:
    assert rate(speed) == written


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_is_honored(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with open_progress(stream) as progress:
        two_passes(progress)
    colors = [code for code in stream.getvalue().split("\x1b[")[1:] if code.startswith("3")]
    assert bool(colors) is not no_color


def test_silent_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    two_passes(Silent())
    assert capfd.readouterr() == ("", "")


def test_a_console_is_not_made_for_standard_output() -> None:
    stream = Terminal()
    console: Console = bar_display(stream).console
    assert console.file is stream
