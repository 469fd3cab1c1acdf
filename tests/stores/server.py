"""A server that speaks S3's protocol, in a process and with packages of its own."""

import fcntl
import hashlib
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from dask_gmm.objects.address import Address
from tests.faults.programs import started

ROOT: Final = Path(__file__).parents[2]
PINS: Final = Path(__file__).with_name("moto.txt")
PLACE: Final = ROOT / ".moto"
SECRETS: Final = ("not-for-other-eyes-key", "not-for-other-eyes-token")
PROGRAM: Final = """
import sys
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


class Server:
    """A server that keeps what it is sent until it ends.

    Parameters
    ----------
    port : int
        Of this machine.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What a process needs to find it, be it by another port."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": SECRETS[0],
            "AWS_SESSION_TOKEN": SECRETS[1],
            "AWS_REGION": "us-east-1",
        }

    def bucket(self) -> Address:
        """Make a bucket."""
        address = Address("s3", f"b{uuid4().hex}")
        self._ask("PUT", address.host)
        return address

    @contextmanager
    def denying(self) -> Iterator[None]:
        """Let nobody in."""
        self._ask("POST", "moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self._ask("POST", "moto-api/reset-auth", b"inf")

    def _ask(self, method: str, path: str, data: bytes | None = None) -> None:
        url = f"http://127.0.0.1:{self.port}/{path}"
        plain = {"Content-Type": "text/plain"}
        with urllib.request.urlopen(urllib.request.Request(url, data, plain, method=method)):
            pass


@contextmanager
def running() -> Iterator[Server]:
    """Have one run."""
    command = [str(_python()), "-c", PROGRAM]
    with started(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()))


def _python() -> Path:
    """Give the Python that has its packages, which are installed once."""
    known = hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = PLACE / known
    PLACE.mkdir(exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            venv.create(folder, with_pip=True, clear=True)
            _install(folder)
            (folder / "done").touch()
    return folder / "bin" / "python"


def _install(folder: Path) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(PINS)]
    done = subprocess.run(pip, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot install moto here: {done.stderr.strip()[-300:]}")
