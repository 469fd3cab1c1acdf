"""The E-step on one tile: log joint densities, responsibilities, and the sums of both.

A tile is feature-major: z (D, B), features (P, B), logits and responsibilities (K, B).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, Features, Floats, Strip, feature_scales
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.loadings import Loadings
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.posterior import exponentiate

LOG_2PI: Final = float(np.log(2 * np.pi))
ERROR_LIMITS: Final = {"float64": 1e-9, "float32": 1e-3}


@dataclass(frozen=True, slots=True, eq=False)
class JointDensity:
    """The log joint density ``log(weight_k N(x; mean_k, covariance_k))``, ready for tiles.

    Two forms of the same numbers are kept. The linear form is one matrix product for all
    components, but cancels when a component is very tight or far from the center; its rounding
    error is bounded by ``eps`` times the product of absolute values. A component whose bound in a
    tile exceeds the limit takes the affine form ``constant - |z' W - b|**2 / 2`` in that tile,
    whose error is about the square root: a pure function of parameters and tile.

    The linear form of a family whose quadratic term is common to all components lacks that term.
    It may be so large that no affine form could be made to agree with it; if any component of
    such a family is suspect, all take the affine form, which is complete, for all rows.

    Parameters
    ----------
    frame : Frame
    features : Features
    form : ndarray of shape (n_components, n_features_of_family) or None
        The linear form, in the frame's coordinates and the pass's precision; None where the
        affine form is taken for all rows.
    factors : ndarray of shape (n_components, D, D)
        W; those of a factored family, (n_components, D, 1 + q).
    offsets : ndarray of shape (n_components, D)
        b.
    constants : ndarray of shape (n_components,)
    suspects : ndarray of int
        Components whose bound at the frame's reach is above the limit; only they are checked.
    lacks_common : bool
        Whether the logits, and with them the log-likelihood, lack the quadratic term common to
        all components, ``-|z' W|**2 / 2``.
    loadings : Loadings, optional
        Of a factored family: what its factors explain, which the linear form lacks.
    """

    frame: Frame
    features: Features
    form: Floats | None
    factors: Floats
    offsets: Floats
    constants: Floats
    suspects: npt.NDArray[np.intp]
    lacks_common: bool
    loadings: Loadings | None = None

    @classmethod
    def of(cls, centered: Mixture, frame: Frame, precision: str = "float64") -> "JointDensity":
        """Prepare a mixture whose means are about ``frame.shift``."""
        factors = centered.precision_factors()
        logarithms, means = log_weights(centered), centered.means
        return cls.of_factors(centered.family, logarithms, means, factors, frame, precision)

    @classmethod
    def of_factors(
        cls,
        family: CovarianceFamily,
        log_weights: Array,
        means: Array,
        factors: Array,
        frame: Frame,
        precision: str = "float64",
    ) -> "JointDensity":
        """Prepare a mixture of which the factors of the precisions are known.

        Parameters
        ----------
        family : CovarianceFamily
            In whose features the densities are linear.
        log_weights : ndarray of shape (n_components,)
            May be minus infinity, for a component that is never chosen.
        means : ndarray of shape (n_components, D)
            About ``frame.shift``.
        factors : ndarray of shape (n_components, D, D)
            W, with ``W W'`` the inverse of each covariance; see `CovarianceFamily.unpacked`.
        frame : Frame
        precision : {"float64", "float32"}
        """
        dtype, features = np.dtype(precision), family.features(means.shape[1])
        constants = log_constants(family, log_weights, factors)
        form = family.linear_form(factors, means, constants)
        form = form / feature_scales(features, frame.scale)
        factors, means = family.in_frame(factors, frame.scale), means * frame.scale
        loadings = Loadings.of(factors, means, dtype) if family.factored else None
        offsets = means if family.factored else np.einsum("kij,ki->kj", factors, means)
        explained = 0.0 if loadings is None else loadings.bound(frame.reach)
        bound = _bound(form, features, frame.reach, dtype, explained)
        suspects = np.flatnonzero(~(bound <= ERROR_LIMITS[precision]))
        hopeless = family.shared and len(suspects) > 0
        return cls(
            frame,
            features,
            None if hopeless else form.astype(dtype),
            factors.astype(dtype),
            offsets.astype(dtype),
            constants.astype(dtype),
            suspects,
            lacks_common=family.shared and not hopeless,
            loadings=loadings,
        )

    @property
    def shares(self) -> bool:
        """Whether one covariance is that of all components."""
        return self.lacks_common or self.form is None

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Precision of the products."""
        return self.factors.dtype

    def strips(self, rows: int) -> tuple[Strip, ...]:
        """The strips in which the features of a tile of so many rows are built."""
        return self.features.strips(rows, self.dtype.itemsize)

    @property
    def n_along(self) -> int:
        """How many numbers of a row are along factors: rank times components, or none."""
        return 0 if self.loadings is None else len(self.loadings.offsets)

    @property
    def n_sums(self) -> int:
        """How many sums of a component a pass makes."""
        return self.features.size + (0 if self.loadings is None else self.loadings.n_sums)

    def log_joint(
        self, z: Floats, built: Iterator[tuple[Strip, Floats]], out: Floats, along: Floats
    ) -> None:
        """Write the log joint densities (K, B) of a tile, given its features strip by strip.

        What is ``along`` (n_along, B) the factors of a factored family is written, too.
        """
        if self.form is None:
            self._write_affine(range(len(out)), z, out, along)
            return
        for number, (strip, features) in enumerate(built):
            coefficients = self.form[:, strip.features]
            if number:
                out += coefficients @ features
            else:
                np.matmul(coefficients, features, out=out)
        if self.loadings is not None:
            self.loadings.write(z, along)
            self.loadings.add_squares(along, out)
        if len(self.suspects):
            self._write_affine(self.doubtful(z), z, out, along)

    def doubtful(self, z: Floats) -> npt.NDArray[np.intp]:
        """Those components whose linear form is none in a tile (D, B), or has too large a bound."""
        if self.form is None:
            return np.arange(len(self.constants))
        if not len(self.suspects):
            return self.suspects
        form = self.form[self.suspects]
        reach = np.abs(z).max(axis=1).astype(np.float64)
        explained = 0.0 if self.loadings is None else self.loadings.bound(reach)[self.suspects]
        bound = _bound(form.astype(np.float64), self.features, reach, self.dtype, explained)
        return self.suspects[~(bound <= ERROR_LIMITS[str(self.dtype)])]

    def _write_affine(
        self, components: Iterable[int], z: Floats, out: Floats, along: Floats
    ) -> None:
        for k in components:
            if self.loadings is None:
                affine = self.factors[k].T @ z
                affine -= self.offsets[k][:, None]
                np.einsum("db,db->b", affine, affine, out=out[k])
            else:
                self.loadings.write_distances(k, z, along, out[k])
            out[k] *= -0.5
            out[k] += self.constants[k]


