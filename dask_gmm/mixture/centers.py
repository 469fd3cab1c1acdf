"""Sums of thin components about their own centers, so that nothing of them cancels."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.estep import ERROR_LIMITS, JointDensity, rounding_bound
from dask_gmm.mixture.features import Array, Features, Floats, freeze
from dask_gmm.mixture.filling import Filling
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.loadings import Loadings
from dask_gmm.mixture.model import Mixture


@dataclass(frozen=True, slots=True, eq=False)
class Centers:
    """The components that are thin for how far they lie from the frame's shift, and where they are.

    What is left of a variance when the square of a mean is subtracted from a mean square has a
    rounding error of ``eps`` times that square. Where the log density, for its share of that error,
    would be off by more than the limit of the pass, sums are made about a center near the mean, a
    function of parameters alone; the others are made about the shift, all in one matrix product.

    Parameters
    ----------
    components : ndarray of int, shape (T,)
    points : ndarray of shape (T, D)
        The centers, in the coordinates of the frame.
    """

    components: npt.NDArray[np.intp]
    points: Array

    def __post_init__(self) -> None:
        freeze(self.components, self.points)

    @classmethod
    def of(cls, centered: Mixture, density: JointDensity) -> "Centers":
        """Choose those of a mixture whose means are about the shift, given its density."""
        points = centered.means * density.frame.scale
        if density.form is None or centered.family.shared:
            return cls(np.empty(0, np.intp), points[:0])
        form = density.form.astype(np.float64)
        features = density.features.all_of(np.abs(points).T)
        bound = rounding_bound(form, features, density.dtype)
        thin = np.flatnonzero(bound > ERROR_LIMITS[str(density.dtype)])
        return cls(thin, points[thin])

    @property
    def any(self) -> bool:
        """Whether there are such components."""
        return len(self.components) > 0

    def of_all(self, frame: Frame, n_components: int) -> Array:
        """The centers (K, D) of all components, less the frame's shift: zero for the others."""
        result: Array = np.zeros((n_components, len(frame.scale)))
        result[self.components] = self.points / frame.scale
        return result

    def add_sums(
        self,
        features: Features,
        z: Floats,
        responsibilities: Floats,
        work: Floats,
        sums: Array,
        fillings: Iterable[Filling] = (),
    ) -> None:
        """Add the sums (P, T) of a tile z (D, B) with responsibilities (K, B), about the centers.

        ``work`` has the shape and type of ``z``; the ``fillings`` are what is expected in its gaps.
        """
        for at, (component, point) in enumerate(zip(self.components, self.points, strict=True)):
            np.subtract(z, point.astype(z.dtype)[:, None], out=work)
            for each in fillings:
                each.place(component, point, work)
                spread = each.spread(responsibilities[component], component)[None]
                sums[:, at] += features.of_moments(spread, np.zeros((1, len(z))))[:, 0]
            sums[:, at] += features.weighted_sums(work, responsibilities[component])

    def add_along(
        self, loadings: Loadings, z: Floats, weighed: Floats, work: Floats, sums: Array
    ) -> None:
        """Add the sums (D * q, T) along factors, of which `Loadings.weigh` weighed the rows."""
        for at, (component, point) in enumerate(zip(self.components, self.points, strict=True)):
            np.subtract(z, point.astype(z.dtype)[:, None], out=work)
            sums[:, at] += loadings.sums_of(int(component), work, weighed)
