"""In 0.x a message is a whole turn, whose steps say what it used; later ones say it themselves."""

from __future__ import annotations

from typing import Any

import pytest

from otel_agent.model import Generation, Message, Tokens
from otel_agent.opencode.parts.part import Part
from otel_agent.opencode.parts.step_usage import wants_parts, with_parts
from tests.support.records import call

LAST, FIRST = Tokens(100, 10, 0, 50, 0), Tokens(900, 40, 5, 0, 20)
STEPS = [
    Part("prt_1", is_step=True, tokens=FIRST, tool_use=None),
    Part("prt_2", is_step=True, tokens=LAST, tool_use=None),
]
TEXT = Part("prt_3", is_step=False, tokens=Tokens(), tool_use=None)


def turn(tokens: Tokens, **fields: Any) -> Message:
    return call(0, tokens, generation=Generation.TREE, turn_id="", finish="", **fields)


def test_a_message_of_0_x_used_what_all_its_steps_used() -> None:
    found = turn(LAST)
    assert wants_parts(found)
    assert with_parts(found, STEPS, "0.5.29").tokens == Tokens(1_000, 50, 5, 50, 20)
    assert with_parts(found, STEPS[1:], "0.5.29").tokens == LAST


def test_a_message_of_0_x_whose_parts_are_gone_used_what_it_says() -> None:
    assert with_parts(turn(LAST), [], "0.5.29").tokens == LAST
    assert with_parts(turn(FIRST.plus(LAST)), STEPS[:1], "0.5.29").tokens == FIRST.plus(LAST)


def test_a_later_message_is_one_step_and_says_itself_what_it_used() -> None:
    found = call(0, LAST)
    assert not wants_parts(found)
    assert with_parts(found, STEPS, "1.2.6").tokens == LAST


@pytest.mark.parametrize(
    ("parts", "calls_model"), [([TEXT], False), ([], True), ([TEXT, STEPS[1]], True)], ids=["a text", "none", "a step"]
)
def test_a_message_without_tokens_and_steps_called_no_model(parts: list[Part], calls_model: bool) -> None:
    """A person ran a command of a shell. Parts that are gone are no evidence of that."""
    found = call(0, Tokens())
    assert wants_parts(found)
    assert with_parts(found, parts, "1.2.6").calls_model is calls_model
