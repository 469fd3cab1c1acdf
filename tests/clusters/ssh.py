"""An SSH daemon on this machine, with keys of its own, which lets this user in."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.clusters.debian import PATH, need
from tests.clusters.slurm import free_ports
from tests.faults.programs import started

HOST: Final = "127.0.0.1"
SEPARATION: Final = Path("/run/sshd")
CONFIGURATION: Final = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv {variables}
"""


@contextmanager
def ssh(folder: Path, variables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Start a daemon whose sessions have these variables, and give the options to connect to it."""
    need("sshd", "ssh-keygen", packages=("openssh-server", "openssh-client"))
    for name in ("host", "user"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(words, check=True)
    (port,) = free_ports(1)
    said = " ".join(f'{name}="{value}"' for name, value in variables.items())
    text = CONFIGURATION.format(port=port, folder=folder, variables=said)
    (folder / "sshd_config").write_text(text)
    known = f"[{HOST}]:{port} {(folder / 'host.pub').read_text()}"
    (folder / "known_hosts").write_text(known)
    if not os.geteuid():
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    daemon = [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", str(folder / "sshd_config")]
    with started(daemon, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert "Server listening" in process.stderr.readline()
        yield {
            "port": port,
            "username": getpass.getuser(),
            "client_keys": [str(folder / "user")],
            "known_hosts": str(folder / "known_hosts"),
        }
