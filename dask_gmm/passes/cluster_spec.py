"""Where passes run, as a value: what was asked for, checked, and nothing opened."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dask_gmm.errors import InputError

WAIT_SECONDS: Final = 300.0
CLASS: Final = r"[^\W\d]\w*(\.[^\W\d]\w*)*[.:][^\W\d]\w*(\.[^\W\d]\w*)*"


@dataclass(frozen=True, slots=True, eq=False)
class Adapt:
    """How many workers an adaptive cluster may have.

    Parameters
    ----------
    minimum, maximum : int
        At least one: a cluster that may have none has none between two passes.

    Raises
    ------
    InputError
        If there is no number between them.
    """

    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.maximum:
            raise InputError(
                "Wanted workers of an adaptive cluster from a minimum of at least 1 to a maximum "
                f"that is no smaller, found {self.minimum} to {self.maximum}. Give other numbers."
            )


@dataclass(frozen=True, slots=True, eq=False)
class TLSFiles:
    """Who the client is, and whom it trusts, in files of the form PEM.

    Parameters
    ----------
    ca_file, cert_file, key_file : Path
        The certificate of the authority that has signed all others, that of the client, and its
        key. A cluster that is started has the same two for its scheduler and workers.
    require_encryption : bool
        Whether connections without TLS are refused.

    Raises
    ------
    InputError
        If one is the text of a file and not its path.
    """

    ca_file: Path
    cert_file: Path
    key_file: Path
    require_encryption: bool = True

    def __post_init__(self) -> None:
        for name in ("ca_file", "cert_file", "key_file"):
            if "\n" in str(getattr(self, name)):
                raise InputError(
                    f"Wanted the path of a file as {name}, found a text of several lines. Write "
                    "that into a file that others cannot read, and give its path."
                )


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSpec:
    """Where passes run: in threads of this process, unless exactly one of four is given.

    Parameters
    ----------
    workers : int, optional
        Processes of one thread each, on this machine.
    address : str, optional
        Of a scheduler that is there, such as "tcp://10.0.0.1:8786".
    scheduler_file : Path, optional
        The file in which a scheduler writes its address.
    cluster_class : str, optional
        The import path of what makes a cluster, such as "dask_jobqueue.SLURMCluster".
    options : mapping
        Its keywords.
    scale : int, optional
        How many workers it is to have.
    adapt : Adapt, optional
        ... or from how many to how many.
    min_workers : int
        How many must have come before the first pass.
    wait : float
        Seconds that they, or the scheduler's file, may take to come.
    tls : TLSFiles, optional
        By default what the configuration of Dask says.
    performance_report : Path, optional
        The HTML page in which Dask reports the tasks of all passes.

    Raises
    ------
    InputError
        If something is outside its domain, or does not go with the others.
    """

    workers: int | None = None
    address: str | None = None
    scheduler_file: Path | None = None
    cluster_class: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    scale: int | None = None
    adapt: Adapt | None = None
    min_workers: int = 1
    wait: float = WAIT_SECONDS
    tls: TLSFiles | None = None
    performance_report: Path | None = None

    def __post_init__(self) -> None:
        self._check_kind()
        self._check_class()
        self._check_numbers()

    def _kinds(self) -> list[str]:
        kinds = {
            "workers": self.workers,
            "the address of a scheduler": self.address,
            "a scheduler's file": self.scheduler_file,
            "a cluster class": self.cluster_class,
        }
        return [name for name, value in kinds.items() if value is not None]

    def _check_kind(self) -> None:
        found = self._kinds()
        if len(found) > 1:
            raise InputError(
                "Wanted one of workers, the address of a scheduler, a scheduler's file and a "
                f"cluster class, found {' and '.join(found)}. Give one of them."
            )
        said = {
            "security": self.tls,
            "min_workers": self.min_workers != 1,
            "wait": self.wait != WAIT_SECONDS,
            "performance_report": self.performance_report,
        }
        about = [name for name, given in said.items() if given]
        if about and not found:
            raise InputError(
                "Wanted workers, the address of a scheduler, a scheduler's file or a cluster class "
                f"beside {' and '.join(about)}, found none of them. Give one, since threads of "
                "this process are no cluster."
            )

    def _check_class(self) -> None:
        if self.cluster_class is None:
            if self.options or self.scale is not None or self.adapt:
                raise InputError(
                    "Wanted a cluster class beside its options, scale or adapt, found none. Name "
                    "one, or leave them out."
                )
        elif not re.fullmatch(CLASS, self.cluster_class):
            raise InputError(
                "Wanted a cluster class as package.module:Class or package.module.Class, found "
                f"{self.cluster_class!r}. Correct it."
            )
        if self.scale is not None and self.adapt:
            raise InputError(
                f"Wanted scale or adapt, found both ({self.scale}, and {self.adapt.minimum} to "
                f"{self.adapt.maximum}). Give one."
            )

    def _check_numbers(self) -> None:
        for name in ("workers", "scale", "min_workers"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(f"Wanted at least 1 as {name}, found {number}. Give another.")
        if not 0 < self.wait < float("inf"):
            raise InputError(f"Wanted some seconds as wait, found {self.wait}. Give another.")
        most = self.workers or self.scale or (self.adapt and self.adapt.minimum)
        if most and self.min_workers > most:
            raise InputError(
                f"Wanted min_workers that are sure to come, at most {most}, found "
                f"{self.min_workers}. Ask for fewer, or have more started."
            )
