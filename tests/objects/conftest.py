"""Addresses to try things at, each as empty as a new folder."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from dask_gmm.objects.address import Address
from dask_gmm.objects.either import remove_quietly


@pytest.fixture
def memory() -> Iterator[Address]:
    """An address in the memory of this process, below which nothing lies."""
    address = Address("memory", "", uuid4().hex)
    yield address
    remove_quietly(address)
