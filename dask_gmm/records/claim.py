"""Who says that it holds an output: a process on a host, and whose place it took."""

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dask_gmm.errors import DataError

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says that it holds an output.

    Parameters
    ----------
    host : str
    boot : str
        What tells one start of a machine from others, and processes that share their locks.
    pid : int
    started : str
        Time of the claim, ISO 8601.
    token : str
        16 hexadecimal digits that no other claim has.
    taken_over : tuple of mapping
        Whose place it took, the last one last: host, pid, when those had claimed it (``started``)
        and when they lost it (``taken``).
    """

    host: str
    boot: str
    pid: int
    started: str
    token: str
    taken_over: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of_this_process(cls, scope: str = "") -> "Claim":
        """Make a new one.

        Parameters
        ----------
        scope : str
            What tells processes that a lock of the system keeps apart from others of the machine.
        """
        host = socket.gethostname()
        return cls(host, (_boot_id() or host) + scope, os.getpid(), _now(), secrets.token_hex(8))

    def instead_of(self, other: "Claim") -> "Claim":
        """Give it as one that takes the place of another."""
        lost = {"host": other.host, "pid": other.pid, "started": other.started, "taken": _now()}
        return replace(self, taken_over=(*other.taken_over, lost))

    def to_bytes(self) -> bytes:
        """Give it as JSON."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> "Claim":
        """Read one.

        Raises
        ------
        DataError
            If it is something else.
        """
        try:
            said = json.loads(data)
            return cls(**{**said, "taken_over": tuple(said["taken_over"])})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"Wanted a claim as calls of this package write it at {where}; found something "
                f"else ({error}). See that no call is at work on that output, and remove it."
            ) from error

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
