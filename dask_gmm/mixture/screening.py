"""Labels that float32 decides: half the work where no rounding could change them."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.posterior import Marks, Numbers, find_largest

# Roundings of a feature, its coefficient and their product, and of the comparison; the sum of P
# products has one more for each.
OTHER_ROUNDINGS: Final = 12
# With logits further off, in nats, too few rows are decided.
LARGEST_BOUND: Final = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """A joint density in float32, and how far its linear form may be off.

    Parameters
    ----------
    density : JointDensity
        In float32, in its linear form alone.
    roundings : ndarray of shape (K, P)
        What the rounding of each feature of size 1 contributes at most.
    """

    density: JointDensity
    roundings: Array

    @classmethod
    def of(cls, density: JointDensity) -> "Screen | None":
        """Make one of a complete density in float64.

        None if no float32 is as large as it needs, or its linear form is not all of it.
        """
        assert density.form is not None
        if density.loadings is not None:
            return None
        single = np.finfo(np.float32)
        with np.errstate(over="ignore"):
            form = density.form.astype(single.dtype)
            if not np.isfinite(form).all():
                return None
            rough = replace(
                density,
                form=form,
                factors=density.factors.astype(single.dtype),
                offsets=density.offsets.astype(single.dtype),
                constants=density.constants.astype(single.dtype),
                suspects=np.empty(0, np.intp),
            )
        each = float(single.eps) * (density.features.size + OTHER_ROUNDINGS)
        # The smallest normal number stands for what coefficients and products lose below it.
        return cls(rough, each * (np.abs(density.form).astype(np.float64) + float(single.tiny)))

    def bound(self, z: Floats) -> float | None:
        """Give how far a logit of rows in the frame (D, B) may be off; None if too far."""
        reach = np.maximum(z.max(axis=1), -z.min(axis=1)).astype(np.float64)
        sizes = self.density.features.all_of(reach[:, None])[:, 0]
        found = float((self.roundings @ (sizes + np.finfo(np.float32).tiny)).max())
        return found if found <= LARGEST_BOUND else None


def decide(logits: Floats, bound: float, labels: Numbers, equal: Marks, ranks: Numbers) -> Marks:
    """Find the largest logit of each row, and whether it is that whatever the rounding.

    Parameters
    ----------
    logits : ndarray of shape (K, B)
        Overwritten.
    bound : float
        How far they may be off.
    labels, equal, ranks
        See `dask_gmm.mixture.posterior.find_largest`.

    Returns
    -------
    ndarray of bool of shape (B,)
        Whether the label is certain.
    """
    highest = np.empty(logits.shape[1], logits.dtype)
    find_largest(logits, highest, labels, equal, ranks)
    np.minimum(labels, len(logits) - 1, out=labels)  # where there is no number
    logits[labels, np.arange(len(labels))] = -np.inf
    certain: Marks = np.isfinite(highest) & (highest - 2 * bound > logits.max(axis=0))
    return certain
