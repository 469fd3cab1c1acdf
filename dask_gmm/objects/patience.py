"""What cannot be reached is asked for again, for a while, and by one request at most in the end."""

import errno
import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

# Seconds: what is back within the first is waited for; within the second after that nobody asks.
PATIENCE, REFUSED_FOR = 30.0, 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 4.0
GONE: Final = "the store cannot be reached, and has been waited for"
NEVER: Final = -float("inf")
T = TypeVar("T")


class Patience:
    """How long the objects of one bucket are waited for, by all threads that ask for some.

    Who gives up on them makes more requests, such as to say that it holds an output no longer:
    these are refused at once, and so are those that have been waiting less long.

    Parameters
    ----------
    now : callable
        A clock, in seconds.
    wait : callable
        Waits for so many seconds.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._now, self._wait = now, wait
        self._refused_until = NEVER

    def asked(self, ask: Callable[[], T]) -> T:
        """Give what is asked for, at the first answer.

        Raises
        ------
        ConnectionError
            If there is none.
        OSError
            If the answer is one.
        """
        begun, pause = self._now(), FIRST_PAUSE
        while True:
            if self._now() < self._refused_until:
                raise ConnectionError(errno.EHOSTUNREACH, GONE)
            try:
                found = self._answer(ask)
            except ConnectionError:
                if self._now() + pause > begun + PATIENCE:
                    self._refused_until = self._now() + REFUSED_FOR
                    raise
            else:
                return found
            self._wait(pause * random.uniform(0.5, 1.0))  # others wait, too
            pause = min(2 * pause, LONGEST_PAUSE)

    def _answer(self, ask: Callable[[], T]) -> T:
        try:
            found = ask()
        except ConnectionError:
            raise
        except OSError:
            self._refused_until = NEVER
            raise
        self._refused_until = NEVER
        return found
