"""On stores whose authors say what is in them, everything is proven, and each difference has its name and amount."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import Tokens
from tests.support.paths import STORES
from tests.verify.verified import KINDS, Verified, minus, tokens

REAL = sorted(path.parent for path in STORES.glob("*/expected.json"))
MADE = sorted(path.parent for path in (STORES / "v2").glob("*/truth.json"))
WRITTEN_BY_2_X = [STORES / "v2" / name for name in ("v2-live-session_v2", "v2-preview-next-db")]


def verified(agent: Agent, store: Path) -> tuple[Verified, dict[str, Any]]:
    shutil.copytree(store / "opencode", agent.data_dir, dirs_exist_ok=True, copy_function=shutil.copyfile)
    agent.once()
    name = "truth.json" if (store / "truth.json").exists() else "expected.json"
    return Verified(agent), json.loads((store / name).read_text())


def proven(found: Verified) -> None:
    assert found.unexplained() == []
    assert found.exit_code == 0
    assert found.accepted == found.ledger, "the backend accepted everything"
    for what in ("days", "models", "sessions"):
        assert found.report[what]["agree"] == found.report[what]["all"] > 0


@pytest.mark.parametrize("store", REAL, ids=lambda path: path.name)
def test_a_store_of_1_x_is_proven_with_the_numbers_of_its_author(agent: Agent, store: Path) -> None:
    found, expected = verified(agent, store)
    proven(found)
    assert found.ledger == tokens(expected["tokens"])
    assert found.report["ledger"]["messages"] == expected["messages"]
    assert found.report["ledger"]["cost_nusd"] == pytest.approx(expected["cost"] * 1e9, abs=1_000)
    assert found.report["ledger"]["cost_usd"] == pytest.approx(expected["cost"], abs=1e-6)


@pytest.mark.parametrize("store", MADE, ids=lambda path: path.name)
def test_a_store_of_2_x_is_proven_with_its_truth(agent: Agent, store: Path) -> None:
    found, truth = verified(agent, store)
    proven(found)
    assert found.ledger == tokens(truth["recorded"])
    beside = [call["tokens"] for call in truth["calls"] if call["where"] == "totals"]
    assert tokens(found.report["only_in_totals"]) == Tokens(*(sum(each[kind] for each in beside) for kind in KINDS))


@pytest.mark.parametrize("store", WRITTEN_BY_2_X, ids=lambda path: path.name)
def test_a_store_that_a_program_of_2_x_wrote_is_proven(agent: Agent, store: Path) -> None:
    found, expected = verified(agent, store)
    proven(found)
    rows = tokens(expected["tokens"]).plus(tokens(expected.get("compaction_tokens", {})))
    assert found.ledger.plus(minus(tokens(found.report["only_in_totals"]))) == rows


@pytest.mark.parametrize(
    ("store", "messages", "copied"),
    [
        ("sqlite-1.18.33-fork", 1, 1_124),
        ("v2/v2-live-session_v2", 10, 61_280),
        ("v2/forks", 18, 33_262),
        ("v2/upgraded_v1_fork", 6, 43_869),
    ],
)
def test_fork_copies_are_named_with_what_they_hold(agent: Agent, store: str, messages: int, copied: int) -> None:
    """The numbers are the rows of the forks, added up with a SQL shell."""
    found, _ = verified(agent, STORES / store)
    number, used = found.explained()["fork_copy"]
    assert (number, sum(used)) == (-messages, -copied)


def test_a_message_in_two_stores_is_named(agent: Agent) -> None:
    """The import into SQLite leaves the JSON tree in place; all its messages are in the database too."""
    found, _ = verified(agent, STORES / "migrated-1.1.27-1.2.6")
    before = json.loads((STORES / "json-1.1.27" / "expected.json").read_text())
    assert found.explained()["recorded_twice"] == (-before["messages"], minus(tokens(before["tokens"])))


def test_the_totals_of_the_sessions_of_2_x_are_what_the_ledger_holds(agent: Agent) -> None:
    found, expected = verified(agent, WRITTEN_BY_2_X[0])
    assert found.ledger == Tokens(*expected["session_totals"])
    assert found.report["sessions_with_totals"] > 0
