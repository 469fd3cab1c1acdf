"""Mixtures of several sizes and families beside each other, and which of them to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dask_gmm.checks import one_of, whole
from dask_gmm.errors import InputError
from dask_gmm.fitting.members import Why
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.covariance import family_of

# By what one can choose, each with its sign: what is smaller with it is better.
SIGNS: Final = MappingProxyType({"bic": 1, "aic": 1, "icl": 1, "held_out": -1})
CRITERIA: Final = tuple(SIGNS)
# Nats per row by which log-likelihoods may differ that are the same but for rounding.
SAME: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate of a selection, and what all rows say of it.

    Parameters
    ----------
    n_components : int
        As many as it was asked to have.
    covariance_type : str
    init : str
        How its start was drawn.
    n_parameters : int
        Free ones.
    n_kept : int
        As many components as it has in the end; some may have been dropped that had no rows.
    converged : bool
    reason : str
        Why its fit ended.
    iterations : int
    log_likelihood : float
        Mean per row, in nats.
    aic, bic : float
    icl : float, optional
        None where rounding leaves nothing of the entropy.
    held_out, held_out_error : float, optional
        Mean log density per row of those that were held out, in nats, and its standard error.
    left : float, optional
        Estimate of what is left to gain, in nats per row.
    dropped : str, optional
        Why it was given up: it cannot be chosen then.
    """

    n_components: int
    covariance_type: str
    init: str
    n_parameters: int
    n_kept: int
    converged: bool
    reason: str
    iterations: int
    log_likelihood: float
    aic: float
    bic: float
    icl: float | None = None
    held_out: float | None = None
    held_out_error: float | None = None
    left: float | None = None
    dropped: str | None = None

    @classmethod
    def of(cls, spec: Spec, model: FittedMixture) -> "Entry":
        """Take what a candidate was asked to be and what it became."""
        last = model.last
        return cls(
            n_components=spec.n_components,
            covariance_type=spec.covariance_type,
            init=spec.init,
            n_parameters=model.n_parameters,
            n_kept=model.mixture.n_components,
            converged=model.converged,
            reason=model.reason,
            iterations=model.n_iter,
            log_likelihood=model.log_likelihood,
            aic=model.aic,
            bic=model.bic,
            icl=model.icl,
            held_out=last.held_out,
            held_out_error=last.held_out_error,
            left=model.left,
            dropped=model.reason if model.reason == Why.HOPELESS.value else None,
        )

    def value(self, criterion: str) -> float | None:
        """Give the value of one of the criteria."""
        found = {"bic": self.bic, "aic": self.aic, "icl": self.icl, "held_out": self.held_out}
        return found[criterion]

    def loss(self, criterion: str) -> float:
        """Give what is smaller the better it is by a criterion of which it has a value."""
        value = self.value(criterion)
        assert value is not None
        return SIGNS[criterion] * value


@dataclass(frozen=True, slots=True)
class Selected:
    """The candidates of a selection, and by what one of them is chosen.

    Parameters
    ----------
    entries : tuple of Entry
    rows : int
        Of the fits.
    criterion : {"bic", "aic", "icl", "held_out"}
    mass : float, optional
        Sum of the weights of these rows, where that is not their number.

    Raises
    ------
    InputError
        If no candidate that was not dropped has a value of the criterion, or there is no such
        criterion.
    """

    entries: tuple[Entry, ...]
    rows: int
    criterion: str = "bic"
    mass: float | None = None

    @property
    def counted(self) -> float:
        """Number of rows, each as often as its weight says."""
        return self.rows if self.mass is None else self.mass

    def __post_init__(self) -> None:
        one_of("criterion", self.criterion, CRITERIA)
        whole("rows", self.rows, 1)
        if not self.ranked(self.criterion):
            known = [each for each in CRITERIA if self.ranked(each)]
            raise InputError(
                f"Wanted candidates with values of the criterion {self.criterion}, found none "
                f"among {len(self.entries)}, and of other criteria {', '.join(known) or 'none'}. "
                "Choose another criterion, hold out rows for held_out, or fit other candidates."
            )

    @property
    def winner(self) -> Entry:
        """The one to take: the best by the criterion; of rows held out, the simplest near it.

        Notes
        -----
        Which of several mixtures describes rows held out best is decided by chance where they are
        alike, and one component more costs little: the simplest is taken that they tell apart from
        the best by one standard error at most (Breiman, Friedman, Olshen and Stone, 1984).
        """
        best = self.winner_by(self.criterion)
        winner = self.simplest_within_error or best if self.criterion == "held_out" else best
        assert winner is not None  # see above
        return winner

    def winner_by(self, criterion: str) -> Entry | None:
        """Give the best by a criterion, and of those that only rounding tells apart the simplest.

        None where no candidate has a value.
        """
        ranked = self.ranked(criterion)
        if not ranked:
            return None
        same = SAME if criterion == "held_out" else 2 * SAME * self.counted
        return self._simplest(criterion, ranked[0].loss(criterion) + same)

    @property
    def simplest_within_error(self) -> Entry | None:
        """The simplest that rows held out tell apart from the best by one standard error at most.

        None where no rows are held out.
        """
        ranked = self.ranked("held_out")
        if not ranked or ranked[0].held_out_error is None:
            return None
        return self._simplest("held_out", ranked[0].loss("held_out") + ranked[0].held_out_error)

    def ranked(self, criterion: str) -> list[Entry]:
        """Give the candidates that can be chosen by a criterion, from the best."""
        able = [
            each
            for each in self.entries
            if each.dropped is None and each.value(criterion) is not None
        ]
        return sorted(able, key=lambda each: each.loss(criterion))

    def curves(self, criterion: str) -> dict[str, tuple[Entry, ...]]:
        """Give for each family its best candidate of each number of components, in order."""
        ranked = self.ranked(criterion)
        families = dict.fromkeys(each.covariance_type for each in self.entries)
        curves = {name: _best_of_each(ranked, name) for name in families}
        return {name: curve for name, curve in curves.items() if curve}

    def _simplest(self, criterion: str, most: float) -> Entry:
        """The simplest that is not worse than so much; of equals, the best."""
        near = [each for each in self.ranked(criterion) if each.loss(criterion) <= most]
        return min(near, key=_simplicity)


def _simplicity(entry: Entry) -> tuple[int, int, int]:
    """Fewer parameters, then fewer components, then the family that has fewer where it matters."""
    family = family_of(entry.covariance_type)
    return entry.n_parameters, entry.n_components, family.n_free(2, 2)


def _best_of_each(ranked: Sequence[Entry], family: str) -> tuple[Entry, ...]:
    """The first of each number of components."""
    best: dict[int, Entry] = {}
    for each in ranked:
        if each.covariance_type == family:
            best.setdefault(each.n_components, each)
    return tuple(best[number] for number in sorted(best))
