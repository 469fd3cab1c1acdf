"""The kinds of outputs, and the marks by which one of ours is told from what somebody else made."""

import json
from dataclasses import dataclass
from typing import Any, Final

from dask_gmm.errors import kind_of_data_error
from dask_gmm.objects.either import read_if_there, remove
from dask_gmm.objects.location import Location

# The page about a run joins its folder, unless told otherwise, when that has been published.
PAGE: Final = "report.html"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of output: a folder with a JSON document that says what it is.

    Parameters
    ----------
    name : str
        What it is called, such as "run folder".
    document : str
        File inside it.
    keys : tuple of str
        Where in the document its facts are.
    form : str
        What the facts have as ``format``.
    """

    name: str
    document: str
    keys: tuple[str, ...]
    form: str

    def facts(self, path: Location) -> dict[str, Any] | None:
        """Give what an output of this kind says of itself; None if there is none at a path.

        Raises
        ------
        DataError
            If there may be one that cannot be read.
        """
        try:
            document = read_if_there(path / self.document)
        except OSError as error:
            raise kind_of_data_error(error)(
                f"Wanted to know whether there is a {self.name} at {path}, but "
                f"{error.strerror or error}. Mend that, and run the same command again."
            ) from error
        try:
            facts = json.loads(document or b"")
            for key in self.keys:
                facts = facts[key]
            return dict(facts) if facts["format"] == self.form else None
        except (KeyError, TypeError, ValueError):
            return None

    def is_at(self, path: Location) -> bool:
        """Whether what lies at a path says that it is of this kind."""
        return self.facts(path) is not None

    def may_replace(self, path: Location) -> bool:
        """Whether nothing is lost that this package did not write: it is of the kind, or empty."""
        return self.is_at(path) or (path.is_dir() and not any(path.iterdir()))

    def strangers(self, path: Location) -> list[str]:
        """Name what lies in an output of this kind that says what it ``holds``, and is none of it.

        It would be lost with the output.
        """
        holds = (self.facts(path) or {}).get("holds")
        if holds is None:
            return []
        return sorted(each.name for each in path.iterdir() if each.name not in holds)

    def remove(self, path: Location) -> None:
        """Remove an output of this kind, its mark last: half removed, it is of the kind still."""
        remove(path, last=self.document)


RUN_FOLDER: Final = Kind("run folder", "manifest.json", (), "run")
SAMPLE_GROUP: Final = Kind("sample", "zarr.json", ("attributes", "dask_gmm"), "sample")
POSTERIOR_GROUP: Final = Kind("posterior", "zarr.json", ("attributes", "dask_gmm"), "posterior")
PARTITIONS_GROUP: Final = Kind(
    "set of statistics", "zarr.json", ("attributes", "dask_gmm"), "partitions"
)
MODEL_GROUP: Final = Kind("model", "zarr.json", ("attributes", "dask_gmm"), "model")
DATA_GROUP: Final = Kind("generated data set", "zarr.json", ("attributes", "dask_gmm"), "rows")
INGESTED: Final = Kind("ingested data set", "zarr.json", ("attributes", "dask_gmm"), "ingested")
PREDICTIONS: Final = Kind(
    "set of predictions", "zarr.json", ("attributes", "dask_gmm"), "predictions"
)
