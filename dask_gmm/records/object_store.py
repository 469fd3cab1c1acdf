"""Where records are kept below an address, and the store of any place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dask_gmm.errors import kind_of_data_error, output_errors
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location
from dask_gmm.records.store import NAME, FolderStore, checked_name


@dataclass(frozen=True, slots=True, eq=False)
class ObjectStore:
    """An address below which an object lies for each name.

    Parameters
    ----------
    address : Address
        Two calls put something there at once, and one finds the other's, if the store knows
        conditional writes, as S3, Google's and Azure's do.
    """

    address: Address

    def __str__(self) -> str:
        return str(self.address)

    def put(self, name: str, data: bytes) -> None:
        """See `Store.put`.

        Raises
        ------
        InputError
            If it is no name.
        OutputError
            If they cannot be written.
        """
        place = self._place(name)
        with output_errors(place):
            place.write_bytes(data)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """See `Store.put_if_absent`, and `put`."""
        place = self._place(name)
        with output_errors(place):
            return place.create(data)

    def get(self, name: str) -> bytes | None:
        """See `Store.get`.

        Raises
        ------
        InputError
            If it is no name.
        DataError
            If there may be some that cannot be read.
        """
        place = self._place(name)
        try:
            return place.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise kind_of_data_error(error)(
                f"Wanted a record that can be read at {place}, but {error.strerror}. Mend that, "
                "and run the same command again."
            ) from error

    def list(self, prefix: str) -> Sequence[str]:
        """See `Store.list`.

        Raises
        ------
        DataError
            If the store does not tell.
        """
        try:
            names = self.address.objects.children(self.address.key)
        except OSError as error:
            raise kind_of_data_error(error)(
                f"Wanted to know which records are kept in {self}, but {error.strerror}. Mend "
                "that, and run the same command again."
            ) from error
        return [each for each in names if each.startswith(prefix) and NAME.fullmatch(each)]

    def remove(self, name: str) -> None:
        """See `Store.remove`, and `put`."""
        place = self._place(name)
        with output_errors(place):
            place.unlink()

    def remove_stale(self) -> None:
        """Do nothing: an object is whole or not there."""

    def vanish(self) -> None:
        """Do nothing: there are no folders."""

    def _place(self, name: str) -> Address:
        return self.address / checked_name(name, self.address)


def store_at(place: Location) -> FolderStore | ObjectStore:
    """Give the store of a folder, or of an address."""
    return FolderStore(place) if isinstance(place, Path) else ObjectStore(place)
