"""The cells of a turn say what is known, and a question mark stands for what nobody has read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from otel_agent.ledger.answers import Usage
from otel_agent.model import Outcome, Overlap, Tokens
from otel_agent.summary.live.session_rows import session_sentences, turn_cells, turn_titles
from otel_agent.summary.session_detail import SessionDetail, TurnRow, no_session

NOW = datetime(2026, 1, 23, 12, tzinfo=UTC)
USED = Usage(2, 1, Tokens(700, 50, 20, 300, 9), Overlap(), 1_500_000_000)
TURN = TurnRow(
    key="turn_1",
    usage=USED,
    since=NOW - timedelta(minutes=10),
    until=NOW - timedelta(minutes=9),
    outcome=Outcome.OK,
    error="",
    models=("zai/glm",),
    agents=("build",),
    model_calls=2,
    tool_calls=3,
    failed_tool_calls=1,
    calls=(),
)


def cells(**changes: Any) -> dict[str, str]:
    turn = structs.replace(TURN, **changes)
    of = structs.replace(no_session("ses_1"), usage=turn.usage, turns=(turn,))
    return dict(zip(turn_titles(of), map(str, turn_cells(turn, of, "recorded", NOW)), strict=True))


@pytest.mark.parametrize(
    ("calls", "failed", "said"), [(None, 0, "?"), (0, 0, "0"), (3, 0, "3"), (3, 1, "3 (1 failed)"), (1_200, 0, "1,200")]
)
def test_calls_that_nobody_read_are_not_none(calls: int | None, failed: int, said: str) -> None:
    assert cells(tool_calls=calls, failed_tool_calls=failed)["Tool calls"] == said


def test_a_turn_says_what_it_used_and_how_it_ended() -> None:
    found = cells()
    assert (found["Tokens"], found["Model calls"], found["Model"], found["Agent"]) == ("1,079", "2", "zai/glm", "build")
    assert found["Outcome"] == "ok"
    assert cells(outcome=Outcome.ERROR, error="APIError")["Outcome"] == "error: APIError"


def test_a_session_without_a_recorded_cost_has_no_column_for_it() -> None:
    assert cells()["USD"] == "1.5000"
    assert "USD" not in cells(usage=structs.replace(USED, cost_nusd=0))


def test_a_session_says_why_there_is_a_question_mark() -> None:
    fields: dict[str, Any] = dict.fromkeys(SessionDetail.__struct_fields__, "")
    detail = SessionDetail(**fields | {"turns": (TURN,), "usage": USED, "beside": USED})
    known = list(session_sentences(detail, "recorded"))
    unread = structs.replace(detail, turns=(TURN, structs.replace(TURN, tool_calls=None)))
    assert [each for each in session_sentences(unread, "recorded") if each.startswith("?: ")] != []
    assert [each for each in known if each.startswith("?: ")] == []
    assert "1,079 tokens of them in OpenCode's totals of the session only" in known[1]
