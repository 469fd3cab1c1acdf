"""Three hosts and one lease: whatever they do, in whichever order, one at most may write."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dask_gmm.errors import BusyError
from dask_gmm.objects.address import Address
from dask_gmm.records.lease import BEAT_EVERY, UNCHANGED, Lease, Newcomer
from dask_gmm.records.object_store import ObjectStore
from dask_gmm.records.store import Store
from tests.records.stores import MemoryStore
from tests.records.test_lease import on

HOSTS = ("a", "b", "c")


class Hosts(RuleBasedStateMachine):
    """Three hosts that look, show themselves, write and stand still, in any order.

    Before any operation of one on the store, another may do something; who has checked its lease
    writes, and while it does so nobody else may find that it holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.store = self.made()
        self.now = 0.0
        self.shown = dict.fromkeys(HOSTS, 0.0)
        self.calls: dict[str, Newcomer | Lease | None] = dict.fromkeys(HOSTS)

    def made(self) -> Store:
        return MemoryStore()

    @rule(host=st.sampled_from(HOSTS), between=st.none() | st.sampled_from(HOSTS))
    def look(self, host: str, between: str | None) -> None:
        call = self.calls[host] or Newcomer(self.store, on(host))
        if isinstance(call, Lease):
            return
        other = [each for each in HOSTS if each == between != host]
        store = Between(self.store, lambda: [self.step(each) for each in other])
        self._look(host, replace(call, store=store))

    def step(self, host: str) -> str:
        call = self.calls[host] or Newcomer(self.store, on(host))
        if isinstance(call, Newcomer):
            self._look(host, call)
        else:
            self._release(host, call)
        return host

    def _look(self, host: str, call: Newcomer) -> None:
        try:
            found = call.look(self.now)
        except BusyError:
            self.calls[host] = None
            return
        self.calls[host] = replace(found, store=self.store)
        if isinstance(found, Lease):
            self.shown[host] = self.now
            for other in found.claim.taken_over[-1:]:
                assert self.now - self.shown[other["host"]] >= UNCHANGED

    @rule(host=st.sampled_from(HOSTS))
    def show(self, host: str) -> None:
        call = self.calls[host]
        if isinstance(call, Lease) and call.is_held():
            call.beat(int(self.now))
            self.shown[host] = self.now

    @rule(seconds=st.sampled_from([1.0, BEAT_EVERY, UNCHANGED]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(host=st.sampled_from(HOSTS))
    @precondition(lambda self: any(isinstance(each, Lease) for each in self.calls.values()))
    def release(self, host: str) -> None:
        call = self.calls[host]
        if isinstance(call, Lease):
            self._release(host, call)

    def _release(self, host: str, call: Lease) -> None:
        held = [each for each in self.holders() if each != host]
        call.release()
        self.calls[host] = None
        assert self.holders() == held

    def holders(self) -> list[str]:
        return [k for k, v in self.calls.items() if isinstance(v, Lease) and v.is_held()]

    @invariant()
    def one_at_most_may_write(self) -> None:
        assert len(self.holders()) <= 1

    @invariant()
    def who_shows_itself_in_time_holds(self) -> None:
        for host, call in self.calls.items():
            if isinstance(call, Lease) and self.now - self.shown[host] < UNCHANGED:
                assert call.is_held()

    def teardown(self) -> None:
        """Whatever has happened, who waits long enough holds in the end."""
        call: Any = Newcomer(self.store, on("d")).look(self.now)
        if isinstance(call, Newcomer):
            call = call.look(self.now + UNCHANGED)
        assert call.is_held()


class Between:
    """Another store, before each change of which something happens once."""

    def __init__(self, store: Store, happens: Callable[[], object]) -> None:
        self._store, self._happens = store, happens

    def _once(self) -> None:
        happens, self._happens = self._happens, lambda: None
        happens()

    def put(self, name: str, data: bytes) -> None:
        self._once()
        self._store.put(name, data)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        self._once()
        return self._store.put_if_absent(name, data)

    def get(self, name: str) -> bytes | None:
        return self._store.get(name)

    def list(self, prefix: str) -> Sequence[str]:
        return self._store.list(prefix)

    def remove(self, name: str) -> None:
        self._once()
        self._store.remove(name)


class HostsOfObjects(Hosts):
    """The same where the lease lies below an address."""

    def made(self) -> Store:
        return ObjectStore(Address("memory", "", uuid4().hex))


TestHostsOfObjects = HostsOfObjects.TestCase
TestHostsOfObjects.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestHosts = Hosts.TestCase
TestHosts.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_one_that_was_late_with_a_low_number_holds_nothing() -> None:
    """It finds nobody; then one holds and dies, another follows it, and only then it writes."""
    store = MemoryStore()

    def meanwhile() -> None:
        assert isinstance(Newcomer(store, on("a")).look(0.0), Lease)
        watching = Newcomer(store, on("b")).look(0.0)
        assert isinstance(watching, Newcomer)
        assert isinstance(watching.look(UNCHANGED), Lease)

    with pytest.raises(BusyError, match=r"found process \d+ on b, since"):
        Newcomer(Between(store, meanwhile), on("c")).look(0.0)
    assert list(store.held) == ["lease-000002.json"]
