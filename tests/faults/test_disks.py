"""Disks that fill, fail or are denied after a fit has begun, and reads that take their time."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.nursery import Nursery
from tests.faults.programs import FIT, Place, digest_of, ended

pytestmark = pytest.mark.timeout(300)

WORDS = ("fit", "d.zarr", *FIT, "--out", "out")


@pytest.fixture
def disk(place: Place) -> Iterator[Path]:
    """A disk of eight megabytes."""
    folder = place.folder / "disk"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root mounts disks")
    made = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(made, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_in_the_middle_of_a_fit_is_named(
    place: Place, born: Nursery, oracle: str, disk: Path
) -> None:
    place.armed.arm("pass-5", "wait")
    filler = disk / "filler"
    with place.armed.listening() as ear, place.fitting(out="disk/out") as fit:
        with ear.next():
            filler.write_bytes(bytes(shutil.disk_usage(disk).free))
        ended(fit).says(74, disk, "No space left on device", "the same command goes on there")
    filler.unlink()
    assert born.run(place, "fit", "d.zarr", *FIT, "--out", "disk/out").code == 0
    assert digest_of(disk / "out") == oracle
    assert [each.name for each in disk.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("fault", "said", "code"),
    [
        ("full", "No space left on device", 74),
        ("broken", "Input/output error", 74),
        ("read-only", "Read-only file system", 74),
        ("denied", "Permission denied", 77),
    ],
)
@pytest.mark.parametrize("step", ["write:checkpoint-000004.npz", "write:checkpoint-000005.json"])
def test_a_checkpoint_that_cannot_be_written_is_named(
    place: Place, born: Nursery, oracle: str, step: str, fault: str, said: str, code: int
) -> None:
    place.armed.arm(step, fault)
    born.run(place, *WORDS).says(code, "checkpoints", said, "the same command goes on there")
    assert place.armed.left == []
    assert born.run(place, *WORDS).code == 0
    assert place.digest() == oracle
    assert place.aside == []


def test_a_model_that_cannot_be_put_in_its_place_is_put_there_by_the_same_command(
    place: Place, born: Nursery, oracle: str
) -> None:
    place.armed.arm("write:manifest.json", "broken")
    born.run(place, *WORDS).says(74, "out", "Input/output error", "model")
    assert place.armed.left == []
    assert born.run(place, *WORDS).code == 0
    assert place.digest() == oracle


def test_a_read_that_fails_once_costs_no_byte(place: Place, born: Nursery, oracle: str) -> None:
    place.armed.arm("file-c.7.0", "pass", "broken", "pass", "broken", "broken")
    assert born.run(place, *WORDS).code == 0
    assert place.armed.left == []
    assert place.digest() == oracle


@pytest.mark.parametrize(
    ("fault", "said", "code"),
    [("broken", "Input/output error", 75), ("denied", "Permission denied", 77)],
)
def test_rows_that_cannot_be_read_any_more_are_named_and_the_fit_goes_on_when_they_can(
    place: Place, born: Nursery, oracle: str, fault: str, said: str, code: int
) -> None:
    place.armed.arm("file-c.7.0", *["pass"] * 3, *[fault] * 3)
    born.run(place, *WORDS).says(code, "chunk c/7/0", f"cannot be read ({said})", "See that it can")
    happened = [each.name for each in place.armed.folder.glob(f"happened-*-{fault}")]
    assert happened
    place.armed.disarm()
    assert born.run(place, *WORDS).code == 0
    assert place.digest() == oracle


def test_a_read_that_takes_its_time_costs_no_byte(place: Place, oracle: str) -> None:
    place.armed.arm("file-c.7.0", "pass", "wait", "wait")
    with place.armed.listening() as ear, place.fitting() as fit:
        for _ in range(3):
            ear.skip()
        assert ended(fit).code == 0
    assert place.digest() == oracle
