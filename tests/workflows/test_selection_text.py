"""The table of a selection: aligned, complete, and the same facts as JSON."""

import json

import pytest

from dask_gmm.workflows.selection_text import selected_json, selected_text
from dask_gmm.workflows.text import LINE
from tests.fitting.selections import entry, grid, selected

WHY = "it could not become the best"
HOPELESS = entry(9, "diag", bic=5100.0, aic=5060.0, icl=5130.5, left=None, dropped=WHY)


def test_a_table_reads_without_color() -> None:
    made = [
        entry(1, "tied", bic=1300.0, aic=1250.0, icl=1290.0, left=0.0),
        entry(2, bic=100.0, aic=60.0, icl=130.5),
        HOPELESS,
    ]
    assert selected_text(selected(*made)).splitlines() == [
        "covariance  K  iterations  log-likelihood   left      BIC      AIC      ICL",
        "----------  -  ----------  --------------  -----  -------  -------  -------  -------",
        "      tied  1           4       -4.000000  0.000  1,200.0  1,190.0  1,159.5",
        "      full  2           4       -4.000000  0.001      0.0      0.0      0.0  chosen",
        "      diag  9           4       -4.000000      -  5,000.0  5,000.0  5,000.0  dropped",
        "",
        "AIC, BIC and ICL are above the least of each; left to gain is in statistical errors.",
        "chosen by BIC: full, 2 components, 100.0",
        "best by AIC: full, 2 components, 60.0",
        "best by ICL: full, 2 components, 130.5",
        f"dropped: diag, 9 components: {WHY}",
    ]


def test_starts_are_shown_where_they_differ() -> None:
    text = selected_text(selected(entry(2), entry(2, init="kmeans", bic=1.0)))
    assert "kmeans" in text.splitlines()[3]
    assert "chosen by BIC: full, 2 components (kmeans), 1.0" in text
    assert "init" not in selected_text(selected(entry(2), entry(3)))


def test_how_fits_ended_is_said() -> None:
    made = [
        entry(5, n_kept=4, bic=1.0),
        entry(1, converged=False, reason="stopped: max_iter iterations were made"),
    ]
    text = selected_text(selected(*made))
    assert text.splitlines()[2].endswith("chosen, 4 left")
    assert text.splitlines()[3].endswith("not converged")
    assert text.endswith("not converged: full, 1 component: stopped: max_iter iterations were made")


def test_rows_held_out_are_a_column_and_name_the_simplest() -> None:
    told = selected(*grid(held_out=True), criterion="held_out")
    text = selected_text(told)
    assert text.splitlines()[0].endswith("held out")
    assert "best by rows held out: full, 3 components, -4.000000" in text
    simplest = "simplest within one standard error of the best by rows held out: tied, 3 components"
    assert f"chosen: {simplest}" in text
    assert simplest in text


def test_criteria_that_nobody_has_are_left_open() -> None:
    text = selected_text(selected(entry(1, icl=None, left=None)))
    assert "ICL:" not in text
    assert "left " not in text.splitlines()[0]


@pytest.mark.parametrize("held_out", [False, True])
def test_a_table_of_all_families_is_no_wider_than_a_page(held_out: bool) -> None:
    lines = selected_text(selected(*grid(held_out, most=12))).splitlines()
    assert len(lines) >= 2 + 4 * 12
    assert max(map(len, lines)) <= LINE


def test_json_says_all_of_it() -> None:
    told = selected(*grid(held_out=True), HOPELESS, criterion="icl")
    found = json.loads(json.dumps(selected_json(told), allow_nan=False))
    chosen = found["candidates"][found["chosen"]]
    assert (chosen["covariance_type"], chosen["n_components"]) == ("full", 3)
    assert found["best_by"] == dict.fromkeys(["bic", "aic", "icl", "held_out"], found["chosen"])
    simplest = found["candidates"][found["simplest_within_error"]]
    assert simplest["covariance_type"] == "tied"
    assert found["criterion"] == "icl"
    assert found["candidates"][-1]["dropped"] == WHY
    assert len(found["candidates"]) == 17
