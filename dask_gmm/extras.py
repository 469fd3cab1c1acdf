"""Packages that only some calls need, imported when they are called."""

import importlib
from typing import Any

from dask_gmm.errors import MissingExtraError


def extra(module: str, name: str) -> Any:
    """Import a module of an extra of this package.

    Parameters
    ----------
    module : str
        The module, such as "xarray".
    name : str
        The extra that installs it, as `pip install 'dask-gmm[name]'` calls it.

    Raises
    ------
    MissingExtraError
        If it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"This call needs {module}, but importing it in this Python says: {error}. Install it "
            f"with: pip install 'dask-gmm[{name}]'."
        ) from error
