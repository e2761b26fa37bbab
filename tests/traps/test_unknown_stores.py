"""A store that we cannot read is never empty without a word, and never zeros without a word."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, DatabaseV2, JsonTree, Tokens, message, session
from tests.support.paths import ROOT

USED = Tokens(1200, 80, 20, 400, 10)
NEW = session(version="3.0.0")
ANSWERS = [message(NEW, USED, T0 + 60_000 * n) for n in range(3)]
RENAMED = "UPDATE {table} SET data = replace(data, '\"{old}\":', '\"{new}\":')"
STORES = sorted(each.parent for each in (ROOT / "tests" / "stores").glob("*/opencode"))


def changed(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"PRAGMA foreign_keys = OFF; {script}")


def answered(agent: Agent, *arguments: str, code: int = 0) -> str:
    ended = agent.command(*arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def said_everywhere(agent: Agent, *words: str) -> None:
    """Each command says it, in each form."""
    for form in ("table", "json", "csv", "markdown", "html"):
        words_of(answered(agent, "summary", "--format", form), *words)
    words_of(answered(agent, "status", code=5), *words)
    words_of(answered(agent, "status", "--json", code=5), *words)
    words_of(answered(agent, "doctor", code=1), *(word.replace("3 messages", "3 places") for word in words))


def words_of(text: str, *words: str) -> None:
    flat = " ".join(re.sub(r"</?span[^>]*>", "", text).split())
    assert "No data available" not in flat
    for word in words:
        assert word.replace(" ", "") in flat.replace(" ", ""), f"{word!r} is not in:\n{text}"


def test_renamed_tables_are_said_with_their_rows_and_their_release(agent: Agent, database: Database) -> None:
    database.put_turn(*ANSWERS)
    changed(database.path, "ALTER TABLE message RENAME TO turn; ALTER TABLE session RENAME TO talk")
    said_everywhere(agent, "turn", "3 rows", "OpenCode 3.0.0")


@pytest.mark.parametrize(("old", "new"), [("role", "actor"), ("tokens", "usage"), ("input", "prompt")])
def test_a_field_of_1_x_that_was_renamed_is_said_with_the_number_of_messages(
    agent: Agent, database: Database, old: str, new: str
) -> None:
    database.put_turn(*ANSWERS)
    changed(database.path, RENAMED.format(table="message", old=old, new=new))
    said_everywhere(agent, "3 messages", "OpenCode 3.0.0")


@pytest.mark.parametrize("old", ["tokens", "output"])
def test_a_field_of_2_x_that_was_renamed_is_said(agent: Agent, old: str) -> None:
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    database.put_turn(*ANSWERS)
    changed(database.path, RENAMED.format(table="session_message", old=old, new="other"))
    said_everywhere(agent, "3 messages", "OpenCode 3.0.0")


def test_rows_of_an_unknown_type_that_hold_answers_are_said(agent: Agent) -> None:
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    database.put_turn(*ANSWERS)
    changed(database.path, "UPDATE session_message SET type = 'reply'")
    said_everywhere(agent, "3 rows of the unknown type reply", "OpenCode 3.0.0")


def test_a_message_of_a_tree_with_a_renamed_field_is_said(agent: Agent, tree: JsonTree) -> None:
    tree.put_turn(message(NEW, USED, changes={"role": ..., "actor": "assistant"}))
    tree.put_turn(message(NEW, USED, T0 + 60_000, changes={"tokens": ..., "usage": USED.document()}))
    words_of(answered(agent, "summary"), "2 messages")
    assert NEW.id in json.loads(answered(agent, "summary", "--json"))["warnings"][0]


@pytest.mark.parametrize("form", [Database, DatabaseV2, JsonTree])
@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"thinking": 500}, "tokens.thinking"),
        ({"image": {"input": 7}}, "tokens.image"),
        ({"cache": {"read": 400, "write": 10, "hour": 90}}, "tokens.cache.hour"),
    ],
)
def test_a_category_of_tokens_that_nobody_knows_is_said_once(
    agent: Agent, form: type[Database | JsonTree], odd: dict[str, object], said: str, arrived: Arrived
) -> None:
    """What is known counts. The first message stands for all of a release."""
    store = form(agent.data_dir if form is JsonTree else agent.data_dir / "opencode.db")
    if isinstance(store, Database):
        store.create()
    answers = [message(NEW, USED.document() | odd, T0 + step * 60_000) for step in range(3)]
    store.put_turn(*answers)
    agent.once()
    store.put_turn(message(NEW, USED.document() | odd, T0 + 300_000))
    agent.once()
    found = json.loads(answered(agent, "summary", "--range", "all", "--json"))
    told = [each for each in found["warnings"] if "tokens are missing" in each]
    assert len(told) == 1
    assert said in told[0]
    assert "OpenCode 3.0.0" in told[0]
    assert arrived.tokens() == Tokens(*(4 * number for number in USED))


@pytest.mark.parametrize("odd", [{"thinking": 0}, {"tier": "flex"}, {"total": 1}, {"seen": True}])
def test_what_cannot_be_usage_is_no_unknown_category(agent: Agent, database: Database, odd: dict[str, object]) -> None:
    database.put_turn(message(NEW, USED.document() | odd))
    assert json.loads(answered(agent, "summary", "--json"))["warnings"] == NEWER


def test_a_category_that_comes_later_beside_many_others_is_said_too(agent: Agent, database: Database) -> None:
    """The first message stands for six others. The second one has a problem of its own."""
    six = dict.fromkeys("abcdef", 1)
    database.put_turn(
        message(NEW, USED.document() | six),
        message(NEW, USED.document() | six | {"zinc": 500}, T0 + 60_000),
    )
    words_of(answered(agent, "summary"), "2 messages without readable tokens")


def test_an_unknown_category_stays_said_while_its_message_has_it(agent: Agent, database: Database) -> None:
    odd = message(NEW, USED.document() | {"thinking": 500})
    database.put_turn(odd, message(NEW, USED, T0 + 60_000))
    agent.once()
    database.put_turn(odd)
    agent.once()
    words_of(answered(agent, "summary"), "tokens.thinking")
    database.put_turn(message(NEW, USED))
    agent.once()
    assert json.loads(answered(agent, "summary", "--json"))["warnings"] == NEWER


def test_calls_that_used_nothing_are_no_unknown_fields(agent: Agent) -> None:
    """One was aborted while it streamed; one was killed and closed by the next start."""
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    aborted = {"tokens": ..., "cost": ..., "error": {"type": "aborted", "message": "Step interrupted"}}
    database.put_turn(message(NEW, changes=aborted, finish="error"))
    database.put_turn(message(NEW, at=T0 + 60_000, changes={"tokens": ..., "cost": ...}, finish=None))
    assert json.loads(answered(agent, "summary", "--json"))["warnings"] == NEWER


NEWER = [
    (
        "OpenCode 3.0.0 is newer than the releases this otel-agent was tested with (up to 1.18, and 2.x). "
        "Everything it could read is counted. A newer otel-agent may read more."
    )
]


@pytest.mark.parametrize("genuine", STORES, ids=lambda path: path.parent.name)
def test_nothing_is_unknown_in_the_stores_of_real_releases(agent: Agent, genuine: Path) -> None:
    shutil.copytree(genuine, agent.data_dir, dirs_exist_ok=True)
    assert json.loads(answered(agent, "summary", "--json"))["warnings"] == []


def test_messages_that_are_read_again_in_order_are_no_problem_any_more(agent: Agent, database: Database) -> None:
    database.put_turn(*ANSWERS)
    changed(database.path, RENAMED.format(table="message", old="tokens", new="usage"))
    words_of(answered(agent, "summary"), "3 messages")
    database.put_turn(*ANSWERS)
    agent.once()
    found = json.loads(answered(agent, "summary", "--json"))
    assert found["warnings"] == NEWER


def test_the_doctor_does_not_call_rows_ok_of_which_none_counts(agent: Agent, database: Database) -> None:
    database.put_turn(*ANSWERS)
    changed(
        database.path,
        RENAMED.format(table="message", old="completed", new="finished")
        + " WHERE 1; "
        + RENAMED.format(table="message", old="tokens", new="usage"),
    )
    found = json.loads(answered(agent, "doctor", "--json", code=1))
    assert [each["verdict"] for each in found if each["link"] == "store"] != ["ok"]
