"""Commands on a store that speaks S3's protocol: the same bytes as in a folder, or words."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location
from tests.data.arrays import files_of
from tests.faults.programs import DRAW, FIT, Ended, digest_of, ended, started
from tests.stores.door import Door
from tests.stores.server import SECRETS, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FAST: Final = ("--components", 3, "--max-iter", 4)


def run(*words: object, **variables: str) -> Ended:
    """Run a command in a process of its own."""
    with running(*words, **variables) as process:
        return ended(process)


def running(*words: object, **variables: str) -> Any:
    command = [sys.executable, "-m", "dask_gmm", *map(str, words)]
    return started(command, env={**os.environ, **variables})


def objects_of(root: Location) -> dict[str, bytes]:
    """Bytes of all that lies below a place, by name."""
    if isinstance(root, Address):
        return {name: (root / name).read_bytes() for name in root.sizes()}
    return files_of(root)


@pytest.fixture
def drawn(bucket: Address) -> Address:
    """A bucket with rows in it."""
    done = run("generate", bucket / "d.zarr", *DRAW)
    assert done.code == 0, done.errors
    return bucket


class TestVerbs:
    """Each verb, in a folder and below an address."""

    @pytest.fixture(scope="class")
    @staticmethod
    def roots(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Location, ...]:
        roots: tuple[Location, ...] = (tmp_path_factory.mktemp("folder"), server.bucket())
        for root in roots:
            verbs: tuple[tuple[object, ...], ...] = (
                ("generate", root / "d.zarr", *DRAW),
                ("fit", root / "d.zarr", *FIT, "--out", root / "runs/a"),
                (
                    "predict",
                    root / "d.zarr",
                    root / "runs/a",
                    "--out",
                    root / "p.zarr",
                    "--anomaly-quantile",
                    0.01,
                ),
                (
                    "select",
                    root / "d.zarr",
                    "--components",
                    "2,3",
                    "--max-iter",
                    3,
                    "--out",
                    root / "runs/s",
                ),
                ("report", root / "runs/a"),
            )
            for words in verbs:
                done = run(*words)
                assert done.code == 0, done.errors
        return roots

    def test_rows_and_predictions_are_the_same_objects(self, roots: tuple[Location, ...]) -> None:
        for name in ("d.zarr", "p.zarr"):
            folder, address = (objects_of(root / name) for root in roots)
            assert folder.keys() == address.keys()
            differing = {key for key in folder if folder[key] != address[key]}
            assert differing <= {"zarr.json"}  # which may say where it is

    def test_models_are_the_same(self, roots: tuple[Location, ...]) -> None:
        for name in ("runs/a", "runs/s"):
            folder, address = (root / name for root in roots)
            assert digest_of(folder) == digest_of(address)

    def test_nothing_else_is_left(self, roots: tuple[Location, ...]) -> None:
        for root in roots:
            assert sorted(each.name for each in root.iterdir()) == ["d.zarr", "p.zarr", "runs"]
            assert sorted(each.name for each in (root / "runs").iterdir()) == ["a", "s"]
            assert (root / "runs/a/report.html").is_file()

    def test_scores_are_the_same(self, roots: tuple[Location, ...]) -> None:
        said = [
            json.loads(run("score", root / "d.zarr", root / "runs/a", "--json").output)
            for root in roots
        ]
        for each in said:
            for name in ("data", "model", "seconds"):
                each.pop(name, None)
        assert said[0] == said[1]

    @pytest.mark.parametrize("name", ["d.zarr", "runs/a", "runs/a/model.zarr", "runs/s"])
    def test_what_lies_there_is_said(self, roots: tuple[Location, ...], name: str) -> None:
        for root in roots:
            done = run("inspect", root / name)
            assert done.code == 0, done.errors
            assert str(root / name) in done.output

    def test_what_is_done_is_not_done_again(self, roots: tuple[Location, ...]) -> None:
        _, root = roots
        before = objects_of(root)
        for words in (
            ("generate", root / "d.zarr", *DRAW),
            ("fit", root / "d.zarr", *FIT, "--out", root / "runs/a"),
            (
                "predict",
                root / "d.zarr",
                root / "runs/a",
                "--out",
                root / "p.zarr",
                "--anomaly-quantile",
                0.01,
            ),
            ("report", root / "runs/a"),
        ):
            done = run(*words)
            assert done.code == 0, done.errors
        assert objects_of(root) == before


def test_on_workers_it_is_the_same_and_they_know_the_store_by_their_environment(
    drawn: Address,
) -> None:
    for out, more in (("a", ()), ("b", ("--workers", 2))):
        done = run("fit", drawn / "d.zarr", *FIT, "--out", drawn / out, *more)
        assert done.code == 0, done.errors
    assert digest_of(drawn / "a") == digest_of(drawn / "b")


def test_what_is_replaced_is_replaced(drawn: Address) -> None:
    words = ("fit", drawn / "d.zarr", *FIT, "--out", drawn / "out")
    assert run(*words).code == 0
    first = digest_of(drawn / "out")
    run(*words, "--seed", 1).says(73, f"{drawn}/out exists")
    assert run(*words, "--seed", 1, "--overwrite").code == 0
    assert digest_of(drawn / "out") != first
    assert sorted(each.name for each in drawn.iterdir()) == ["d.zarr", "out"]


class TestRefusals:
    """A store that lets nobody in, or has no such bucket."""

    def test_who_is_not_let_in_is_told(
        self, drawn: Address, server: Server, tmp_path: Path
    ) -> None:
        fit = ("fit", drawn / "d.zarr", *FAST, "--out")
        with server.denying():
            done = run(*fit, tmp_path / "out")
            done.says(77, drawn / "d.zarr", "the store answers 403", "Ask for permission")
            done = run("generate", drawn / "new.zarr", *DRAW)
            done.says(77, drawn / "new.zarr", "the store answers 403", "same command again")
            done = run("inspect", drawn / "d.zarr")
            done.says(77, drawn / "d.zarr", "the store answers 403")
        for secret in SECRETS:
            assert secret not in done.errors

    def test_a_bucket_that_is_not_there_is_named(self, server: Server, tmp_path: Path) -> None:
        run("fit", "s3://none/d.zarr", *FAST, "--out", tmp_path / "out").says(
            2, "s3://none/d.zarr", "there is no such bucket"
        )
        run("generate", "s3://none/d.zarr", *DRAW).says(
            65, "s3://none/d.zarr", "there is no such bucket"
        )

    def test_an_array_that_is_not_there_is_named(self, bucket: Address, tmp_path: Path) -> None:
        run("fit", bucket / "d.zarr", *FAST, "--out", tmp_path / "out").says(2, bucket / "d.zarr")

    def test_a_model_that_is_not_there_is_named(self, drawn: Address) -> None:
        run("predict", drawn / "d.zarr", drawn / "none", "--out", drawn / "p").says(
            65, drawn / "none", "found none"
        )


class TestStoppedServer:
    """A server that stops in the middle of a pass, as who asks sees it."""

    @pytest.fixture
    def door(self, server: Server) -> Iterator[Door]:
        with Door(server.port) as door:
            yield door

    def test_it_comes_back_in_time_and_the_fit_goes_on(
        self, drawn: Address, server: Server, door: Door
    ) -> None:
        whole = ("fit", drawn / "d.zarr", *FIT, "--out")
        assert run(*whole, drawn / "whole").code == 0
        for requests in (60, 100, 140):
            door.shut_after(requests)
            with running(*whole, drawn / f"out-{requests}", **server.environment(door.port)) as fit:
                assert door.shut_by_itself.wait(120)
                door.open()
                done = ended(fit)
            assert done.code == 0, done.errors
            assert digest_of(drawn / f"out-{requests}") == digest_of(drawn / "whole")

    def test_it_does_not_and_the_same_command_goes_on_later(
        self, drawn: Address, server: Server, door: Door
    ) -> None:
        whole = ("fit", drawn / "d.zarr", *FIT, "--out")
        assert run(*whole, drawn / "whole").code == 0
        door.shut_after(100)
        words = (*whole, drawn / "out")
        done = run(*words, **server.environment(door.port))
        assert door.shut_by_itself.is_set()
        done.says(75, "cannot be reached", drawn, "the same command goes on there")
        door.open()
        done = run(*words, **server.environment(door.port))
        assert done.code == 0, done.errors
        assert digest_of(drawn / "out") == digest_of(drawn / "whole")
        assert sorted(each.name for each in drawn.iterdir()) == ["d.zarr", "out", "whole"]
