"""The five numbers of a call: as recorded, disjoint if the settings say so, and in the terms of the conventions.

Every reply here is the same call: a prompt of 1000 tokens, 300 of them cached, and 50 out, 20 of them reasoning.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import make_store
from tests.support.made_stores import T0, Database, JsonTree, Message, Tokens, message, session

INSIDE = Tokens(700, 50, 20, 300, 0)
"""Up to 1.3: reasoning is counted in output as well."""
BESIDE = Tokens(700, 30, 20, 300, 0)
"""Releases from 1.14 on, and Google always: reasoning is counted beside output."""
TOTAL = 1050

DISJOINT = {"OTEL_AGENT_ACCOUNTING": "disjoint"}


CASES = {
    "total-says-inside": ("1.2.6", message(session(version="1.2.6"), INSIDE, total=TOTAL)),
    "total-says-beside": ("1.18.33", message(session(version="1.18.33"), BESIDE, total=TOTAL)),
    "tree-without-total": ("json", message(session(version="1.1.27"), INSIDE)),
    "imported-without-total": ("1.2.6", message(session(version="1.1.27"), INSIDE)),
    "google-in-the-tree": ("json", message(session(version="1.1.27"), BESIDE, provider="google")),
    "vertex-in-the-tree": ("json", message(session(version="1.1.27"), BESIDE, provider="google-vertex")),
    "cached-inside-input-up-to-1.0.61": (
        "json",
        message(session(version="1.0.61"), Tokens(1000, 50, 20, 300, 0), provider="openai", finish=None),
    ),
    "2.x-without-total": ("2.x", message(session(version="2.0.1"), BESIDE)),
}
EVERY_CASE = pytest.mark.parametrize(("where", "written"), CASES.values(), ids=list(CASES))


@EVERY_CASE
def test_tokens_are_exported_as_recorded_by_default(
    agent: Agent, arrived: Arrived, where: str, written: Message
) -> None:
    make_store(agent.data_dir, where).put_turn(written)
    agent.once()
    assert arrived.tokens() == written.tokens


@EVERY_CASE
def test_disjoint_accounting_leaves_the_overlap_out(
    agent: Agent, arrived: Arrived, where: str, written: Message
) -> None:
    make_store(agent.data_dir, where).put_turn(written)
    agent.once(**DISJOINT)
    assert arrived.tokens() == BESIDE
    assert sum(arrived.tokens()) == TOTAL


@EVERY_CASE
def test_the_genai_metrics_count_each_token_once(agent: Agent, arrived: Arrived, where: str, written: Message) -> None:
    make_store(agent.data_dir, where).put_turn(written)
    agent.once()
    assert arrived.genai("input_tokens") == 1000
    assert arrived.genai("output_tokens") == 50
    assert arrived.genai("cache_read.input_tokens") == 300
    assert arrived.genai("reasoning.output_tokens") == 20
    attributes = arrived.chat().attributes
    assert attributes["gen_ai.usage.input_tokens"] == 1000
    assert attributes["gen_ai.usage.output_tokens"] == 50


def test_cached_tokens_of_anthropic_were_never_inside_input(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    old = session(version="1.0.61")
    tree.put_turn(message(old, Tokens(700, 50, 0, 300, 0), provider="anthropic", finish=None))
    agent.once()
    assert arrived.genai("input_tokens") == 1000
    assert arrived.genai("output_tokens") == 50


def test_input_tokens_include_what_was_written_to_the_cache(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), Tokens(7, 5, 0, 300, 40), provider="anthropic"))
    agent.once()
    assert arrived.genai("input_tokens") == 347
    assert arrived.genai("cache_write.input_tokens") == 40


def test_more_reasoning_than_output_is_never_negative(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), Tokens(700, 10, 20, 300, 0)))
    agent.once(**DISJOINT)
    assert arrived.tokens() == Tokens(700, 0, 20, 300, 0)
    assert arrived.genai("output_tokens") == 20


def test_a_total_that_fits_neither_reading_changes_no_tokens(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """The accounting that leaves out what is counted twice takes nothing away on the word of such a total."""
    database.put_turn(message(session(version="1.18.33"), BESIDE, total=4711))
    agent.once(**DISJOINT)
    assert arrived.tokens() == BESIDE


def test_rows_with_and_without_a_total_count(agent: Agent, database: Database, arrived: Arrived) -> None:
    database.put_turn(message(session(), BESIDE), message(session(), BESIDE, T0 + 40_000, total=TOTAL))
    agent.once()
    assert arrived.holds(tokens=BESIDE.plus(BESIDE), messages=2)


def test_the_overlap_is_that_of_each_row(agent: Agent, database: Database, arrived: Arrived) -> None:
    """Output contains reasoning in the row without a total, and in the other one the total says that it does not."""
    database.put_turn(message(session(), BESIDE), message(session(), BESIDE, T0 + 40_000, total=TOTAL))
    agent.once(**DISJOINT)
    assert arrived.tokens() == Tokens(1400, 40, 40, 600, 0)


def test_a_correction_corrects_the_overlap_too(agent: Agent, arrived: Arrived) -> None:
    """The overlap is corrected with the numbers it is part of."""
    database = Database(agent.data_dir / "opencode.db", "1.2.6").create()
    first = message(session(version="1.2.6"), INSIDE, total=TOTAL)
    database.put_turn(first)
    agent.once(**DISJOINT)
    database.put_turn(replace(first, tokens=Tokens(700, 80, 40, 300, 0), total=1080))
    agent.once(**DISJOINT)
    assert arrived.tokens() == Tokens(700, 40, 40, 300, 0)


def test_the_documented_message_arrives_in_every_form(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """The example of the storage document, on the wire in every form it takes."""
    tokens = Tokens(23473, 433, 346, 72, 0)
    tree.put_turn(message(session(T0 - 500), tokens, T0, agent="Sisyphus", completed=1_769_174_730_149))
    agent.once()
    assert arrived.tokens() == tokens
    assert arrived.tokens_by("gen_ai.provider.name") == {"zai-coding-plan": tokens}
    assert arrived.tokens_by("gen_ai.request.model") == {"glm-4.7": tokens}
    assert arrived.tokens_by("gen_ai.agent.name") == {"Sisyphus": tokens}
    assert arrived.tokens_by("opencode.project.name") == {"persona": tokens}
    span = arrived.chat()
    assert span.name == "chat glm-4.7"
    assert span.start_ns == 1_769_174_692_533_000_000
    assert span.end_ns == 1_769_174_730_149_000_000
    numbers = {key: value for key, value in span.attributes.items() if key.startswith(("gen_ai.usage", "opencode.tok"))}
    assert numbers == {
        "gen_ai.usage.input_tokens": 23545,
        "gen_ai.usage.output_tokens": 433,
        "gen_ai.usage.reasoning.output_tokens": 346,
        "gen_ai.usage.cache_read.input_tokens": 72,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "opencode.token.input": 23473,
        "opencode.token.output": 433,
        "opencode.token.reasoning": 346,
        "opencode.token.cache_read": 72,
        "opencode.token.cache_write": 0,
    }


def test_costs_add_up_without_rounding_each(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    for step in range(10):
        tree.put_turn(message(session(), Tokens(1), T0 + step * 1000, cost=0.0000002))
    agent.once()
    assert arrived.cost() == pytest.approx(0.000002, rel=1e-6)


def test_costs_are_floats_and_tokens_integers(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """One series must not change its type from one value to the next: a cost of exactly a dollar is 1.0."""
    tree.put_turn(message(session(), INSIDE, cost=1))
    agent.once()
    kinds = {name: type(point.value) for (name, _), point in arrived.receiver.latest().items()}
    assert kinds["opencode.cost.usage"] == float
    assert kinds["opencode.token.usage"] == int
