"""Workers that ended without being asked to, and the tasks that were lost with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from distributed import Client

# The scheduler's time, and what happened.
Event: TypeAlias = tuple[float, Any]
SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Losses:
    """What was lost.

    Parameters
    ----------
    workers : int
    tasks : int
        Of one pass; those that had no answer yet, or whose answer nobody else had.
    """

    workers: int
    tasks: int


class LossLog:
    """Reads what the scheduler has logged of its workers, each event once.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._until: float | None = None

    def begin(self) -> None:
        """Leave out what happened before the first pass."""
        if self._until is None:
            self._until = 0.0
            self._new()

    def of(self, groups: frozenset[str]) -> Losses:
        """Give what was lost since the last look, of the tasks in groups of keys."""
        gone = [each for each in self._new() if _is_loss(each)]
        return Losses(len(gone), sum(_lost(each, groups) for each in gone))

    def _new(self) -> Sequence[Any]:
        until = self._until or 0.0
        new = [(when, what) for when, what in self._events() if when > until]
        self._until = max((when for when, _ in new), default=until)
        return [what for _, what in new]

    def _events(self) -> Iterable[Event]:
        """Ask the scheduler; who cannot be asked for a count is no reason to lose a pass."""
        scheduler: Any = self._client.scheduler
        try:
            events: Iterable[Event] = self._client.sync(
                scheduler.events, topic="all", callback_timeout=SECONDS
            )
        except OSError:
            return ()
        return events


def _is_loss(event: Any) -> bool:
    return event.get("action") == "remove-worker" and not event.get("expected")


def _lost(event: Any, groups: frozenset[str]) -> int:
    keys = (*event["processing-tasks"], *event["lost-computed-tasks"])
    return sum(isinstance(key, tuple) and key[0] in groups for key in keys)
