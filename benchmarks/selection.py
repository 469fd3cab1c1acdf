"""A grid of mixtures fitted together, against the same fits one after another.

    python -m benchmarks.selection grid [--rows 1000000] [--features 8] [--largest 16] [--slow 50]
    python -m benchmarks.selection known [--rows 100000] [--sets 20] [--kinds well moderate]

``grid`` fits 2 to 16 components of all four families with two restarts, together in the same
readings, and then each alone, from zarr in the page cache or, with ``--slow``, at so many MB/s.
Together, all numbers of components of a family and restart begin from the same components, found
once; alone, each fit finds them again (``alone``), or begins from twice its own (``own start``, the
default of ``fit``). Seconds are those of the fits, without the start of the program.

``known`` draws data sets with 2 to 9 components, in 2 to 8 columns, and counts how often the number
that is chosen from 1 to 12 is the one that they were drawn with: by the likeliest of rows held out
(20%), by the simplest within one standard error of that, by ICL, and by BIC.
"""

import argparse
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import zarr

from benchmarks.passes import OVERLAPS, rows_of
from benchmarks.throttled import Throttled
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.fitting.bounds import MERGED_FROM
from dask_gmm.fitting.selected import Entry, Selected
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.about import spec_of
from dask_gmm.workflows.fit_rows import FitOutcomes, fit_all
from dask_gmm.workflows.select_request import SelectRequest

CHUNK_BYTES: Final = 2**23


def timed(source: Source, specs: Sequence[Spec], restarts: int) -> tuple[float, FitOutcomes]:
    """Fit specs together; give the seconds."""
    started = time.perf_counter()
    outcomes = fit_all(source, specs, restarts, ThreadRunner(), Silent())
    return time.perf_counter() - started, outcomes


def one_by_one(source: Source, specs: Sequence[Spec], restarts: int) -> tuple[float, list[Any]]:
    """Fit specs one after another; give the seconds, and what each gave."""
    runs = [timed(source, [spec], restarts) for spec in specs]
    return sum(seconds for seconds, _ in runs), [outcomes for _, outcomes in runs]


def bytes_of(outcomes: FitOutcomes) -> list[bytes]:
    """Give the parameters of every mixture."""
    return [
        b"".join(part.tobytes() for part in (each.weights, each.means, each.covariances))
        for each in outcomes.models
    ]


def grid(arguments: argparse.Namespace) -> None:
    """Print the seconds and readings of both ways."""
    features, largest = arguments.features, arguments.largest
    x, _ = rows_of("moderate", features, 8, 0, arguments.rows)
    specs = [
        Spec(k, family, solver="fast", init=MERGE, tol=None, merge_from=MERGED_FROM * largest)
        for family in FAMILIES
        for k in range(2, largest + 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zarr"
        zarr.create_array(str(path), data=x, chunks=(CHUNK_BYTES // (8 * features), features))
        plain = open_source(str(path))
        source = Throttled.to(arguments.slow * 1e6)(plain) if arguments.slow else plain
        seconds, outcomes = timed(source, specs, arguments.restarts)
        print(
            f"together: {len(specs)} mixtures, {arguments.restarts} restarts, {seconds:.1f} s, "
            f"{len(outcomes.passes)} readings",
            flush=True,
        )
        if not arguments.together:
            _compare(source, specs, arguments.restarts, seconds, outcomes)


def _compare(
    source: Source, specs: Sequence[Spec], restarts: int, seconds: float, outcomes: FitOutcomes
) -> None:
    alone, each = one_by_one(source, specs, restarts)
    readings = [len(one.passes) for one in each]
    same = sum(
        a == b for one, b in zip(each, bytes_of(outcomes), strict=True) for a in bytes_of(one)
    )
    print(
        f"alone:    {alone:.1f} s ({alone / seconds:.2f}x), {sum(readings)} readings, the slowest "
        f"{max(readings)}; {same} of {len(specs)} with the same bytes",
        flush=True,
    )
    own, others = one_by_one(source, [replace(spec, merge_from=None) for spec in specs], restarts)
    pairs = [(a, b) for one, a in zip(others, outcomes.models, strict=True) for b in one.models]
    errors = [(b.log_likelihood - a.log_likelihood) / a.statistical_error for a, b in pairs]
    better, worse = sum(each < -0.1 for each in errors), sum(each > 0.1 for each in errors)
    print(
        f"own start: {own:.1f} s ({own / seconds:.2f}x); together is better in {better}, worse in "
        f"{worse} of {len(specs)}",
        flush=True,
    )


def chosen(x: Any, seed: int) -> dict[str, int]:
    """Choose a number of components by each criterion."""
    request = SelectRequest(x, range(1, 13), Path("nowhere"), held_out=0.2, seed=seed)
    specs = [spec_of(each) for each in request.cells()]
    _, outcomes = timed(open_source(x), specs, 1)
    entries = tuple(map(Entry.of, specs, outcomes.models))
    selected = Selected(entries, outcomes.models[0].rows, "held_out")
    simplest = selected.simplest_within_error
    assert simplest is not None
    found = {name: selected.winner_by(name) for name in ("held_out", "icl", "bic")}
    numbers = {name: each.n_components for name, each in found.items() if each is not None}
    return {**numbers, "simplest": simplest.n_components}


def known(arguments: argparse.Namespace) -> None:
    """Print how often each criterion finds the number of components."""
    for kind in arguments.kinds:
        right: Counter[str] = Counter()
        misses: list[str] = []
        for number in range(arguments.sets):
            features, components = 2 + 2 * (number % 4), 2 + number % 8
            x, _ = rows_of(kind, features, components, number, arguments.rows)
            found = chosen(x, number)
            right.update(name for name, value in found.items() if value == components)
            misses.append(f"{components}:{found['simplest']}/{found['icl']}/{found['bic']}")
        counts = ", ".join(
            f"{name} {right[name]}" for name in ("held_out", "simplest", "icl", "bic")
        )
        print(f"{kind:13s} right of {arguments.sets}: {counts}", flush=True)
        print(f"  true:simplest/icl/bic  {' '.join(misses)}", flush=True)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["grid", "known"])
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--largest", type=int, default=16)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", default=list(OVERLAPS), choices=OVERLAPS)
    parser.add_argument("--slow", type=float, default=None)
    parser.add_argument("--together", action="store_true", help="do not fit them alone")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.rows is None:
        arguments.rows = 1_000_000 if arguments.what == "grid" else 100_000
    (grid if arguments.what == "grid" else known)(arguments)


if __name__ == "__main__":
    main()
