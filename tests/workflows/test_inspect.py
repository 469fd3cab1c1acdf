"""What lies at a path is said on one page."""

from pathlib import Path

import pytest
import zarr

from dask_gmm.errors import DataDeniedError, DataError, InputError, UnreachableError
from dask_gmm.objects.address import Address
from dask_gmm.workflows.inspect import inspect


def make_group(path: Path, **shapes: tuple[int, ...]) -> Path:
    group = zarr.create_group(path)
    for name, shape in shapes.items():
        group.create_array(name, shape=shape, dtype="f8")
    return path


def test_the_arrays_of_a_group_in_which_one_must_be_chosen_are_listed(tmp_path: Path) -> None:
    report = inspect(make_group(tmp_path / "g", b=(5, 2), a=(4, 2), c=(7,)))
    listed = {"a": "(4, 2) of float64", "b": "(5, 2) of float64", "c": "(7,) of float64"}
    assert report.to_json() == {
        "kind": "group",
        "path": str(tmp_path / "g"),
        "arrays": listed,
    }
    assert "a (4, 2) of float64, b (5, 2) of float64" in report.to_text()


@pytest.mark.parametrize("shapes", [{"x": (4, 2), "a": (5, 2)}, {"a": (4, 2), "c": (5,)}])
def test_the_array_that_a_fit_would_choose_is_described(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]]
) -> None:
    report = inspect(make_group(tmp_path / "g", **shapes))
    assert (report.kind, report.facts["rows"], report.facts["columns"]) == ("array", 4, 2)


def test_a_group_without_arrays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are: none"):
        inspect(make_group(tmp_path / "g"))


def test_what_a_fit_detects_in_an_array_of_others_is_said(tmp_path: Path) -> None:
    facts = inspect(make_group(tmp_path / "g", x=(4, 2))).facts
    detected = facts["damage that reading detects"]
    unseen = facts["damage that passes unseen"]
    assert "absent chunks" in detected
    assert "swapped chunks" in unseen
    assert set(detected).isdisjoint(unseen)


@pytest.mark.parametrize(
    ("said", "kind"),
    [(ConnectionError, UnreachableError), (PermissionError, DataDeniedError), (OSError, DataError)],
)
def test_a_store_that_does_not_let_itself_be_looked_at_is_an_error(
    said: type[OSError], kind: type[DataError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(address: Address) -> bool:
        raise said(22, "no answer", str(address))

    monkeypatch.setattr(Address, "is_file", refuse)
    with pytest.raises(kind, match=r's3://b/x the system says "no answer"') as found:
        inspect(Address("s3", "b", "x"))
    assert type(found.value) is kind
