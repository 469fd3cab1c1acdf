"""A background model that is adapted to rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dask_gmm.checks import number
from dask_gmm.errors import InputError
from dask_gmm.mixture.fixed import Fixed, fixed_of
from dask_gmm.mixture.model import Mixture, as_float64, checked_mixture
from dask_gmm.mixture.parts import ALL, PARTS, USUAL_RELEVANCE, USUALLY_ADAPTED, parts_of
from dask_gmm.mixture.prior import Prior


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A model of many rows that is adapted to few (Reynolds, Quatieri and Dunn, 2000).

    A fit begins with it. To the rows of each component as many of the background's own are added as
    ``relevance`` says: a component with many rows is theirs, one with few stays where it is.

    Parameters
    ----------
    model : Mixture, FittedMixture, fitted GaussianMixtureModel or estimator
    relevance : float, default 16
        Rows of each component of the background, above 0.
    what : sequence of {"weights", "means", "covariances"}, default ("means",)
        What is adapted; all else stays to the byte. Where means are not, covariances are about
        them.

    Raises
    ------
    InputError
        If a value is outside its domain.

    Notes
    -----
    With n rows and T of all components, a weight w becomes ``n / (n + r) * n / T + r / (n + r) *
    w``, made to sum to one; that is no maximum of a posterior density, while means and covariances
    are.

    Examples
    --------
    >>> import numpy as np
    >>> from dask_gmm import Background, GaussianMixture, checked_mixture
    >>> world = checked_mixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]])
    >>> adapted = GaussianMixture(2, prior=Background(world)).fit(np.full((16, 1), 1.0))
    >>> adapted.means_.round(3)
    array([[0.5],
           [9. ]])
    """

    model: Any
    relevance: float = USUAL_RELEVANCE
    what: Any = USUALLY_ADAPTED

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", _mixture_of(self.model))
        number("relevance", self.relevance, 0.0, above=True)
        object.__setattr__(self, "relevance", float(self.relevance))
        object.__setattr__(self, "what", parts_of(self.what))

    @property
    def proper(self) -> bool:
        """Whether it says something of covariances: always."""
        return True

    @property
    def numbered(self) -> bool:
        """Whether it says of some components what it does not of others: always."""
        return True

    @property
    def shapes(self) -> bool:
        """Whether it says something of means or covariances: always."""
        return True

    @property
    def draws_weights(self) -> bool:
        """Whether weights are adapted, to which no log density belongs."""
        return "weights" in self.what

    @property
    def fixed(self) -> Fixed:
        """What stays as it is."""
        kept = {each: ALL for each in PARTS if each not in self.what}
        return fixed_of(kept, self.model.n_components, shared=False)

    @property
    def prior(self) -> Prior:
        """What the rows that are added say, in the coordinates of the data."""
        model, relevance = self.model, self.relevance
        family, k = model.family, model.n_components
        rows = family.masses(np.full(k, relevance))
        times = k if family.shared else 1
        return Prior(
            as_float64(rows * model.covariances),
            as_float64(0.0),
            pull=relevance,
            means=model.means,
            normals=1.0,
            degrees=times * (relevance - 1),
            proper=True,
            usual_weights=model.weights if self.draws_weights else None,
            relevance=relevance if self.draws_weights else 0.0,
        )


def _mixture_of(model: Any) -> Mixture:
    """The mixture of a model, or of an estimator that has been fitted."""
    found = getattr(getattr(model, "result", model), "mixture", model)
    if isinstance(found, Mixture):
        return found
    try:
        parts = (model.weights_, model.means_, model.covariances_, model.covariance_type)
    except AttributeError as error:
        raise InputError(
            f"Wanted a mixture, a fitted model or estimator as background, found "
            f"{type(model).__name__}. Fit it, or read one with load_model."
        ) from error
    return checked_mixture(*parts)
