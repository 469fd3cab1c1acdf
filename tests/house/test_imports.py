"""Imports point down only."""

import ast

import pytest

from tests.house.tree import PACKAGE, Import, package_imports, parse

ROOMS = ("objects", "data", "fitting", "mixture", "outputs", "passes", "records", "workflows")

# What each room may import, beside itself and what lies below all of them. A fold is given
# blocks, so whoever knows folds knows what a source is.
EVERYBODY = ("errors", "checks", "extras")
FOLDS = ("passes.fold", "passes.seeds", "passes.threads", "data.source")
BELOW: dict[str, tuple[str, ...]] = {
    "mixture": (),
    "objects": (),
    "data": ("objects",),
    "passes": ("data",),
    "fitting": ("mixture", *FOLDS),
    "records": (
        "mixture",
        "fitting",
        "objects",
        "data.address_store",
        "data.groups",
        "data.plain",
        "passes.cost",
        *FOLDS,
    ),
    "outputs": ("mixture", "fitting.tiles", "data.sink", *FOLDS),
    "workflows": tuple(room for room in ROOMS if room != "workflows"),
}

# Who may import these packages; everybody may import the others. A door names what strangers
# hand in, so `gmm` and the estimator know what a client is.
OUTSIDE: dict[str, tuple[str, ...]] = {
    "dask": ("passes",),
    "distributed": ("passes", "gmm", "estimator", "estimator_bayesian", "estimator_rows"),
    "zarr": ("data", "records.model_file"),
    "click": ("cli", "commands", "options"),
    "pydantic": (
        "options",
        "settings",
        "settings_base",
        "settings_cluster",
        "settings_file",
        "settings_known",
        "settings_values",
    ),
    "jinja2": ("workflows.report_page",),
    "matplotlib": ("workflows.selection_plot", "workflows.report_plot"),
    "rich": ("progress",),
    "xarray": ("workflows.export",),
    "yaml": ("settings_file",),
}

IMPORTS = package_imports()


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def allowed_inside(each: Import) -> bool:
    room = each.importer.split(".")[0]
    imported = each.imported.removeprefix("dask_gmm").removeprefix(".")
    if room in EVERYBODY:
        return within(imported, EVERYBODY[: EVERYBODY.index(room)])
    return room not in BELOW or within(imported, (*EVERYBODY, room, *BELOW[room]))


def test_every_room_is_in_the_law() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(ROOMS) == set(BELOW)


@pytest.mark.parametrize("room", [*EVERYBODY, *BELOW])
def test_a_room_imports_what_lies_below_it_alone(room: str) -> None:
    ours = [each for each in IMPORTS if within(each.imported, ("dask_gmm",))]
    mine = [each for each in ours if within(each.importer, (room,))]
    assert [str(each) for each in mine if not allowed_inside(each)] == []


@pytest.mark.parametrize("package", OUTSIDE)
def test_a_package_is_imported_where_it_belongs_alone(package: str) -> None:
    users = [each for each in IMPORTS if within(each.imported, (package,))]
    assert users
    assert [str(each) for each in users if not within(each.importer, OUTSIDE[package])] == []


def test_the_command_line_imports_click_alone_at_its_top() -> None:
    top = [
        node
        for node in parse(PACKAGE / "cli.py").body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert [ast.unparse(node) for node in top] == ["import click"]


def test_the_law_sees_what_is_forbidden() -> None:
    assert not allowed_inside(Import("mixture.model", "dask_gmm.data.source", 1))
    assert not allowed_inside(Import("fitting.spec", "dask_gmm.passes.runner", 1))
    assert not allowed_inside(Import("passes.runner", "dask_gmm.workflows.fit", 1))
    assert not allowed_inside(Import("workflows.fit", "dask_gmm.settings", 1))
    assert not allowed_inside(Import("errors", "dask_gmm", 1))
    assert not allowed_inside(Import("errors", "dask_gmm.checks", 1))
    assert allowed_inside(Import("outputs.drawn", "dask_gmm.data.sink", 1))
