"""A budget gets one notice for each threshold in its day, whatever happens to the agent, and its numbers are metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from otel_agent.agent import assemble
from otel_agent.errors import LedgerError
from otel_agent.settings.values import BudgetNoticeSettings, BudgetSettings
from tests.agent.clockwork import WALL_NS, Clock, Clockwork, clockwork
from tests.support.agent import Agent
from tests.support.kinds_of_store import make_store
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.waiting import eventually

NOON = timezone(timedelta(hours=12 - datetime.fromtimestamp(WALL_NS / 1e9, UTC).hour))
"""The zone in which the tests run at noon: no day ends during one."""
DAY_S = 86_400
OF = session()


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "local_zone", lambda: NOON)


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    return JsonTree(tmp_path / "opencode")


def use(store: Any, driven: Clockwork, tokens: int, number: int, **fields: Any) -> None:
    """Write a message that has just ended, and let the agent count it."""
    now_ms = driven.clock.wall_ns() // 10**6
    store.put_turn(message(OF, Tokens(input=tokens), now_ms - 1_000, number, completed=now_ms - 1, **fields))
    driven.run_for(60)


def notices(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if line.startswith("budget ")]


@contextmanager
def watching(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *budgets: BudgetSettings, clock: Clock | None = None, **notice: Any
) -> Iterator[Clockwork]:
    settings: dict[str, Any] = {"budget": budgets, "budget_notice": BudgetNoticeSettings(**notice)}
    with clockwork(folder, monkeypatch, clock=clock, **settings) as driven:
        driven.run_for(10)
        yield driven


def test_each_threshold_has_one_notice_a_day(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(tmp_path, monkeypatch, BudgetSettings(name="mine", tokens=1_000)) as driven:
        use(tree, driven, 799, 1)
        assert notices(caplog) == []
        use(tree, driven, 1, 2)
        assert [line.partition(",")[0] for line in notices(caplog)] == ["budget mine: 800 of 1"]
        use(tree, driven, 100, 3)
        assert len(notices(caplog)) == 1
        use(tree, driven, 300, 4)
        assert notices(caplog)[1:] == ["budget mine is passed: 1,200 of 1,000 tokens a day used (120.0%)"]
        driven.clock.now += DAY_S
        driven.run_for(60)
        use(tree, driven, 1, 5)
        assert len(notices(caplog)) == 2, "nothing of yesterday is used today"
        use(tree, driven, 999, 6)
        assert notices(caplog)[2:] == ["budget mine: 1,000 of 1,000 tokens a day used (100.0%)"], "the highest alone"


def test_a_restart_repeats_no_notice_and_a_new_limit_is_a_new_budget(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    for tokens, said in ((1_000, 1), (1_000, 1), (1_100, 2), (5_000, 2), (1_000, 2)):
        mine = BudgetSettings(name="mine", tokens=tokens)
        with watching(tmp_path, monkeypatch, mine, clock=clock) as driven:
            if said == 1 and not notices(caplog):
                use(tree, driven, 950, 1)
        assert len(notices(caplog)) == said, tokens


@pytest.mark.parametrize("kind", ["json", "1.18.33", "2.x"])
def test_a_budget_counts_what_its_globs_choose_in_every_generation(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store(tmp_path / "opencode", kind)
    dear = BudgetSettings(name="dear", cost_usd=0.5, models=("p/dear*",), per="month")
    with watching(tmp_path, monkeypatch, dear) as driven:
        use(store, driven, 7, 1, model="cheap", provider="p", cost=3.0)
        assert notices(caplog) == []
        use(store, driven, 7, 2, model="dear-1", provider="p", cost=0.625)
    assert notices(caplog) == ["budget dear is passed: 0.6250 of 0.5000 USD a month used (125.0%)"]


def test_the_numbers_of_budgets_are_metrics(tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = (BudgetSettings(tokens=1_000), BudgetSettings(tokens=300), BudgetSettings(cost_usd=2))
    with watching(tmp_path, monkeypatch, *budgets) as driven:
        use(tree, driven, 250, 1, cost=0.5)
        driven.run_for(60)
        last = {name: values[-1][1] for name, values in driven.backend.values.items() if ".budget." in name}
        # Sums over the budgets.
        assert last == {
            "otel_agent.budget.usage": 500,
            "otel_agent.budget.limit": 1_300,
            "otel_agent.budget.cost.usage": 0.5,
            "otel_agent.budget.cost.limit": 2.0,
            "otel_agent.budget.notices": 1,
        }
        names = [
            each.attributes["otel_agent.budget.name"]
            for each in driven.agent.budgets.observations()
            if each.attributes.get("otel_agent.budget.window")
        ]
        assert names == ["all", "all", "all (2)", "all (2)", "all", "all"]
        driven.clock.now += DAY_S
        driven.run_for(60)
        assert driven.backend.values["otel_agent.budget.usage"][-1][1] == 0, "a new day"


def test_at_rest_it_asks_the_ledger_nothing(tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(tmp_path, monkeypatch, BudgetSettings(tokens=1_000, models=("*",))) as driven:
        use(tree, driven, 5, 1)
        driven.run_for(300)
        asked: list[str] = []
        driven.agent.spans._ledger._database.set_trace_callback(asked.append)
        for _ in range(3):
            driven.agent.budgets.check(driven.clock.now)
        assert asked == []


def test_a_notice_that_cannot_be_noted_is_given_once_it_can_be(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(tmp_path, monkeypatch, BudgetSettings(tokens=10)) as driven:
        noted = driven.agent.spans._ledger.notices

        def full(_: object) -> None:
            raise LedgerError("the disk is full")

        works, noted.note = noted.note, full  # type: ignore[method-assign, assignment]
        use(tree, driven, 9, 1)
        assert notices(caplog) == []
        noted.note = works  # type: ignore[method-assign]
        driven.run_for(60)
        assert len(notices(caplog)) == 1


def test_an_agent_that_is_killed_runs_no_command_twice(agent: Agent, receiver: OtlpReceiver) -> None:
    given, settings = agent.home / "given.jsonl", agent.home / "settings.toml"
    command = json.dumps(["sh", "-c", f"cat >> '{given}'; echo >> '{given}'"])
    settings.write_text(
        f"[[budget]]\nname = 'mine'\ntokens = 10\nper = 'month'\n[budget_notice]\ncommand = {command}\n"
    )
    now_ms = WALL_NS // 10**6
    JsonTree(agent.data_dir).put_turn(
        message(session(now_ms - 500), Tokens(input=12), now_ms - 400, completed=now_ms - 100)
    )
    for _ in range(2):
        with agent.process("run", OTEL_AGENT_CONFIG=str(settings)) as running:
            running.wait_for_log("counted ")
            eventually(lambda: given.read_text().count("\n") if given.exists() else 0, 1)
            eventually(lambda: any(p.metric == "otel_agent.budget.usage" for p in receiver.observed()), True)
    (line,) = given.read_text().splitlines()
    notice = json.loads(line)
    assert {name: notice[name] for name in ("name", "per", "unit", "limit", "used", "left", "passed", "threshold")} == {
        "name": "mine", "per": "month", "unit": "tokens", "limit": 10, "used": 12, "left": 0, "passed": True, "threshold": 100.0,
    }  # fmt: skip
    assert notice["text"] == "budget mine is passed: 12 of 10 tokens a month used (120.0%)"
