"""What the steps of a run that come first will make, for the plan of those that come later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dask_gmm.data.open import DEFAULT_ARRAY
from dask_gmm.data.sink import ArraySpec
from dask_gmm.data.source import Source
from dask_gmm.data.to_come import source_to_come
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.mixture.model import Mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.dask_frames import is_dask_frame
from dask_gmm.records.run_folder import MODEL
from dask_gmm.workflows.models import KnownModel, known_model
from dask_gmm.workflows.sources import beside_of, source_for


class NotKnownYet(Exception):
    """What a step takes is made by an earlier one, and not known before that was carried out."""


@dataclass(frozen=True, slots=True, eq=False)
class ToCome:
    """What will be there.

    Parameters
    ----------
    groups : mapping of Path or Address to sequence of ArraySpec
        Arrays of groups.
    models : mapping of Path or Address to Mixture
        For each model one of its size, the largest that it may be.
    """

    groups: Mapping[Location, Sequence[ArraySpec]] = field(default_factory=dict)
    models: Mapping[Location, Mixture] = field(default_factory=dict)

    def with_group(self, out: str | Location, arrays: Sequence[ArraySpec]) -> "ToCome":
        """Add a group."""
        return replace(self, groups={**self.groups, location(out): arrays})

    def with_model(self, out: str | Location, like: Mixture) -> "ToCome":
        """Add a run folder with a model."""
        return replace(self, models={**self.models, location(out): like})

    def __contains__(self, path: object) -> bool:
        """Whether something will be there, or in a folder that will."""
        return isinstance(path, str | Location) and self._maker(location(path)) is not None

    def _maker(self, path: Location) -> Location | None:
        made = {*self.groups, *self.models}
        return next((each for each in (path, *path.parents) if each in made), None)

    def source(self, request: Any) -> Source:
        """Give the rows of a request, be they there or still to come.

        Raises
        ------
        NotKnownYet
            If they are to come and their shape is not known, or only reading them would count them.
        InputError, DataError
            See `source_for`; `source_to_come`.
        """
        if is_dask_frame(request.data):
            raise NotKnownYet("the rows of a data frame of Dask are counted when they are read")
        beside = beside_of(request)
        if beside.any and any(
            each in self for each in (request.data, beside.weights, beside.labels)
        ):
            raise NotKnownYet("what lies beside rows is looked at when they are there")
        if request.data in self:
            return self._source_to_come(location(request.data), request)
        return source_for(request)

    def _source_to_come(self, path: Location, request: Any) -> ZarrSource:
        group, wanted = (path, request.array) if path in self.groups else (path.parent, path.name)
        tables = [each for each in self.groups.get(group, ()) if len(each.shape) == 2]
        named = [each for each in tables if each.name == (wanted or DEFAULT_ARRAY)]
        found = named or ([] if wanted else tables)
        if len(found) != 1:
            raise NotKnownYet(f"the rows in {path} are not known before they are made")
        if any(isinstance(column, str) for column in request.columns or ()):
            raise NotKnownYet(f"names of columns in {path} are not known before they are made")
        return source_to_come(group, found[0], request.columns, request.rows)

    def mixture(self, path: str | Location) -> Mixture:
        """Give the mixture of a model that is to come, or one of its size.

        Raises
        ------
        NotKnownYet
            If nothing is known of it.
        """
        place = location(path)
        found = self.models.get(place.parent if place.name == MODEL else place)
        if found is None:
            raise NotKnownYet(f"the model in {place} is not known before it is made")
        return found

    def model(self, path: str | Location) -> KnownModel | None:
        """Read a model; None if it is to come.

        Raises
        ------
        InputError, DataError
            See `known_model`.
        """
        return None if path in self else known_model(path)
