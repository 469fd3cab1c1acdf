"""Everything that this package raises, as one tree.

* DaskGMMError
    - InputError (also ValueError): an argument is wrong
        + SettingsError: a settings file is wrong
    - DataError (also ValueError): the rows are wrong or damaged
        + LostRowsError: rows that the first pass read are not there any more; they may come back
    - OutputExistsError (also FileExistsError): something is already there
    - OutputError (also OSError): a result could not be written
        + BusyError: another call is at work on it; trying again may help
    - MemoryLimitError (also MemoryError): the projected memory does not fit
    - ClusterError (also RuntimeError): the workers are gone; trying again may help
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
from pathlib import Path
from typing import Any, ClassVar


class DaskGMMError(Exception):
    """The root: catch it to catch every error of this package."""

    exit_code: ClassVar[int] = 70


class InputError(DaskGMMError, ValueError):
    """An argument is outside its domain."""

    exit_code = 2


class SettingsError(InputError):
    """A settings file has an unknown key or a value outside its domain."""

    exit_code = 78


class DataError(DaskGMMError, ValueError):
    """The rows are missing, damaged, changed or not finite."""

    exit_code = 65


class LostRowsError(DataError):
    """Rows that were whole in the first pass are not any more; the same call goes on with them."""

    exit_code = 75


class OutputExistsError(DaskGMMError, FileExistsError):
    """The output is already there and overwriting was not asked for."""

    exit_code = 73


class OutputError(DaskGMMError, OSError):
    """A result could not be written."""

    exit_code = 74


class BusyError(OutputError):
    """Another call is at work on the output; the same call may succeed later."""

    exit_code = 75


class MemoryLimitError(DaskGMMError, MemoryError):
    """The projected memory is more than there is."""

    exit_code = 78


class ClusterError(DaskGMMError, RuntimeError):
    """The cluster was lost or made no progress; the same call may succeed later."""

    exit_code = 75


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


WRITE_CURES = {
    errno.ENOSPC: "Make room on that disk, and run the same command again",
    errno.EDQUOT: "Make room within the quota, and run the same command again",
    errno.EROFS: "That disk is read-only: choose another place",
    errno.EACCES: "Ask for permission to write there, or choose another place",
    errno.EPERM: "Ask for permission to write there, or choose another place",
}


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what the system says of a write to a path into an `OutputError` that says what to do."""
    try:
        yield
    except DaskGMMError:
        raise
    except OSError as error:
        cure = WRITE_CURES.get(error.errno or 0, "Mend that, and run the same command again")
        raise OutputError(
            f"The output must be written to {path}, but the system says "
            f'"{error.strerror or error}" of {error.filename or path}. {cure}.'
        ) from error
