"""Who may write an output, told by bytes in a store, also to calls on other hosts.

::

    lease-000001.json             who holds it; written once, and never again
    beat-0123456789abcdef.json    how often its holder has shown itself; named after its token

Who puts the next generation where there is none holds the output, and a holder that finds a later
one, or not its own, has lost it. So of all that look at the same bytes one at most holds it, for
whatever reason, and however long, the others stood still.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from dask_gmm.errors import BusyError
from dask_gmm.records.claim import Claim
from dask_gmm.records.store import Store

LEASE, BEAT = "lease-", "beat-"
NUMBERED: Final = re.compile(rf"{LEASE}(\d{{6,}})\.json")
# Seconds: a holder shows itself so often, and one that has not for so long is taken for dead.
BEAT_EVERY, UNCHANGED, LOOK_EVERY = 20.0, 60.0, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """An output that is held until it is released, or taken over.

    Parameters
    ----------
    store : Store
    number : int
        Of the generation.
    claim : Claim
    before : Claim, optional
        Whose place it took.
    """

    store: Store
    number: int
    claim: Claim
    before: Claim | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to tell of a holder on another host whose place it took."""
        if self.before is None or self.before.boot == self.claim.boot:
            return ()
        return (
            f"the output was held by {self.before}, which has not shown itself for "
            f"{UNCHANGED:g} s: this call has taken over, and that one must not go on",
        )

    def is_held(self) -> bool:
        """Whether nobody has taken over."""
        found = _newest(self.store)
        return found is not None and found.claim.token == self.claim.token

    def check(self) -> None:
        """Refuse to go on where another call has taken over.

        Raises
        ------
        BusyError
        """
        if not self.is_held():
            raise BusyError(
                "Wanted to be the only call that writes an output, found that another one has "
                f"taken over, since this one stood still for {UNCHANGED:g} s or more, by "
                f"{self.store}. Wait until that one has ended, and run the same command again."
            )

    def beat(self, count: int) -> None:
        """Show that the holder lives, for the time of that number.

        Raises
        ------
        BusyError
            If it holds nothing any more.
        """
        self.check()
        self.store.put(_beat_name(self.claim), str(count).encode())

    def release(self) -> None:
        """Hold it no longer; what others hold stays theirs."""
        self.store.remove(_beat_name(self.claim))
        data = self.store.get(_lease_name(self.number))
        if data is not None and Claim.from_bytes(data, str(self.store)).token == self.claim.token:
            self.store.remove(_lease_name(self.number))
        if not self.store.list(LEASE):
            for each in self.store.list(BEAT):  # of holders that were late, and killed
                self.store.remove(each)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A lease as a call has found it that wants to hold the output itself.

    Parameters
    ----------
    number : int
        Of the generation.
    claim : Claim
    beat : bytes, optional
        What its holder has shown last.
    """

    number: int
    claim: Claim
    beat: bytes | None

    def same(self, other: "Seen") -> bool:
        """Whether its holder has not shown itself in between."""
        return (self.claim.token, self.beat) == (other.claim.token, other.beat)


@dataclass(frozen=True, slots=True, eq=False)
class Newcomer:
    """A call that wants to hold an output, between two looks at who holds it.

    Parameters
    ----------
    store : Store
    claim : Claim
    seen : Seen, optional
        What it has found, and watches.
    since : float
        From when on, in seconds of its own clock.
    """

    store: Store
    claim: Claim
    seen: Seen | None = None
    since: float = 0.0

    def look(self, now: float) -> "Newcomer | Lease":
        """Look at who holds it, at a time of its own clock, and take it if nobody does.

        One that claimed it since the same start of the same machine has died, since a lock of the
        system keeps callers there apart.

        Raises
        ------
        BusyError
            If its holder lives.
        """
        found = _newest(self.store)
        if found is None or found.claim.boot == self.claim.boot:
            return self._taken(found)
        if self.seen is None:
            return replace(self, seen=found, since=now)
        if not found.same(self.seen):
            raise _busy(self.store)
        return self._taken(found) if now - self.since >= UNCHANGED else self

    def _taken(self, found: Seen | None) -> Lease:
        """Put the next generation, and then forget the one before it."""
        lease = Lease(self.store, 1, self.claim)
        if found is not None:
            claim = self.claim.instead_of(found.claim)
            lease = Lease(self.store, found.number + 1, claim, found.claim)
        kept = self.store.put_if_absent(_lease_name(lease.number), lease.claim.to_bytes())
        if not (kept and lease.is_held()):
            busy = _busy(self.store)
            lease.release()
            raise busy
        if found is not None:
            self.store.remove(_beat_name(found.claim))
            self.store.remove(_lease_name(found.number))
        return lease


def take(
    store: Store,
    now: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
    scope: str = "",
) -> Lease:
    """Hold an output, be it after its holder on another host was watched, and found dead.

    Parameters
    ----------
    store : Store
    now : callable
        A clock, in seconds.
    wait : callable
        Waits for so many seconds.
    scope : str
        See `Claim.of_this_process`.

    Raises
    ------
    BusyError
        If another call holds it.
    DataError
        If what is there is no claim.
    """
    newcomer = Newcomer(store, Claim.of_this_process(scope))
    while True:
        match newcomer.look(now()):
            case Lease() as lease:
                return lease
            case newcomer:
                wait(LOOK_EVERY)


def _newest(store: Store) -> Seen | None:
    """Find the latest generation."""
    numbers = [int(each[1]) for each in map(NUMBERED.fullmatch, store.list(LEASE)) if each]
    for number in sorted(numbers, reverse=True):
        data = store.get(_lease_name(number))
        if data is not None:  # not released meanwhile
            claim = Claim.from_bytes(data, f"{_lease_name(number)} in {store}")
            return Seen(number, claim, store.get(_beat_name(claim)))
    return None


def _busy(store: Store) -> BusyError:
    found = _newest(store)
    holder = "another one" if found is None else str(found.claim)
    return BusyError(
        f"Wanted to be the only call that writes an output, found {holder}, at work on it, by "
        f"{store}. Wait until it has ended, or choose another place."
    )


def _lease_name(number: int) -> str:
    return f"{LEASE}{number:06d}.json"


def _beat_name(claim: Claim) -> str:
    return f"{BEAT}{claim.token}.json"
