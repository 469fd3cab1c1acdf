"""Everything that this package raises, as one tree.

* DaskGMMError
    - InputError (also ValueError): an argument is wrong
        + SettingsError: a settings file, or what it says of a cluster, is wrong
    - DataError (also ValueError): the rows are wrong or damaged
        + BadChunkError: a chunk is not there or not whole
        + LostRowsError: rows that the first pass read are not there any more; they may come back
        + UnreachableError: the way to the rows is broken; trying again may help
        + DataDeniedError: the rows may not be read
    - OutputExistsError (also FileExistsError): something is already there
    - OutputError (also OSError): a result could not be written
        + BusyError: another call is at work on it; trying again may help
        + OutputDeniedError: it may not be written there
        + OutputUnreachableError: the way there is broken; trying again may help
    - MemoryLimitError (also MemoryError): the projected memory does not fit
    - ClusterError (also RuntimeError): the workers are gone; trying again may help
        + VersionMismatchError: workers or scheduler have other versions of packages
    - MissingExtraError (also ImportError): a package that only some calls need is not there
    - NotFittedError (also ValueError, AttributeError): a model was asked before it was fitted
    - UnmetError: there is a result, but not as it was required
        + DriftError: rows are described worse than those of the fit, by more than was allowed
        + NotConvergedError: a fit ended before it had converged

A message has four parts: what was wanted, what was found, where, and what to do.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar


class DaskGMMError(Exception):
    """The root: catch it to catch every error of this package."""

    exit_code: ClassVar[int] = 70


class InputError(DaskGMMError, ValueError):
    """An argument is outside its domain."""

    exit_code = 2


class SettingsError(InputError):
    """A settings file has an unknown key or a wrong value, or a cluster is not as it says."""

    exit_code = 78


class DataError(DaskGMMError, ValueError):
    """The rows are missing, damaged, changed or not finite."""

    exit_code = 65


class BadChunkError(DataError):
    """A chunk is not there or not whole, whoever reads it.

    Parameters
    ----------
    message : str
    key : str
        Of the chunk.
    cause : str
        What was found.
    """

    def __init__(self, message: str, key: str = "", cause: str = "") -> None:
        super().__init__(message)
        self.key, self.cause = key, cause


class LostRowsError(DataError):
    """Rows that were whole in the first pass are not any more; the same call goes on with them."""

    exit_code = 75


class UnreachableError(DataError):
    """A disk or a store does not give the rows; the same call may succeed later."""

    exit_code = 75


class DataDeniedError(DataError):
    """The rows may not be read."""

    exit_code = 77


class OutputExistsError(DaskGMMError, FileExistsError):
    """The output is already there and overwriting was not asked for."""

    exit_code = 73


class OutputError(DaskGMMError, OSError):
    """A result could not be written."""

    exit_code = 74


class BusyError(OutputError):
    """Another call is at work on the output; the same call may succeed later."""

    exit_code = 75


class OutputDeniedError(OutputError):
    """A result may not be written there."""

    exit_code = 77


class OutputUnreachableError(OutputError):
    """A store does not take a result; the same call may succeed later."""

    exit_code = 75


class MemoryLimitError(DaskGMMError, MemoryError):
    """The projected memory is more than there is."""

    exit_code = 78


class ClusterError(DaskGMMError, RuntimeError):
    """The cluster was lost or made no progress; the same call may succeed later."""

    exit_code = 75


class VersionMismatchError(ClusterError):
    """Workers or scheduler have other versions of packages than this process, or lack some."""

    exit_code = 78


class MissingExtraError(DaskGMMError, ImportError):
    """A package that only some calls need cannot be imported."""

    exit_code = 69


class NotFittedError(DaskGMMError, ValueError, AttributeError):
    """A result was asked of a model that has not been fitted."""

    exit_code = 2


class UnmetError(DaskGMMError):
    """There is a result, but not as it was required.

    Parameters
    ----------
    message : str
    result : object
        What was found, which is to be shown all the same.
    """

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.result = result


class DriftError(UnmetError):
    """Rows are described worse than those of the fit, by more than was allowed."""

    exit_code = 3


class NotConvergedError(UnmetError):
    """A fit ended before it had converged, and was required to converge."""

    exit_code = 4


DENIED = frozenset({errno.EACCES, errno.EPERM})
UNREACHABLE = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    }
)
WRITE_CURES = {
    errno.ENOSPC: "Make room on that disk, and run the same command again",
    errno.EDQUOT: "Make room within the quota, and run the same command again",
    errno.EROFS: "That disk is read-only: choose another place",
    errno.EACCES: "Ask for permission to write there, or choose another place",
    errno.EPERM: "Ask for permission to write there, or choose another place",
}


def kind_of_data_error(error: OSError) -> type[DataError]:
    """Give what it is called that the system does not let rows, or records, be read."""
    if error.errno in DENIED or isinstance(error, PermissionError):
        return DataDeniedError
    unreachable = error.errno in UNREACHABLE or isinstance(error, ConnectionError | TimeoutError)
    return UnreachableError if unreachable else DataError


def kind_of_any(error: Exception) -> type[DataError]:
    """Give what it is called that something stored cannot be read, whoever says so."""
    return kind_of_data_error(error) if isinstance(error, OSError) else DataError


def refused_by_store(error: OSError) -> DataError | None:
    """Give what a store's refusal is called where nobody has said what it was asked for.

    None if it is none: of a path on a disk, or of something else.
    """
    if "://" not in str(error.filename):
        return None
    return kind_of_data_error(error)(
        f"Wanted what lies at {error.filename}, or beside it, but {error.strerror}. Mend that, or "
        "choose another place, and run the same command again."
    )


@contextmanager
def output_errors(path: object) -> Iterator[None]:
    """Turn what the system says of a write into an `OutputError` that says what to do."""
    try:
        yield
    except DaskGMMError:
        raise
    except OSError as error:
        cure = WRITE_CURES.get(error.errno or 0, "Mend that, and run the same command again")
        raise _kind_of_output_error(error)(
            f"The output must be written to {path}, but the system says "
            f'"{error.strerror or error}" of {error.filename or path}. {cure}.'
        ) from error


def _kind_of_output_error(error: OSError) -> type[OutputError]:
    if error.errno in DENIED:
        return OutputDeniedError
    return OutputUnreachableError if isinstance(error, ConnectionError) else OutputError
