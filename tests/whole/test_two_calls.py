"""Two commands on one output: at once, one after the other has died, and one that asks wrongly."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dask_gmm import load_model
from dask_gmm.records import exclusive, lease, run_folder
from dask_gmm.records.claim import Claim
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.lease import Lease
from dask_gmm.records.run_folder import CHECKPOINTS, RunFolder, read_manifest
from dask_gmm.records.store import FolderStore
from dask_gmm.workflows import drawing
from tests.whole.refusals import Kept, command, refused, says

GENERATE = ("generate", "n.zarr", "--rows", 2_000, "--features", 3, "--components", 2)
FIT = ("fit", "d.zarr", "--components", 2, "--max-iter", 6, "--tol", 0, "--out", "out")
PREDICT = ("predict", "d.zarr", "out", "--out", "n.zarr")
SELECT = ("select", "d.zarr", "--components", "2,3", "--max-iter", 6, "--out", "out")
OVERLAP = ("--rows", 20_000, "--overlap", 0.3)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    drawn = ("generate", "d.zarr", "--features", 3, "--components", 2)
    assert command(*drawn, *OVERLAP).exit_code == 0
    return tmp_path


def elsewhere() -> Claim:
    return replace(Claim.of_this_process(), host="elsewhere", boot="another", pid=4711)


def interrupted(monkeypatch: pytest.MonkeyPatch, *asked: object) -> Path:
    """Give what a command leaves that is killed in its third pass."""
    real, passes = RunFolder.add_pass, 0

    def dying(self: RunFolder, record: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == 3:
            raise KeyboardInterrupt
        real(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "add_pass", dying)
        assert command(*asked).exit_code == 1
    (left,) = Path().glob(".out.wip-*")
    assert (left / CHECKPOINTS).is_dir()
    return left


@pytest.mark.parametrize("asked", [GENERATE, FIT, SELECT], ids=lambda asked: asked[0])
def test_the_second_is_told_to_try_again(asked: tuple[object, ...]) -> None:
    out = Path("n.zarr" if asked is GENERATE else "out").absolute()
    with only_writer(out):
        says(refused(*asked, code=75), "the only call that writes", out, "Wait until")
    assert command(*asked).exit_code == 0


@pytest.mark.parametrize("asked", [GENERATE, FIT, SELECT], ids=lambda asked: asked[0])
def test_the_second_finds_done_what_the_first_has_done_meanwhile(
    asked: tuple[object, ...],
) -> None:
    """The first ends after the second has looked for it, and before that is the only writer."""

    patch = pytest.MonkeyPatch()

    @contextlib.contextmanager
    def after_the_first(path: Path) -> Iterator[Lease]:
        patch.undo()
        first = command(*asked)
        assert first.exit_code == 0
        assert "nothing to do" not in first.stdout
        with only_writer(path) as held:
            yield held

    for module in (drawing, run_folder):
        patch.setattr(module, "only_writer", after_the_first)
    second = command(*asked)
    assert second.exit_code == 0
    assert "nothing to do" in second.stdout


@pytest.mark.filterwarnings("default:the output was held by")
@pytest.mark.parametrize("verb", [FIT, SELECT], ids=lambda asked: asked[0])
def test_one_that_has_died_on_another_host_is_followed_and_recorded(
    verb: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, *verb)
    dead = elsewhere()
    held = FolderStore(Path(".out.wip-lease"))
    held.put("lease-000007.json", dead.to_bytes())
    monkeypatch.setattr(lease, "UNCHANGED", 0.0)
    monkeypatch.setattr(lease, "LOOK_EVERY", 0.0)
    gone_on = command(*verb)
    assert gone_on.exit_code == 0
    said = "Warning: the output was held by process 4711 on elsewhere, since"
    assert gone_on.stderr.count(said) == 1
    manifest = read_manifest(Path("out"))
    (taken,) = manifest["taken_over"]
    assert (taken["host"], taken["pid"], taken["started"]) == ("elsewhere", 4711, dead.started)
    assert "process 4711 on elsewhere" in manifest["warnings"][0]
    assert list(Path().glob(".out.*")) == []
    whole = command(*verb[:-1], "whole")
    assert whole.exit_code == 0
    ours, theirs = load_model("out/model.zarr"), load_model("whole/model.zarr")
    assert ours.means.tobytes() == theirs.means.tobytes()
    assert read_manifest(Path("whole"))["taken_over"] == []


@pytest.mark.filterwarnings("default:the output was held by")
@pytest.mark.parametrize("verb", [GENERATE, PREDICT], ids=lambda asked: asked[0])
def test_rows_that_one_on_another_host_has_begun_are_written_with_a_warning(
    verb: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if verb is PREDICT:
        assert command(*FIT).exit_code == 0
    FolderStore(Path(".n.zarr.wip-lease")).put("lease-000001.json", elsewhere().to_bytes())
    monkeypatch.setattr(lease, "UNCHANGED", 0.0)
    monkeypatch.setattr(lease, "LOOK_EVERY", 0.0)
    written = command(*verb)
    assert written.exit_code == 0
    said = "Warning: the output was held by process 4711 on elsewhere, since"
    assert written.stderr.count(said) == 1
    assert list(Path().glob(".n.*")) == []


def test_one_that_lives_on_another_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    held = FolderStore(Path(".out.wip-lease"))
    held.put("lease-000001.json", elsewhere().to_bytes())

    def shown(seconds: float) -> None:
        held.put(f"beat-{json.loads(held.get('lease-000001.json') or b'')['token']}.json", b"1")

    def take(store: Any) -> Lease:
        return lease.take(store, lambda: 0.0, shown)

    monkeypatch.setattr(run_folder, "only_writer", lambda path: only_writer(path, take))
    message = refused(*FIT, code=75)
    says(message, "found process 4711 on elsewhere, since", ".out.wip-lease", "Wait until")
    assert held.list("lease-") == ["lease-000001.json"]


def test_one_that_is_taken_over_while_it_runs_stops_and_destroys_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, passes = RunFolder.add_pass, 0

    def taken_over(self: RunFolder, record: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == 3:
            assert self.lease is not None
            self.lease.store.put("lease-000002.json", elsewhere().to_bytes())
        real(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "add_pass", taken_over)
        says(refused(*FIT, code=75), "another one has taken over", "run the same command again.")
    assert not Path("out").exists()
    (left,) = folder.glob(".out.wip-????????????????")
    kept = Kept(left)
    held = FolderStore(Path(".out.wip-lease"))
    assert held.list("lease-") == ["lease-000002.json"]
    kept.check()
    held.remove("lease-000002.json")
    again = command(*FIT)
    assert again.exit_code == 0
    assert "nothing to do" not in again.stdout


def test_overwriting_with_a_slip_gives_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    left = interrupted(monkeypatch, *FIT)
    refused("fit", "d.zarr", "--components", 30_000, "--out", "out", "--overwrite", code=2)
    assert (left / CHECKPOINTS).is_dir()
    refused(*FIT, "--seed", 1, code=73)
    gone_on = command(*FIT, "--json")
    assert gone_on.exit_code == 0
    assert len(read_manifest(Path("out"))["taken_over"]) == 0
    left = interrupted(monkeypatch, *FIT, "--overwrite")
    assert command(*FIT, "--seed", 1, "--overwrite").exit_code == 0
    assert not left.exists()


def test_what_was_put_into_a_run_folder_is_not_overwritten() -> None:
    assert command(*FIT).exit_code == 0
    assert command("report", "out").exit_code == 0
    assert command("predict", "d.zarr", "out", "--out", "out/labels.zarr").exit_code == 0
    kept = Kept(Path("out"))
    message = refused(*FIT, "--seed", 1, "--overwrite", code=73)
    says(message, "a run folder with all that lies in it", "labels.zarr", "Move that away")
    assert "report.html" not in message
    kept.check()
    Path("out/labels.zarr").rename("labels.zarr")
    assert command(*FIT, "--seed", 1, "--overwrite").exit_code == 0
    assert not Path("out/report.html").exists()


def test_a_run_leaves_what_others_are_replacing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at all outputs before its first step, which fails here."""
    assert command(*FIT).exit_code == 0
    Path("out").rename(".out.old")
    Path(".out.wip").mkdir()
    Path("c.yaml").write_text(
        "steps:\n"
        "  - generate: {out: d.zarr, rows: 5, features: 3, components: 2, overwrite: true}\n"
        "  - fit: {data: d.zarr, components: 2, out: out, overwrite: true}\n"
    )
    with only_writer(Path("d.zarr").absolute()):
        refused("run", "c.yaml", code=75)
    assert Path(".out.old/manifest.json").exists()


def test_a_thread_shows_that_a_holder_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusive, "BEAT_EVERY", 0.0)
    with only_writer(Path("out").absolute()) as held:
        while not held.store.list("beat-"):
            pass
    assert list(Path().glob(".out.*")) == []


def test_the_same_in_other_words_is_done(folder: Path) -> None:
    assert command(*FIT).exit_code == 0
    others = ("fit", folder / "d.zarr" / "x", *FIT[2:-1], folder / "out", "--init", "merge")
    assert "nothing to do" in command(*others).stdout
    Path("c.yaml").write_text(
        "steps:\n"
        f"  - fit: {{data: {folder}/d.zarr, components: 2, max_iter: 6, tol: 0, out: out}}\n"
    )
    assert "nothing to do" in command("run", "c.yaml").stdout
