"""Commands of other kinds than plain EM that are killed, also before they have begun to climb."""

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from dask_gmm.records.run_folder import HISTORY, read_manifest
from tests.data.arrays import DAMAGES
from tests.faults.nursery import Nursery
from tests.faults.programs import KINDS, Place

pytestmark = pytest.mark.timeout(300)


def killed(place: Place, born: Nursery, point: str, *words: object, often: bool = False) -> None:
    """Run a command that is killed at a point."""
    place.armed.arm(point, "kill")
    done = born.run(place, *words, often=often)
    assert done.code == -signal.SIGKILL, done.errors
    assert place.armed.left == []


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        ("fast", "chunk-7"),
        ("fast", "pass-2"),
        ("fast", "write:checkpoint-000002.npz"),
        ("fast", "place:model.zarr"),
        ("weighed", "pass-2"),
        ("weighed", "write:checkpoint-000003.npz"),
        pytest.param("weighed", "chunk-7", marks=pytest.mark.slow),
        pytest.param("weighed fast", "pass-2", marks=pytest.mark.slow),
        pytest.param("weighed fast", "write:checkpoint-000002.npz", marks=pytest.mark.slow),
        ("missing", "pass-2"),
        ("missing", "write:checkpoint-000002.npz"),
        ("bayesian", "pass-2"),
        ("bayesian", "write:checkpoint-000003.npz"),
        ("bayesian", "write:manifest.json"),
        pytest.param("lowrank", "pass-2", marks=pytest.mark.slow),
        ("told", "pass-2"),
        pytest.param("told", "write:checkpoint-000002.npz", marks=pytest.mark.slow),
        ("uniting", "pass-2"),
        pytest.param("select", "pass-2", marks=pytest.mark.slow),
        ("select", "place:checkpoint-000002.json"),
        pytest.param("select", "write:manifest.json", marks=pytest.mark.slow),
    ],
)
def test_a_fit_or_a_selection_that_is_killed_goes_on_to_the_same_bytes(
    place: Place, born: Nursery, oracles: dict[str, str], kind: str, point: str
) -> None:
    words = (*KINDS[kind], "--out", "out")
    killed(place, born, point, *words)
    assert born.run(place, *words).code == 0
    assert place.digest() == oracles[kind]
    assert place.aside == []
    begun = read_manifest(place.folder / "out")["parts"]
    assert len(begun) == (1 if point == "chunk-7" else 2)


@pytest.mark.parametrize(
    ("kind", "number"), [("em", 2), ("fast", 3), pytest.param("select", 3, marks=pytest.mark.slow)]
)
def test_one_that_is_killed_between_passes_over_the_sample_goes_on_from_there(
    place: Place, born: Nursery, oracles: dict[str, str], kind: str, number: int
) -> None:
    """All rows have been read once; the starts are drawn, and candidates may race."""
    words = (*KINDS[kind], "--out", "out")
    killed(place, born, f"place:checkpoint-{number:06d}.json", *words, often=True)
    (left,) = place.folder.glob(f".out.wip-{'?' * 16}")
    assert len((left / HISTORY).read_text().splitlines()) == 1
    assert (left / f"checkpoints/checkpoint-{number:06d}.json").exists()
    assert born.run(place, *words).code == 0
    assert place.digest() == oracles[kind]
    parts = read_manifest(place.folder / "out")["parts"]
    assert (parts[0]["first_pass"], parts[0]["last_pass"]) == (1, 1)
    assert len(parts) == 2


def test_a_damaged_chunk_of_weights_or_labels_is_named_until_it_is_mended(
    place: Place, born: Nursery, oracles: dict[str, str]
) -> None:
    """Also where a fit is taken up, and what is there instead is whole."""
    words, beside = (*KINDS["weighed"], "--out", "out"), place.folder / "beside.zarr"
    weights, labels = beside / "w/c/7", beside / "l/c/7"
    kept = {each: (each.read_bytes(), each.stat()) for each in (weights, labels)}
    DAMAGES["absent"](labels)
    born.run(place, *words).says(65, "chunk c/7", "beside.zarr/l", "is missing")
    labels.write_bytes(kept[labels][0])
    DAMAGES["flipped"](weights)
    born.run(place, *words).says(65, "chunk c/7", "beside.zarr/w")
    weights.write_bytes(kept[weights][0])
    mended(kept)
    killed(place, born, "pass-2", *words)
    weights.write_bytes((beside / "w/c/6").read_bytes())
    mended(kept)
    born.run(place, *words).says(65, "chunk c/7", "beside.zarr/w", "changed during the run")
    weights.write_bytes(kept[weights][0])
    mended(kept)
    assert born.run(place, *words).code == 0
    assert place.digest() == oracles["weighed"]


def mended(kept: Mapping[Path, tuple[bytes, os.stat_result]]) -> None:
    """Let files have the times that they had."""
    for path, (_, stat) in kept.items():
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def begun(place: Place, rows: Path, oracles: dict[str, str]) -> Place:
    """A folder with a run in it that keeps statistics of partitions."""
    shutil.copytree(rows / "before", place.folder / "before")
    return place


@pytest.mark.parametrize("point", ["pass-3", "write:manifest.json"])
def test_an_adapted_background_goes_on_to_the_same_bytes(
    begun: Place, born: Nursery, oracles: dict[str, str], point: str
) -> None:
    words = (*KINDS["adapted"], "--out", "out")
    killed(begun, born, point, *words)
    assert born.run(begun, *words).code == 0
    assert begun.digest() == oracles["adapted"]


@pytest.mark.parametrize("point", ["chunk-7", "pass-1", "pass-2", "place:model.zarr"])
def test_a_step_that_is_killed_is_taken_again(
    begun: Place, born: Nursery, oracles: dict[str, str], point: str
) -> None:
    words = (*KINDS["step"], "--out", "out")
    killed(begun, born, point, *words)
    assert born.run(begun, *words).code == 0
    assert begun.digest() == oracles["step"]
    assert begun.aside == []


@pytest.mark.parametrize("point", ["pass-2", "write:manifest.json", "place:.before.old"])
def test_a_step_in_the_place_of_its_run_that_is_killed_is_taken_again(
    begun: Place, born: Nursery, oracles: dict[str, str], point: str
) -> None:
    """At the last of these points neither the old run is in its place nor the new one."""
    words = (*KINDS["step"], "--out", "before", "--overwrite")
    killed(begun, born, point, *words)
    assert (begun.folder / "before").exists() == (point != "place:.before.old")
    assert born.run(begun, *words).code == 0
    assert begun.digest("before") == oracles["step"]
    assert begun.aside == []
