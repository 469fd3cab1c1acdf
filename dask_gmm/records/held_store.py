"""A store that is changed only as long as a lease is held."""

from collections.abc import Sequence
from dataclasses import dataclass

from dask_gmm.records.lease import Lease
from dask_gmm.records.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class HeldStore:
    """Another store, in which nothing is put and nothing removed once the lease is lost.

    Parameters
    ----------
    store : Store
    lease : Lease
    """

    store: Store
    lease: Lease

    def __str__(self) -> str:
        return str(self.store)

    def put(self, name: str, data: bytes) -> None:
        """See `Store.put`; BusyError if another call has taken over."""
        self.lease.check()
        self.store.put(name, data)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """See `Store.put_if_absent`; BusyError if another call has taken over."""
        self.lease.check()
        return self.store.put_if_absent(name, data)

    def get(self, name: str) -> bytes | None:
        """See `Store.get`."""
        return self.store.get(name)

    def list(self, prefix: str) -> Sequence[str]:
        """See `Store.list`."""
        return self.store.list(prefix)

    def remove(self, name: str) -> None:
        """See `Store.remove`; BusyError if another call has taken over."""
        self.lease.check()
        self.store.remove(name)
