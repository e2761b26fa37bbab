"""What is offered as the history is all that OpenCode has stored, or it is said that it is a part."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.reading import Reading
from otel_agent.settings import Settings
from otel_agent.setup.history import History, count_history
from tests.support.made_stores import T0, JsonTree, Tokens, message, session

DAY = 86_400_000


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    tree = JsonTree(tmp_path / "data" / "opencode")
    of = session()
    tree.put_turn(*(message(of, Tokens(1), T0 + day * DAY, counter=day) for day in (1, 2, 9)))
    return Settings(state_dir=tmp_path / "state", data_dirs=(tree.data_dir,), backfill="none")


def test_the_whole_history_is_counted_whatever_is_set_and_nothing_is_left_behind(settings: Settings) -> None:
    found = count_history(settings)
    assert (found.messages, found.days, found.complete, found.counted) == (3, 3, True, False)
    assert found.last_ms - found.first_ms == 8 * DAY
    assert not settings.state_dir.exists()


def test_a_machine_without_messages_has_no_history(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert count_history(Settings(state_dir=tmp_path / "state", data_dirs=(empty,))) == History(0, 0)


def test_a_ledger_that_was_not_read_to_the_end_is_a_part_of_the_history(settings: Settings) -> None:
    catch_up(settings)
    assert count_history(settings).complete
    ledger = open_ledger(settings.state_dir, now_ns=time.time_ns(), backfill_from_ms=0)
    with ledger.transaction():
        ledger.history.note(Reading(1, 3))
    ledger.close()
    found = count_history(settings)
    assert (found.counted, found.complete) == (True, False)
