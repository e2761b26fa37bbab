"""The parts of a proof that seldom speak: what is not in balance, what may be a copy, and an agent that reads a backlog."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.intake.catch_up import catch_up
from otel_agent.settings import Settings
from otel_agent.verify import look, proof
from otel_agent.verify.amounts import Amount, Cause
from otel_agent.verify.gather import Gathered
from otel_agent.verify.own_totals import OwnTotals
from otel_agent.verify.proof import VerifyOptions, verify
from otel_agent.verify.recount.record import V1, Record
from otel_agent.verify.recount.values import is_suspect
from otel_agent.verify.scratch import Scratch
from tests.support.made_stores import T0, Database, Tokens, message, session

FIVE = (100, 10, 5, 50, 2)
RECORD = Record(
    *("msg_1", "ses_1", "a store", "1", V1, False, T0, T0 + 1_000, "zai", "glm", *FIVE, 7_000),
    suspect=False,
    marked=False,
    usable=True,
    written_ms=T0 + 1_000,
)


def unexplained(*records: Record) -> list[tuple[Cause, Amount]]:
    """Compare the records with an empty ledger, after nobody looked for the differences."""
    scratch = Scratch(lambda _: "")
    scratch.put_found(records, lambda: None)
    scratch.join()
    found = Gathered(scratch, OwnTotals()).unexplained([])
    scratch.close()
    return [(each.cause, each.amount) for each in found]


def test_records_without_a_reason_are_not_in_balance_with_the_ledger() -> None:
    assert unexplained() == []
    assert unexplained(RECORD) == [(Cause.UNBALANCED, Amount(-1, -100, -10, -5, -50, -2, -7_000))]


@pytest.mark.parametrize(
    ("began_ms", "forked", "suspect"),
    [(T0 - 500, False, False), (T0 + 2_000, False, False), (T0 + 2_001, False, True), (T0 - 500, True, True)],
)
def test_a_message_whose_id_has_no_time_may_be_a_copy_if_its_session_is_younger(
    began_ms: int, forked: bool, suspect: bool
) -> None:
    """A session's record is written a moment before or after its first message begins."""
    assert is_suspect("imported-1", V1, T0, T0 + 60_000, (began_ms, forked)) is suspect


class Pause:
    """The pause between two looks. Meanwhile the agent reads one more of the stores."""

    def __init__(self, folders: list[Path], state_dir: Path) -> None:
        self._folders, self._state_dir, self._read = folders, state_dir, 0

    def __call__(self) -> Pause:
        return self

    def wait(self, _: float = 0.0) -> None:
        self._read += 1
        catch_up(Settings(state_dir=self._state_dir, data_dirs=tuple(self._folders[: self._read])))


def test_an_agent_that_reads_a_backlog_raises_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer are missing at each look, although there are more stores than looks."""
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    folders = [tmp_path / f"data{number}" for number in range(9)]
    for number, folder in enumerate(folders):
        of = session(T0 + number * 60_000 - 500, version="1.18.33")
        one = message(of, Tokens(1), T0 + number * 60_000)
        Database(folder / "opencode.db").create().put_turn(one, updated=one.completed)
    pause = Pause(folders, tmp_path / "state")
    pause.wait()
    monkeypatch.setattr(proof, "Event", pause)
    monkeypatch.setattr(look, "held_by", lambda _: "an agent")
    settings = Settings(state_dir=tmp_path / "state", data_dirs=tuple(folders), discover_stores=False)
    report = verify(settings, VerifyOptions(day=str))
    assert report.unexplained == []
    unread = [each.amount.numbers[0] for each in report.explained if each.cause is Cause.UNREAD]
    assert unread == [-6], "two looks were enough to see that the agent is at work"
