"""The table keeps what was measured of other releases."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.matrix.__main__ import RELEASES
from tests.matrix.release import Measured
from tests.matrix.report import BEGIN, DOCUMENT, END, failed, row, updated
from tests.matrix.test_compare import SEEN, TRUTH
from tests.support.paths import ROOT

MEASURED = Measured("1.14.48", "SQLite", TRUTH, SEEN, broken_off=3, differences=[], seconds=99.6)
EMPTY = f"# Title\n\n{BEGIN}{END}\nThe end.\n"


def test_a_row_says_what_was_measured() -> None:
    expected = "| 1.14.48 | SQLite | 2026-11-26 | 3 | 2 | 3,420 | yes | 1 | 1 | 3 | 3 | 6 | 0 | 100 |\n"
    assert row(MEASURED, "2026-11-26") == expected


def test_a_row_names_each_difference() -> None:
    line = row(replace(MEASURED, differences=["ledger: messages: 2 and not 3 (-1)", "more"]), "2026-11-26")
    assert "| no:<br>ledger: messages: 2 and not 3 (-1)<br>more |" in line


def test_a_release_that_ran_replaces_its_row_and_the_others_stay_in_the_order_of_releases() -> None:
    first = updated(EMPTY, {"1.14.48": row(MEASURED, "2026-11-25"), "1.18.34": failed("1.18.34", "2026-11-25", "x")})
    second = updated(
        first, {"1.2.6": failed("1.2.6", "2026-11-26", "it | broke\nhere"), "1.14.48": row(MEASURED, "2026-11-26")}
    )
    assert second.startswith(f"# Title\n\n{BEGIN}| OpenCode |")
    assert second.endswith(f"{END}\nThe end.\n")
    lines = [line.split(" | ") for line in second.splitlines() if line.startswith("| 1.")]
    assert [(cells[0], cells[2]) for cells in lines] == [
        ("| 1.2.6", "2026-11-26"),
        ("| 1.14.48", "2026-11-26"),
        ("| 1.18.34", "2026-11-25"),
    ]
    assert lines[0][6] == "the scenario failed: it / broke"
    assert len({len(cells) for cells in lines}) == 1


def test_a_document_without_a_place_for_the_table_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        updated("# Title\n", {"1.14.48": row(MEASURED, "2026-11-26")})


def test_the_document_has_a_row_for_each_release_and_says_that_it_is_equal_everywhere() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in document.splitlines() if line.startswith("| 1.")]
    assert {cells[0].removeprefix("| "): cells[6] for cells in rows} == dict.fromkeys(RELEASES, "yes")


def test_readme_names_each_release_that_runs_here() -> None:
    named = set(re.findall(r"\b1\.\d+\.\d+\b", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert set(RELEASES) <= named
