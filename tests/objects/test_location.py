"""What users give as a place."""

import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.errors import InputError
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import location

names = st.text(
    st.characters(exclude_characters="/?\0", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/a/b", "/a/b"),
        ("a", Path.cwd() / "a"),
        ("~/a", Path.home() / "a"),
        ("file:///a/b%20c", "/a/b c"),
        ("C:/a", Path.cwd() / "C:/a"),
        (Path("/a"), "/a"),
        (PurePosixPath("/a"), "/a"),
    ],
)
def test_a_path_is_absolute(text: str | Path, path: str | Path) -> None:
    assert location(text) == Path(path)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://b/a/x.zarr", Address("s3", "b", "a/x.zarr")),
        ("S3://b/a/", Address("s3", "b", "a")),
        ("s3://b", Address("s3", "b")),
        ("s3://b/", Address("s3", "b")),
        ("gs://b/a b/100%", Address("gs", "b", "a b/100%")),
        ("az://c/a", Address("az", "c", "a")),
        (
            "abfs://c@account.dfs.core.windows.net/a",
            Address("abfs", "c@account.dfs.core.windows.net", "a"),
        ),
        ("http://h:8000/a%20b/x", Address("http", "h:8000", "a b/x")),
        ("https://h/a", Address("https", "h", "a")),
        ("memory://a/b", Address("memory", "", "a/b")),
        ("memory:///a/b", Address("memory", "", "a/b")),
        ("memory://", Address("memory", "")),
        ("sftp://h/a", Address("sftp", "h", "a")),
    ],
)
def test_an_address_has_a_bucket_and_a_key(text: str, address: Address) -> None:
    assert location(text) == address


@given(
    scheme=st.sampled_from(["s3", "gs", "az", "http", "https"]),
    parts=st.lists(names, max_size=4),
)
def test_an_address_is_the_text_of_itself(scheme: str, parts: list[str]) -> None:
    address = Address(scheme, "host", "/".join(parts))
    assert location(str(address)) == location(address) == address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s3:/b/a", "s3:/b/a. Its scheme"),
        ("s3:///a", "s3:///a. Write"),
        ("s3://b//a", "s3://b//a. Write"),
        ("s3://b/a//c", "s3://b/a//c. Write"),
        ("s3://b/a//", "s3://b/a//. Write"),
        ("s3://b/../a", "s3://b/../a. Write"),
        ("s3://b/a/..", "s3://b/a/... Write"),
        ("s3://b/./a", "s3://b/./a. Write"),
        ("http://h/%2e%2e/a", "http://h/../a. Write"),
        ("nothing://b/a", "nothing://b/a. Its scheme must be s3, gs, az"),
        ("file://host/a", "file://host/a. Its scheme"),
        ("a\0b", "'a\\x00b'. Give"),
        (b"/a", "b'/a'. Give"),
        (7, "7. Give"),
    ],
)
def test_what_is_neither_is_named(text: str, found: str) -> None:
    with pytest.raises(InputError, match=rf"^Wanted .*, found {re.escape(found)}"):
        location(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://KEY:SECRET@b/a",
        "s3:///KEY:SECRET@b/a",
        "http:/me:SECRET@h/a",
        "https://me:SECRET@h/a",
        "https://SECRET@h/a",
        "https://h/a?X-Amz-Signature=SECRET",
        "s3://b/a?X-Amz-Signature=SECRET",
        "az://c/a?sig=SECRET",
        "abfs://c:SECRET@account.dfs.core.windows.net/a",
        "nothing://me:SECRET@h/a",
        "s3://KEY:SECRET@b//a",
    ],
)
def test_a_secret_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(
        InputError, match=r"found one of .* with some.* in the environment"
    ) as found:
        location(text)
    assert "SECRET" not in str(found.value)