def log_weights(mixture: Mixture) -> Array:
    """Logarithms (K,) of the weights, finite where a weight is zero."""
    return np.asarray(np.log(np.maximum(mixture.weights, np.finfo(np.float64).tiny)))


def log_constants(family: CovarianceFamily, log_weights: Array, factors: Array) -> Array:
    """Logarithm (K,) of weight times the density of a component at its mean, in nats."""
    n_features = factors.shape[1]
    log_determinants = 2 * family.half_log_determinants(factors)
    return np.asarray(log_weights + 0.5 * (log_determinants - n_features * LOG_2PI))


def rounding_bound(form: Array, sizes: Floats, dtype: np.dtype[np.floating]) -> Array:
    """Bound (K,) the rounding errors of linear forms (K, P), each at features of sizes (P, K)."""
    return np.asarray(np.finfo(dtype).eps * np.einsum("kp,pk->k", np.abs(form), sizes))


def _bound(
    form: Array,
    features: Features,
    reach: Array,
    dtype: np.dtype[np.floating],
    explained: Array | float,
) -> Array:
    sizes = features.all_of(reach[:, None])[:, 0]
    return np.asarray(np.finfo(dtype).eps * (np.abs(form) @ sizes + explained))


def keep_to_labels(logits: Floats, labels: npt.NDArray[np.int64] | None) -> None:
    """Leave rows of known components (B,), -1 for unknown, no other in their logits (K, B)."""
    if labels is None:
        return
    known = np.flatnonzero(labels >= 0)
    own = logits[labels[known], known]
    logits[:, known] = -np.inf
    logits[labels[known], known] = own


def normalize(logits: Floats, work: Floats, weights: Array | None = None) -> float:
    """Turn logits (K, B) into responsibilities in place; give the sum of log densities.

    Both are times the ``weights`` (B,) of the rows, and the first line of ``work`` (2, B) holds the
    log densities then.
    """
    peak, total = work
    np.max(logits, axis=0, out=peak)
    exponentiate(logits, peak, total)
    if weights is None:
        log_likelihood = peak.sum(dtype=np.float64) + np.log(total, out=peak).sum(dtype=np.float64)
        np.reciprocal(total, out=total)
    else:
        peak += np.log(total)
        log_likelihood = weights @ peak
        np.divide(weights, total, out=total, casting="same_kind")
    np.multiply(logits, total, out=logits)
    return float(log_likelihood)
