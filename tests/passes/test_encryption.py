"""Encrypted clusters: the same bytes, and a word to whoever has the wrong certificates."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import LocalCluster

from dask_gmm.errors import MissingExtraError, SettingsError
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec, TLSFiles
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.encryption import LOCKED, security_from
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.passes.certificates import certified
from tests.passes.rows import Total
from tests.passes.test_runners import source

REQUIRED = {"distributed.comm.require-encryption": True}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return certified(tmp_path_factory.mktemp("ours") / "files")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return certified(tmp_path_factory.mktemp("theirs") / "files")


def cluster_in_this_process(**options: Any) -> Any:
    workers = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    return LocalCluster(dashboard_address="127.0.0.1:0", **workers, **options)


@pytest.fixture(scope="module")
def encrypted(ours: TLSFiles) -> Iterator[str]:
    """The address of a scheduler that wants certificates of ours."""
    with cluster_in_this_process(security=security_from(ours)) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    with cluster_in_this_process(protocol="tcp://") as cluster:
        yield cluster.scheduler_address


def with_other(files: TLSFiles, name: str, path: Path) -> TLSFiles:
    given: Any = {name: path}
    return replace(files, **given)


def asked(spec: ClusterSpec) -> bytes:
    with open_runner(spec) as runner:
        assert isinstance(runner, DistributedRunner)
        total: Any = runner.run(source(), [Total()], Silent())[0]
    found: bytes = total.tobytes()
    return found


def expected() -> bytes:
    total: Any = ThreadRunner(1).run(source(), [Total()], Silent())[0]
    found: bytes = total.tobytes()
    return found


def refused(spec: ClusterSpec) -> str:
    with pytest.raises(SettingsError) as caught, open_runner(spec):
        pytest.fail("nothing may be opened")
    return str(caught.value)


def test_certificates_of_one_authority_give_the_same_bytes(encrypted: str, ours: TLSFiles) -> None:
    assert asked(ClusterSpec(address=encrypted, tls=ours)) == expected()


def test_certificates_may_be_named_by_the_configuration_of_dask(
    encrypted: str, ours: TLSFiles
) -> None:
    named = {"cert": str(ours.cert_file), "key": str(ours.key_file)}
    tls = {"distributed.comm.tls.ca-file": str(ours.ca_file), "distributed.comm.tls.client": named}
    with dask.config.set(tls):
        assert asked(ClusterSpec(address=encrypted)) == expected()


def test_a_scheduler_of_another_authority_is_not_trusted(encrypted: str, theirs: TLSFiles) -> None:
    said = refused(ClusterSpec(address=encrypted, tls=theirs))
    assert f"a scheduler at {encrypted}" in said
    assert "CERTIFICATE_VERIFY_FAILED" in said


def test_a_scheduler_does_not_trust_another_authority(
    encrypted: str, ours: TLSFiles, theirs: TLSFiles
) -> None:
    mixed = replace(theirs, ca_file=ours.ca_file)
    said = refused(ClusterSpec(address=encrypted, tls=mixed))
    assert "a certificate of the same authority as ours, found: " in said
    assert "ALERT" in said


def test_a_scheduler_without_encryption_is_named(plain: str, ours: TLSFiles) -> None:
    address = plain.replace("tcp://", "tls://")
    assert f"a scheduler at {address} that has TLS" in refused(
        ClusterSpec(address=address, tls=ours)
    )


def test_certificates_are_needed_where_there_is_encryption(encrypted: str) -> None:
    assert "found none. Name them" in refused(ClusterSpec(address=encrypted))


def test_nothing_is_sent_without_encryption_where_it_is_required(
    plain: str, ours: TLSFiles
) -> None:
    assert f"encryption is required, found {plain}" in refused(ClusterSpec(address=plain, tls=ours))
    with dask.config.set(REQUIRED):
        assert f"encryption is required, found {plain}" in refused(ClusterSpec(address=plain))
    lenient = replace(ours, require_encryption=False)
    assert asked(ClusterSpec(address=plain, tls=lenient)) == expected()


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file"])
def test_a_file_that_is_not_there_is_named(ours: TLSFiles, tmp_path: Path, name: str) -> None:
    there = tmp_path / "none.pem"
    said = refused(ClusterSpec(address="tls://127.0.0.1:9", tls=with_other(ours, name, there)))
    assert f"none that can be read at {there} (No such file or directory)" in said


def test_a_folder_is_no_key(ours: TLSFiles, tmp_path: Path) -> None:
    said = refused(ClusterSpec(address="tls://h:1", tls=replace(ours, key_file=tmp_path)))
    assert "Is a directory" in said


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file"])
def test_what_is_of_another_form_is_refused_and_not_repeated(
    ours: TLSFiles, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "other"
    other.write_text("a secret")
    said = refused(ClusterSpec(address="tls://h:1", tls=with_other(ours, name, other)))
    assert "files of the form PEM that belong together" in said
    assert str(other) in said
    assert "a secret" not in said


def test_a_key_of_another_certificate_is_refused(ours: TLSFiles, theirs: TLSFiles) -> None:
    mixed = replace(ours, key_file=theirs.key_file)
    said = refused(ClusterSpec(address="tls://h:1", tls=mixed))
    assert "KEY_VALUES_MISMATCH" in said
    secret = theirs.key_file.read_text().splitlines()[1]
    assert secret not in said


@pytest.mark.parametrize("said_there", LOCKED)
def test_a_key_that_wants_a_passphrase_is_refused(
    ours: TLSFiles, tmp_path: Path, said_there: bytes
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(b"-----" + said_there + b"-----\n")
    said = refused(ClusterSpec(address="tls://h:1", tls=replace(ours, key_file=key)))
    assert f"an encrypted one at {key}" in said


def test_texts_in_the_configuration_of_dask_are_not_repeated() -> None:
    secret = "-----BEGIN PRIVATE KEY-----\nMIIE\n"
    names = ("ca-file", "client.cert", "client.key")
    with dask.config.set({f"distributed.comm.tls.{name}": secret for name in names}):
        assert "MIIE" not in refused(ClusterSpec(address="tls://h:1"))


def test_processes_of_this_machine_are_encrypted_where_it_is_required() -> None:
    with dask.config.set(REQUIRED), open_runner(ClusterSpec(workers=1)) as runner:
        assert isinstance(runner, DistributedRunner)
        workers = runner.client.scheduler_info(n_workers=-1)["workers"]
        assert [each.split(":")[0] for each in workers] == ["tls"]
        total: Any = runner.run(source(), [Total()], Silent())[0]
    assert total.tobytes() == expected()


def test_processes_of_this_machine_have_the_certificates_that_are_given(ours: TLSFiles) -> None:
    with open_runner(ClusterSpec(workers=1, tls=ours)) as runner:
        assert isinstance(runner, DistributedRunner)
        address = runner.client.scheduler_info()["address"]
        assert asked(ClusterSpec(address=address, tls=ours)) == expected()


def test_without_what_makes_certificates_none_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with (
        dask.config.set(REQUIRED),
        pytest.raises(MissingExtraError, match=r"pip install 'dask-gmm\[tls\]'"),
        open_runner(ClusterSpec(workers=10**6)),
    ):
        pass
