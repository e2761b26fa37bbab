"""The fast way to read an ordinary record makes the same message of it as the careful way does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_agent.model import Generation, Message, Problem, Session
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.ordinary import Answer, OrdinaryMessages, Question, ordinary, ordinary_row
from otel_agent.opencode.worktrees import at_repository
from tests.support.made_stores import T0, Tokens, as_file, message, session

STORES = Path(__file__).parent.parent / "stores"
MADE = "/home/dev/.local/share/opencode/worktree/9d4275a8a2f4a5eb6701f428dcfcd5bce876ea65/calm-otter"
REPOSITORY = "/home/dev/projects/persona"

SESSIONS = (
    None,
    Session("ses_1", version="1.1.27", worktree=REPOSITORY, directory=f"{REPOSITORY}/src", created_ms=T0 - 500),
    Session("ses_1", version="1.0.10", worktree="/", created_ms=T0 + 3_000),
    Session("ses_1", version="local", directory=MADE, created_ms=T0 + 60_000, forked=True),
    Session("ses_1", version="2.0.1", worktree=MADE, created_ms=T0 - 500, forked=True),
)


def repository_of_project(project_id: str) -> str:
    return REPOSITORY if project_id.startswith("9d4275") else ""


def by_care(
    raw: bytes, generation: Generation, of: Session | None, message_id: str, session_id: str
) -> tuple[Message | None, list[Problem]]:
    """What the way that trusts no field makes of a record."""
    wire = decode.parse(raw)
    decoded = decode.assistant(
        wire, place="here", generation=generation, message_id=message_id, session_id=session_id, session=of
    )
    if decoded.message is None:
        return None, decoded.problems
    found = at_repository(decoded.message, of, repository_of_project)
    return found, decoded.problems + unknown_fields.unknown_tokens(wire, found, "here", of)


def is_read_alike(raw: bytes, generation: Generation, of: Session | None, message_id: str = "msg_row") -> bool:
    """Compare both ways; return False for a record that the fast one leaves to the other."""
    answer = ordinary_row(raw) if generation is Generation.V2 else ordinary(raw)
    if answer is None:
        return False
    if isinstance(answer, Question):
        assert decode.parse(raw).role == "user"
        return True
    session_id = of.id if of else "ses_row"
    reader = OrdinaryMessages(generation, session_id, of, repository_of_project)
    if isinstance(answer, Answer):
        fast = reader.message(answer, message_id)
    else:
        fast = reader.message_of_row(answer, message_id, "")
    assert (fast, []) == by_care(raw, generation, of, message_id, session_id)
    return True


def files(store: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted((STORES / store).glob("**/message/*/*.json"))]
    assert found
    return found


def rows(store: str, table: str) -> list[tuple[str, bytes]]:
    path = next((STORES / store).glob("**/*.db"))
    with sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True) as database:
        where = "type = 'assistant'" if table == "session_message" else "1"
        found = database.execute(f"SELECT id, data FROM {table} WHERE {where}").fetchall()
    database.close()
    assert found
    return [(row_id, data.encode()) for row_id, data in found]


@pytest.mark.parametrize("of", SESSIONS)
@pytest.mark.parametrize(
    "store", ["opencode-0.5.x", "opencode-0.x", "json-1.1.27", "migrated-1.1.27-1.2.6", "imported-0.5.29-1.0.0-1.2.6"]
)
def test_every_file_of_a_real_tree_is_ordinary(store: str, of: Session | None) -> None:
    assert all(is_read_alike(raw, Generation.TREE, of) for raw in files(store))


def test_files_of_0_1_are_left_to_the_careful_way() -> None:
    """Its users' messages are the only ordinary ones."""
    for raw in files("opencode-0.1.x"):
        assert (ordinary(raw) is None) == (json.loads(raw)["role"] == "assistant")


@pytest.mark.parametrize("of", SESSIONS)
@pytest.mark.parametrize("store", ["migrated-1.1.27-1.2.6", "sqlite-1.18.33-fork", "v2/upgraded_v1_fork"])
def test_every_row_of_a_real_database_of_1_x_is_ordinary(store: str, of: Session | None) -> None:
    assert all(is_read_alike(raw, Generation.V1, of, row_id) for row_id, raw in rows(store, "message"))


@pytest.mark.parametrize("of", SESSIONS)
@pytest.mark.parametrize(
    "store", ["v2/basic", "v2/forks", "v2/subagents", "v2/titles", "v2/upgraded_v1_fork", "v2/v2-live-session_v2"]
)
def test_rows_of_a_real_database_of_2_x_with_tokens_are_ordinary(store: str, of: Session | None) -> None:
    for row_id, raw in rows(store, "session_message"):
        assert is_read_alike(raw, Generation.V2, of, row_id) == ("tokens" in json.loads(raw))


def base() -> dict[str, Any]:
    return message(session(), Tokens(1200, 80, 20, 400, 10), cost=0.5).document()


