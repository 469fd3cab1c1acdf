"""What a candidate is asked to be: one mixture, one start, one set of limits."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from dask_gmm.checks import number, one_of, whole
from dask_gmm.errors import InputError
from dask_gmm.fitting.bounds import LARGEST_SHARE, MERGED_FROM
from dask_gmm.fitting.given import NOTHING_GIVEN, Given
from dask_gmm.fitting.held_out import NONE_HELD_OUT, HeldOut
from dask_gmm.fitting.labeled import check_labels
from dask_gmm.fitting.levels import level_sizes, loose_size, reservoir_size
from dask_gmm.fitting.sample import sample_size
from dask_gmm.fitting.starts import KINDS
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.beliefs import Beliefs
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.estep import ERROR_LIMITS
from dask_gmm.mixture.fixed import NOTHING_FIXED, Fixed
from dask_gmm.mixture.model import Mixture, refuse_unusable
from dask_gmm.mixture.names import rank_of, refuse_factors
from dask_gmm.mixture.parts import PARTS
from dask_gmm.mixture.variational import Variational

USUAL: Final = "kmeans"
SOLVERS: Final = ("em", "fast")
# The start from twice the components, merged until as many are left as are asked for.
MERGE: Final = "merge"
# The best of several starts that have made a short run of EM.
SHORT_EM: Final = "short-em"
# How many candidates race for each start that is asked for; by default one.
TRIES: Final = MappingProxyType({MERGE: 3, SHORT_EM: 8})
# What becomes of components that explain no rows of their own.
RESEED, DROP, KEEP = "reseed", "drop", "keep"
REPAIRS: Final = (RESEED, DROP, KEEP)


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """One candidate: how many components of which family, from where, and how far.

    Parameters
    ----------
    n_components : int
    covariance_type : str
        Name of the family.
    tol : float, optional
        It has converged when an iteration of EM gains less than this, or with the solver ``fast``
        less is left to gain, in nats per row; 0 is never. None: when less is left to gain than a
        tenth of the statistical error of the parameters.
    max_iter : int
        Largest number of M-steps.
    reg_covar : float
        Added to the diagonal of each covariance, in squared units of the data.
    precision : {"float64", "float32"}
        Of the products of a pass.
    seed : int
        Of its start.
    restart : int
        Its number among the starts of one fit.
    start : Mixture, optional
        Given parameters; without them a start is drawn.
    init : {"kmeans", "k-means++", "random", "random_from_data", "merge", "short-em"}
        How it is drawn: as scikit-learn's parameter of that name says, on the sample; or, with the
        solver ``fast``, from twice the components, merged, or as the best of short runs of EM.
    solver : {"em", "fast"}
        Plain EM on all rows, or accelerated ascent from samples to all rows.
    race : int
        Candidates of one race are compared on the smallest sample, and the best goes on.
    given : Given
        Parameters that take the place of drawn ones.
    relative_tol : float
        It has also converged when less than this share of the log-likelihood per row is gained, or
        left to gain.
    held_out : HeldOut
        Rows that the fit does not see. It ends when two iterations describe them worse than one
        before, with the parameters of that one.
    repair : {"reseed", "drop", "keep"}
        With the solver ``fast``, components that have less than one row or are the same as another
        are set on rows that are explained worst, or dropped in the end, or kept.
    merge_from : int, optional
        From how many components ``merge`` begins; by default twice as many as are asked for.
        Mixtures of several sizes that begin from as many have their starts from the same ones.
    beliefs : Beliefs, optional
        Priors of all parameters: a variational posterior is sought, and its lower bound stands in
        the place of the log-likelihood in all tolerances. The solver ``fast`` makes two components
        one where that raises it.
    posterior : Variational, optional
        That an earlier fit led to, of which ``start`` is the mixture.
    prior : MixturePrior or Background, optional
        What is known before any row. A background is also the start. Where it says something of
        covariances, ``reg_covar`` is not added.
    fixed : Fixed
        Parameters that stay as they are in the start, or as they are given.
    n_labels : int
        Rows may be known to be of so many of the first components, whose numbers are kept.

    Raises
    ------
    InputError
        If a value is outside its domain, or the start is of another family or size.
    """

    n_components: int
    covariance_type: str = "full"
    tol: float | None = 1e-3
    max_iter: int = 100
    reg_covar: float = 1e-6
    precision: str = "float64"
    seed: int = 0
    restart: int = 0
    start: Mixture | None = None
    init: str = "kmeans"
    solver: str = "em"
    race: int = 0
    given: Given = NOTHING_GIVEN
    relative_tol: float = 0.0
    held_out: HeldOut = NONE_HELD_OUT
    repair: str = RESEED
    merge_from: int | None = None
    beliefs: Beliefs | None = None
    posterior: Variational | None = None
    prior: MixturePrior | Background | None = None
    fixed: Fixed = NOTHING_FIXED
    n_labels: int = 0

    def __post_init__(self) -> None:
        whole("components", self.n_components, 1)
        rank_of(self.covariance_type)
        one_of("solver", self.solver, SOLVERS)
        if self.solver == "fast":
            refuse_factors(self.covariance_type)
        if self.beliefs is not None:
            refuse_factors(self.covariance_type, "priors of all parameters", "Leave them out")
        if self.tol is not None:
            number("tol", self.tol, 0.0)
        number("relative_tol", self.relative_tol, 0.0)
        number("held_out", self.held_out.share, 0.0, LARGEST_SHARE)
        whole("max_iter", self.max_iter, 0)
        number("reg_covar", self.reg_covar, 0.0)
        one_of("precision", self.precision, ERROR_LIMITS)
        whole("seed", self.seed, 0)
        one_of("init", self.init, (*KINDS, *TRIES))
        one_of("repair", self.repair, REPAIRS)
        if self.merge_from is not None:
            self._check_merge(self.merge_from)
        if self.start is not None:
            self._check_start(self.start)
        if self.fixed.any:
            self._check_fixed()
        if self.numbered:
            self._check_numbered()
        if family_of(self.covariance_type).factored:
            self._check_factors()
        check_labels(self.n_labels, self.n_components, self.repair, self.solver, self.beliefs)

    def candidates(self, n_init: int) -> "tuple[Spec, ...]":
        """Give what each candidate is asked to be, where so many starts are asked for.

        For each start several may race; among those of ``merge`` is one of k-means, so that what is
        found is no worse than that. A given start is made once.
        """
        if self.start is not None:
            return (self,)
        tries = [replace(self, restart=i) for i in range(TRIES.get(self.init, 1) * n_init)]
        usual = [replace(self, init=USUAL, merge_from=None, restart=i) for i in range(n_init)]
        return (*tries, *(usual if self.init == MERGE else ()))

    @property
    def numbered(self) -> bool:
        """Whether something is known of some components that is not known of others."""
        return self.fixed.any or (self.prior is not None and self.prior.numbered)

    @property
    def ridge(self) -> float:
        """What is added to the diagonal of each covariance, in squared units of the data."""
        return 0.0 if self.prior is not None and self.prior.proper else self.reg_covar

    def kept(self, found: Mixture) -> Mixture:
        """Give a mixture in the coordinates of the data with the means that are fixed, exactly."""
        given = self.given.means if self.start is None else self.start.means
        if given is None or not self.fixed.any:
            return found
        means = self.fixed.placed(found.means, given)
        return Mixture.of(found.weights, means, found.covariances, found.covariance_type)

    @property
    def n_loose(self) -> int:
        """How many components are merged until as many are left as are asked for."""
        return self.merge_from or MERGED_FROM * self.n_components

    @property
    def most_components(self) -> int:
        """How many components are asked about at once at most; the solver ``fast`` splits them."""
        return self.n_loose if self.races else self.n_components

    @property
    def races(self) -> bool:
        """Whether candidates race on samples, so that one of several sees all rows."""
        return self.solver == "fast" and self.beliefs is None

    @property
    def shared_start(self) -> Hashable:
        """The same for specs whose starts are merged from the same components; else None."""
        if self.merge_from is None:
            return None
        return self.covariance_type, self.restart, self.merge_from, self.precision, self.seed

    def n_parameters(self, n_features: int) -> int:
        """Give the number of free parameters of a mixture of so many columns."""
        return family_of(self.covariance_type).n_parameters(self.n_components, n_features)

    def level_sizes(self, n_rows: int, n_features: int) -> tuple[int, ...]:
        """Give the rows of the levels below all rows."""
        if self.solver == "em":
            return ()
        return level_sizes(n_rows, n_features, self.n_parameters(n_features))

    def loose_rows(self, n_rows: int, n_features: int) -> int:
        """Give the rows on which components climb that are merged; 0 if none are."""
        if not self.races:
            return 0
        family = family_of(self.covariance_type)
        return loose_size(n_rows, n_features, family.n_parameters(self.n_loose, n_features))

    def sample_rows(self, n_rows: int, n_features: int) -> int:
        """Give the rows of the sample that starts and levels need."""
        columns = family_of(self.covariance_type).start_columns(n_features)
        drawn = sample_size(self.n_components, columns)
        if self.solver == "em":
            return drawn
        reservoir = reservoir_size(n_rows, n_features, self.n_parameters(n_features))
        return max(drawn, reservoir, self.loose_rows(n_rows, n_features))

    def _check_merge(self, merge_from: int) -> None:
        whole("merge_from", merge_from, self.n_components)
        if self.init != MERGE or self.start is not None:
            raise InputError(
                f"Wanted merge_from with the init {MERGE} alone, found it with "
                f"{'a given start' if self.start is not None else self.init}. Leave one out."
            )

    def _check_factors(self) -> None:
        """Refuse what would need matrices of a family that has none."""
        shapes = self.prior is not None and self.prior.shapes
        if shapes or self.fixed.means.any():
            raise InputError(
                f"Wanted no prior of means or covariances and no fixed means with "
                f"{self.covariance_type}, of which there are no matrices; found "
                f"{'a prior' if shapes else 'fixed means'}. Take another family."
            )

    def _check_fixed(self) -> None:
        for name in PARTS:
            missing = self.start is None and getattr(self.given, name) is None
            if missing and getattr(self.fixed, name).any():
                raise InputError(
                    f"Wanted {name} to be kept as they are given, found none that are. Give them "
                    "as the start, or do not fix them."
                )

    def _check_numbered(self) -> None:
        """Refuse what would change the numbers of components of which something is known."""
        if self.solver == "fast" and self.start is None:
            raise InputError(
                "Wanted a given start beside parameters that are fixed, or an alpha for each "
                "component, with the solver fast, which merges and splits those it draws; found "
                "none. Give one, or take solver: em."
            )
        if self.solver == "fast" and self.prior is not None and self.prior.draws_weights:
            raise InputError(
                "Wanted the weights of a background adapted with the solver em, since no density "
                "belongs to that, found it with fast. Take solver: em, or adapt others alone."
            )
        if self.solver == "fast" and self.repair == DROP:
            raise InputError(
                "Wanted all components kept of which something is known before, found repair "
                f"{DROP}. Choose {RESEED} or {KEEP}."
            )

    def _check_start(self, start: object) -> None:
        if not isinstance(start, Mixture):
            raise InputError(
                f"Wanted a Mixture as start, found {type(start).__name__}. Make one of weights, "
                "means and covariances with checked_mixture."
            )
        one_of("the start's covariance", start.covariance_type, [self.covariance_type])
        try:
            refuse_unusable(start)
        except InputError as error:
            raise InputError(f"Wanted a start at which there is a density: {error}.") from error
        if start.n_components != self.n_components:
            raise InputError(
                f"Wanted a start of {self.n_components} components, as are to be fitted; found "
                f"{start.n_components}. Give another start, or another number of components."
            )
