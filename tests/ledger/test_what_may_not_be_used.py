"""Files and folders of the ledger that may not be read or written, or are something else: a sentence, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.exported import Exported
from tests.support.ledger_files import WINDOWS, assert_exact, write_messages
from tests.support.otlp_receiver import OtlpReceiver

pytestmark = pytest.mark.skipif(WINDOWS, reason="modes, links and pipes are POSIX")
MESSAGES = 6
COMMANDS = (
    ("run", "--once"),
    ("summary", "models", "--range", "all", "--json"),
    ("status",),
    ("doctor", "--json"),
    ("verify",),
    ("config", "show"),
)
Fault = Callable[[Path], None]


def folder_that_may_not_be_searched(state_dir: Path) -> None:
    state_dir.chmod(0)


def folder_that_may_not_be_written(state_dir: Path) -> None:
    state_dir.chmod(0o555)


def ledger_that_may_not_be_written(state_dir: Path) -> None:
    (state_dir / "ledger.db").chmod(0o400)


def ledger_that_may_not_be_read(state_dir: Path) -> None:
    (state_dir / "ledger.db").chmod(0)


def ledger_of_another_user(state_dir: Path) -> None:
    (state_dir / "ledger.db").chmod(0o600)
    os.chown(state_dir / "ledger.db", 1, 1)


def in_place_of(name: str, make: Callable[[Path], object]) -> Fault:
    def fault(state_dir: Path) -> None:
        (state_dir / name).unlink(missing_ok=True)
        make(state_dir / name)

    fault.__name__ = f"{make.__name__.strip('_')}_in_place_of_{name}"
    return fault


def dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def link_to_a_file(path: Path) -> None:
    path.with_name("theirs").write_text("mine")
    path.symlink_to("theirs")


def pipe(path: Path) -> None:
    os.mkfifo(path)


STRANGE = [
    in_place_of(name, make)
    for name in ("ledger.db", "ledger.db-wal", "ledger.lock", "holder.json", "sent.db")
    for make in (Path.mkdir, dangling_link, link_to_a_file, pipe)
]


def used(agent: Agent) -> None:
    """Let the agent count a few messages, and its files belong to the user that it runs as."""
    write_messages(agent, MESSAGES)
    if agent.uid is not None:
        for path in (agent.data_dir, *agent.data_dir.iterdir()):
            path.chmod(0o777)
    agent.once()


def assert_no_traceback(agent: Agent, *command: str) -> dict[str, str]:
    run = agent.command(*command)
    assert "Traceback" not in run.stdout + run.stderr, (command, run.stderr)
    return {"code": str(run.returncode), "out": run.stdout, "err": run.stderr}


@pytest.mark.parametrize("fault", STRANGE, ids=lambda fault: fault.__name__)
def test_something_else_in_place_of_a_file_is_named_and_left_alone(
    agent: Agent, receiver: OtlpReceiver, fault: Fault
) -> None:
    used(agent)
    fault(agent.state_dir)
    name = fault.__name__.partition("_in_place_of_")[2]
    for command in COMMANDS:
        found = assert_no_traceback(agent, *command)
        if name.startswith("ledger.db") and command[0] not in ("config", "doctor"):
            assert found["code"] == "4", (command, found)
            assert str(agent.state_dir / name) in found["err"]
    (doctor,) = [each for each in json.loads(agent.command("doctor", "--json").stdout) if each["link"] == "ledger"]
    started = agent.attempt()
    if started.returncode != 0:
        assert started.returncode == 4
        assert name in started.stderr
        assert doctor["verdict"] == "failure"
        assert name in doctor["seen"]
    theirs = agent.state_dir / "theirs"
    assert not theirs.exists() or theirs.read_text() == "mine"
    assert not (agent.state_dir / "nowhere").exists()


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        (folder_that_may_not_be_searched, False),
        (folder_that_may_not_be_written, True),
        (ledger_that_may_not_be_written, True),
        (ledger_that_may_not_be_read, False),
        (ledger_of_another_user, False),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_may_not_be_used_is_named_and_what_can_be_read_is_shown(public: Agent, fault: Fault, shows: bool) -> None:
    if public.uid is None and fault is ledger_of_another_user:
        pytest.skip("only root can give a file away")
    used(public)
    fault(public.state_dir)
    try:
        answers = {command[0]: assert_no_traceback(public, *command) for command in COMMANDS}
    finally:
        public.state_dir.chmod(0o777)
    assert answers["run"]["code"] == "4"
    assert str(public.state_dir) in answers["run"]["err"]
    assert answers["config"]["code"] == "0"
    assert answers["summary"]["code"] == ("0" if shows else "4")
    if shows:
        summary = json.loads(answers["summary"]["out"])
        assert summary["totals"]["messages"] == MESSAGES
        assert any(sentence.startswith("What is new is missing: ") for sentence in summary["warnings"])
    (ledger,) = [
        each
        for each in json.loads(answers["doctor"]["out"])
        if each["link"] == "ledger" and each["verdict"] == "failure"
    ]
    assert str(public.state_dir) in ledger["seen"]


GARBAGE = [
    "UPDATE meta SET value = 'garbage'",
    "DELETE FROM meta",
    "DELETE FROM meta WHERE key = 'ledger_id'",
    "UPDATE meta SET value = '{' WHERE key = 'stores_read'",
    "UPDATE checkpoint SET state = x'ff00ff'",
    "UPDATE checkpoint SET state = 'text'",
    "INSERT INTO checkpoint VALUES ('places', x'ff') ON CONFLICT DO UPDATE SET state = x'ff'",
    "DROP TABLE series",
    "DROP TABLE delivery",
    "DROP VIEW whole_message",
    "ALTER TABLE message DROP COLUMN variant",
    "UPDATE series SET buckets = 'x'",
    "UPDATE series SET attributes = attributes || '}'",
    "UPDATE series SET told_buckets = 5",
    "UPDATE message SET input = 'abc'",
    "UPDATE message SET generation = 'x'",
    "UPDATE session SET title = x'ff'",
    "UPDATE session SET title = CAST(x'ff' AS TEXT)",
    "INSERT INTO problem VALUES ('a', 'b', 'c', 1)",
    "DELETE FROM context",
    "UPDATE session_use SET contexts = '{'",
    "UPDATE delivery SET taken_ms = 'x'",
    "UPDATE store SET messages = 'x'",
    "UPDATE turn SET state = 9",
    "UPDATE owed SET message = 77",
    "PRAGMA application_id = 5",
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_a_ledger_is_never_a_traceback_and_counts_nothing_twice(
    agent: Agent, receiver: OtlpReceiver, garbage: str
) -> None:
    used(agent)
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as database:
        database.executescript(garbage)
    as_found = agent.home / "as-found"
    shutil.copytree(agent.state_dir, as_found)
    for command in COMMANDS[1:]:
        assert_no_traceback(agent, *command)
        shutil.rmtree(agent.state_dir)
        shutil.copytree(as_found, agent.state_dir)
    write_messages(agent, 1, MESSAGES)
    agent.once()
    assert_exact(receiver, MESSAGES + 1)
    assert Exported(receiver).never_fell()
    assert len({point.resource["service.instance.id"] for point in receiver.points()}) == 1
