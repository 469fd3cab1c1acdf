"""What a command does when it is told to stop: it ends in order, and says how to go on.

The pass in flight is given up; what the last checkpoint holds stands. A second signal ends the
process at once.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

EXIT_CODE: Final = 75
STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """A signal came; no `except Exception` on the way is to take it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first signal; leave the next one to the system."""
    before = {number: signal.signal(number, _stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in STOPPING:
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)
