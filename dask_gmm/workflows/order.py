"""In which order a fit writes components: by weight, or as in a model of the same things."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dask_gmm.data.source import Source
from dask_gmm.errors import InputError
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.mixture.matching import Matching, by_weight, match, paired, reordered
from dask_gmm.mixture.model import Mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.models import model_at


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A model whose order of components a fit keeps.

    Parameters
    ----------
    path : Path or Address
        Where it was read.
    mixture : Mixture
    """

    path: Location
    mixture: Mixture


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """A fitted mixture with its components in an order that does not depend on the start.

    Parameters
    ----------
    model : FittedMixture
    order : tuple of int
        The number that each component had at the end of the fit.
    reference : Reference, optional
        The model whose order it is.
    matching : Matching, optional
        What is known of that.
    """

    model: FittedMixture
    order: tuple[int, ...]
    reference: Reference | None = None
    matching: Matching | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the order, and the model that it follows, as JSON values."""
        return {"order": list(self.order), "match": self._match()}

    def _match(self) -> dict[str, Any] | None:
        if self.reference is None or self.matching is None:
            return None
        return {
            "model": str(self.reference.path),
            "map": list(self.matching.partners),
            "distances": list(self.matching.distances),
            "unmatched": list(self.matching.unmatched),
        }

    def to_text(self) -> tuple[str, ...]:
        """Give lines of plain text: how far partners are apart, and who has none."""
        if self.reference is None or self.matching is None:
            return ()
        found, path = self.matching, self.reference.path
        pairs = [number for number in found.partners if number is not None]
        new = range(len(pairs), len(found.partners))
        farthest = max(each for each in found.distances if each is not None)
        lines = [f"matched to {path}: partners are at most {farthest:.2g} apart (Bhattacharyya)"]
        if found.unmatched:
            lines.append(
                f"without a partner here: {_listed(found.unmatched)} of those there; "
                f"the components here are {_listed(pairs)} there"
            )
        if new:
            lines.append(f"without a partner there: {_listed(new)}")
        return tuple(lines)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def reference_at(
    path: str | Location | None, source: Source, purpose: str = "to match"
) -> Reference | None:
    """Read the model that another fit, of these rows, is to be matched to; None without a path.

    Parameters
    ----------
    path : str or Path, optional
        Of a model, or of a run folder.
    source : Source
    purpose : str
        What else the fit does with it.

    Raises
    ------
    InputError
        If the path is an address of an unknown kind, or the model has another number of columns.
    DataError
        If there is no model, or it is damaged.
    """
    if path is None:
        return None
    path = location(path)
    mixture = model_at(path).mixture
    if mixture.n_features != source.n_features:
        raise InputError(
            f"Wanted a model of {source.n_features} columns {purpose}, as the rows have, found one "
            f"of {mixture.n_features} in {path}. Choose a model of the same columns."
        )
    return Reference(path, mixture)


def in_order(
    model: FittedMixture, reference: Reference | None, *, numbered: bool = False
) -> Ordered:
    """Put components in the order of a reference, or without one by decreasing weight.

    They stay as they are where they are ``numbered``, since something is known of some of them, and
    where they are those of a posterior, which has an order of its own.
    """
    numbered = numbered or model.inference is not None
    compare = paired if numbered else match
    with ONE_THREAD:
        matching = None if reference is None else compare(reference.mixture, model.mixture)
        order = by_weight(model.mixture) if matching is None else matching.order
    if numbered:
        order = np.arange(model.mixture.n_components)
    ordered = replace(model, mixture=reordered(model.mixture, order))
    return Ordered(ordered, tuple(order.tolist()), reference, matching)
