"""A page says all that a run folder knows, stands alone, and is the same for the same folder."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pytest

from dask_gmm.errors import DataError, InputError, OutputError, OutputExistsError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import MANIFEST, read_history, read_manifest
from dask_gmm.workflows import report as module
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.report import ReportResult, report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.report_tables import shown
from dask_gmm.workflows.run import run
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.workflows.pages import Page

GENERATOR: Final = np.random.default_rng(3)
CENTERS: Final = np.array([[0.0, 0, 0, 0], [8, 0, 4, 0], [0, 8, 0, 900]])
X: Final = CENTERS[GENERATOR.integers(0, 3, 3000)] + GENERATOR.standard_normal((3000, 4))
FIT: Final = ["weights", "passes", "axes", "pairs"]
Pages: TypeAlias = dict[Path, tuple[str, ReportResult]]
AGAIN: Final = """
import sys
from pathlib import Path
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.report_tables import shown
report(ReportRequest(sys.argv[1], Path(sys.argv[2]), features=(0, 3)))
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "fit"
    fit(FitRequest(X, 3, out, held_out=0.1), ThreadRunner(2), Silent())
    return out


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "select"
    select(SelectRequest(X, (2, 3), out, columns=(3, 1, 0)), ThreadRunner(2), Silent())
    return out


@pytest.fixture
def folder(fitted: Path, tmp_path: Path) -> Path:
    """A run folder of one's own."""
    others = shutil.ignore_patterns("report.html")
    return Path(shutil.copytree(fitted, tmp_path / "fit", ignore=others))


def written(folder: Path, **options: Any) -> tuple[str, ReportResult]:
    result = report(ReportRequest(folder, overwrite=True, **options))
    return result.out.read_text(), result


