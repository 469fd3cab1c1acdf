"""Rows that are not finite are taken out of tiles; the others keep their numbers."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.source import BadChunk, Block
from dask_gmm.fitting.finite import FiniteRows
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.survey import SurveyAnswer, SurveyFold
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes import fold
from dask_gmm.passes.fold import Tile, Workspace, measure

START = 1000
NO_DIGESTS = np.empty(0, np.uint32)


@dataclass
class Seen:
    """A fold and a meter that keeps what it is given."""

    tiles: list[Tile] = field(default_factory=list)

    def begin(self, block: Block) -> "Seen":
        return self

    def tile_bytes(self, n_features: int) -> int:
        return 1

    def add(self, tile: Tile) -> None:
        assert len(tile.rows)
        self.tiles.append(tile)

    def answer(self) -> int:
        return sum(len(tile.rows) for tile in self.tiles)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "tile_rows", lambda n_features: 16)


def block(bad: list[bool], weights: npt.NDArray[np.float64] | None = None) -> Block:
    rows = np.random.default_rng(0).standard_normal((len(bad), 2))
    rows[np.array(bad, dtype=bool), 1] = np.nan
    return Block(0, START, START + len(bad), rows, NO_DIGESTS, weights)


@given(st.lists(st.booleans(), max_size=60))
def test_a_fold_is_given_each_finite_row_once_with_its_number(bad: list[bool]) -> None:
    seen, given_block = Seen(), block(bad, np.arange(1.0, len(bad) + 1))
    (answer,) = measure([FiniteRows(seen)], given_block, Workspace())
    at = np.flatnonzero(~np.array(bad, dtype=bool))
    assert answer == len(at)
    if len(at):
        numbers = np.concatenate([tile.numbers for tile in seen.tiles])
        assert np.array_equal(numbers, START + at)
        rows = np.concatenate([tile.rows for tile in seen.tiles])
        assert np.array_equal(rows, given_block.rows[at])
        weights = np.concatenate([np.asarray(tile.weights) for tile in seen.tiles])
        assert np.array_equal(weights, at + 1.0)


def test_tiles_of_finite_rows_are_the_same_and_others_are_shared() -> None:
    bare, one, two = Seen(), Seen(), Seen()
    measure([bare, FiniteRows(one), FiniteRows(two)], block([False] * 20 + [True] * 2), Workspace())
    assert one.tiles[0] is two.tiles[0] is bare.tiles[0]
    assert one.tiles[1] is two.tiles[1] is not bare.tiles[1]


def test_what_a_fold_holds_is_projected_with_a_copy_of_a_tile() -> None:
    assert FiniteRows(Seen()).tile_bytes(2) > 1 + 8 * 2 * 16


def test_rows_of_a_tile_can_be_chosen_twice() -> None:
    tile = Tile(np.arange(10.0).reshape(5, 2), 7, Workspace())
    once = tile.only(np.array([True, False, True, True, False]))
    assert once.numbers.tolist() == [7, 9, 10]
    twice = once.only(np.array([False, True, True]))
    assert twice.numbers.tolist() == [9, 10]
    assert np.array_equal(twice.rows, tile.rows[2:4])


@given(st.sets(st.integers(0, 9)), st.sampled_from([0.0, 0.4]))
def test_a_survey_leaves_out_rows_of_bad_chunks(chunks: set[int], share: float) -> None:
    rows = np.random.default_rng(1).standard_normal((100, 2))
    rows[[33, 77], 0] = np.inf
    bad = tuple(
        BadChunk(f"c/{i}/0", START + 10 * i, START + 10 * i + 10, "") for i in sorted(chunks)
    )
    for each in bad:
        rows[each.start - START : each.stop - START] = np.nan
    given_block = Block(0, START, START + 100, rows, NO_DIGESTS, bad_chunks=bad)
    asked = SurveyFold(0, 200, 100, HeldOut(share))
    answer: SurveyAnswer
    (answer,) = measure([asked], given_block, Workspace())
    there = ~np.isin(np.arange(100) // 10, list(chunks))
    fine = np.isfinite(rows).all(axis=1)
    held_out = HeldOut(share).marks(Tile(rows, START, Workspace()))
    assert answer.skipped_rows == 10 * len(chunks)
    assert answer.summary.bad_rows == (there & ~fine).sum()
    expected = [START + at for at in (33, 77) if there[at]]
    assert answer.summary.first_bad[0] == (expected[0] if expected else -1)
    assert answer.summary.rows == answer.seen == (fine & ~held_out).sum()
    assert sorted(answer.sample.index) == (START + np.flatnonzero(fine & ~held_out)).tolist()
    assert isinstance(answer.sample, Sample)
    if answer.seen:
        mean = summarize(rows[fine & ~held_out]).mean
        assert np.allclose(answer.summary.mean, mean, rtol=0, atol=1e-12)
