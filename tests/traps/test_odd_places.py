"""Places that the environment names and that cannot hold data are named, and everything else counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.opencode.configured_models import configured_models, telemetry_plugins
from otel_agent.opencode.locations import StoreLocations, doubts, find_stores, locations, watched_folders
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Database, JsonTree, Tokens, message, session

USED = Tokens(1200, 80, 20, 400, 10)
HERE = message(session(), USED)

PLACES = {
    "the home of nobody": {"XDG_DATA_HOME": "~nouser/x"},
    "a database of nobody": {"OPENCODE_DB": "~nouser/x.db"},
    "a relative folder": {"XDG_DATA_HOME": "some/where"},
    "below a file": {"XDG_DATA_HOME": "/etc/passwd"},
    "a folder as a database": {"OPENCODE_DB": "/etc"},
    "a device as a database": {"OPENCODE_DB": "/dev/zero"},
    "a name that is too long": {"XDG_DATA_HOME": f"/tmp/{'x' * 300}"},
    "a line break": {"XDG_DATA_HOME": "/etc/passwd/a\nb"},
}
NAMED = {
    "the home of nobody": "names the home of a user who does not exist",
    "a database of nobody": "names the home of a user who does not exist",
    "a relative folder": "is not an absolute path",
    "below a file": "is below something that is not a folder",
    "a folder as a database": "is not a file",
    "a device as a database": "is not a file",
    "a name that is too long": "cannot be looked at",
    "a line break": "is below something that is not a folder",
}


@pytest.mark.parametrize("place", PLACES)
def test_an_odd_place_is_named_and_the_others_count(agent: Agent, tmp_path: Path, arrived: Arrived, place: str) -> None:
    JsonTree(tmp_path / "others").put_turn(HERE)
    odd = {"OTEL_AGENT_DATA_DIRS": str(tmp_path / "others"), **PLACES[place]}
    run = agent.once(**odd)
    assert NAMED[place] in run.stderr
    assert arrived.holds(tokens=USED, messages=1)
    for command in ("status", "doctor", "summary"):
        found = agent.command(command, **odd, COLUMNS="500")
        assert "Traceback" not in found.stderr
        assert command == "summary" or NAMED[place] in found.stdout


@pytest.mark.parametrize(
    "empty", [{"XDG_DATA_HOME": ""}, {"OPENCODE_DB": ""}, {"HOME": "", "XDG_DATA_HOME": ""}], ids=str
)
def test_an_empty_variable_counts_as_not_set(empty: dict[str, str]) -> None:
    places = locations(empty)
    assert places == locations({})
    assert not places.databases
    assert places.folders[0].is_absolute()


def test_a_place_that_does_not_exist_yet_is_in_order(tmp_path: Path) -> None:
    assert doubts(StoreLocations((tmp_path / "later",), (tmp_path / "later" / "opencode.db",))) == []


def test_a_name_with_nul_stops_nothing(tmp_path: Path) -> None:
    """A settings file can hold one."""
    Database(tmp_path / "good" / "opencode.db").create()
    places = StoreLocations((Path("/a\0b"), tmp_path / "good"), (Path("/c\0d.db"),))
    stores, problems = find_stores(places)
    assert len(stores) == 1
    assert problems == []
    assert len(doubts(places)) == 2
    assert watched_folders(places, stores.values())


def test_configured_models_of_nobody_are_none(tmp_path: Path) -> None:
    environ = dict.fromkeys(("XDG_CONFIG_HOME", "OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR"), "~nouser/x")
    assert configured_models(environ, tmp_path).models == {}
    assert telemetry_plugins(environ, tmp_path) == []
