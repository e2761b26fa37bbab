"""A database that has no file is not looked for, and one that is reached by two paths is one store."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.opencode.locations import StoreLocations, find_stores, locations
from tests.support.made_stores import Database


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (":memory:", ()),
        ("", ()),
        ("mine.db", (Path("/data/opencode/mine.db"),)),
        ("/else/where.db", (Path("/else/where.db"),)),
    ],
)
def test_the_database_that_a_variable_names_is_looked_for_unless_it_is_in_memory(
    named: str, expected: tuple[Path, ...]
) -> None:
    found = locations({"HOME": "/nowhere", "XDG_DATA_HOME": "/data", "OPENCODE_DB": named})
    assert found == StoreLocations((Path("/data/opencode"),), expected)


def test_a_database_that_is_reached_by_two_paths_is_one_store(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    link = tmp_path / "link"
    link.symlink_to(database.path.parent, target_is_directory=True)
    stores, problems = find_stores(StoreLocations((database.path.parent, link), (link / "opencode.db",)))
    assert list(stores) == [str(database.path.resolve())]
    assert problems == []
