"""generate_gmm_data as the original script uses it, and what it does beyond."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr

from dask_gmm import Mixture, generate_gmm_data
from dask_gmm.errors import InputError, OutputExistsError
from dask_gmm.mixture.sampling import block_rows
from dask_gmm.records import publish

WEIGHTS = np.array([0.6, 0.4])
MEANS = np.array([[0, 0], [3, 3]])
COVARIANCES = np.array([[[1, 0.5], [0.5, 1]], [[1, 0.5], [0.5, 1]]])
PARAMETERS = (WEIGHTS, MEANS, COVARIANCES)


def as_bytes(rows: Any) -> bytes:
    return np.asarray(rows[...]).tobytes()


def test_the_call_of_the_original_script() -> None:
    data = generate_gmm_data(num_samples=600, weights=WEIGHTS, means=MEANS, covariances=COVARIANCES)
    assert data.shape == (600, 2)
    assert data.dtype == np.float64
    assert np.isfinite(data).all()


def test_lists_of_integers_will_do() -> None:
    rows = generate_gmm_data(50, [0, 1], [[0], [7]], [[[1]], [[2]]], seed=0)
    exact = generate_gmm_data(50, [0.0, 1.0], [[0.0], [7.0]], [[[1.0]], [[2.0]]], seed=0)
    assert rows.tobytes() == exact.tobytes()
    assert abs(rows.mean() - 7) < 4.5 * np.sqrt(2 / 50)


def test_components_come_in_random_order_and_belong_to_their_rows() -> None:
    far = (WEIGHTS, [[0, 0], [100, 100]], COVARIANCES)
    rows, components = generate_gmm_data(5000, *far, seed=3, return_components=True)
    assert components.shape == (5000,)
    assert np.array_equal(components, rows[:, 0] > 50)
    assert np.mean(components) == pytest.approx(0.4, abs=4.5 * np.sqrt(0.24 / 5000))
    changes = np.mean(components[1:] != components[:-1])
    assert changes == pytest.approx(0.48, abs=4.5 * np.sqrt(0.25 / 5000))


def test_asking_for_components_changes_no_row() -> None:
    rows, _ = generate_gmm_data(100, *PARAMETERS, seed=3, return_components=True)
    assert rows.tobytes() == generate_gmm_data(100, *PARAMETERS, seed=3).tobytes()


def test_the_seed_decides() -> None:
    one, same, other = (generate_gmm_data(100, *PARAMETERS, seed=seed) for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_without_a_seed_every_call_gives_other_rows() -> None:
    one, other = (generate_gmm_data(100, *PARAMETERS) for _ in range(2))
    assert not np.isin(one, other).any()


@pytest.mark.parametrize("dtype", [np.float32, "float32", np.dtype("f4")])
def test_float32_rows_are_rounded(dtype: npt.DTypeLike) -> None:
    rows = generate_gmm_data(100, *PARAMETERS, seed=1, dtype=dtype)
    assert rows.dtype == np.float32
    assert np.array_equal(rows, generate_gmm_data(100, *PARAMETERS, seed=1).astype("f4"))


@pytest.mark.parametrize("chunk_rows", [None, 20_000, 65_536, 10**9])
def test_a_store_has_the_same_rows_in_any_chunks(tmp_path: Path, chunk_rows: int | None) -> None:
    n_rows = block_rows(2) + 999
    rows, components = generate_gmm_data(
        n_rows, *PARAMETERS, seed=1, return_components=True, chunk_rows=chunk_rows
    )
    x, component = generate_gmm_data(
        n_rows,
        *PARAMETERS,
        seed=1,
        return_components=True,
        chunk_rows=chunk_rows,
        store=tmp_path / "x.zarr",
    )
    assert isinstance(x, zarr.Array)
    assert as_bytes(x) == rows.tobytes()
    assert np.array_equal(np.asarray(component[...]), components)
    assert x.chunks[0] == min(chunk_rows or block_rows(2), n_rows)
    assert rows.tobytes() == generate_gmm_data(n_rows, *PARAMETERS, seed=1).tobytes()


def test_a_store_gives_its_array(tmp_path: Path) -> None:
    x = generate_gmm_data(100, *PARAMETERS, store=str(tmp_path / "x.zarr"), dtype="float32")
    assert x.shape == (100, 2)
    assert x.dtype == np.float32
    group = zarr.open_group(tmp_path / "x.zarr", mode="r")
    assert np.array_equal(np.asarray(group["means"]), MEANS)
    assert np.array_equal(np.asarray(group["covariances"]), COVARIANCES)
    facts: Any = group.attrs["dask_gmm"]
    seed = facts["seed"]
    again = generate_gmm_data(100, *PARAMETERS, seed=seed, dtype="float32")
    assert as_bytes(x) == again.tobytes()


def test_a_store_that_exists_is_refused(tmp_path: Path) -> None:
    generate_gmm_data(100, *PARAMETERS, store=tmp_path / "x.zarr")
    with pytest.raises(OutputExistsError, match=r"x\.zarr exists"):
        generate_gmm_data(100, *PARAMETERS, store=tmp_path / "x.zarr")


def test_the_seed_without_components_draws_from_the_mixture_given() -> None:
    mixture = Mixture.of([1.0], [[2.0, -1.0]], [[[4.0, 0.0], [0.0, 0.25]]])
    rows = generate_gmm_data(20_000, mixture.weights, mixture.means, mixture.covariances, seed=0)
    assert rows.mean(axis=0) == pytest.approx([2, -1], abs=4.5 * 2 / np.sqrt(20_000))
    assert rows.std(axis=0) == pytest.approx([2, 0.5], rel=0.03)


@pytest.mark.parametrize("seed", [None, 1])
def test_rows_that_cannot_be_drawn_again_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int | None
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(publish, "flush", flushed.append)
    generate_gmm_data(10, *PARAMETERS, seed=seed, store=tmp_path / "x.zarr")
    assert flushed == ([tmp_path / ".x.zarr.wip"] if seed is None else [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, *PARAMETERS), "num_samples"),
        ((-3, *PARAMETERS), "found -3 as num_samples"),
        ((2.5, *PARAMETERS), "found 2.5 as num_samples"),
        ((10, [0.6, 0.5], MEANS, COVARIANCES), r"sum of 1; found 1\.1"),
        ((10, [1.4, -0.4], MEANS, COVARIANCES), r"found -0\.4 at index 1"),
        ((10, [1.0], MEANS, COVARIANCES), r"weights: wanted shape \(2,\).* found \(1,\)"),
        ((10, WEIGHTS, MEANS[0], COVARIANCES), r"means: wanted shape .* found \(2,\)"),
        ((10, WEIGHTS, MEANS, COVARIANCES[0]), r"covariances: wanted shape \(2, 2, 2\)"),
        ((10, WEIGHTS, MEANS * np.nan, COVARIANCES), r"means: .* found nan at index \(0, 0\)"),
        ((10, WEIGHTS, MEANS, COVARIANCES - 0.9), "component 0 has the eigenvalue"),
        ((10, WEIGHTS, MEANS, np.tril(COVARIANCES)), "symmetric matrices; the one of component 0"),
        ((10, WEIGHTS, [[0, 0], [3]], COVARIANCES), "means: .* different lengths"),
        ((10, ["a", "b"], MEANS, COVARIANCES), "weights: .* array of type <U1"),
        ((10, WEIGHTS, MEANS * 1j, COVARIANCES), "means: .* array of type complex128"),
    ],
)
def test_bad_parameters_are_named(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate_gmm_data(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "found -1 as seed"),
        ({"seed": 1.5}, "found 1.5 as seed"),
        ({"chunk_rows": 0}, "found 0 as chunk_rows"),
        ({"dtype": "int64"}, "wanted one of float32, float64, found 'int64' as dtype"),
        ({"dtype": "numbers"}, "found 'numbers' as dtype"),
        ({"store": "nowhere://bucket/x.zarr"}, "one that fsspec knows"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"(?i){message}"):
        generate_gmm_data(10, *PARAMETERS, **options)