def leaves(value: Any) -> Iterator[str]:
    """What a JSON value says, each part as the page writes it."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield shown(value)


@pytest.fixture(scope="module")
def pages(fitted: Path, chosen: Path) -> Pages:
    return {folder: written(folder) for folder in (fitted, chosen)}


def test_every_fact_of_the_manifest_stands_in_the_page(pages: Pages) -> None:
    for folder, (page, _) in pages.items():
        texts = " ".join(Page(page).texts)
        facts = {name: [*leaves(value)] for name, value in read_manifest(folder).items()}
        lost = [(name, each) for name, said in facts.items() for each in said if each not in texts]
        assert lost == []


def test_what_each_pass_took_and_found_stands_in_the_page(fitted: Path, pages: Pages) -> None:
    texts = Page(pages[fitted][0]).texts
    for each in read_history(fitted):
        assert {each["name"], f"{each['rows_per_second']:,}"} <= set(texts)
        best = max(each["log_likelihoods"], default=None)
        assert best is None or f"{best:.8f}" in texts
        assert each["change"] is None or f"{each['change']:.2e}" in texts
        held = (each["decoded_bytes"], each["peak_bytes"])
        assert {f"{size / 2**20:,.1f}" for size in held} <= set(texts)


def test_parts_stand_in_the_page_with_the_versions_in_which_they_differ(folder: Path) -> None:
    manifest = read_manifest(folder)
    (part,) = manifest["parts"]
    older = {**part, "host": "another", "versions": {**part["versions"], "numpy": "1.99"}}
    manifest["parts"] = [{**older, "last_pass": 1, "interrupted": True}, {**part, "first_pass": 2}]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    texts = Page(written(folder)[0]).texts
    assert {"another", "numpy 1.99", part["host"]} <= set(texts)
    assert f"{part['until'][:19].replace('T', ' ')} UTC" in texts


def test_the_candidates_of_a_selection_stand_in_the_page(chosen: Path, pages: Pages) -> None:
    text, result = pages[chosen]
    texts = Page(text).texts
    table = json.loads((chosen / "selection.json").read_text())
    for each in table["candidates"]:
        assert f"{each['log_likelihood']:.6f}" in texts
    assert result.pictures == (*FIT, "selection")
    assert any("chosen by BIC: full, 3 components" in each for each in texts)


@pytest.mark.parametrize("which", [0, 1], ids=["fitted", "chosen"])
def test_a_page_stands_alone_and_can_be_read(which: int, pages: Pages) -> None:
    text, _ = [*pages.values()][which]
    page = Page(text)
    urls = re.findall(r'\S*(?:https?:|//|@import|url\((?!#))[^\s"]*', text)
    assert [each for each in urls if not each.startswith("xmlns")] == []
    assert "<script" not in text
    assert page.values("src") == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    linked = [*page.values("href"), *page.values("xlink:href"), *re.findall(r"url\((#[^)]+)", text)]
    assert {each.removeprefix("#") for each in linked} <= set(ids)
    assert set(page.values("scope")) == {"col", "row"}
    assert page.values("lang") == ["en"]
    alts = re.findall(r'role="img" aria-label="([^"]{20,})"', text)
    assert len(alts) == text.count("<svg") > 0


def test_the_same_folder_gives_the_same_bytes(fitted: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    report(ReportRequest(fitted, first, features=(0, 3)))
    subprocess.run([sys.executable, "-c", AGAIN, str(fitted), str(second)], check=True)
    assert first.read_bytes() == second.read_bytes()


def test_features_change_tables_and_pictures(chosen: Path, pages: Pages, tmp_path: Path) -> None:
    usual, _ = pages[chosen]
    texts = Page(written(chosen, out=tmp_path / "some.html", features=(2, 0))[0]).texts
    assert "mean of column 1 (1 of the data)" in Page(usual).texts
    assert "mean of column 0 (3 of the data)" in texts
    assert "mean of column 1 (1 of the data)" not in texts
    one, _ = written(chosen, out=tmp_path / "one.html", features=(1,))
    assert len(one) < len(usual)


def test_values_are_escaped(folder: Path) -> None:
    manifest = read_manifest(folder)
    manifest["data"]["name"] = "<b>data</b>&amp;"
    manifest["warnings"] = ["<script>alert(1)</script>"]
    manifest["notes"] = ["'\"><img src=x>"]
    manifest["settings"]["array"] = "</table>"
    manifest["<i>more</i>"] = {"<u>": "</style>"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    named = folder.rename(folder.with_name("<b>run"))
    text, _ = written(named)
    page = Page(text)
    for part in ("<b>", "<script", "<img", "<i>", "<u>"):
        assert part not in text
    assert text.count("</style>") == 1
    assert "<script>alert(1)</script>" in page.texts
    assert any("<b>data</b>&amp;" in each for each in page.texts)
    assert any("<b>run" in each for each in page.texts)


def test_a_folder_without_rows_is_reported_without_them(folder: Path) -> None:
    shutil.rmtree(folder / "sample.zarr")
    text, result = written(folder)
    assert result.rows_drawn == 0
    assert "rows drawn: none" in result.to_text()
    assert list(result.pictures) == FIT
    assert "The run folder keeps no rows" in " ".join(Page(text).texts)


def test_without_matplotlib_there_are_tables_and_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "can_plot", lambda: False)
    text, result = written(folder)
    assert (result.pictures, result.rows_drawn, "<svg" in text) == ((), 0, False)
    assert "This page has no pictures" in " ".join(Page(text).texts)
    assert "none, without the extra plot" in result.to_text()


def test_one_column_has_no_axes(tmp_path: Path) -> None:
    fit(FitRequest(X[:, :1], 2, tmp_path / "fit"), ThreadRunner(1), Silent())
    text, result = written(tmp_path / "fit")
    assert list(result.pictures) == ["weights", "passes", "pairs"]
    Page(text)


def test_what_is_there_is_replaced_where_that_is_asked_for(folder: Path) -> None:
    page = folder / "report.html"
    result = report(ReportRequest(folder, features=(1,)))
    assert result.to_json() == {
        "out": str(page),
        "run": str(folder),
        "pictures": FIT,
        "rows_drawn": 2000,
    }
    before = page.stat().st_mtime_ns
    report(ReportRequest(folder, features=(1,)))
    assert page.stat().st_mtime_ns == before
    with pytest.raises(OutputExistsError, match=r"report\.html exists"):
        report(ReportRequest(folder, features=(0,)))
    report(ReportRequest(folder, features=(0,), overwrite=True))
    assert page.stat().st_mtime_ns > before
    page.write_text("<html>of somebody else</html>")
    with pytest.raises(OutputExistsError, match="Overwriting replaces a report"):
        report(ReportRequest(folder, overwrite=True))
    assert page.read_text() == "<html>of somebody else</html>"
    assert not [each.name for each in folder.iterdir() if each.name.startswith(".")]


def test_no_run_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="Wanted a run folder, which fit and select write"):
            report(ReportRequest(path))


@pytest.mark.parametrize(
    ("features", "match"),
    [
        ((4,), "Wanted features from 0 to 3, .* found 4"),
        ((), "from 1 to 6 columns"),
        ((1, 1), "each once"),
        (tuple(range(7)), "from 1 to 6 columns"),
        (("<b>",), "found '<b>' as features"),
        ((-1,), "found -1 as features"),
    ],
)
def test_columns_that_cannot_be_shown_are_refused(
    fitted: Path, tmp_path: Path, features: tuple[Any, ...], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        report(ReportRequest(fitted, tmp_path / "page.html", features=features))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (MANIFEST, "{"),
        (MANIFEST, '{"format": "run", "version": 1}'),
        (MANIFEST, '{"format": "run", "version": 1, "settings": 3}'),
        ("history.jsonl", "[1]"),
        ("history.jsonl", '{"pass": "first"}'),
        ("sample.zarr/zarr.json", "{}"),
        ("sample.zarr/x/c/0/0", ""),
    ],
)
def test_a_damaged_run_folder_is_named(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=re.escape(str(folder))):
        report(ReportRequest(folder))
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": 3, "criterion": "bic"}'])
def test_a_damaged_table_of_a_selection_is_named(
    chosen: Path, tmp_path: Path, content: str
) -> None:
    folder = Path(shutil.copytree(chosen, tmp_path / "select"))
    (folder / "selection.json").write_text(content)
    with pytest.raises(DataError, match=r"Wanted the table of a selection, selection\.json"):
        report(ReportRequest(folder))


def test_a_page_that_cannot_be_written_is_an_error(fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        report(ReportRequest(fitted, tmp_path / "file" / "page.html"))


def test_a_run_may_report_what_its_steps_have_fitted(tmp_path: Path) -> None:
    fitting = FitRequest(X[:, :1], 2, tmp_path / "fit", overwrite=True)
    reporting = ReportRequest(tmp_path / "fit")
    for _ in range(2):
        done = run([fitting, reporting], ThreadRunner(2), Silent())
        assert done.to_json()["steps"][1]["out"] == str(tmp_path / "fit" / "report.html")
        assert reporting.page.exists()
