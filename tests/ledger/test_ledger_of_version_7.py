"""A ledger of version 7 becomes a current one: every view says what the book of its store says, and nothing counts again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_agent.ledger import schema
from otel_agent.ledger.place import ledger_path
from tests.ledger import golden_store as book
from tests.ledger.golden_store import GoldenStore
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver

DUMP = Path(__file__).parent / "ledger-7.sql"
COUNTED = book.ALL - book.UNFINISHED


def put_back(agent: Agent) -> None:
    """Give the agent the ledger of version 7."""
    agent.state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as ledger:
        ledger.executescript(f"BEGIN; {DUMP.read_text()}; COMMIT")


def summed(agent: Agent, view: str) -> dict[str, Any]:
    """Return a view of all time. No store is there, so only the ledger can know it."""
    run = agent.command("summary", view, "--range", "all", "--json")
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def usage(of: Mapping[str, Any]) -> tuple[Tokens, float, int]:
    """Return tokens, cost and messages of a row or of the totals."""
    tokens = {kind: of["tokens"][kind] for kind in Tokens._fields}
    return Tokens(**tokens), of["cost_usd"], of["messages"]


def in_the_book(numbers: Iterable[int]) -> tuple[Tokens, float, int]:
    known = set(numbers)
    return book.used(known), book.cost(known), len(known - book.TITLE)


def published(agent: Agent) -> tuple[Tokens, float, int]:
    """Return what all series together say."""
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as ledger:
        series = ledger.execute("SELECT metric, attributes, value FROM series").fetchall()
    whole = {metric: sum(value for name, _, value in series if name == metric) for metric, _, _ in series}
    tokens = dict.fromkeys(Tokens._fields, 0)
    for metric, attributes, value in series:
        if metric == "opencode.token.usage":
            tokens[json.loads(attributes)["gen_ai.token.type"]] += value
    return Tokens(**tokens), whole["opencode.cost.usage"] / 1e9, whole["opencode.message.count"]


def expected(of: Mapping[str, Iterable[int]]) -> list[tuple[str, tuple[Tokens, float, int]]]:
    return sorted((key, in_the_book(numbers)) for key, numbers in of.items())


@pytest.fixture
def old(agent: Agent) -> Agent:
    put_back(agent)
    return agent


def test_the_dump_is_what_version_7_wrote() -> None:
    with closing(sqlite3.connect(":memory:")) as ledger:
        ledger.executescript(f"BEGIN; {DUMP.read_text()}; COMMIT")
        assert schema.version(ledger) == 7
        columns = ", ".join(f"sum({kind})" for kind in Tokens._fields)
        states = ledger.execute(f"SELECT state, count(*), {columns} FROM message GROUP BY state ORDER BY state")
        assert states.fetchall() == [
            (0, 1, *book.used(book.UNFINISHED)),
            (2, len(COUNTED), *book.used(COUNTED)),
            (3, 2, *book.used({5, 11})),
        ]
        assert ledger.execute("SELECT count(*) FROM owed").fetchone() == (len(book.PENDING_CALLS),)
        assert ledger.execute("SELECT count(*) FROM series WHERE open_value IS NOT NULL").fetchone() != (0,)


@pytest.mark.parametrize(
    ("view", "parts", "kind"), [("models", book.MODELS, "model"), ("agents", book.AGENTS, "agent")]
)
def test_models_and_agents_have_what_the_book_says(
    old: Agent, view: str, parts: dict[str, set[int]], kind: str
) -> None:
    """The message that was unfinished counts too: nobody completed it within its grace period."""
    answer = summed(old, view)
    assert usage(answer["totals"]) == in_the_book(book.ALL)
    assert usage(answer["unattributed"]) == in_the_book(book.TITLE)
    found = sorted((row["key"].rpartition("/")[2], usage(row)) for row in answer["rows"])
    assert found == expected({**parts, "titles and other": book.TITLE})


def test_projects_have_what_the_book_says(old: Agent) -> None:
    found = sorted((row["key"], usage(row)) for row in summed(old, "projects")["rows"])
    assert found == expected({_shown(key): numbers for key, numbers in book.PROJECTS.items()})


def test_sessions_have_what_the_book_says(old: Agent) -> None:
    answer = summed(old, "sessions")
    assert answer["totals"]["sessions"] == len(book.SESSIONS)
    # A session has no name in the book: its messages make its sums unlike those of all others.
    assert sorted(usage(row) for row in answer["rows"]) == sorted(map(in_the_book, book.SESSIONS))
    (top,) = (row for row in answer["rows"] if usage(row) == in_the_book({7, 9}))
    assert usage(top["with_subagents"]) == in_the_book({7, 8, 9})


def test_the_days_have_what_the_book_says(old: Agent) -> None:
    days = [usage(row) for row in summed(old, "timeline")["rows"]]
    assert days == [in_the_book({*range(6), 11, 12}), in_the_book({*range(6, 11), 13, 14})]


@pytest.mark.parametrize("stores", ["are gone", "are there"])
def test_what_is_pending_arrives_and_nothing_counts_again(old: Agent, receiver: OtlpReceiver, stores: str) -> None:
    if stores == "are there":
        store = GoldenStore(old.data_dir)
        store.put_history()
        store.put_later()
    for _ in range(2):
        old.once()
        # Series that were accepted long ago and did not change are not sent again, so the ledger is asked.
        assert published(old) == in_the_book(book.ALL)
    of_calls = sorted(_usage_input(span.attributes) for span in Arrived(receiver).chats())
    assert of_calls == sorted(map(_input_of, book.PENDING_CALLS | book.UNFINISHED))
    tools = {span.attributes["gen_ai.tool.name"] for span in receiver.spans() if span.name.startswith("execute_tool")}
    assert tools == set(book.PENDING_TOOLS)


def _shown(worktree: str) -> str:
    return "(global)" if worktree == book.SCRATCH else worktree


def _usage_input(attributes: Mapping[str, object]) -> int:
    return int(str(attributes["gen_ai.usage.input_tokens"]))


def _input_of(number: int) -> int:
    """Return what OpenTelemetry calls input: it includes what was read from the cache, and written to it."""
    one = book.used({number})
    return one.input + one.cache_read + one.cache_write
