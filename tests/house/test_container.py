"""The Dockerfile installs what is there, and nothing that it copies is missing for that."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.house.test_project import project
from tests.house.tree import ROOT

STEPS: Final = [
    line.split() for line in (ROOT / "Dockerfile").read_text().splitlines() if line[0] != "#"
]


def words_of(name: str) -> list[list[str]]:
    return [words for step, *words in STEPS if step == name]


def test_the_image_has_extras_and_a_command_of_the_package() -> None:
    extras = re.findall(r"/src\[([\w,]+)\]", (ROOT / "Dockerfile").read_text())
    assert extras
    assert set(",".join(extras).split(",")) <= set(project()["optional-dependencies"])
    ((command,),) = words_of("ENTRYPOINT")
    assert set(re.findall(r'"(.+?)"', command)) <= set(project()["scripts"])


def test_the_image_runs_as_a_user_that_is_a_number() -> None:
    """Kubernetes lets no other one run where it wants to know that it is not root."""
    ((user,),) = words_of("USER")
    assert int(user) > 0


@pytest.mark.slow
def test_the_package_can_be_made_of_what_the_image_copies(tmp_path: Path) -> None:
    for *sources, target in words_of("COPY"):
        for source in sources:
            place = tmp_path / target.lstrip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place)
            else:
                place.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, place)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    subprocess.run([*pip, str(tmp_path / "there"), str(tmp_path / "src")], check=True)
    names = {path.name for path in (tmp_path / "there" / "dask_gmm").iterdir()}
    assert {"cli.py", "py.typed", "workflows"} <= names
    assert (tmp_path / "src" / "constraints.txt").exists()
