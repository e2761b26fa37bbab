"""`otel-agent messages` prints each counted message, for notebooks and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import time

from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.shell import Shell


def test_all_messages_add_up_to_the_summary(filled: Shell) -> None:
    rows = [json.loads(line) for line in filled.output("summary", "messages", "--format", "jsonl").splitlines()]
    assert len(rows) == 15
    assert sum(row["total"] for row in rows) == 142_516
    assert len({row["id"] for row in rows}) == 15
    assert [row["ended"] for row in rows] == sorted(row["ended"] for row in rows)


def test_csv_has_the_same_rows(filled: Shell) -> None:
    rows = list(csv.DictReader(io.StringIO(filled.output("messages", "--format", "csv"))))
    assert sum(int(row["total"]) for row in rows) == 142_516


def test_a_row_has_the_facts_of_its_message(shell: Shell) -> None:
    of = session(title="=cmd", directory="/work/shop")
    JsonTree(shell.data_dir).put_turn(
        message(of, Tokens(1, 2, 3, 4, 5), T0, cost=0.25, model="m", provider="p", agent="build")
    )
    (row,) = [json.loads(line) for line in shell.output("messages", "--format", "jsonl", "--tz", "UTC").splitlines()]
    expected = {
        "session": of.id,
        "title": "=cmd",
        "parent_session": None,
        "provider": "p",
        "model": "m",
        "agent": "build",
        "input": 1,
        "output": 2,
        "reasoning": 3,
        "cache_read": 4,
        "cache_write": 5,
        "total": 15,
        "cost_usd": 0.25,
        "created": "2026-01-23T13:24:52.533+00:00",
        "directory": "/work/shop",
        "error": None,
    }
    assert {name: row[name] for name in expected} == expected
    (as_csv,) = csv.DictReader(io.StringIO(shell.output("messages", "--format", "csv")))
    assert as_csv["title"] == "'=cmd", "a spreadsheet would run it"


def test_a_person_gets_the_latest_and_may_ask_for_others(shell: Shell) -> None:
    tree = JsonTree(shell.data_dir)
    for counter in range(1, 26):
        tree.put_turn(
            message(session(), Tokens(input=counter), T0 + counter, counter, model="a" if counter < 3 else "b")
        )
    lines = shell.output("messages").splitlines()
    assert len(lines) == 1 + 20
    assert lines[0].split() == ["Ended", "Model", "Agent", "Project", "Tokens", "Id"], "no message has a cost"
    assert lines[-1].split()[-2] == "25"
    assert len(shell.output("messages", "--limit", "0").splitlines()) == 1 + 25
    assert len(shell.output("messages", "--limit", "3", "--format", "jsonl").splitlines()) == 3
    assert len(shell.output("messages", "--model", "a", "--format", "jsonl").splitlines()) == 2


def test_what_could_not_be_read_is_said_beside_the_rows(shell: Shell) -> None:
    tree = JsonTree(shell.data_dir)
    tree.put_turn(message(session(), Tokens(input=1)))
    torn = tree.put_bytes(message(session(), counter=2), b'{"role": "assist')
    then = time.time() - 60
    os.utime(torn, (then, then))
    run = shell.run("messages", "--format", "jsonl")
    assert len(run.stdout.splitlines()) == 1
    assert "Warning: 1 file or row could not be read" in run.stderr


def test_without_opencode_there_is_the_head_only(shell: Shell) -> None:
    assert shell.output("messages", "--format", "csv").startswith("id,session,title,")
    assert shell.output("messages", "--format", "jsonl") == ""
