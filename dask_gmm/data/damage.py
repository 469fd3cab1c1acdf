"""What can be wrong with a stored chunk, and what to do; its reader adds which chunk it is.

They never leave this room: they end in a `DataError`, or in the fill value if that is asked for.
"""

from typing import ClassVar

from dask_gmm.errors import DataError, UnreachableError, kind_of_data_error


class DamagedChunkError(Exception):
    """Its bytes are not those that were written; the message is what was found."""

    cure: ClassVar[str] = "Restore it from a copy, or write the array again"


class AbsentChunkError(DamagedChunkError):
    """It has no file."""

    cure = (
        "Restore it from a copy, or write the array again; if its writer left out chunks of "
        "nothing but the fill value, set missing_chunks to fill, or give dask.array.from_zarr of it"
    )

    def __init__(self) -> None:
        super().__init__("is missing")


class LostChunkError(DamagedChunkError):
    """It has no file, but was written."""

    def __init__(self) -> None:
        super().__init__("is missing")


class UnreadableChunkError(DamagedChunkError):
    """The system does not let it be read.

    Parameters
    ----------
    found : str
    kind : type of DataError
        What it ends in.
    """

    cure = "See that it can be read, and run again"

    def __init__(self, found: str, kind: type[DataError] = UnreachableError) -> None:
        super().__init__(found)
        self.kind = kind


class StaleChunkError(DamagedChunkError):
    """It is whole, but another one than was written there."""

    def __init__(self) -> None:
        super().__init__("is not the one that was written there (another digest)")


class ChangedChunkError(DamagedChunkError):
    """It is whole, but another one than was read there before."""

    cure = "Stop what writes to the array, and run again"

    def __init__(self) -> None:
        super().__init__("changed during the run (another digest than in the first pass)")


def kind_of_damage(error: DamagedChunkError) -> type[DataError]:
    """Give what it ends in that something stored is damaged, or cannot be read."""
    return error.kind if isinstance(error, UnreadableChunkError) else DataError


def damage(error: OSError) -> DamagedChunkError:
    """Say what the system's refusal to read a chunk means."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return AbsentChunkError()
    if isinstance(error, IsADirectoryError):
        return DamagedChunkError("is a directory instead of a file")
    return UnreadableChunkError(
        f"cannot be read ({error.strerror or error})", kind_of_data_error(error)
    )
