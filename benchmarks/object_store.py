"""Rows per second of a pass over rows that a server of this machine sends, against a folder.

    python -m benchmarks.object_store [--rows N] [--turns N] [--nginx PATH]

Two million rows of 16 columns in 32 MB chunks ending in a checksum, a mixture of 16 components,
two threads. ``s3`` is a server of S3's protocol that is written in Python, by s3://, and shares the
processors; ``files`` is Python's own web server over the folder, by http://; ``nginx`` is that
server, where its path is given. All are read by turns; the ratios are taken turn by turn.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.streaming import CHUNK_ROWS, COMPONENTS, FEATURES, seconds
from dask_gmm import generate_gmm_data
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.runner import ThreadRunner
from tests.data.arrays import files_of
from tests.stores.server import running

NGINX: Final = """
daemon off; user root; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
events {{ worker_connections 64; }}
http {{ access_log off; sendfile on; client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi; server {{ listen 127.0.0.1:{port}; root {root}; }} }}
"""


def free_port() -> int:
    """Give a port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def listening(command: list[str], port: int) -> Iterator[str]:
    """Have a server run, and give its address when it listens."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while server.poll() is None:
                with socket.socket() as asked:
                    if asked.connect_ex(("127.0.0.1", port)) == 0:
                        break
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """Have a server of S3's protocol hold what lies in a folder."""
    with running() as server:
        os.environ |= server.environment()
        bucket = server.bucket()
        for name, data in files_of(folder).items():
            (bucket / name).write_bytes(data)
        yield str(bucket)


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Have Python's web server send what lies in a folder."""
    port = free_port()
    words = ["-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), str(port)]
    with listening([sys.executable, *words], port) as address:
        yield address


@contextmanager
def nginx(path: str, folder: Path) -> Iterator[str]:
    """Have nginx send what lies in a folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as own:
        folder.chmod(0o755)
        settings = Path(own) / "nginx.conf"
        settings.write_text(NGINX.format(folder=own, port=port, root=folder))
        with listening(
            [path, "-p", own, "-e", f"{own}/errors", "-c", str(settings)], port
        ) as address:
            yield address


def fold_of(source: Source, means: np.ndarray) -> EStep:
    """The E-step of the mixture that the rows are drawn from."""
    weights = np.full(COMPONENTS, 1 / COMPONENTS)
    known = Survey.of(summarize(source.open().read(0).rows[:100_000]))
    mixture = Mixture.of(weights, means, np.stack([np.eye(FEATURES)] * COMPONENTS))
    return EStep.at(mixture.moved(-known.frame.shift), known.frame, "float64")


def main() -> None:
    """Write the rows, have them sent, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--nginx", default=None)
    arguments = parser.parse_args()
    means = np.random.default_rng(0).standard_normal((COMPONENTS, FEATURES)) * 3
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        generate_gmm_data(
            arguments.rows,
            np.full(COMPONENTS, 1 / COMPONENTS),
            means,
            np.stack([np.eye(FEATURES)] * COMPONENTS),
            seed=0,
            store=folder / "x.zarr",
            chunk_rows=CHUNK_ROWS,
        )
        roots = {"folder": str(folder)}
        roots["s3"] = stack.enter_context(s3(folder))
        roots["files"] = stack.enter_context(files(folder))
        if arguments.nginx:
            roots["nginx"] = stack.enter_context(nginx(arguments.nginx, folder))
        sources = {name: open_source(f"{root}/x.zarr") for name, root in roots.items()}
        fold, runner = fold_of(sources["folder"], means), ThreadRunner(2)
        turns = [
            {name: seconds(source, fold, runner) for name, source in sources.items()}
            for _ in range(arguments.turns + 1)
        ][1:]
    for name in sources:
        rate = arguments.rows / statistics.median(turn[name] for turn in turns) / 1e6
        share = statistics.median(turn["folder"] / turn[name] for turn in turns)
        print(f"{name}: {rate:.2f} million rows per second, {share:.2f} of the folder")


if __name__ == "__main__":
    main()
