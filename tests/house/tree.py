"""The package and its tests, as syntax trees."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dask_gmm"
EVERY_FILE = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])


@dataclass(frozen=True, slots=True)
class Import:
    """One import: who, of which module, at which line."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: {self.imported}"


def module_name(path: Path) -> str:
    """``passes.fold`` for ``dask_gmm/passes/fold.py``; ``passes`` for its ``__init__.py``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file of the package, at its top or inside a function."""
    name = module_name(path)
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (Import(name, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield from (Import(name, target, node.lineno) for target in _targets(node))


def _targets(node: ast.ImportFrom) -> set[str]:
    """The modules that a ``from`` imports: a name in a package may be a module itself."""
    module = node.module or ""
    folder = ROOT.joinpath(*module.split("."))
    names = {alias.name for alias in node.names}
    below = {name for name in names if (folder / f"{name}.py").exists() or (folder / name).is_dir()}
    return {f"{module}.{name}" for name in below} | ({module} if names - below else set())


def package_imports() -> list[Import]:
    return [each for path in sorted(PACKAGE.rglob("*.py")) for each in imports_of(path)]


def blocks_of_readme(language: str) -> list[str]:
    """The code blocks of the README in one language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
