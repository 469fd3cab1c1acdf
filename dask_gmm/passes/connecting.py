"""From the address of a scheduler, or a cluster, to a client with workers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from distributed import Client
from distributed.comm.addressing import get_address_host_port, parse_address
from distributed.comm.registry import get_backend

from dask_gmm.errors import ClusterError, InputError, SettingsError
from dask_gmm.passes.cluster_spec import ClusterSpec, TLSFiles
from dask_gmm.passes.encryption import refuse_unlike, security_from

CONNECT_TIMEOUT: Final = "30s"


@contextmanager
def connected(address: str, tls: TLSFiles | None) -> Iterator[Client]:
    """Connect to a scheduler that is there, and leave it running.

    Raises
    ------
    InputError
        If that is no address.
    SettingsError
        If it is encrypted and we are not, or the other way round, or certificates do not fit.
    ClusterError
        If it does not answer.
    """
    refuse_no_address(address)
    security = security_from(tls)
    refuse_unlike(address, security)
    with client_of(address, security=security) as client:
        yield client


@contextmanager
def client_of(scheduler: Any, **options: Any) -> Iterator[Client]:
    """Connect to an address, or to a cluster; see `connected` for the errors."""
    where = getattr(scheduler, "scheduler_address", scheduler)
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT, **options)
    except OSError as error:
        raise ClusterError(
            f"Wanted a Dask scheduler at {where}, found none within {CONNECT_TIMEOUT} ({error}). "
            "See that it runs, and check the address (that of an encrypted one begins with "
            "tls://); then run it again."
        ) from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise SettingsError(
            f"Wanted to connect to the Dask scheduler at {where}, but Dask says: {error}. Correct "
            "the settings of the cluster."
        ) from error
    with client:
        yield client


def refuse_no_address(address: str) -> None:
    """Refuse what Dask cannot take for the address of a scheduler.

    Raises
    ------
    InputError
    """
    scheme, _ = parse_address(address)
    try:
        get_backend(scheme)
        if scheme != "inproc":
            get_address_host_port(address)
    except ValueError as error:
        raise InputError(
            "Wanted the address of a Dask scheduler, such as tcp://10.0.0.1:8786, found "
            f"{address!r} ({error}). Correct it."
        ) from error


def wait_for_workers(client: Client, spec: ClusterSpec, say: Callable[[str], object]) -> None:
    """Wait for as many workers as are asked for, and say so if they are not there yet.

    Raises
    ------
    ClusterError
        If they do not come in time.
    """
    try:
        if (there := _workers(client)) < spec.min_workers:
            say(
                f"{there:,} of {spec.min_workers:,} workers are there; waiting for the others, "
                f"{spec.wait:,.0f} s at most."
            )
        client.wait_for_workers(spec.min_workers, timeout=spec.wait)
    except TimeoutError as error:
        came = _workers(client)
        raise ClusterError(
            f"Wanted {spec.min_workers:,} workers before the first pass, found {came:,} within "
            f"{spec.wait:,.0f} s. Start more, or look at the logs of those that should have come; "
            "then run it again, or wait for longer."
        ) from error
    except OSError as error:
        raise ClusterError(
            f"Wanted {spec.min_workers:,} workers before the first pass, but the scheduler was "
            f"lost ({error}). See that it runs, then run it again."
        ) from error


def _workers(client: Client) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])
