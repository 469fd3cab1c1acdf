"""A grid stands for rows and holds none."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.row_grid import RowGrid
from dask_gmm.passes.fold import Workspace, tiles


@given(st.integers(1, 1000), st.integers(1, 1200))
def test_leaves_partition_the_rows(n_rows: int, leaf_rows: int) -> None:
    grid = pickle.loads(pickle.dumps(RowGrid.of("new rows", n_rows, leaf_rows)))
    blocks = [grid.open().read(index) for index in range(len(grid.layout))]
    rows = [row for block in blocks for row in range(block.start, block.stop)]
    assert rows == list(range(n_rows))
    assert grid.layout.largest == min(leaf_rows, n_rows)
    assert {block.rows.nbytes for block in blocks} == {0}
    assert [tile for block in blocks for tile in tiles(block, Workspace())] == []


def test_it_is_nothing_to_hold_to_share_or_to_pin() -> None:
    grid = RowGrid.of("new rows", 2500, 1000)
    assert grid.shareable
    assert grid.task_bytes() == grid.n_features == 0
    assert grid.pinned(grid.read(0).digests) is grid
    assert grid.where(1234, 0) == "row 1,234 of new rows"
