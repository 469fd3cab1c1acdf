"""Whether a run was asked before: what decides its result, whatever the words."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from dask_gmm.data.identity import identity_of
from dask_gmm.data.source import Source
from dask_gmm.fitting.bounds import MERGED_FROM
from dask_gmm.fitting.spec import MERGE, RESEED, USUAL
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.parts import USUAL_RELEVANCE, USUALLY_ADAPTED
from dask_gmm.objects.location import Location, location
from dask_gmm.records.asked import Asked, asked_in
from dask_gmm.records.kinds import RUN_FOLDER
from dask_gmm.workflows.about import BESIDE, USUAL_RIDGE, posterior_of, settings_of
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.order import Reference
from dask_gmm.workflows.requests import USUAL_BAD_SHARE
from dask_gmm.workflows.select_request import SelectRequest

# Which rows these are is told by what is known of them, not by how they are named.
NAMES_OF_ROWS: Final = ("data", "array", "columns", "rows", "missing_chunks")
# So are models, but not what is done with them.
MODELS: Final = ("match", "warm_start", "adapt")


def asked_of(
    verb: str, request: FitRequest | SelectRequest, source: Source, reference: Reference | None
) -> Asked:
    """Say what a run is asked of which rows, beside or from the components of which model."""
    data = identity_of(source)
    if data is not None and reference is not None:
        data = {**data, "matched_sha256": digest_of(reference.mixture)}
        known = posterior_of(request, reference) if isinstance(request, FitRequest) else None
        if known is not None:
            others = (known.concentration, known.mean_precision, known.degrees_of_freedom)
            data = {**data, "posterior_sha256": digest_of(known.mixture, others)}
    return Asked(verb, in_few_words(request), data)


def was_asked(verb: str, request: FitRequest | SelectRequest) -> bool:
    """Whether the run folder of a request is there, and was asked the same, as far as is known.

    Of rows that are not there yet no more is known than their name.
    """
    path = location(request.out)
    now = json.loads(json.dumps(in_few_words(request)))
    before, facts = asked_in(path), RUN_FOLDER.facts(path)
    if before is None or facts is None:
        return False
    if (before.get("verb"), before.get("settings")) != (verb, now):
        return False
    named = (facts.get("settings") or {}).get("data")
    return named == settings_of(request)["settings"]["data"] or _is_there(request.data)


def _is_there(data: Any) -> bool:
    return isinstance(data, str | Location) and location(data).exists()


def in_few_words(request: FitRequest | SelectRequest) -> dict[str, Any]:
    """Give what is asked of whichever rows; None for what is usual, be it written or not."""
    settings = dict(settings_of(request)["settings"])
    for name in NAMES_OF_ROWS:
        settings.pop(name)
    settings |= {name: settings[name] is not None for name in MODELS if name in settings}
    settings |= {name: None if settings[name] is None else True for name in BESIDE}
    for name, usual in _usual(request).items():
        settings[name] = None if settings[name] == usual else settings[name]
    return settings


def _usual(request: FitRequest | SelectRequest) -> dict[str, Any]:
    """Give what is taken where None is asked for."""
    usual: dict[str, Any] = {"max_bad_share": USUAL_BAD_SHARE}
    if isinstance(request, SelectRequest):
        return {**usual, "merge_from": replace(request, merge_from=None).merged_from}
    fast = request.solver == "fast"
    merges = fast and request.begins_with is None and request.bayesian is None
    usual |= {"forgetting": 1.0, "init": MERGE if merges else USUAL}
    usual |= {"relevance": USUAL_RELEVANCE, "adapted": USUALLY_ADAPTED}
    repairs = fast and request.bayesian is None
    usual |= {"repair": RESEED} if repairs else {"reg_covar": USUAL_RIDGE}
    return {**usual, "merge_from": MERGED_FROM * (request.components or 0)}


def digest_of(mixture: Mixture, others: Sequence[Array] = ()) -> str:
    """Give the SHA-256 of its parameters, and of others, in hexadecimal digits."""
    digest = hashlib.sha256()
    for values in (mixture.weights, mixture.means, mixture.covariances, *others):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
