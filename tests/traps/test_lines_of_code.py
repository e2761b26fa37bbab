"""Lines of code: OpenCode says them of a session or of its turns, rewrites them and copies them. Each counts once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

from otel_agent.ledger.place import ledger_path
from tests.support.agent import Agent
from tests.support.kinds_of_store import Store
from tests.support.made_stores import (
    Database,
    JsonTree,
    Session,
    Tokens,
    UserMessage,
    fork_copy,
    message,
    message_id,
    prompt,
    session,
)
from tests.support.made_stores.json_tree import as_file
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import STORES as REAL

NOW = time.time_ns() // 10**6 - 3_600_000
"""An hour ago. Turns are looked at from the day before the first start on. Milliseconds."""
USED = Tokens(100, 10)

STORES = ("json", "1.2.6", "1.18.33")


def say(store: Store, of: Session, added: Any, removed: Any) -> None:
    """Let a session say so of itself. What was written is older than what a reader waits for."""
    if isinstance(store, JsonTree):
        summary = {"additions": added, "deletions": removed, "files": 2}
        store.put_bytes(of, as_file(of.document() | {"summary": summary}))
    else:
        query = "UPDATE session SET summary_additions = ?, summary_deletions = ?, summary_files = 2 WHERE id = ?"
        store.execute(query, added, removed, of.id)


def put(store: Store, of: Session, at: int = NOW, **fields: Any) -> None:
    written = message(of, USED, at, completed=at + 5_000, **fields)
    store.put_turn(written)
    if isinstance(store, JsonTree):
        # It is at rest: nothing but a sweep looks at its session again.
        minute_ago = time.time() - 60
        os.utime(store.path(written), (minute_ago, minute_ago))


def diffs(*files: tuple[Any, Any]) -> dict[str, Any]:
    return {"diffs": [{"file": "a.py", "patch": "text", "additions": more, "deletions": less} for more, less in files]}


def lines(receiver: OtlpReceiver, metric: str = "opencode.lines_of_code.count") -> tuple[int, int]:
    """Return the lines that arrived as added and as removed."""
    found = {"added": 0, "removed": 0}
    for (name, _), point in receiver.latest().items():
        if name == metric:
            found[str(point.attributes["type"])] += int(point.value or 0)
    return found["added"], found["removed"]


def test_what_a_session_says_counts_and_never_falls(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    """After a revert a session says less. Only what is more than ever before is new."""
    of, other = session(NOW - 500), session(NOW, counter=2)
    put(store, of)
    say(store, of, 40, 3)
    agent.once()
    assert lines(receiver) == (40, 3)
    put(store, of, NOW + 60_000, counter=2)
    put(store, other, NOW + 60_000, counter=3)
    say(store, of, 10, 5)
    say(store, other, 7, 0)
    agent.once()
    assert lines(receiver) == (40 + 7, 5)
    put(store, of, NOW + 120_000, counter=4)
    say(store, of, 41, 5)
    say(store, other, 7, 0)
    agent.once(OTEL_AGENT_METRICS_PROFILE="both")
    agent.once(OTEL_AGENT_METRICS_PROFILE="both")
    assert lines(receiver) == (41 + 7, 5)
    assert lines(receiver, "claude_code.lines_of_code.count") == (41 + 7, 5)
    projects = {p.attributes["opencode.project.name"] for p in receiver.points() if "lines_of_code" in p.metric}
    assert projects == {"persona"}


def test_what_a_session_says_late_is_found_by_a_sweep(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    """OpenCode compares the files of a large repository for longer than it takes to write the message."""
    of = session(NOW - 500)
    put(store, of)
    agent.once()
    say(store, of, 12, 1)
    agent.once()
    assert lines(receiver) == (12, 1)


def test_lines_of_forks_and_sub_agents_are_in_what_others_say(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    """A fork's own difference begins where its original's does. A sub-agent writes while its caller's turn goes on."""
    of, fork = session(NOW - 500), session(NOW + 600_000, counter=2)
    child = session(NOW + 1_000, counter=3, parent=of.id)
    original = message(of, USED, NOW)
    store.put_turn(original, fork_copy(original, fork, fork.created + 20, 9))
    put(store, fork, fork.created + 1_000, counter=5)
    put(store, child, NOW + 2_000, counter=6, agent="explore")
    for each, added in ((of, 30), (fork, 35), (child, 20)):
        say(store, each, added, 0)
    agent.once()
    assert lines(receiver) == (30, 0)


