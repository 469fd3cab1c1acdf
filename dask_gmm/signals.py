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
    """Raise `Stopped` in the main thread at the first signal; leave the next one to the system.

    What else is raised after a signal came of it: some packages say that they cannot be loaded.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)
        came.append(number)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    except Exception as error:
        if came:
            raise Stopped(came[0]) from error
        raise
    finally:
        if not came:
            for number, handler in before.items():
                signal.signal(number, handler)
