"""What is asked is known again, whatever the words; and what is not the same is another."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import generate_gmm_data
from dask_gmm.records.asked import Asked
from dask_gmm.workflows.asked_before import asked_of, in_few_words
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.sources import source_of

OUT = Path("run")
FIT: dict[str, Any] = {"data": "x.zarr", "components": 3}
EM: dict[str, Any] = {**FIT, "solver": "em"}


@pytest.fixture(autouse=True)
def _rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generate_gmm_data(100, [1.0], [[0.0, 0.0]], [np.eye(2)], seed=0, store="x.zarr")
    Path("elsewhere").mkdir()
    Path("elsewhere/y.zarr").symlink_to(tmp_path / "x.zarr")


def fit_asked(**asked: Any) -> Asked:
    request = FitRequest(out=OUT, **asked)
    names = ("array", "columns", "rows", "missing_chunks")
    source = source_of(request.data, **{name: getattr(request, name) for name in names})
    return asked_of("fit", request, source, None)


@pytest.mark.parametrize(
    ("words", "others"),
    [
        (FIT, {"data": Path("x.zarr").absolute}),
        (FIT, {"data": Path("x.zarr")}),
        (FIT, {"data": "elsewhere/y.zarr"}),
        (FIT, {"data": "x.zarr/x"}),
        (FIT, {"array": "x"}),
        (FIT, {"columns": (0, 1)}),
        (FIT, {"rows": slice(0, 100)}),
        (FIT, {"covariance": "full"}),
        (FIT, {"init": "merge"}),
        (FIT, {"merge_from": 6}),
        (FIT, {"repair": "reseed"}),
        (FIT, {"cache": "memory"}),
        (FIT, {"require_converged": True}),
        (EM, {"init": "kmeans"}),
        (EM, {"reg_covar": 1e-6}),
        ({**FIT, "on_bad_chunk": "skip"}, {"max_bad_share": 0.01}),
    ],
    ids=str,
)
def test_the_same_in_other_words_is_the_same(words: Any, others: dict[str, Any]) -> None:
    others = {name: each() if callable(each) else each for name, each in others.items()}
    assert fit_asked(**{**words, **others}).mark == fit_asked(**words).mark


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"columns": (1, 0)}, "columns None there, [1, 0] here"),
        ({"rows": slice(0, 99)}, "rows [0, 100] there, [0, 99] here"),
        ({"missing_chunks": "fill"}, "missing_chunks error there, fill here"),
        ({"merge_from": 7}, "merge_from None there, 7 here"),
        ({"max_seconds": 7.0}, "max_seconds None there, 7.0 here"),
        ({"repair": "keep"}, "repair None there, keep here"),
        (
            {"solver": "em"},
            "solver fast there, em here",
        ),
    ],
    ids=str,
)
def test_what_is_another_is_said(others: dict[str, Any], said: str) -> None:
    before = fit_asked(**FIT).to_json()
    found = fit_asked(**{**FIT, **others})
    assert not found.is_that_of(before)
    assert said in found.differences(before)
    assert "written again" not in found.differences(before)


def test_a_selection_says_what_all_are_merged_from() -> None:
    plain: dict[str, Any] = {"data": "x.zarr", "components": (2, 3), "out": OUT}
    asked = SelectRequest(**plain)
    assert in_few_words(asked) == in_few_words(SelectRequest(**plain, merge_from=6))
    for others in ({"merge_from": 7}, {"init": "merge"}, {"criterion": "icl"}):
        assert in_few_words(asked) != in_few_words(SelectRequest(**{**plain, **others}))


def test_a_model_to_match_is_something_else_than_one_to_start_from() -> None:
    ways = [FitRequest(out=OUT, **{**FIT, name: "model"}) for name in ("match", "warm_start")]
    first, second = map(in_few_words, ways)
    assert first != second
