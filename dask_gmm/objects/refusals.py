"""What stores refuse, as the errors that a disk would raise, and without what they say themselves.

What they say may hold what was sent to them: signed addresses, tokens, names of accounts. So of
their words only the status of the answer and the name of the error are told.
"""

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STATUS: Final = re.compile(r"status code: (\d{3})")
CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
DENIED: Final = (401, 403)
# Of S3, in answers of status 400.
DENIED_CODES: Final = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired")
AGAIN: Final = (408, 409, 425, 429, 500, 502, 503, 504)
NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound")
# S3's, also in the words of the library for answers that say it by their status alone.
ELSEWHERE: Final = ("AuthorizationHeaderMalformed", "PermanentRedirect", "configured region")
# Where machines of clouds ask for credentials that nobody gave them.
INSTANCE: Final = ("http://169.254.169.254/", "http://metadata.google.internal/")
NO_CREDENTIALS: Final = "no credentials were found in the environment, nor given to this machine"
OTHER_REGION: Final = "the bucket lies in another region than the environment says: set AWS_REGION"
NO_PARTS: Final = "the server does not send parts of what it has"
# What obstore raises, and no Exception, where no request can be made of what the environment says.
PANIC: Final = "PanicException"
NO_ENDPOINT: Final = (
    "the environment names no server that can be asked: an endpoint is written with its scheme, as "
    "in AWS_ENDPOINT_URL=https://host:9000"
)
NO_ACCOUNT: Final = "the environment must name the account, such as by AZURE_STORAGE_ACCOUNT_NAME"


@contextmanager
def told(address: object) -> Iterator[None]:
    """Raise what a store refuses as an OSError about an address.

    Raises
    ------
    FileNotFoundError, PermissionError, ConnectionError, OSError
    """
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except BaseException as error:  # stores raise errors of any type
        if not isinstance(error, Exception) and type(error).__name__ != PANIC:
            raise
        raise refusal(error, str(address)) from None


def refusal(error: BaseException, address: str) -> OSError:
    """Give the error of a disk that means the same.

    Parameters
    ----------
    error : Exception
        What a library for stores has raised.
    address : str
        What it was about.
    """
    text = str(error)
    status = int(found[1]) if (found := STATUS.search(text)) else None
    code = found[1] if (found := CODE.search(text)) else ""
    said = f"the store answers {status or type(error).__name__}{code and f' ({code})'}"
    if any(place in text for place in INSTANCE):
        return PermissionError(errno.EACCES, NO_CREDENTIALS, address)
    if type(error).__name__ == PANIC:
        return OSError(errno.EINVAL, NO_ENDPOINT, address)
    if "Account must be specified" in text:
        return OSError(errno.EINVAL, NO_ACCOUNT, address)
    if any(word in text for word in ELSEWHERE):
        return OSError(errno.EINVAL, OTHER_REGION, address)
    if type(error).__name__ == "NotSupportedError":
        return OSError(errno.ENOTSUP, NO_PARTS, address)
    if code in NO_BUCKET:
        return OSError(errno.ENXIO, f"{said}: there is no such bucket", address)
    if isinstance(error, FileNotFoundError) or status == 404:
        return FileNotFoundError(errno.ENOENT, "there is nothing", address)
    if isinstance(error, PermissionError) or _is_denied(error, status, code):
        return PermissionError(errno.EACCES, f"{said}: access is denied", address)
    if status is not None and status not in AGAIN:
        return OSError(errno.EINVAL, said, address)
    if status is None and not _is_of_the_way(error):
        number = error.errno if isinstance(error, OSError) else None
        return OSError(number or errno.EIO, os.strerror(number) if number else said, address)
    reached = said if status else "the store cannot be reached, or does not answer as one"
    return ConnectionError(errno.EHOSTUNREACH, reached, address)


def _is_denied(error: BaseException, status: int | None, code: str) -> bool:
    by_type = type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError")
    return by_type or status in DENIED or code in DENIED_CODES


def _is_of_the_way(error: BaseException) -> bool:
    """Whether it is about the connection: of obstore, all that has no type of its own."""
    of_python = isinstance(error, ConnectionError | TimeoutError | socket.gaierror)
    return of_python or type(error).__name__ == "GenericError"
