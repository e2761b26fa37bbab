"""A bad value never reaches a counter and never stops the rest: of its message, or of any other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import T0, Database, Tokens, message, session

GOOD = Tokens(1200, 80, 20, 400, 10)
LARGEST = 2**63 - 1

BAD_NUMBERS: dict[str, Any] = {
    "negative": -5,
    "fraction": 12.5,
    "string": "12",
    "null": None,
    "nan": float("nan"),
    "infinite": float("inf"),
    "beyond-int64": 2**63,
    "far-beyond": 10**40,
    "true": True,
    "list": [12],
    "object": {"count": 12},
}

STORES = ("json", "1.18.33")


def with_bad(category: str, value: Any) -> dict[str, Any]:
    """`GOOD`, as OpenCode writes it, but for one category."""
    written = GOOD.document()
    if category.startswith("cache_"):
        written["cache"][category.removeprefix("cache_")] = value
    else:
        written[category] = value
    return written


@pytest.mark.parametrize("category", Tokens._fields)
def test_bad_tokens_are_left_out_and_all_else_counts(
    agent: Agent, store: Store, arrived: Arrived, category: str
) -> None:
    """One message for each kind of bad value, each under a model of its own, and a sound one after them all."""
    for step, (name, value) in enumerate(BAD_NUMBERS.items()):
        store.put_turn(message(session(), with_bad(category, value), T0 + step * 1000, model=name, cost=0.5))
    store.put_turn(message(session(), GOOD, T0 + 900_000, model="sound"))
    agent.once()
    by_model = arrived.tokens_by("gen_ai.request.model")
    assert by_model == {name: GOOD._replace(**{category: 0}) for name in BAD_NUMBERS} | {"sound": GOOD}
    assert arrived.messages_by("gen_ai.request.model") == dict.fromkeys((*BAD_NUMBERS, "sound"), 1)
    assert arrived.cost() == pytest.approx(0.5 * len(BAD_NUMBERS))
    assert len(arrived.chats()) == len(BAD_NUMBERS) + 1
    assert arrived.unreadable() == len(BAD_NUMBERS), "what was left out is counted too"


BAD_TOKENS: tuple[Any, ...] = (None, [], "many", 12, {}, {"input": 7, "cache": None}, {"input": 7, "cache": [1, 2]})


def test_a_message_with_a_bad_tokens_object_counts_what_can_be_read(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    for step, tokens in enumerate(BAD_TOKENS):
        store.put_turn(message(session(), tokens, T0 + step * 1000, model=f"odd-{step}"))
    store.put_turn(message(session(), GOOD, T0 + 900_000, model="sound"))
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model") == {"odd-5": Tokens(7), "odd-6": Tokens(7), "sound": GOOD}
    assert arrived.messages() == len(BAD_TOKENS) + 1


def test_a_bad_total_only_leaves_the_overlap_unknown(agent: Agent, store: Store, arrived: Arrived) -> None:
    for step, (name, total) in enumerate(BAD_NUMBERS.items()):
        store.put_turn(message(session(), GOOD.document() | {"total": total}, T0 + step * 1000, model=name))
    agent.once(OTEL_AGENT_ACCOUNTING="disjoint")
    # As in a row without a total, output then contains the 20 tokens of reasoning.
    assert arrived.tokens_by("gen_ai.request.model") == dict.fromkeys(BAD_NUMBERS, GOOD._replace(output=60))


def test_a_bad_cost_is_left_out_and_the_tokens_count(agent: Agent, store: Store, arrived: Arrived) -> None:
    bad = {name: value for name, value in BAD_NUMBERS.items() if name not in ("fraction", "beyond-int64")}
    for step, (name, value) in enumerate({**bad, "sound": 0.5}.items()):
        store.put_turn(message(session(), GOOD, T0 + step * 1000, model=name, cost=value))
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model") == dict.fromkeys((*bad, "sound"), GOOD)
    assert arrived.cost() == pytest.approx(0.5)


def test_a_sum_too_large_for_the_wire_does_not_stop_the_rest(agent: Agent, store: Store, arrived: Arrived) -> None:
    """No call can use so much: each of the two counts as zero. Sent, their sum would be refused with the whole batch."""
    for step in range(2):
        store.put_turn(message(session(), Tokens(input=LARGEST), T0 + step * 1000, model="vast"))
    store.put_turn(message(session(), GOOD, T0 + 900_000, model="sound"))
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model")["sound"] == GOOD
    assert arrived.tokens({"gen_ai.request.model": "vast"}) == Tokens()
    assert arrived.messages() == 3
    assert arrived.unreadable() == 2, "what was left out is counted too"


@pytest.mark.parametrize("where", ["created", "completed"])
def test_a_bad_time_never_stops_the_rest(agent: Agent, store: Store, arrived: Arrived, where: str) -> None:
    for step, value in enumerate(BAD_NUMBERS.values()):
        times = {"created": T0 + step * 1000, "completed": T0 + step * 1000 + 500} | {where: value}
        store.put_turn(message(session(), GOOD, T0 + step * 1000, model="odd", changes={"time": times}))
    store.put_turn(message(session(), GOOD, T0 + 900_000, model="sound"))
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model")["sound"] == GOOD
    assert all(0 < span.start_ns <= span.end_ns < 2**63 for span in arrived.chats())


HARMLESS: tuple[dict[str, Any], ...] = (
    {"error": {}},
    {"path": None},
    {"path": {"cwd": 1, "root": []}},
    {"modelID": None},
    {"providerID": ...},
    {"agent": {}},
    {"mode": ..., "agent": ...},
    {"finish": 3},
    {"parentID": 9},
    {"summary": "yes"},
    {"an-unknown-field": {"deep": [[[1]]]}},
)
"""Fields that only say whom to book the tokens to."""

CONFUSING: tuple[dict[str, Any], ...] = (
    {"role": ...},
    {"role": 7},
    {"time": ...},
    {"time": None},
    {"time": 1},
    {"tokens": ...},
    {"error": "broken"},
    {"error": {"name": 7}},
    {"modelID": 7},
    {"agent": "", "mode": ""},
    {"sessionID": ...},
    {"sessionID": 7},
    {"id": ...},
    {"id": {}},
)
"""Fields without which nobody can say whether a message counts."""


def test_an_odd_field_does_not_cost_the_message(agent: Agent, store: Store, arrived: Arrived) -> None:
    """Whoever it is booked to: the tokens were spent. Each message spends a power of two, so a lost one has a name."""
    for step, changes in enumerate(HARMLESS):
        store.put_turn(message(session(), Tokens(input=2**step), T0 + step * 1000, changes=changes))
    agent.once()
    total = arrived.tokens().input
    lost = [changes for step, changes in enumerate(HARMLESS) if not total >> step & 1]
    assert lost == []
    assert total == 2 ** len(HARMLESS) - 1
    assert arrived.messages() == len(HARMLESS)


def test_an_odd_message_never_stops_a_sound_one(agent: Agent, store: Store, arrived: Arrived) -> None:
    for step, changes in enumerate(CONFUSING):
        store.put_turn(message(session(), GOOD, T0 + step * 1000, model=f"odd-{step}", changes=changes))
    store.put_turn(message(session(), GOOD, T0 + 900_000, model="sound"))
    agent.once()
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model")["sound"] == GOOD
    assert arrived.messages({"gen_ai.request.model": "sound"}) == 1
    assert arrived.messages() <= len(CONFUSING) + 1


def test_a_message_completed_before_it_was_created_counts(agent: Agent, store: Store, arrived: Arrived) -> None:
    """The clock was set back during the call."""
    store.put_turn(message(session(), GOOD, completed=T0 - 3_000))
    agent.once()
    span = arrived.chat()
    assert arrived.tokens() == GOOD
    assert span.start_ns <= span.end_ns


def test_rows_whose_data_is_no_object_stop_nothing(agent: Agent, database: Database, arrived: Arrived) -> None:
    junk = (b"\xff\xfe\x00", "null", "[]", "7", '"text"', "", "{", "\x00", 7, 1.5)
    for step, content in enumerate(junk):
        odd = message(session(), GOOD, T0 + step * 1000)
        database.put_turn(odd)
        database.execute("UPDATE message SET data = ? WHERE id = ?", content, odd.id)
    database.put_turn(message(session(), GOOD, T0 + 900_000))
    agent.once()
    assert arrived.holds(tokens=GOOD, messages=1)
