"""Programs that a test needs and Python's packages lack, from Debian's archive."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

SYSTEMD: Final = Path("/run/systemd/system")
SECONDS: Final = 300
VARIABLES: Final = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
# Daemons are found also where they are not on the path of a user.
PATH: Final = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def need(*programs: str, packages: tuple[str, ...]) -> None:
    """Have these programs, or skip the test and say why.

    They are installed where nobody is disturbed by that: by root, with apt-get, on a machine that
    starts no services by itself.
    """
    with (Path(tempfile.gettempdir()) / "dask-gmm-tests-apt").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [each for each in programs if not shutil.which(each, path=PATH)]
        if missing:
            _install(missing, packages)


def _install(missing: list[str], packages: tuple[str, ...]) -> None:
    wish = f"no {', '.join(missing)} here (of Debian's packages {', '.join(packages)})"
    if os.geteuid() or not shutil.which("apt-get") or SYSTEMD.exists():
        pytest.skip(f"{wish}, and only root installs them, with apt-get, where no systemd runs")
    install = ["install", "--yes", "--no-install-recommends", *packages]
    for words in (["update"], install):
        done = subprocess.run(
            ["apt-get", *words],
            env={**os.environ, **VARIABLES},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if done.returncode:
            pytest.skip(f"{wish}, and apt-get {words[0]} says {done.stderr.strip()[-200:]!r}")
