"""One BLAS thread while numbers are computed.

With more of them a Cholesky factor has other bits. The limit is process-wide, so that it is set
by the first who needs it and lifted by the last.
"""

import threading
from typing import Any, Final

import scipy.linalg  # noqa: F401 - its BLAS is another than numpy's, and is limited with it
from threadpoolctl import ThreadpoolController


class ThreadLimit:
    """Holds the process to one BLAS thread; may be nested and shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._controller: Any = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                # Looking for libraries takes milliseconds; both have been loaded above.
                self._controller = self._controller or ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
            self._users += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._limit.restore_original_limits()


# A limit of the process needs one count in the process.
ONE_THREAD: Final = ThreadLimit()
