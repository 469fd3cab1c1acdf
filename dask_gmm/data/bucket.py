"""An array below an address."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, Final

from dask_gmm.data.damage import AbsentChunkError, DamagedChunkError, damage
from dask_gmm.data.place import DIGESTS, some
from dask_gmm.data.plain import Bytes, take_plain
from dask_gmm.errors import kind_of_data_error
from dask_gmm.objects.address import Address
from dask_gmm.objects.contract import Facts

# Questions to a server that cannot list, at once.
ASKED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """An array below an address; what opens that is found anew by whoever reads.

    Parameters
    ----------
    location : Address
        Where the array itself lies.
    """

    location: Address
    copies: ClassVar[int] = 2  # as it comes in, and in one piece

    @property
    def name(self) -> str:
        """The address."""
        return str(self.location)

    @property
    def shareable(self) -> bool:
        """Whether it is not the memory of this process."""
        return self.location.shareable

    def read_plain(self, key: str, into: Bytes, *, checksummed: bool) -> int:
        """See `Place.read_plain`."""
        return take_plain(self.read(key), into, checksummed=checksummed)

    def read(self, key: str) -> Bytes:
        """Give the bytes of an object."""
        try:
            return some(self.location.joinpath(key).read())
        except OSError as error:
            raise damage(error) from error

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str | None]:
        """Give sizes and tags of objects.

        Raises
        ------
        DataError
            If the store does not tell them.
        """
        found = self._facts(keys)
        return {
            key: f"{found[key].st_size} {found[key].stamp}" if key in found else None
            for key in keys
        }

    def flaws(self, keys: Sequence[str], n_bytes: int | None) -> dict[str, DamagedChunkError]:
        """Find the objects that are not there, or not of that size.

        Raises
        ------
        DataError
            If the store does not tell them.
        """
        there = self._facts(keys)
        return {key: flaw for key in keys if (flaw := _flaw(there.get(key), n_bytes)) is not None}

    def _facts(self, keys: Sequence[str]) -> Mapping[str, Facts]:
        try:
            return self._listed() if self._lists else self._asked(keys)
        except OSError as error:
            raise kind_of_data_error(error)(
                "The chunks of an array must be looked for before any is read, but "
                f"{error.strerror or error}, of {self.name}. See that it can be read, and run "
                "again."
            ) from error

    @property
    def _lists(self) -> bool:
        return self.location.objects.lists

    def _listed(self) -> dict[str, Facts]:
        start = len(self.location.key) + 1 if self.location.key else 0
        return {key[start:]: facts for key, facts in self.location.objects.below(self.location.key)}

    def _asked(self, keys: Sequence[str]) -> dict[str, Facts]:
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            found = zip(keys, pool.map(self._facts_of, keys), strict=True)
            return {key: facts for key, facts in found if facts is not None}

    def _facts_of(self, key: str) -> Facts | None:
        try:
            return self.location.joinpath(key).stat()
        except FileNotFoundError:
            return None

    def digests(self) -> "Bucket":
        """Give the place of the digests."""
        return Bucket(self.location.parent / DIGESTS / self.location.name)


def _flaw(found: Facts | None, n_bytes: int | None) -> DamagedChunkError | None:
    if found is None:
        return AbsentChunkError()
    if not found.st_size:
        return DamagedChunkError("is empty")
    if n_bytes and found.st_size != n_bytes:
        return DamagedChunkError(f"has {found.st_size} bytes instead of {n_bytes}")
    return None