ODD: tuple[dict[str, Any], ...] = (
    {"metadata": {"assistant": {"modelID": "m"}}},
    {"role": "system"},
    {"role": None},
    {"role": ...},
    {"tokens": {"prompt": 12, "completion": 5}},
    {"tokens": {"input": -5, "output": 1}},
    {"tokens": {"input": 12.5, "output": 1}},
    {"tokens": {"input": True, "output": 1}},
    {"tokens": {"input": 10**13, "output": 1}},
    {"tokens": {"input": 1, "output": 1, "total": "2"}},
    {"tokens": None},
    {"cost": -1},
    {"cost": "1"},
    {"cost": 10**7},
    {"time": {"created": T0, "completed": "soon"}},
    {"time": {"created": T0, "completed": 0}},
    {"time": {"completed": T0}},
    {"time": {"created": T0, "completed": 10**14}},
    {"agent": "a\0b"},
    {"agent": "x" * 1_025},
    {"modelID": 12},
    {"error": {}},
    {"error": {"data": "lost"}},
    {"error": "lost"},
    {"retry": {"attempt": 2}},
    {"finish": "\ud800"},
)


@pytest.mark.parametrize("changes", ODD, ids=str)
def test_a_record_with_anything_odd_is_left_to_the_careful_way(changes: dict[str, Any]) -> None:
    assert is_read_alike(as_file(base()), Generation.TREE, None)
    changed = {key: value for key, value in (base() | changes).items() if value is not ...}
    assert ordinary(as_file(changed)) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", as_file(base())[:-1], as_file(base()) + b"}", b"\xff" * 9])
def test_what_is_torn_is_left_to_the_careful_way(raw: bytes) -> None:
    assert ordinary(raw) is None
    assert ordinary_row(raw) is None


def test_an_answer_is_told_from_a_question() -> None:
    assert isinstance(ordinary(as_file(base())), Answer)
    assert isinstance(ordinary(as_file({"id": "msg_1", "role": "user", "summary": {"diffs": [{"a": "\0"}]}})), Question)


NUMBERS = st.one_of(
    st.integers(-3, 10**13), st.floats(allow_nan=False, allow_infinity=False), st.just(12.0), st.booleans(), st.none()
)
TIMES = st.one_of(st.integers(T0 - 90_000, T0 + 90_000), st.just(T0 + 0.5), st.just(float(T0)), NUMBERS)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "build", " plan ", "default", "google", "anthropic", "stop", "tool-calls", MADE, "/", REPOSITORY]
    ),
    st.sampled_from(
        ["a\0b", "x" * 1_025, "\u200bbuild", "\u00e9t\u00e9 \u2728", "msg_1_2", "msg_bfe02d6f5001AbCdEfGhIjKlMn"]
    ),
)
VALUES: st.SearchStrategy[Any] = st.one_of(TEXTS, NUMBERS, st.just({}), st.just([]))


def objects(names: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Objects with some of these fields, mostly of the right type."""
    return st.fixed_dictionaries({}, optional={name: st.one_of(own, own, own, VALUES) for name, own in names.items()})


CACHE = objects({"read": NUMBERS, "write": NUMBERS})
RECORDS = objects(
    {
        "id": TEXTS,
        "sessionID": TEXTS,
        "parentID": TEXTS,
        "modelID": TEXTS,
        "providerID": TEXTS,
        "mode": TEXTS,
        "agent": TEXTS,
        "finish": TEXTS,
        "variant": TEXTS,
        "cost": NUMBERS,
        "summary": st.booleans(),
        "time": objects({"created": TIMES, "completed": TIMES, "streamed": TIMES}),
        "path": objects({"cwd": TEXTS, "root": TEXTS}),
        "model": objects({"id": TEXTS, "providerID": TEXTS, "modelID": TEXTS, "variant": TEXTS}),
        "error": objects({"name": TEXTS, "type": TEXTS}),
        "tokens": objects(
            {"input": NUMBERS, "output": NUMBERS, "reasoning": NUMBERS, "cache": CACHE, "total": NUMBERS}
        ),
        "metadata": st.none(),
        "retry": objects({"attempt": NUMBERS}),
        "content": st.just([{"type": "tool", "time": {"created": T0 + 5, "ran": T0 + 9}}]),
    }
)


def some(changes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A sound record with each of the changes alone, and with all of them."""
    yield base() | changes
    for key, value in changes.items():
        yield base() | {key: value}


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(changes=RECORDS, of=st.sampled_from(SESSIONS), generation=st.sampled_from([Generation.TREE, Generation.V1]))
def test_any_record_of_1_x_that_is_ordinary_is_read_alike(
    changes: dict[str, Any], of: Session | None, generation: Generation
) -> None:
    for document in some(changes):
        is_read_alike(as_file(document), generation, of)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(changes=RECORDS, of=st.sampled_from(SESSIONS))
def test_any_row_of_2_x_that_is_ordinary_is_read_alike(changes: dict[str, Any], of: Session | None) -> None:
    sound = message(session(), Tokens(1200, 80, 20, 400, 10), cost=0.5).document_v2()
    is_read_alike(as_file(sound | changes), Generation.V2, of)
    for key, value in changes.items():
        is_read_alike(as_file(sound | {key: value}), Generation.V2, of)
