"""How far a pass has come: one line per pass, and on a terminal a bar for the pass at work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.text import Text

from dask_gmm.passes.progress import Progress

Clock: TypeAlias = Callable[[], float]

PREFIXES = ("", "k ", "M ", "G ")
NAME_WIDTH = 12


@contextmanager
def open_progress(stream: TextIO) -> Iterator[Progress]:
    """Give a progress display that suits a stream, and end it when the work ends.

    Parameters
    ----------
    stream : TextIO
        Gets a line at the end of each pass; a terminal also gets a bar, without colors if the
        environment sets ``NO_COLOR``.
    """
    if not stream.isatty():
        yield Lines(stream)
        return
    with bar_display(stream) as display:
        yield Bar(display)


class Meter:
    """Counts the rows and the seconds of one pass after another; rows from any thread.

    Parameters
    ----------
    clock : callable
        The time in seconds since some moment.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._began = 0.0
        self._rows = 0
        self._name = ""

    def start(self, name: str) -> None:
        """Begin to count a pass."""
        self._name, self._rows, self._began = name, 0, self._clock()

    def add(self, rows: int) -> None:
        """Count more rows."""
        with self._lock:
            self._rows += rows

    def line(self, note: str) -> str:
        """One line on the pass: name, seconds, rows per second, and a note if there is one."""
        seconds = self._clock() - self._began
        speed = rate(self._rows / seconds) if seconds > 0 and self._rows else ""
        return f"{self._name:<{NAME_WIDTH}} {seconds:8.2f} s  {speed:>13}  {note}".rstrip()


def rate(rows_per_second: float) -> str:
    """Write a speed with three digits, such as "19.4 M rows/s"."""
    thousands = sum(rows_per_second >= 999.5 * 1000**power for power in range(3))
    value = f"{rows_per_second / 1000**thousands:#.3g}".rstrip(".")
    return f"{value} {PREFIXES[thousands]}rows/s"


class Lines:
    """A Progress that writes one line at the end of each pass.

    Parameters
    ----------
    stream : TextIO
        Where the lines go.
    clock : callable, default time.perf_counter
        The time in seconds since some moment.
    """

    def __init__(self, stream: TextIO, clock: Clock = time.perf_counter) -> None:
        self._stream = stream
        self._meter = Meter(clock)

    def start_pass(self, name: str, rows: int) -> None:
        """Begin to count; the line comes at the end, with the rows that were really done."""
        self._meter.start(name)

    def advance(self, rows: int) -> None:
        """Count more rows."""
        self._meter.add(rows)

    def end_pass(self, note: str) -> None:
        """Write the line of the pass."""
        self._stream.write(self._meter.line(note) + "\n")
        self._stream.flush()


class Iterations:
    """A Progress that writes a line after every so many iterations, as scikit-learn does.

    Parameters
    ----------
    stream : TextIO
        Where the lines go.
    every : int
        Iterations between two lines.
    details : bool
        Whether lines have the seconds of the iteration and the log-likelihood.
    clock : callable, default time.perf_counter
        The time in seconds since some moment.
    """

    def __init__(
        self, stream: TextIO, every: int, details: bool, clock: Clock = time.perf_counter
    ) -> None:
        self._stream = stream
        self._every = every
        self._details = details
        self._clock = clock
        self._began = 0.0
        self._name = ""
        self._iterations = 0

    def start_pass(self, name: str, rows: int) -> None:
        """Begin to count; a pass speaks when it ends."""
        self._name, self._began = name, self._clock()

    def advance(self, rows: int) -> None:
        """Say nothing."""

    def end_pass(self, note: str) -> None:
        """Say which pass has ended; of iterations, which have notes, those to be told."""
        self._iterations += bool(note)
        if note and self._iterations % self._every:
            return
        name = f"  iteration {self._iterations}" if note else self._name
        seconds = f"\t{self._clock() - self._began:.5f} s\t{note}".rstrip()
        self._stream.write(name + seconds * self._details + "\n")
        self._stream.flush()


class Bar:
    """A Progress that draws the pass at work under the lines of the passes before it.

    Parameters
    ----------
    display : rich.progress.Progress
        Draws the bar, some times a second, in a thread of its own.
    clock : callable, default time.perf_counter
        The time in seconds since some moment.
    """

    def __init__(self, display: Display, clock: Clock = time.perf_counter) -> None:
        self._display = display
        self._meter = Meter(clock)
        self._task = display.add_task("", visible=False)

    def start_pass(self, name: str, rows: int) -> None:
        """Empty the bar."""
        self._meter.start(name)
        self._display.reset(self._task, total=rows, description=name, visible=True)

    def advance(self, rows: int) -> None:
        """Draw more of the bar."""
        self._meter.add(rows)
        self._display.advance(self._task, rows)

    def end_pass(self, note: str) -> None:
        """Write the line of the pass, and hide the bar: what comes next may not be a pass."""
        line = self._meter.line(note)
        self._display.update(self._task, visible=False)
        self._display.console.print(line, markup=False, highlight=False, soft_wrap=True)


def bar_display(stream: TextIO) -> Display:
    """The drawing of a bar: label, share, rows per second, and the time that is left."""
    return Display(
        TextColumn(f"{{task.description:<{NAME_WIDTH}}}", markup=False),
        BarColumn(bar_width=24, complete_style="cyan", finished_style="cyan"),
        TextColumn("{task.percentage:>3.0f}%"),
        _SpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(file=stream),
        transient=True,
        # Standard output holds results and nothing else.
        redirect_stdout=False,
    )


class _SpeedColumn(ProgressColumn):
    """Rows per second, as Rich estimates it from the latest steps."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else rate(task.speed))
