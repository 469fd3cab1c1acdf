"""Places that may not be written: refused before any work, and what lay there lies there still."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from dask_gmm import GaussianMixtureModel, generate_gmm_data, load_model
from dask_gmm.errors import InputError, NotFittedError, OutputExistsError
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records import publish
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from tests.data.arrays import DAMAGES, chunk_file
from tests.whole.refusals import Kept, command, nothing_at, refused, says

X = np.random.default_rng(0).standard_normal((300, 3))
SIZE = ("--rows", 650, "--features", 3, "--chunk-rows", 100, "--components", 2)
FIT = ("fit", "d.zarr", "--components", 2, "--out")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a generated data set and a fit of it, where commands run."""
    monkeypatch.chdir(tmp_path)
    assert command("generate", "d.zarr", *SIZE).exit_code == 0
    assert command(*FIT, "run").exit_code == 0
    return tmp_path


class Interrupting:
    """A Progress that does something when so many passes have begun."""

    def __init__(self, passes: int, then: Callable[[], None]) -> None:
        self.left, self.then = passes, then

    def start_pass(self, name: str, rows: int) -> None:
        self.left -= 1
        if not self.left:
            self.then()

    def advance(self, rows: int) -> None: ...

    def end_pass(self, note: str) -> None: ...


def interrupt() -> None:
    raise KeyboardInterrupt


def unexpected() -> None:
    raise AssertionError("a pass has begun")


def test_an_existing_output_is_refused_and_kept(folder: Path) -> None:
    kept = Kept(folder)
    (folder / "c.yaml").write_text("steps: [{fit: {data: d.zarr, components: 3, out: run}}]")
    says(refused("generate", "d.zarr", *SIZE, "--seed", 1, code=73), f"{folder}/d.zarr exists")
    says(refused(*FIT, "run", "--seed", 1, code=73), f"{folder}/run exists", "overwrite it")
    says(refused("run", "c.yaml", code=73), f"{folder}/run exists", "overwrite it")
    (folder / "c.yaml").unlink()
    with pytest.raises(OutputExistsError, match=r"d\.zarr exists"):
        generate_gmm_data(9, [1], [[0]], [[[1]]], store="d.zarr")
    with pytest.raises(OutputExistsError, match="run exists"):
        GaussianMixtureModel(2).fit(X).save("run")
    kept.check()


@pytest.mark.parametrize("content", [b"", b"mine"])
def test_a_file_in_the_place_of_an_output_is_kept(folder: Path, content: bytes) -> None:
    (folder / "f").write_bytes(content)
    for words in (("generate", "f", *SIZE), (*FIT, "f")):
        says(refused(*words, code=73), folder / "f", "exists")
    (folder / "link").symlink_to(folder / "nowhere")
    says(refused(*FIT, "link", code=73), folder / "link", "exists")
    assert (folder / "f").read_bytes() == content


def test_overwriting_replaces_outputs_of_the_same_kind_alone(folder: Path) -> None:
    GaussianMixtureModel(2).fit(X).save("m")
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("years of work")
    (folder / "c.yaml").write_text(STEPS.format(components=2, out="mine, overwrite: true"))
    DAMAGES["flipped"](chunk_file(folder / "d.zarr" / "x"))
    kept = Kept(folder)
    for out in ("mine", "run", "m"):
        message = refused("generate", out, *SIZE, "--overwrite", code=73)
        says(message, "replaces a generated data set or an empty folder", f"{folder}/{out} is")
    for out in ("mine", "m"):
        message = refused(*FIT, out, "--overwrite", code=73)
        says(message, "replaces a run folder or an empty", f"{folder}/{out} is", "move that away")
    for out in ("mine", "run", "d.zarr"):
        with pytest.raises(OutputExistsError, match=f"replaces a model or an .*/{out} is neither"):
            GaussianMixtureModel(2).fit(X).save(out, overwrite=True)
    says(refused("run", "c.yaml", code=73), "replaces a run folder", folder / "mine")
    kept.check()