def test_a_turn_says_it_where_the_session_has_zeros(agent: Agent, database: Database, receiver: OtlpReceiver) -> None:
    """As 1.18 does. The turn is written again after its last message was read, and larger ones count the difference."""
    of = session(NOW - 500, version="1.18.33")
    asked = prompt(of, NOW - 100, summary=diffs((5, 1), (2, 0)))
    put(database, of, parent=asked.id)
    database.put(asked)
    agent.once()
    assert lines(receiver) == (7, 1)
    database.put(replace(asked, summary=diffs((5, 1), (4, 0), (1, 1))), updated=NOW + 30_000)
    agent.once()
    assert lines(receiver) == (10, 2)
    database.put(replace(asked, summary=diffs((0, 9))), updated=NOW + 40_000)
    agent.once()
    assert lines(receiver) == (10, 9), "a revert takes nothing back"
    later = prompt(of, NOW + 60_000, 2, summary=diffs((100, 0)))
    put(database, of, NOW + 61_000, counter=2, parent=later.id)
    database.put(later)
    agent.once()
    agent.once()
    assert lines(receiver) == (110, 9)


def test_the_turns_of_a_fork_count_if_they_are_its_own(
    agent: Agent, database: Database, receiver: OtlpReceiver
) -> None:
    """Those of a sub-agent are in its caller's."""
    of, fork = session(NOW - 500, version="1.18.33"), session(NOW + 600_000, counter=2, version="1.18.33")
    asked = prompt(of, NOW - 100, summary=diffs((7, 0)))
    original = message(of, USED, NOW, parent=asked.id)
    copied: UserMessage = replace(asked, id=message_id(fork.created + 10, 8), session=fork)
    own = prompt(fork, fork.created + 1_000, 3, summary=diffs((2, 2)))
    copy = replace(fork_copy(original, fork, fork.created + 20, 9), parent=copied.id)
    child = session(NOW + 1_000, counter=5, version="1.18.33", parent=of.id)
    below = prompt(child, NOW + 1_100, 6, summary=diffs((50, 50)))
    answer = message(child, USED, NOW + 2_000, 7, parent=below.id, agent="explore")
    database.put_turn(original, copy, message(fork, USED, fork.created + 2_000, 4, parent=own.id), answer)
    database.put(asked, copied, own, below)
    say(database, of, 6, 0)
    agent.once()
    assert lines(receiver) == (7 + 2, 2), "the larger one of what a session and its turns say"


def test_the_turns_of_a_fork_whose_original_is_gone_count(
    agent: Agent, database: Database, receiver: OtlpReceiver
) -> None:
    """A message that looks copied waits until every store was read."""
    of, fork = session(NOW - 500, version="1.18.33"), session(NOW + 600_000, counter=2, version="1.18.33")
    copied = prompt(fork, fork.created + 10, 8, summary=diffs((7, 3)))
    database.put_turn(replace(fork_copy(message(of, USED, NOW), fork, fork.created + 20, 9), parent=copied.id))
    database.put(copied)
    agent.once()
    agent.once()
    assert receiver.total("opencode.message.count") == 1
    assert lines(receiver) == (7, 3)


def test_history_that_is_left_out_is_not_counted_later(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    of = session(NOW - 500)
    put(store, of)
    say(store, of, 40, 3)
    agent.once(OTEL_AGENT_BACKFILL="none")
    assert lines(receiver) == (0, 0)
    put(store, of, time.time_ns() // 10**6, counter=2)
    say(store, of, 44, 3)
    agent.once(OTEL_AGENT_BACKFILL="none")
    assert lines(receiver) == (4, 0)


def test_numbers_that_cannot_be_are_named_and_count_as_zero(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    of = session(NOW - 500)
    put(store, of)
    say(store, of, -4, 3)
    agent.once()
    assert lines(receiver) == (0, 3)
    problems = [p for p in receiver.points() if p.metric == "otel_agent.message.unreadable"]
    assert {(p.attributes["otel_agent.problem.kind"], p.value) for p in problems} >= {("bad_number", 1)}


def test_a_ledger_of_version_9_counts_lines_from_its_upgrade_on(agent: Agent, receiver: OtlpReceiver) -> None:
    """What its sessions said before is no rise of the day on which the agent was upgraded."""
    agent.state_dir.mkdir(parents=True)
    dump = (REAL.parent / "ledger" / "ledger-9.sql").read_text()
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as old:
        old.executescript(f"BEGIN; {dump}; COMMIT")
    shutil.copytree(REAL / "sqlite-1.18.33-fork" / "opencode", agent.data_dir, dirs_exist_ok=True)
    database = Database(agent.data_dir / "opencode.db")
    database.execute("UPDATE session SET summary_additions = 1000, summary_deletions = 10")
    agent.once()
    assert lines(receiver) == (0, 0)
    expected = json.loads((REAL / "sqlite-1.18.33-fork" / "expected.json").read_text())
    assert receiver.total("opencode.message.count") == expected["messages"]
    of = session(NOW, counter=7)
    put(database, of)
    say(database, of, 5, 5)
    database.execute("UPDATE session SET time_created = ? WHERE id = ?", time.time_ns() // 10**6 + 1_000, of.id)
    agent.once()
    assert lines(receiver) == (5, 5)
