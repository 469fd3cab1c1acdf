"""How long what cannot be reached is waited for: a while, and by all together."""

import contextlib
import errno
from collections.abc import Callable

import pytest

from dask_gmm.objects.patience import LONGEST_PAUSE, PATIENCE, REFUSED_FOR, Patience


class Clock:
    """Goes on by waiting alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Store:
    """Is away until some time; an answer takes a while."""

    def __init__(self, clock: Clock, until: float, each: float = 0.0) -> None:
        self._clock, self._until, self._each = clock, until, each
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        self._clock.now += self._each
        if self._clock.now < self._until:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        return "found"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(clock, clock.wait)


@pytest.mark.parametrize("until", [0.0, 1.0, 20.0, PATIENCE - LONGEST_PAUSE])
def test_what_comes_back_in_time_is_waited_for(
    clock: Clock, patience: Patience, until: float
) -> None:
    store = Store(clock, until)
    assert patience.asked(store) == "found"
    assert until <= clock.now <= until + LONGEST_PAUSE
    assert store.asked <= 20


def test_pauses_grow_up_to_the_longest(clock: Clock, patience: Patience) -> None:
    patience.asked(Store(clock, 20.0))
    assert clock.pauses[0] <= 0.1
    assert LONGEST_PAUSE / 2 <= max(clock.pauses) <= LONGEST_PAUSE
    assert all(
        1 < after / before <= 4
        for before, after in zip(clock.pauses[:4], clock.pauses[1:5], strict=True)
    )


@pytest.mark.parametrize("each", [0.0, 10.0, 60.0])
def test_what_does_not_is_given_up(clock: Clock, patience: Patience, each: float) -> None:
    with pytest.raises(ConnectionError, match="refused"):
        patience.asked(Store(clock, 1e9, each))
    assert PATIENCE - LONGEST_PAUSE <= clock.now <= PATIENCE + each


def test_who_asks_after_that_is_refused_at_once_and_later_is_not(
    clock: Clock, patience: Patience
) -> None:
    store = Store(clock, 1e9)
    with pytest.raises(ConnectionError):
        patience.asked(store)
    given_up, asked = clock.now, store.asked
    for _ in range(3):
        with pytest.raises(ConnectionError, match="cannot be reached, and has been"):
            patience.asked(store)
    assert (clock.now, store.asked) == (given_up, asked)
    clock.now += REFUSED_FOR
    assert patience.asked(lambda: "found") == "found"


def test_who_waits_when_another_gives_up_does_so_too(clock: Clock) -> None:
    """The other one has begun to wait before."""
    store = Store(clock, 1e9)

    def wait(seconds: float) -> None:
        clock.wait(seconds)
        if len(clock.pauses) == 1:
            with pytest.raises(ConnectionError, match="refused"):
                shared.asked(store)

    shared = Patience(clock, wait)
    with pytest.raises(ConnectionError, match="has been waited for"):
        shared.asked(store)
    assert clock.now <= PATIENCE + 1


@pytest.mark.parametrize("answer", [lambda: "found", FileNotFoundError])
def test_any_answer_ends_that(
    clock: Clock, patience: Patience, answer: Callable[[], object]
) -> None:
    """Of one that was asked before the other gave up."""

    def ask() -> object:
        with pytest.raises(ConnectionError):
            patience.asked(Store(clock, 1e9))
        found = answer()
        if isinstance(found, OSError):
            raise found
        return found

    with contextlib.suppress(FileNotFoundError):
        patience.asked(ask)
    assert patience.asked(lambda: "found") == "found"


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, OSError])
def test_a_no_is_an_answer(clock: Clock, patience: Patience, error: type[OSError]) -> None:
    def ask() -> None:
        raise error(1, "no")

    with pytest.raises(error, match="no"):
        patience.asked(ask)
    assert clock.now == 0.0
