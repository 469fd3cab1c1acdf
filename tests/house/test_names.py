"""The names that the package gives away, and how large its parts may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dask_gmm
from tests.house.tree import EVERY_FILE, PACKAGE, ROOT, parse

LONGEST_FILE = 300
LONGEST_FUNCTION = 40


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, from its first statement after the docstring."""
    documented = ast.get_docstring(function) is not None
    body = function.body[1:] if documented else function.body
    last = function.end_lineno or function.lineno
    return last - body[0].lineno + 1 if body else 0


def test_public_names_are_sorted_and_there() -> None:
    names = dask_gmm.__all__
    assert names == sorted(names)
    assert [name for name in names if not hasattr(dask_gmm, name)] == []
    assert set(names) <= set(dir(dask_gmm))


@pytest.mark.parametrize("path", EVERY_FILE, ids=short)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST_FILE
    lengths = {function.name: lines_of_code(function) for function in functions(path)}
    assert {name: n for name, n in lengths.items() if n >= LONGEST_FUNCTION} == {}


def test_the_library_does_not_print() -> None:
    calls = (
        (short(path), node.lineno)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    )
    assert list(calls) == []


def test_no_import_is_tried() -> None:
    tried = (
        (short(path), node.lineno)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Try)
        and any(isinstance(each, ast.Import | ast.ImportFrom) for each in node.body)
    )
    assert list(tried) == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
