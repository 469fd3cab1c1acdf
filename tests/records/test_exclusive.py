"""One call at a time writes an output; none that has ended keeps others out."""

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.errors import BusyError, InputError, OutputError
from dask_gmm.records.exclusive import only_writer

HOLDER = """
import os, sys
from pathlib import Path
from dask_gmm.records.exclusive import only_writer

with only_writer(Path(sys.argv[1])):
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
