"""What the README shows is what happens."""

from pathlib import Path

import pytest

from dask_gmm.settings_file import load_settings
from tests.house.tree import blocks_of_readme


def test_the_python_of_the_readme_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks_of_readme("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert {"model", "data", "group"} <= set(names)


@pytest.mark.parametrize("number", range(len(blocks_of_readme("yaml"))))
def test_a_settings_file_in_the_readme_is_one(number: int, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(blocks_of_readme("yaml")[number], encoding="utf-8")
    assert load_settings(path).requests()
