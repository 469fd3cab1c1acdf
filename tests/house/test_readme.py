"""What the README shows is what happens."""

from pathlib import Path

import pytest

from tests.house.tree import blocks_of_readme


@pytest.mark.parametrize("number", range(len(blocks_of_readme("python"))))
def test_a_python_block_of_the_readme_runs(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(blocks_of_readme("python")[number], "README.md", "exec"), names)
    assert {"model", "data"} <= set(names)
