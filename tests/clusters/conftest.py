from tests.faults.conftest import armed, oracle, place, rows

__all__ = ["armed", "oracle", "place", "rows"]
