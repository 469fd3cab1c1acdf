"""The types that are written down between two passes, each with the version of its fields."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dask_gmm.data.source import BadChunk, Layout
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.base import Base
from dask_gmm.fitting.believing import Believing, Uniting
from dask_gmm.fitting.candidate import Climbing, Initializing
from dask_gmm.fitting.escape import Escaping
from dask_gmm.fitting.given import Given
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.labeled import Labeled
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.measuring import Measuring
from dask_gmm.fitting.members import Climb, Evaluation, Finished, Why
from dask_gmm.fitting.newton import Newton, Solving
from dask_gmm.fitting.overfit import Goal, Loosening
from dask_gmm.fitting.probe import Following, Probing
from dask_gmm.fitting.questions import Rows
from dask_gmm.fitting.race import Lost
from dask_gmm.fitting.rare import Drawn
from dask_gmm.fitting.reseed import Reseeding
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.short_runs import Tried, Trying
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws
from dask_gmm.fitting.survey import Survey, SurveyAnswer
from dask_gmm.fitting.topup import Drawing, Topping
from dask_gmm.fitting.trial import Reached
from dask_gmm.fitting.warming import Warming
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.beliefs import Beliefs, Hyperparameters
from dask_gmm.mixture.conjugate import ConjugateGradients
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.fixed import Fixed
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.krylov import Krylov
from dask_gmm.mixture.lbfgs import Memory
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.mixture.variational import Inference, Variational, VariationalStep
from dask_gmm.passes.cost import Cost
from dask_gmm.records.checkpoint import Checkpoint, PassRecord

# A version rises when fields, or what they mean, change.
VERSIONS: Final[Mapping[type, int]] = MappingProxyType(
    {
        # Mixtures and rows
        BadChunk: 1,
        Beliefs: 1,
        DataSummary: 3,
        Frame: 1,
        Layout: 1,
        ConjugateGradients: 1,
        Hyperparameters: 1,
        Inference: 1,
        Krylov: 1,
        Memory: 1,
        Mixture: 1,
        MStep: 1,
        Background: 1,
        Fixed: 1,
        MixturePrior: 1,
        Prior: 2,
        Variational: 1,
        VariationalStep: 1,
        # What members of a cohort hold
        Base: 3,
        Climb: 1,
        Drawn: 2,
        Draws: 1,
        Evaluation: 3,
        Given: 1,
        Goal: 1,
        HeldOut: 1,
        Level: 1,
        Newton: 1,
        Reached: 1,
        Rows: 2,
        Sample: 2,
        Labeled: 2,
        Spec: 5,
        Survey: 4,
        SurveyAnswer: 3,
        Why: 1,
        # Members of a cohort
        Ascended: 1,
        Ascending: 4,
        Believing: 1,
        Climbing: 2,
        Drawing: 1,
        Escaping: 2,
        Finished: 2,
        Following: 1,
        Initializing: 2,
        Loosening: 2,
        Measuring: 1,
        Probing: 1,
        Solving: 1,
        Lost: 1,
        Reseeding: 1,
        Topping: 1,
        Tried: 1,
        Trying: 1,
        Uniting: 1,
        Warming: 1,
        # A fit between two passes
        Checkpoint: 1,
        Cost: 1,
        PassRecord: 3,
    }
)
TYPES: Final[Mapping[str, type]] = MappingProxyType({each.__name__: each for each in VERSIONS})
