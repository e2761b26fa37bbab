"""The code behind `make bench`: its made-up histories, what it computes, and the document that it writes."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.document import Results, Sent, document
from benchmarks.encoding import Encoding, around
from benchmarks.history import history
from benchmarks.live_screen import LiveFigures
from benchmarks.measure import Figure, median_ratio, medians, run
from benchmarks.pairs import FIRST, TODAY, VIEWS, Compared, Row
from benchmarks.running_agent import Latency, Resident, latency
from benchmarks.store_of_2_x import make_database_of_2_x
from benchmarks.stores import make_database, make_tree
from tests.support.made_stores import Database, Message

MESSAGES = 400


def in_tree(data: Path) -> dict[str, Any]:
    """Return the messages of a tree by their ids."""
    files = (data / "storage" / "message").rglob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in files}


def in_database(data: Path) -> dict[str, Any]:
    """Return the messages of a database by their ids, with the fields that a file has."""
    with closing(sqlite3.connect(data / "opencode.db")) as database:
        rows = database.execute("SELECT id, session_id, data FROM message").fetchall()
    return {id_: json.loads(document) | {"id": id_, "sessionID": session} for id_, session, document in rows}


def test_a_tree_and_a_database_hold_the_same_history_of_the_length_that_was_asked_for(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", MESSAGES)
    (tmp_path / "sqlite").mkdir()
    make_database(tmp_path / "sqlite", MESSAGES)
    found = in_tree(tmp_path / "tree")
    assert found == in_database(tmp_path / "sqlite")
    assert Counter(each["role"] for each in found.values())["assistant"] == MESSAGES
    assert all(found[each["parentID"]]["role"] == "user" for each in found.values() if each["role"] == "assistant")


def test_a_database_of_2_x_holds_that_history_too(tmp_path: Path) -> None:
    make_database_of_2_x(tmp_path, MESSAGES)
    with closing(sqlite3.connect(tmp_path / "opencode.db")) as database:
        rows = database.execute("SELECT id, session_id, type, seq, data FROM session_message ORDER BY rowid").fetchall()
        totals = database.execute("SELECT sum(tokens_input), sum(tokens_cache_read) FROM session_v2").fetchone()
        indexes = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    answers = [answer for each in history(MESSAGES, version="2.0.26") for answer in each.answers]
    found = {id_: json.loads(data) for id_, _, kind, _, data in rows if kind == "assistant"}
    assert {id_: data["tokens"] for id_, data in found.items()} == {a.id: a.document()["tokens"] for a in answers}
    assert totals == (sum(a.tokens.input for a in answers), sum(a.tokens.cache_read for a in answers))
    assert Counter(kind for _, _, kind, *_ in rows)["idle"] == len({answer.parent for answer in answers})
    assert len({(session, seq) for _, session, _, seq, _ in rows}) == len(rows)
    assert {"session_message_session_type_seq_idx", "session_message_session_time_created_id_idx"} <= indexes
    assert {data["content"][-1]["type"] for data in found.values()} == {"text", "tool"}


def test_rows_are_what_the_made_store_writes(tmp_path: Path) -> None:
    (tmp_path / "fast").mkdir()
    make_database(tmp_path / "fast", MESSAGES)
    plain = Database(tmp_path / "plain" / "opencode.db").create()
    with plain.connection() as connection:
        for each in history(MESSAGES, version="1.18.33"):
            plain.put_through(connection, *each.said)
    rows = []
    for name in ("fast", "plain"):
        with closing(sqlite3.connect(tmp_path / name / "opencode.db")) as database:
            query = "SELECT id, session_id, time_created, data FROM message ORDER BY id"
            rows.append(database.execute(query).fetchall())
    assert rows[0] == rows[1]


def test_a_history_is_the_same_each_time_and_looks_like_work() -> None:
    once, again = ([each.said for each in history(5_000, version="1.1.27")] for _ in range(2))
    assert once == again
    conversations = list(history(5_000, version="1.1.27"))
    answers = [answer for each in conversations for answer in each.answers]
    assert len({answer.id for answer in answers}) == 5_000
    turns = Counter(answer.parent for answer in answers)
    assert 3 <= sum(turns.values()) / len(turns) <= 6
    assert max(turns.values()) == 6
    below = [each for each in conversations if each.session.parent]
    assert {each.session.parent for each in below} <= {each.session.id for each in conversations}
    assert 0 < len(below) < len(conversations) / 2
    main = sum(max(Counter(answer.model for answer in each.answers).values()) for each in conversations)
    assert main > 0.8 * len(answers), "mostly one model in a session"


@pytest.mark.parametrize("length", [1, 24, 25, 26])
def test_a_history_of_any_length_has_exactly_so_many_answers(length: int) -> None:
    said = [each for conversation in history(length, version="1.1.27") for each in conversation.said]
    assert sum(isinstance(each, Message) for each in said) == length


def test_a_ratio_is_taken_pair_by_pair() -> None:
    ours = [Figure(wall, 0, 0) for wall in (1.0, 8.0, 3.0)]
    theirs = [Figure(wall, 0, 0) for wall in (2.0, 2.0, 2.0)]
    assert median_ratio(ours, theirs) == 1.5
    assert medians([Figure(1, 5, 9), Figure(2, 7, 30), Figure(9, 6, 20)]) == Figure(2, 6, 30)


def test_a_run_has_its_own_memory_and_cpu_time_and_a_failed_one_says_why() -> None:
    held = bytearray(200_000_000)
    held[::4096] = bytes(len(held[::4096]))
    small = run([sys.executable, "-IS", "-c", "pass"], {})
    large = run([sys.executable, "-IS", "-c", "x = b'1' * 120_000_000; sum(range(3_000_000))"], {})
    assert small.peak_mb < 60
    assert large.peak_mb > small.peak_mb + 100
    assert large.cpu_s > small.cpu_s
    assert large.wall_s > 0
    with pytest.raises(RuntimeError, match=r"exit 7\nno"):
        run([sys.executable, "-IS", "-c", "import sys; sys.stderr.write('no'); sys.exit(7)"], {})


def test_the_99th_percentile_is_the_last_but_one_of_a_hundred() -> None:
    assert latency([float(number) for number in range(100, 0, -1)]) == Latency(50.5, 99)
    assert latency([4.0]) == Latency(4, 4)


def test_the_clock_adds_up_and_changes_no_result() -> None:
    spent = Encoding()
    measured = around(lambda number: sum(range(number)), spent)
    assert measured(200_000) == 19_999_900_000
    first = spent.encoding_s
    measured(200_000)
    assert spent.encoding_s > first > 0
    assert Encoding(encoding_s=3, whole_s=5).share == 0.6


def made_results() -> Results:
    rows = [Row(FIRST, Figure(1.5, 2.5, 40), 0.75), Row(TODAY, Figure(0.12, 0.1, 50))]
    shorter = [*rows, *(Row(f"later look, {view}", Figure(0.2, 0.1, 50), 0.1) for view in VIEWS)]
    longer = [*rows, *(Row(f"later look, {view}", Figure(0.25, 0.1, 50), 0.1) for view in VIEWS)]
    peer = Figure(2.0, 3.0, 200)
    return Results(
        date="2026-11-26",
        agent="1.2.3",
        machine="a machine",
        runs=3,
        cold=False,
        compared=[
            Compared("sqlite", 100_000, shorter, 90, peer, 210, 1_234_567, 8.5, 1_234_567, 8.5),
            Compared("sqlite", 1_000_000, longer, 95, peer, 1_600, 1),
        ],
        sent=[Sent("tree", 100_000, Figure(18.2, 20.1, 80), 0.58)],
        resident=[
            Resident("tree", 100_000, 0.0019, 71, 4_096, 60, Latency(0.2, 0.25), 3.4, 0.4, LiveFigures(0.009, 80, 0.08))
        ],
    )


def test_the_document_has_each_figure_in_its_place() -> None:
    text = document(made_results())
    for line in (
        "## SQLite, 100,000 messages",
        "| first look: `summary models --range all` | 1.50 s | 2.50 s | 90 MB | 0.75 |",
        "| `summary` of today, nothing new | 0.12 s | 0.10 s | 50 MB |  |",
        "otel-agent counted 1,234,567 tokens and 8.50 USD, ccusage 1,234,567 tokens and 8.50 USD.",
        "| overview | 0.20 s | 0.25 s | 1.25 |",
        "| JSON tree, 100,000 messages | 18.2 s | 20.1 s | 80 MB | 58% |",
        "| at rest: share of a core | 0.19% |",
        "| CPU of a message that comes alone | 3.4 ms |",
        '    make bench ARGS="--messages 100000 1000000 --runs 3 --write docs/benchmarks.md"',
    ):
        assert line in text.splitlines(), line
    assert all(text.count(f"later look, {view}:") == 2 for view in VIEWS)


def test_the_document_begins_with_one_line_for_each_store() -> None:
    """Of the later looks it has the slowest one."""
    results = made_results()
    slow = Row("later look, agents", Figure(0.3, 0.1, 50), 0.14)
    results.compared[0].rows[:] = [slow if row.name == slow.name else row for row in results.compared[0].rows]
    short = document(results).split("## In short", 1)[1].split("\n## ", 1)[0]
    assert (
        "| SQLite, 100,000 messages | 1.50 s | 2.00 s | 0.75 | 0.30 s | 0.14 | 90 MB | 210 MB |" in short.splitlines()
    )


def test_figures_that_were_kept_make_the_same_document() -> None:
    kept = msgspec.json.encode(made_results())
    assert document(msgspec.json.decode(kept, type=Results)) == document(made_results())
