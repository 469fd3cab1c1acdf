"""What is written down comes back to the same bytes, or is refused."""

import struct
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from dask_gmm.errors import DataError
from dask_gmm.fitting.candidate import Initializing
from dask_gmm.fitting.members import Climb, Evaluation, Why
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, seeded
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.records.codec import Encoded, decode, encode
from dask_gmm.records.registry import VERSIONS
from tests.records.stored import differences, stored, stored_form

Values = npt.NDArray[Any]

ROWS = np.random.default_rng(0).standard_normal((50, 3))
SURVEY = Survey.of(summarize(ROWS))
COHORT = tuple(
    Initializing(Spec(2, tol=0.0, restart=restart), SURVEY, Draws(seeded(restart), count=2))
    for restart in range(3)
)
DTYPES = ["?", "i1", "<i8", ">i4", "u1", "<u8", "<f2", "<f4", "<f8", ">f8", "<c16"]

numbers = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(Why),
    st.floats().map(np.float64),
    st.floats(width=32).map(np.float32),
    st_numpy.arrays(st.sampled_from(DTYPES), st_numpy.array_shapes(min_dims=0, min_side=0)),
)
values = st.recursive(
    numbers,
    lambda held: st.one_of(
        st.lists(held, max_size=4).map(tuple),
        st.builds(Evaluation, held, held, held, held),
        st.builds(Climb, held, held, held),
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_written_down_comes_back(value: object) -> None:
    assert list(differences(value, stored(value, object))) == []


@given(st.integers(0, 2**64 - 1))
def test_every_float_comes_back_to_the_bit(bits: int) -> None:
    (value,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    back = stored(Evaluation(value, "", ()), Evaluation).log_likelihood
    assert type(back) is float
    assert struct.pack(">d", back) == bits.to_bytes(8, "big")


C = np.arange(24.0).reshape(2, 3, 4)
LAYOUTS: dict[str, Values] = {
    "usual": C,
    "Fortran": np.asfortranarray(C),
    "axes exchanged": C.transpose(0, 2, 1),
    "every second": np.arange(10.0)[::2],
    "backwards": C[::-1, :, ::-1],
    "one for all": np.broadcast_to(np.float64(3), (4, 2)),
    "one column": np.ones((5, 3))[:, 1:2],
    "one row, transposed": np.asfortranarray(np.ones((1, 4))),
    "a diagonal": np.diagonal(np.eye(3)),
    "a number": np.array(2.5),
    "nothing": np.empty((0, 3)).T,
    "swapped bytes": np.arange(3, dtype=">i8"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_keep_their_order_in_memory_and_are_read_only(layout: str) -> None:
    array = LAYOUTS[layout]
    back = stored((array,), tuple)[0]
    assert list(differences(array, back)) == []
    assert not back.flags.writeable


def test_decoded_arrays_are_its_own() -> None:
    encoded = stored_form(encode(np.zeros(3)))
    back = decode(encoded, np.ndarray)
    encoded.arrays["a0"][...] = 1.0
    np.testing.assert_array_equal(back, 0.0)


def test_what_several_hold_is_written_once_and_is_one_object_again() -> None:
    back = stored(COHORT, tuple)
    assert list(differences(COHORT, back)) == []
    assert len({id(each.survey) for each in back}) == 1
    survey = back[0].survey
    assert survey.frame.shift is survey.summary.mean
    assert survey.levels[-1].summary is survey.summary
    names = [name for name, _ in encode(COHORT).document["objects"]]
    assert (names.count("Survey"), names.count("Frame"), names.count("Initializing")) == (1, 1, 3)


def test_a_random_state_goes_on_where_it_was() -> None:
    state = np.random.RandomState(3)
    state.standard_normal(5)
    back = stored(Draws(state.get_state()), Draws)
    again = np.random.RandomState()
    again.set_state(back.state)
    np.testing.assert_array_equal(again.standard_normal(7), state.standard_normal(7))


@dataclass(frozen=True)
class Unregistered:
    """A type that no record knows."""

    number: int = 0


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Unregistered(), r"found Unregistered in the value itself. Enter it in dask_gmm/records"),
        (Climb(Unregistered()), r"found Unregistered in Climb.rows"),  # type: ignore[arg-type]
        ((1, [2]), r"found list in the value itself"),
        (Climb({}), r"found dict in Climb.rows"),  # type: ignore[arg-type]
        (np.array([None]), r"found one of type object in the value itself"),
        (np.array(["a"]), r"found one of type <U1"),
    ],
)
def test_what_cannot_be_written_down_is_named(value: object, found: str) -> None:
    with pytest.raises(TypeError, match=found):
        encode(value)


def changed(encoded: Encoded, **parts: Any) -> Encoded:
    return Encoded({**deepcopy(encoded.document), **parts}, encoded.arrays)


def with_fields(value: Any, **held: Any) -> Encoded:
    """A value of one object, some of whose fields say something else."""
    encoded = encode(value)
    *below, (name, fields) = encoded.document["objects"]
    return changed(encoded, objects=[*below, [name, {**fields, **held}]])


JUNK: tuple[Any, ...] = (None, "x", -1, 0.5, [], {}, {"object": 10**6}, {"array": "a0"})
GOOD = encode(COHORT)
REFUSED: dict[str, tuple[Encoded, str]] = {
    "a type of later": (
        changed(GOOD, types={**GOOD.document["types"], "Diving": 1}),
        r"found Diving of version 1, of which it knows no such type. Read .* that wrote it",
    ),
    "another version of a type": (
        changed(GOOD, types={**GOOD.document["types"], "Spec": 7}),
        rf"found Spec of version 7, of which it knows version {VERSIONS[Spec]}\. Read",
    ),
    "another format": (changed(GOOD, format="model"), r"found 'model' of version 1"),
    "another version": (changed(GOOD, version=2), r"found 'values' of version 2"),
    "no arrays": (Encoded(GOOD.document, {}), r"found what is none \(KeyError: 'a\d+'\)"),
    "no objects": (changed(GOOD, objects=[]), r"IndexError"),
    "nothing": (Encoded({}, {}), r"KeyError"),
    "a field less": (
        changed(encode(Climb()), objects=[["Climb", {"rows": 1, "passes": 2}]]),
        r"found fields of Climb that are missing or others",
    ),
    "a field more": (with_fields(Climb(), depth=3), r"found fields of Climb that are missing"),
    "a value outside its domain": (
        with_fields(Spec(2), n_components=0),
        r"found what is none \(InputError: Wanted a whole number .* found 0 as components",
    ),
    "an unknown mark": (changed(GOOD, value={"what": 1}), r"found \['what'\] in the place of"),
    "another value": (encode(Climb()), r"^Wanted a record of tuple, found one of Climb"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_record_that_is_not_whole_or_not_known_is_refused(case: str) -> None:
    encoded, found = REFUSED[case]
    with pytest.raises(DataError, match=found):
        decode(encoded, tuple)


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or dict in a document, with each index or key of it."""
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    for at, each in list(inside):
        yield document, at
        if isinstance(each, dict | list):
            yield from places(each)


def test_whatever_is_damaged_a_record_is_refused_or_a_value() -> None:
    mixture = Mixture.of([1.0], [[0.0, 1.0]], np.eye(2)[None])
    value = Spec(1, start=mixture), Why.CONVERGED, -np.inf, np.float64(2), ROWS.T, COHORT[0]
    document = stored_form(encode(value)).document
    refused = 0
    for holder, at in places(document):
        kept = holder[at]
        for junk in JUNK:
            holder[at] = junk
            try:
                decode(Encoded(document, encode(value).arrays), tuple)
            except DataError:
                refused += 1
        holder[at] = kept
    assert refused > 100
    assert list(differences(value, decode(Encoded(document, encode(value).arrays), tuple))) == []