def test_an_existing_output_is_refused_before_any_row_is_read(folder: Path) -> None:
    DAMAGES["flipped"](chunk_file(folder / "d.zarr" / "x"))
    DAMAGES["absent"](chunk_file(folder / "d.zarr" / "x", 1))
    kept = Kept(folder)
    refused(*FIT, "run", "--seed", 1, code=73)
    with pytest.raises(OutputExistsError):
        fit(FitRequest("d.zarr", 3, Path("run")), ThreadRunner(1), Interrupting(1, unexpected))
    kept.check()
    refused(*FIT, "other", code=65)


def test_a_failed_overwriting_run_loses_nothing(folder: Path) -> None:
    kept, file = Kept(folder / "run"), chunk_file(folder / "d.zarr" / "x")
    stored = file.read_bytes()
    DAMAGES["flipped"](file)
    refused(*FIT, "run", "--seed", 5, "--overwrite", code=65)
    kept.check()
    request = FitRequest("d.zarr", 2, Path("run"), rows=slice(0, 200), overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        fit(request, ThreadRunner(2), Interrupting(3, interrupt))
    kept.check()
    file.write_bytes(stored)
    assert command(*FIT, "run", "--covariance", "diag", "--overwrite").exit_code == 0
    assert load_model("run/model.zarr").mixture.covariance_type == "diag"
    assert {each.name for each in folder.iterdir()} == {"d.zarr", "run"}


def test_an_interrupted_fit_publishes_nothing_and_is_gone_on_with(folder: Path) -> None:
    request = FitRequest("d.zarr", 2, Path("again"))
    for passes in (1, 2, 1):
        with pytest.raises(KeyboardInterrupt):
            fit(request, ThreadRunner(2), Interrupting(passes, interrupt))
        nothing_at(folder / "again")
    assert command(*FIT, "again").exit_code == 0
    repeated, straight = load_model("again/model.zarr"), load_model("run/model.zarr")
    assert repeated.covariances.tobytes() == straight.covariances.tobytes()
    assert {each.name for each in folder.iterdir()} == {"again", "d.zarr", "run"}
    assert len((folder / "again" / "history.jsonl").read_text().splitlines()) == len(
        (folder / "run" / "history.jsonl").read_text().splitlines()
    )


@pytest.mark.parametrize("out", ["d.zarr", ".", "alias", "d.zarr/x", "./e/../d.zarr"])
def test_a_run_folder_never_replaces_its_own_rows(folder: Path, out: str) -> None:
    (folder / "alias").symlink_to(folder / "d.zarr")
    kept = Kept(folder)
    message = refused(*FIT, out, "--overwrite", code=2)
    says(message, "must not replace its own rows", folder / "d.zarr" / "x", "Choose another place")
    kept.check()


@pytest.mark.parametrize("out", ["/", "..", "run/.."])
def test_an_output_needs_a_name(folder: Path, out: str) -> None:
    kept = Kept(folder)
    for words in (("generate", out, *SIZE), ("fit", "d.zarr", "--components", 2, "--out", out)):
        says(refused(*words, "--overwrite", code=2), folder / out, "Choose another place")
    with pytest.raises(InputError, match="has none"):
        GaussianMixtureModel(2).fit(X).save(out, overwrite=True)
    kept.check()


@pytest.mark.parametrize("out", [".", "../here", ""])
def test_an_output_never_replaces_the_folder_that_the_program_runs_in(
    folder: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, here = Kept(folder), folder / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for words in (("generate", out, *SIZE), ("fit", "../d.zarr", "--components", 2, "--out", out)):
        says(refused(*words, "--overwrite", code=2), f"the program runs in, {here}", "Choose")
    with pytest.raises(InputError, match="must not replace the folder that the program runs in"):
        GaussianMixtureModel(2).fit(X).save(out, overwrite=True)
    kept.check()


@pytest.mark.parametrize("out", ["nowhere://bucket/a", "file://host/a"])
def test_an_address_is_not_taken_for_a_path(folder: Path, out: str) -> None:
    kept = Kept(folder)
    (folder / "c.yaml").write_text(
        f"steps: [{{fit: {{data: d.zarr, components: 3, out: '{out}'}}}}]"
    )
    for words in (("generate", out, *SIZE), (*FIT, out), ("demo", "--out", out), ("run", "c.yaml")):
        code = 78 if words[0] == "run" else 2
        says(refused(*words, code=code), out.split(":")[0], "one that fsspec knows")
    model = GaussianMixtureModel(2).fit(X)
    for use in (model.save, load_model):
        with pytest.raises(InputError, match="one that fsspec knows"):
            use(out)
    (folder / "c.yaml").unlink()
    kept.check()


def test_a_path_through_a_file_is_refused(folder: Path) -> None:
    (folder / "f").write_text("mine")
    for words in (("generate", "f/a", *SIZE), (*FIT, "f/a"), ("demo", "--out", "f")):
        says(refused(*words, code=74), folder / "f", "Mend that")
    assert (folder / "f").read_text() == "mine"


def test_a_demo_leaves_other_folders_alone(folder: Path) -> None:
    kept = Kept(folder)
    says(refused("demo", "--rows", 100, "--out", ".", code=73), "holds d.zarr", "another place")
    kept.check()
    for _ in range(2):
        assert command("demo", "--rows", 2000, "--out", "demo").exit_code == 0
    (folder / "demo" / "notes.txt").write_text("mine")
    kept = Kept(folder / "demo")
    says(refused("demo", "--rows", 100, "--out", "demo", code=73), "holds notes.txt")
    kept.check()


STEPS = """
steps:
  - generate: {{out: new.zarr, rows: 100, features: 2, components: 2}}
  - fit: {{data: new.zarr, components: {components}, out: {out}}}
"""


@pytest.mark.parametrize("own", ["data.zarr", "run"])
def test_a_demo_replaces_what_a_demo_wrote_and_no_namesake(folder: Path, own: str) -> None:
    zarr.create_array(folder / "project" / own, shape=(5, 5), dtype="f8")
    kept = Kept(folder / "project")
    message = refused("demo", "--rows", 2000, "--out", "project", code=73)
    says(message, f"{folder}/project/{own} is neither", "Choose another place")
    kept.check()


def test_the_command_says_where_a_model_is_that_was_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(publish, "flush", failing)
    message = refused(*FIT, "other", code=74)
    (kept,) = folder.glob(".other.wip-*/model.zarr")
    says(message, "Input/output error", f"move it away from {kept}")


def test_all_outputs_of_a_run_are_looked_at_before_its_first_step(folder: Path) -> None:
    (folder / "c.yaml").write_text(STEPS.format(components=2, out="run"))
    says(refused("run", "c.yaml", code=73), folder / "run", "exists")
    nothing_at(folder / "new.zarr")


def test_what_the_steps_before_a_failed_one_wrote_is_kept(folder: Path) -> None:
    (folder / "c.yaml").write_text(STEPS.format(components=101, out="other"))
    says(refused("run", "c.yaml", code=2), "found 100 in", folder / "new.zarr" / "x")
    assert command("inspect", "new.zarr").exit_code == 0
    nothing_at(folder / "other")


def test_a_model_that_was_not_fitted_says_so(tmp_path: Path) -> None:
    model = GaussianMixtureModel(2)
    for name in ("weights", "means", "covariances", "result"):
        with pytest.raises(NotFittedError, match=r"before its fit\. Call fit first\."):
            getattr(model, name)
    with pytest.raises(NotFittedError):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    assert repr(model).endswith("not fitted")


def test_a_failed_fit_leaves_the_model_as_it_was() -> None:
    model = GaussianMixtureModel(2).fit(X)
    means = model.means.copy()
    with pytest.raises(InputError):
        model.fit(X[:1])
    assert np.array_equal(model.means, means)
