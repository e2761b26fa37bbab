"""The recount of a store that the real OpenCode wrote: what a backend has to answer, by model, agent and project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.real_programs.prometheus import Prometheus, Rows
from tests.support.waiting import eventually

STORE = Path(__file__).resolve().parents[2] / "stores" / "sqlite-1.18.33-fork"
TOKENS = "opencode_token_usage_total"
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
VIEWS = {
    "model": ("gen_ai_provider_name", "gen_ai_request_model"),
    "agent": ("gen_ai_agent_name",),
    "project": ("opencode_project_name",),
}


def recounted() -> dict[str, Any]:
    """Return the recount: `messages`, `cost`, and tokens in `by`, then by view, name and kind."""
    found: dict[str, Any] = json.loads((STORE / "expected.json").read_text(encoding="utf-8"))
    return found


def assert_reaches(prometheus: Prometheus, expected: dict[str, Any]) -> None:
    """Wait until Prometheus has the recount, exactly. The numbers of messages and the cost must then be right too."""
    for view, labels in VIEWS.items():
        query = f"sum by ({', '.join((*labels, 'gen_ai_token_type'))}) ({TOKENS}) > 0"
        eventually(lambda: _by_name(prometheus.rows(query, *labels, "gen_ai_token_type")), _wanted(view, expected))  # noqa: B023
    assert prometheus.rows("sum(opencode_message_count_total)") == {(): expected["messages"]}
    assert prometheus.rows("sum(opencode_cost_usage_USD_total)")[()] == pytest.approx(expected["cost"], abs=1e-9)


def _by_name(rows: Rows) -> Rows:
    return {("/".join(labels[:-1]), labels[-1]): value for labels, value in rows.items()}


def _wanted(view: str, expected: dict[str, Any]) -> Rows:
    """Return the tokens by name and kind. A project is named by the last part of its path.

    The worktree `/` is no project: the session's directory `/home/dev/scratch` names it.
    """
    return {
        ((Path(name).name or "scratch") if view == "project" else name, kind): tokens[kind]
        for name, tokens in expected["by"][view].items()
        for kind in KINDS
        if tokens[kind]
    }
