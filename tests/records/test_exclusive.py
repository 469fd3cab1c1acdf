"""One call at a time writes an output; none that has ended keeps others out."""

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dask_gmm.errors import BusyError, InputError, OutputError, OutputUnreachableError
from dask_gmm.objects.address import Address
from dask_gmm.objects.fsspec_objects import FsspecObjects
from dask_gmm.records import exclusive
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.lease import take
from dask_gmm.records.object_store import store_at
from tests.records.test_lease import Time, never

HOLDER = """
import os, sys
from dask_gmm.objects.location import location
from dask_gmm.records.exclusive import only_writer

with only_writer(location(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read(1)
    os._exit(9)
"""


def test_the_next_call_may_write_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "a"
    for _ in range(2):
        with only_writer(path):
            names = sorted(each.name for each in path.parent.iterdir())
            assert names == [".a.wip-lease", ".a.wip-lock"]
        with pytest.raises(KeyboardInterrupt), only_writer(path):
            raise KeyboardInterrupt
        assert list(path.parent.iterdir()) == []


def test_another_call_is_refused_and_another_output_is_not(tmp_path: Path) -> None:
    with only_writer(tmp_path / "a"):
        for _ in range(2):
            with (
                pytest.raises(BusyError, match=r"Wanted .*, found .*\.a\.wip-lock\. Wait until"),
                only_writer(tmp_path / "a"),
            ):
                raise AssertionError("two write at once")
        with only_writer(tmp_path / "b"):
            pass


def test_another_process_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match="another one"), only_writer(path):
            pass
        other.communicate(b"x")
    assert other.returncode == 9
    assert (tmp_path / ".a.wip-lock").exists()
    with only_writer(path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed and made anew"])
def test_a_lock_on_a_file_that_has_gone_is_worth_nothing(
    again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call before removes the file after this one has opened it."""
    real, lock = fcntl.flock, tmp_path / ".a.wip-lock"

    def after_removal(held: Any, how: int) -> None:
        monkeypatch.undo()
        lock.unlink()
        if again:
            lock.touch()
        real(held, how)

    monkeypatch.setattr(fcntl, "flock", after_removal)
    with (
        only_writer(tmp_path / "a"),
        pytest.raises(BusyError, match="another one"),
        only_writer(tmp_path / "a"),
    ):
        raise AssertionError("two write at once")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(held: Any, how: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    wanted = r'/a, but the system says "Function not implemented"'
    with pytest.raises(OutputError, match=wanted), only_writer(tmp_path / "a"):
        pass


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(InputError, match="has none"), only_writer(Path("/")):
        pass


class TestAddresses:
    """The lock lies on this machine, the lease below the address."""

    @pytest.fixture
    def address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        return Address("memory", "", f"{uuid4().hex}/a")

    def test_the_next_call_may_write_and_nothing_is_left(
        self, address: Address, tmp_path: Path
    ) -> None:
        for _ in range(2):
            with only_writer(address):
                assert list(address.parent.sizes()) == [".a.wip-lease/lease-000001.json"]
                (lock,) = tmp_path.iterdir()
                assert lock.name.startswith(f"dask-gmm-{os.getuid()}-")
            assert not address.parent.exists()
            assert list(tmp_path.iterdir()) == []

    def test_another_call_is_refused_and_another_output_is_not(self, address: Address) -> None:
        with only_writer(address):
            with (
                pytest.raises(BusyError, match=rf"only call that writes {address}, found another"),
                only_writer(address),
            ):
                raise AssertionError("two write at once")
            with only_writer(address.with_name("b")):
                pass

    def test_another_process_is_refused_until_it_is_killed(self, address: Address) -> None:
        command = [sys.executable, "-c", HOLDER, str(address)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(BusyError, match="another one"), only_writer(address):
                pass
            other.communicate(b"x")
        with only_writer(address):
            pass

    def test_one_with_other_temporary_files_is_seen_by_its_lease(
        self, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It sees no lock, and must not follow at once as one of the same machine."""
        (tmp_path / "other").mkdir()
        with only_writer(address) as lease:
            time = Time(lambda now: lease.beat(int(now)))
            monkeypatch.setattr(exclusive, "take_lease", partial(take, now=time, wait=time.wait))
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
            said = rf"found process {os.getpid()} on .*, at work on it, by {address.parent}"
            with pytest.raises(BusyError, match=said), only_writer(address):
                raise AssertionError("two write at once")
            assert time.now > 0.0
            lease.check()

    def test_one_that_was_killed_is_followed_at_once_by_one_that_sees_its_lock(
        self, address: Address, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exclusive, "take_lease", partial(take, wait=never))
        take(store_at(address.with_name(".a.wip-lease")), scope=exclusive._scope_of(address))
        with only_writer(address) as lease:
            assert len(lease.claim.taken_over) == 1

    def test_what_happened_is_told_and_not_that_the_lease_cannot_be_released(
        self, address: Address, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(*_: object) -> None:
            raise ConnectionError(errno.EHOSTUNREACH, "cannot be reached")

        def lost() -> None:
            with only_writer(address):
                monkeypatch.setattr(FsspecObjects, "remove", gone)
                raise ValueError("the news")

        remove = FsspecObjects.remove
        with pytest.raises(ValueError, match="the news"):
            lost()
        with pytest.raises(OutputUnreachableError, match="cannot be reached"), only_writer(address):
            pass
        monkeypatch.setattr(FsspecObjects, "remove", remove)
        with only_writer(address):
            pass

    def test_one_address_in_two_forms_has_two_locks_and_one_lease(self) -> None:
        """So that the lease must not say that the lock decides."""
        forms = Address("az", "c", "a"), Address("abfs", "c@account.dfs.core.windows.net", "a")
        assert len({exclusive._scope_of(each) for each in forms}) == 2
