"""Peak memory of a fit, summed over all its processes, for rows that memory could not hold.

    python benchmarks/memory.py [--folder DIR] [--sizes 2 16] [--keep]

Generates so many GB of float64 rows in 32 MB chunks, fits three passes (the survey and two of EM)
in this many ways, each in a process of its own, and samples the proportional set size (PSS) of
the process and all its children ten times a second:

* in process, two threads;
* on a LocalCluster of two processes;
* in process, inside a control group limited to 2 GB (needs root and cgroups).
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

FEATURES = COMPONENTS = 16
CHUNK_ROWS = 32_000_000 // (8 * FEATURES)
LIMIT = 2 * 2**30
COMMAND = [sys.executable, "-m", "dask_gmm"]


def pss(process: psutil.Process) -> int:
    """Sum of the proportional set sizes of a process and its children, in bytes."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            rollup = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
        except (OSError, psutil.Error):
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
    return total * 1024


def watch(command: list[str], before: Callable[[], None] | None = None) -> int:
    """Run a command to its end; its peak memory."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=before)
    process, peak = psutil.Process(running.pid), 0
    while running.poll() is None:
        peak = max(peak, pss(process))
        time.sleep(0.1)
    if running.returncode:
        raise SystemExit(f"{command} ended with {running.returncode}")
    return peak


class ControlGroup:
    """A control group with a limit of memory, of either version."""

    def __init__(self, limit: int) -> None:
        top = Path("/sys/fs/cgroup")
        old = (top / "memory").is_dir()
        self.path = (top / "memory" if old else top) / f"dask-gmm-{time.time_ns()}"
        self.path.mkdir()
        name = "memory.limit_in_bytes" if old else "memory.max"
        (self.path / name).write_text(str(limit))

    def enter(self) -> None:
        """Put the calling process into it."""
        (self.path / "cgroup.procs").write_text("0")

    def remove(self) -> None:
        """Remove it."""
        self.path.rmdir()


def generate(path: Path, gigabytes: int) -> None:
    """Write so many GB of rows."""
    options = {
        "rows": gigabytes * 10**9 // (8 * FEATURES),
        "features": FEATURES,
        "components": COMPONENTS,
        "chunk-rows": CHUNK_ROWS,
    }
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    subprocess.run(
        [*COMMAND, "generate", str(path), *flags, "--json"], check=True, stdout=subprocess.DEVNULL
    )


def fit(data: Path, out: Path, flags: list[str], before: Callable[[], None] | None = None) -> str:
    """Fit three passes; peak memory and rows per second of the last pass, as text."""
    asked = ["--components", str(COMPONENTS), "--out", str(out), "--max-iter", "1", "--tol", "0"]
    peak = watch([*COMMAND, "fit", str(data), *asked, "--overwrite", *flags], before)
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    return f"{peak / 1e6:7,.0f} MB  {history[-1]['rows_per_second'] / 1e6:5.2f} million rows/s"


def main() -> None:
    """Measure all sizes in all ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/memory"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[2, 16])
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        data, out = arguments.folder / f"{size}.zarr", arguments.folder / "run"
        if not data.exists():
            generate(data, size)
        print(f"{size} GB in process                {fit(data, out, [])}", flush=True)
        print(
            f"{size} GB on LocalCluster(2)        {fit(data, out, ['--workers', '2'])}", flush=True
        )
        group = ControlGroup(LIMIT)
        print(f"{size} GB in a group limited to 2 GB {fit(data, out, [], group.enter)}", flush=True)
        group.remove()
        if not arguments.keep:
            shutil.rmtree(data)


if __name__ == "__main__":
    main()
