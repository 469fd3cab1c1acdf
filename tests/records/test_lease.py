"""A lease: one holder at most, whoever stands still when, and none that is dead for long."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from dask_gmm.errors import BusyError, DataError
from dask_gmm.records import claim as claims
from dask_gmm.records import exclusive
from dask_gmm.records.claim import Claim
from dask_gmm.records.held_store import HeldStore
from dask_gmm.records.lease import BEAT_EVERY, LOOK_EVERY, UNCHANGED, Lease, Newcomer, take
from dask_gmm.records.store import FolderStore, Store
from tests.records.stores import Crash, FailingStore, MemoryStore


def on(host: str) -> Claim:
    return replace(Claim.of_this_process(), host=host, boot=f"boot of {host}")


def held_by(host: str, store: Store) -> Lease:
    lease = Newcomer(store, on(host)).look(0.0)
    assert isinstance(lease, Lease)
    return lease


class Time:
    """A clock that goes on by waiting alone; meanwhile something happens."""

    def __init__(self, happens: Callable[[float], object] = lambda now: None) -> None:
        self.now, self._happens = 0.0, happens

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._happens(self.now)


def never(seconds: float) -> None:
    raise AssertionError("it waits")


def test_a_holder_keeps_others_out_until_it_releases() -> None:
    store = MemoryStore()
    lease = held_by("a", store)
    lease.check()
    assert (lease.claim.taken_over, lease.warnings) == ((), ())
    lease.beat(1)
    lease.release()
    assert store.held == {}
    held_by("b", store).check()
    with pytest.raises(BusyError, match="another one has taken over"):
        lease.check()


def test_one_on_another_host_that_lives_is_named() -> None:
    store = MemoryStore()
    lease = held_by("a", store)
    beats: list[float] = []

    def beat(now: float) -> None:
        if now >= BEAT_EVERY * (len(beats) + 1):
            lease.beat(len(beats) + 1)
            beats.append(now)

    time = Time(beat)
    said = rf"found process \d+ on a, since {lease.claim.started[:10]}.*, at work on it, by memory"
    with pytest.raises(BusyError, match=said):
        take(store, time, time.wait)
    assert time.now <= BEAT_EVERY + LOOK_EVERY
    lease.check()


def test_one_on_another_host_that_has_died_is_followed_and_recorded() -> None:
    store, time = MemoryStore(), Time()
    dead = held_by("a", store)
    dead.beat(7)
    lease = take(store, time, time.wait)
    assert UNCHANGED <= time.now <= UNCHANGED + LOOK_EVERY
    (taken,) = lease.claim.taken_over
    assert (taken["host"], taken["pid"]) == ("a", dead.claim.pid)
    assert taken["started"] == dead.claim.started <= taken["taken"]
    (warning,) = lease.warnings
    assert f"process {dead.claim.pid} on a, since" in warning
    assert list(store.held) == ["lease-000002.json"]


def test_one_of_this_start_of_this_machine_is_followed_at_once_and_recorded() -> None:
    store = MemoryStore()
    first = take(store, Time(), never)
    second = take(store, Time(), never)
    third = take(store, Time(), never)
    assert third.warnings == ()
    tokens = [each["started"] for each in third.claim.taken_over]
    assert tokens == [first.claim.started, second.claim.started]


def test_one_that_releases_while_it_is_watched_is_followed() -> None:
    store = MemoryStore()
    lease = held_by("a", store)
    time = Time(lambda now: lease.release())
    assert take(store, time, time.wait).claim.taken_over == ()
    assert time.now == LOOK_EVERY


def test_one_that_wakes_after_another_has_taken_over_destroys_nothing() -> None:
    store, kept = MemoryStore(), MemoryStore()
    stopped, time = held_by("a", store), Time()
    mine = HeldStore(kept, stopped)
    mine.put("before", b"1")
    lease = take(store, time, time.wait)
    before = dict(store.held)
    for write in (
        lambda: mine.put("after", b"2"),
        lambda: mine.put_if_absent("after", b"2"),
        lambda: mine.remove("before"),
        lambda: stopped.beat(1),
    ):
        with pytest.raises(BusyError, match="Wait until that one has ended, and run the same"):
            write()
    assert (mine.get("before"), mine.list(""), str(mine)) == (b"1", ["before"], "memory")
    stopped.release()
    assert store.held == before
    lease.check()


def test_one_that_wakes_in_the_middle_of_showing_itself_has_lost_all_the_same() -> None:
    """It has looked, stands still, is followed, and then writes."""
    store = MemoryStore()
    time = Time()

    class Late(MemoryStore):
        def put(self, name: str, data: bytes) -> None:
            if name.startswith("beat-"):
                followers.append(take(store, time, time.wait))
            super().put(name, data)

    late, followers = Late(), list[Lease]()
    late.held = store.held
    stopped = replace(held_by("a", store), store=late)
    stopped.beat(1)
    (lease,) = followers
    lease.check()
    with pytest.raises(BusyError):
        stopped.check()
    lease.release()
    assert store.held == {}


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("calls", range(1, 9))
def test_a_kill_at_any_operation_keeps_nobody_out(calls: int, done: bool) -> None:
    store = MemoryStore()
    dying = FailingStore(store, calls, done)
    try:
        lease = held_by("a", dying)
        lease.beat(1)
        lease.release()
    except Crash:
        pass
    time = Time()
    lease = take(store, time, time.wait)
    lease.check()
    lease.release()
    assert store.held == {}


def test_what_is_no_claim_is_named() -> None:
    store = MemoryStore()
    store.put("lease-000001.json", b"{}")
    with pytest.raises(DataError, match=r"lease-000001\.json in memory; found something else"):
        take(store)


def test_a_machine_without_boot_id_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(Claim.of_this_process().boot) >= 32
    monkeypatch.setattr(claims, "BOOT_ID", tmp_path / "none")
    mine = Claim.of_this_process()
    assert mine.boot == mine.host


class Ending(Event):
    """An event that comes after so many waits, none of which takes time."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left = waits

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == BEAT_EVERY
        self.left -= 1
        return self.left < 0


def test_a_holder_shows_itself_until_it_ends_whatever_fails() -> None:
    store = MemoryStore()
    lease = held_by("a", store)
    exclusive.show(lease, Ending(3))
    assert store.held[f"beat-{lease.claim.token}.json"] == b"3"
    store.remove("lease-000001.json")
    exclusive.show(lease, Ending(2))
    assert store.held[f"beat-{lease.claim.token}.json"] == b"3"


def test_a_lost_lease_is_left_to_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with exclusive.only_writer(path) as lease:
        assert isinstance(lease.store, FolderStore)
        other = Newcomer(lease.store, on("b"))
        watching = other.look(0.0)
        assert isinstance(watching, Newcomer)
        taken = watching.look(UNCHANGED)
        assert isinstance(taken, Lease)
        with pytest.raises(BusyError):
            lease.check()
    assert [each.name for each in tmp_path.iterdir()] == [".a.wip-lease"]
    taken.check()
