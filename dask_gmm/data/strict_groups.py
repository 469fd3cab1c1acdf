"""The row groups of a table, none of them taken on trust."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from dask_gmm.data.damage import ChangedChunkError, DamagedChunkError, UnreadableChunkError
from dask_gmm.data.parquet_file import ChangedFileError, Footer, Values, opened, stamp_of
from dask_gmm.data.row_groups import FileFacts, RowGroups
from dask_gmm.errors import BadChunkError, LostRowsError


@dataclass(frozen=True, slots=True, eq=False)
class StrictGroups:
    """Reads one row group at a time; what is not there, or not as expected, is an error.

    Parameters
    ----------
    groups : RowGroups
    names : tuple of str
        The columns that are read.
    digests : ndarray of uint32, or None
        What the digest of each group must be, if known.
    surveyed : bool
        Whether bad ones have been left out, so that those that are read were whole before.
    """

    groups: RowGroups
    names: tuple[str, ...]
    digests: npt.NDArray[np.uint32] | None = None
    surveyed: bool = False

    def read(self, group: int, skip: int, into: Values, known: Footer | None) -> tuple[int, Footer]:
        """Read rows of a group.

        Parameters
        ----------
        group : int
        skip : int
            Rows of the group before those that are wanted.
        into : ndarray of shape (rows, columns)
            Filled with the rows that are wanted.
        known : Footer or None
            That of its file, if that has been opened before.

        Returns
        -------
        int
            Digest of the columns of the whole group, as they are stored.
        Footer
            That of its file.

        Raises
        ------
        DataError
            If it is not there, damaged, or not the one expected.
        """
        file, number = self.groups.place(group)
        try:
            with opened(file.path, known) as found:
                if not _is_that_of(found.footer, file):
                    raise ChangedFileError
                digest = found.read(number, self.names, skip, into)
                self._compare(group, digest)
        except DamagedChunkError as error:
            self.refuse(group, error)
        return digest, found.footer

    def check(self, group: int, digest: int, bad: bool, skipped: bool) -> None:
        """Refuse a group that was read before, and is not what is expected now.

        Parameters
        ----------
        group : int
        digest : int
            That of the one which was read.
        bad, skipped : bool
            Whether it was left out then, and is to be now.

        Raises
        ------
        DataError
        """
        try:
            if self.surveyed and bad != skipped:
                raise ChangedChunkError
            if not bad:
                self._compare(group, digest)
        except DamagedChunkError as error:
            self.refuse(group, error)

    def _compare(self, group: int, digest: int) -> None:
        if self.digests is not None and digest != self.digests[group]:
            raise ChangedChunkError

    def check_present(self, groups: Iterable[int]) -> None:
        """Look for the files of groups without reading any.

        Raises
        ------
        DataError
            If one is not there, or of another size.
        """
        looked: FileFacts | None = None
        for group in groups:
            file, _ = self.groups.place(group)
            if file is not looked:
                looked = file
                self._look(group, file)

    def _look(self, group: int, file: FileFacts) -> None:
        try:
            if stamp_of(file.path)[0] != file.n_bytes:
                raise ChangedFileError
        except DamagedChunkError as error:
            self.refuse(group, error)

    def refuse(self, group: int, error: DamagedChunkError) -> NoReturn:
        """Raise the error of a group: which one it is, what was found, and what to do.

        Raises
        ------
        LostRowsError
            If it was whole before, and can be read.
        BadChunkError
            If it is the group that is bad, not the way to it.
        DataError
            Else.
        """
        where = self.groups.where(group)
        message = f"Every row group must be there and whole, but {where} {error}. {error.cure}."
        if isinstance(error, UnreadableChunkError):
            raise error.kind(message) from error
        if self.surveyed:
            raise LostRowsError(
                f"Every row group that was whole in the first pass must stay so, but {where} "
                f"{error}. Restore the file of then, with its time, and the same command goes on."
            ) from error
        raise BadChunkError(message, self.groups.key(group), str(error)) from error


def _is_that_of(footer: Footer, file: FileFacts) -> bool:
    return (footer.stamp[0], footer.digest) == (file.n_bytes, file.footer)
