"""An OpenCode agent is known by what one sees of its name. Plugins put invisible characters into names, for sorting."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import T0, JsonTree, Message, OldTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell

USED = Tokens(1200, 80, 20, 400, 10)
AGENT = "gen_ai.agent.name"
STORES = ("json", "1.2.6", "1.18.33", "2.x")
CODER = "\U0001f469\u200d\U0001f4bb Coder"
"""A woman, a joiner, a laptop."""


def by(*names: str, first: int = 0) -> list[Message]:
    """One message of each agent, a minute apart and each in a turn of its own; ``first`` is the number of the first."""
    return [
        message(session(), USED, T0 + 60_000 * number, agent=name, parent=f"msg_{number}")
        for number, name in enumerate(names, first)
    ]


def test_an_agent_is_the_same_before_and_after_a_plugin_hides_characters_in_its_name(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    store.put_turn(*by("Sisyphus - Ultraworker", "\u200b\u200bHephaestus - Deep Agent"))
    agent.once()
    assert arrived.tokens_by(AGENT) == {"Sisyphus - Ultraworker": USED, "Hephaestus - Deep Agent": USED}
    later = ["\u200bSisyphus - Ultraworker", "\ufeffSisyphus - Ultraworker ", "Sisyphus\u00ad - \u2060Ultraworker"]
    store.put_turn(*by(*later, "Hephaestus - Deep Agent", first=2))
    agent.once()
    assert arrived.messages_by(AGENT) == {"Sisyphus - Ultraworker": 4, "Hephaestus - Deep Agent": 2}


def test_nothing_invisible_is_in_an_attribute_of_a_model_call(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(*by("\u200bAtlas - Plan Executor", "\u202eAtlas - Plan Executor\u202c"))
    agent.once()
    assert [span.attributes[AGENT] for span in arrived.chats()] == ["Atlas - Plan Executor"] * 2


def test_nothing_invisible_is_in_the_name_of_a_turn(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    tree.put_turn(*by("\u200bAtlas - Plan Executor", "\u202eAtlas - Plan Executor\u202c"))
    agent.once()
    names = [span.name for span in receiver.spans() if span.name.startswith("invoke")]
    assert names == ["invoke_agent Atlas - Plan Executor"] * 2


def test_a_name_in_which_nothing_can_be_seen_is_no_name(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(*by("\u200b\u200b", "build"))
    agent.once()
    assert arrived.messages_by(AGENT) == {"build": 1}
    assert arrived.messages() == 2
    assert [span.attributes.get(AGENT) for span in arrived.chats()] == [None, "build"]


def test_the_older_field_names_the_agent_if_nothing_can_be_seen_in_the_newer_one(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    tree.put_turn(message(session(), USED, changes={"agent": "\u200b", "mode": "\u200bplan"}))
    agent.once()
    assert arrived.messages_by(AGENT) == {"plan": 1}


def test_a_mode_of_the_oldest_trees_is_folded_too(agent: Agent, old_tree: OldTree, arrived: Arrived) -> None:
    for each in by("plan", "\u200bplan"):
        old_tree.put(each.session, each)
    agent.once()
    assert arrived.messages_by(AGENT) == {"plan": 2}


def test_an_emoji_of_several_pictures_stays_one(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(*by(CODER, f"\u200b{CODER}"))
    agent.once()
    assert arrived.messages_by(AGENT) == {CODER: 2}


def test_two_agents_whose_names_look_different_stay_two(agent: Agent, store: Store, arrived: Arrived) -> None:
    names = ["build", "Build", "build2", "\u200bbuil d", "buil\u0501"]
    store.put_turn(*by(*names))
    agent.once()
    assert set(arrived.messages_by(AGENT)) == {"build", "Build", "build2", "buil d", "buil\u0501"}


def test_models_and_providers_stay_as_they_are_recorded(agent: Agent, store: Store, arrived: Arrived) -> None:
    """They are what was asked of the provider, who bills it under this very name."""
    store.put_turn(message(session(), USED, model="glm-4.7\u200b", provider="zai\u200b"))
    agent.once()
    assert arrived.messages_by("gen_ai.request.model") == {"glm-4.7\u200b": 1}


class TestSummary:
    def asked(self, shell: Shell, *arguments: str) -> Any:
        return json.loads(shell.output("summary", "agents", *arguments, "--json"))

    @pytest.fixture
    def shell(self, agent: Agent) -> Shell:
        return Shell(agent.home)

    @pytest.fixture
    def filled(self, shell: Shell) -> Shell:
        JsonTree(shell.data_dir).put_turn(*by("\u200bAtlas", "Atlas", "\u200b\u200bMomus", CODER, "build"))
        return shell

    def test_an_agent_is_one_row(self, filled: Shell) -> None:
        rows = self.asked(filled)["rows"]
        assert {row["key"]: row["messages"] for row in rows} == {"Atlas": 2, "Momus": 1, CODER: 1, "build": 1}

    @pytest.mark.parametrize("glob", ["atlas", "Atl*", "\u200bAtlas", "\ufeff\u200bat?as "])
    def test_a_filter_matches_whatever_is_invisible_in_it(self, glob: str, filled: Shell) -> None:
        assert self.asked(filled, "--agent", glob)["totals"]["messages"] == 2

    def test_a_table_shows_every_name_without_replacement_characters(self, filled: Shell) -> None:
        printed = filled.output("summary", "agents")
        assert re.search(r"^Atlas +2 ", printed, re.MULTILINE)
        assert "\U0001f469\U0001f4bb Coder" in printed
        assert "\N{REPLACEMENT CHARACTER}" not in printed

    def test_the_configured_model_is_found_by_the_name_that_messages_have(self, shell: Shell) -> None:
        """oh-my-opencode 4 moves its file here, and shows the agent `atlas` under a longer name."""
        JsonTree(shell.data_dir).put_turn(*by("\u200bAtlas - Plan Executor", "build"))
        folder = shell.home / ".omo"
        folder.mkdir()
        (folder / "omo.jsonc").write_text('{"[opencode]": {"agents": {"atlas": {"model": "zai/glm-4.7"},},}} // mine')
        rows = self.asked(shell)["rows"]
        assert {row["key"]: row["configured_model"] for row in rows} == {
            "Atlas - Plan Executor": "zai/glm-4.7",
            "build": None,
        }
