"""Statistics of partitions come back from the disk with the same bytes, or not at all."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.increment import unbounded
from dask_gmm.fitting.partitions import KeptPartition, KeptPartitions
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import summarize
from dask_gmm.records.partitions_file import (
    PARTITIONS,
    SHARED,
    STATISTICS,
    SUMMARY,
    read_partitions,
    write_partitions,
)
from tests.mixture.examples import FAMILY_NAMES, random_mixture
from tests.records.stored import differences

D, K = 3, 2


def kept(mixture: Mixture, parts: int = 3) -> KeptPartitions:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((parts, 50, D))
    frame = unbounded(Frame.of(summarize(rows.reshape(-1, D))))
    shape = (mixture.family.features(D).size, K)
    found = tuple(
        KeptPartition(
            f"day {i}",
            None if i == 1 else f"{i:064x}",
            SufficientStatistics(
                50.0,
                -1.5 * i,
                generator.standard_normal(shape),
                frame,
                centers=generator.standard_normal((K, D)),
            ),
            summarize(rows[i]),
            0.9**i,
        )
        for i in range(parts)
    )
    return KeptPartitions(found, frame, np.eye(D))


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_kept_comes_back_with_the_same_bytes(
    tmp_path: Path, family: str, parts: int
) -> None:
    mixture = random_mixture(0, family, K, D)
    written = kept(mixture, parts)
    write_partitions(written, tmp_path)
    read = read_partitions(tmp_path, mixture)
    assert list(differences(read, written)) == []
    assert read.sha256 == written.sha256


def test_other_statistics_have_another_digest() -> None:
    some, others = (kept(random_mixture(0, name, K, D)) for name in ("full", "diag"))
    assert some.sha256 != others.sha256


@pytest.mark.parametrize("name", [*STATISTICS, *SUMMARY, *SHARED])
def test_the_digest_is_of_every_number(tmp_path: Path, name: str) -> None:
    mixture = random_mixture(0, "full", K, D)
    whole = kept(mixture)
    write_partitions(whole, tmp_path)
    stored = zarr.open_array(tmp_path / PARTITIONS / name, mode="r+")
    values = np.asarray(stored[...])
    values.flat[-1] = np.nextafter(values.flat[-1], np.inf)
    stored[...] = values
    assert read_partitions(tmp_path, mixture).sha256 != whole.sha256


def test_a_folder_without_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none in"):
        read_partitions(tmp_path, random_mixture(0, "full", K, D))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    stored = bytearray(path.read_bytes())
    stored[3] ^= 1
    path.write_bytes(bytes(stored))


@pytest.mark.parametrize("name", ["sums", "scatter", "weight", "shift", "typical"])
@pytest.mark.parametrize("harm", [cut, flip, Path.unlink])
def test_damage_is_an_error(tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
    mixture = random_mixture(0, "full", K, D)
    write_partitions(kept(mixture), tmp_path)
    harm(next(each for each in (tmp_path / PARTITIONS / name / "c").rglob("*") if each.is_file()))
    with pytest.raises(DataError, match=r"Wanted statistics of partitions .* found none that can"):
        read_partitions(tmp_path, mixture)


@pytest.mark.parametrize(
    "other", [random_mixture(0, "diag", K, D), random_mixture(0, "full", K + 1, D)]
)
def test_those_of_another_model_are_an_error(tmp_path: Path, other: Mixture) -> None:
    write_partitions(kept(random_mixture(0, "full", K, D)), tmp_path)
    with pytest.raises(DataError, match="of shape"):
        read_partitions(tmp_path, other)


def test_another_version_is_an_error(tmp_path: Path) -> None:
    mixture = random_mixture(0, "full", K, D)
    write_partitions(kept(mixture), tmp_path)
    document = tmp_path / PARTITIONS / "zarr.json"
    document.write_text(document.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(DataError, match="of another version"):
        read_partitions(tmp_path, mixture)
