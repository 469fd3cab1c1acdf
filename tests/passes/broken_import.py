"""A module that needs a package which nobody has."""

import no_such_package_of_anybody  # type: ignore[import-not-found]  # noqa: F401
