"""From the root of an address to its objects, opened once in a process."""

from functools import lru_cache

from dask_gmm.objects.contract import Objects
from dask_gmm.objects.fsspec_objects import FsspecObjects
from dask_gmm.objects.obstore_objects import ObstoreObjects
from dask_gmm.objects.schemes import SCHEMES


@lru_cache(maxsize=64)
def objects_at(scheme: str, host: str) -> Objects:
    """Open a bucket, or what stands for one.

    Parameters
    ----------
    scheme : str
        Such as "s3".
    host : str
        The bucket, or the name and port of a web server; empty where a scheme has none.

    Raises
    ------
    MissingExtraError
        If the package is not installed that knows the scheme.
    OSError
        If it cannot be opened.
    """
    if scheme in SCHEMES:
        return ObstoreObjects(f"{scheme}://{host}")
    return FsspecObjects(scheme, host)
