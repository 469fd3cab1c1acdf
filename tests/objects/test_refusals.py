"""What stores say, as the errors of a disk: the same for all of them, and without their words."""

import errno
import json
from collections.abc import Mapping
from socket import gaierror
from typing import Any

import pytest

from dask_gmm.errors import kind_of_data_error
from dask_gmm.objects.address import Address
from dask_gmm.objects.obstore_objects import ObstoreObjects
from dask_gmm.objects.patience import Patience
from dask_gmm.objects.refusals import refusal, told
from tests.objects.server import answering

SECRETS = {"AWS_SECRET_ACCESS_KEY": "SECRET1", "AWS_SESSION_TOKEN": "SECRET2"}


def xml(code: str) -> str:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>SECRET3</Message></Error>'


def environment(scheme: str, server: str) -> dict[str, str]:
    """Say by the environment that stores are at a server."""
    if scheme == "s3":
        return SECRETS | {
            "AWS_ENDPOINT": server,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_REGION": "us-east-1",
        }
    if scheme == "gs":
        account = {"gcs_base_url": server, "disable_oauth": True, "private_key": "SECRET1"}
        account |= {"client_email": "", "private_key_id": ""}
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)}
    return {
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_STORAGE_ACCOUNT_KEY": "U0VDUkVUMQ==",
        "AZURE_ENDPOINT": f"{server}/account",
    }


ANSWERS: dict[str, tuple[dict[str, Any], object, type[OSError], int]] = {
    "denied": ({"status": 403, "body": xml("AccessDenied")}, 403, PermissionError, errno.EACCES),
    "expired": ({"status": 400, "body": xml("ExpiredToken")}, 400, PermissionError, errno.EACCES),
    "unknown": ({"status": 401}, 401, PermissionError, errno.EACCES),
    "absent": (
        {"status": 404, "body": xml("NoSuchKey")},
        "nothing",
        FileNotFoundError,
        errno.ENOENT,
    ),
    "bucket": (
        {"status": 404, "body": xml("NoSuchBucket")},
        "no such bucket",
        OSError,
        errno.ENXIO,
    ),
    "container": (
        {"status": 404, "body": xml("ContainerNotFound")},
        "no such bucket",
        OSError,
        errno.ENXIO,
    ),
    "region": ({"status": 301, "body": xml("PermanentRedirect")}, "region", OSError, errno.EINVAL),
    "malformed": (
        {"status": 400, "body": xml("AuthorizationHeaderMalformed")},
        "region",
        OSError,
        errno.EINVAL,
    ),
    "wrong": ({"status": 400, "body": xml("Whatever")}, 400, OSError, errno.EINVAL),
    "slow down": (
        {"status": 503, "body": xml("SlowDown")},
        503,
        ConnectionError,
        errno.EHOSTUNREACH,
    ),
    "throttled": ({"status": 429}, 429, ConnectionError, errno.EHOSTUNREACH),
    "broken": ({"status": 500, "body": "SECRET3"}, 500, ConnectionError, errno.EHOSTUNREACH),
    "no store": ({"status": 200, "body": "SECRET3"}, "as one", ConnectionError, errno.EHOSTUNREACH),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no store be waited for."""
    clock = iter(range(0, 10**9, 1000))
    monkeypatch.setattr(Patience.__init__, "__defaults__", (lambda: float(next(clock)), None))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_the_error_of_a_disk(
    scheme: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, words, kind, number = ANSWERS[answer]
    with answering(said) as (server, asked):
        for name, value in environment(scheme, server).items():
            monkeypatch.setenv(name, value)
        objects = ObstoreObjects(f"{scheme}://b")
        calls = (
            lambda: list(objects.below("a")),
            lambda: objects.children("a"),
            lambda: objects.put("a/x", b""),
            lambda: objects.get("a/x"),
        )
        for call in calls[:3] if said["status"] == 200 else calls:
            with pytest.raises(OSError, match=str(words)) as found:
                call()
            error = found.value
            assert (type(error), error.errno) == (kind, number), error
            assert str(error.filename).startswith(f"{scheme}://b/a")
            assert "SECRET" not in f"{error} {error.__cause__}"
            assert error.__suppress_context__
    assert len(asked) == (3 if said["status"] == 200 else 4)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_not_there_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("s3", "http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConnectionError, match="cannot be reached, or does not answer as one"):
        ObstoreObjects("s3://b").get("x")


@pytest.mark.usefixtures("impatient")
def test_what_is_asked_for_again_comes_when_the_server_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also what obstore does not ask for twice itself: an object to write."""
    said: dict[str, Any] = {"status": 503}

    def mend(seconds: float) -> None:
        said.update(status=200, headers={"ETag": '"1"'})

    monkeypatch.setattr(Patience.__init__, "__defaults__", (lambda: 0.0, mend))
    with answering(said) as (server, asked):
        for name, value in environment("s3", server).items():
            monkeypatch.setenv(name, value)
        ObstoreObjects("s3://b").put("x", b"1")
    assert asked == ["PUT /b/x"] * 2


def test_without_credentials_that_is_said() -> None:
    text = "Error performing PUT http://169.254.169.254/latest/api/token - HTTP error"
    error = refusal(Exception(text), "s3://b/a")
    assert kind_of_data_error(error).exit_code == 77
    assert "no credentials were found in the environment" in str(error)


def test_without_an_account_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(OSError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        ObstoreObjects("az://c")


@pytest.mark.parametrize("endpoint", ["localhost:9000", "nonsense", "http://"])
def test_an_endpoint_that_is_none_is_said(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("s3", endpoint).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match="written with its scheme") as found:
        ObstoreObjects("s3://b").get("a/x")
    assert (found.value.errno, found.value.filename) == (errno.EINVAL, "s3://b/a/x")


OTHERS: Mapping[str, tuple[Exception, str, int]] = {
    "of a disk": (OSError(errno.ENOSPC, "SECRET"), "No space left", errno.ENOSPC),
    "refused": (ConnectionRefusedError("SECRET"), "cannot be reached", errno.EHOSTUNREACH),
    "late": (TimeoutError("SECRET"), "cannot be reached", errno.EHOSTUNREACH),
    "without a name": (gaierror(-2, "SECRET"), "cannot be reached", errno.EHOSTUNREACH),
    "denied": (PermissionError("SECRET"), "access is denied", errno.EACCES),
    "any": (KeyError("SECRET"), "the store answers KeyError", errno.EIO),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_other_libraries_raise_is_told_by_its_kind(name: str) -> None:
    error, words, number = OTHERS[name]
    with pytest.raises(OSError, match=words) as found, told(Address("s3", "b", "a")):
        raise error
    assert (found.value.errno, found.value.filename) == (number, "s3://b/a")
    assert "SECRET" not in str(found.value)


@pytest.mark.parametrize("error", [MemoryError, ImportError, KeyboardInterrupt])
def test_what_is_not_about_the_store_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), told("s3://b/a"):
        raise error
