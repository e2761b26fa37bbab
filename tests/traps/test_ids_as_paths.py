"""Ids and names from the content of files never lead out of the tree."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from otel_agent.opencode.bounded_files import is_plain_name
from otel_agent.opencode.json_tree.layout import FlatLayout, ProjectLayout
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import JsonTree, OldTree, Tokens, as_file, message, session, tool

USED = Tokens(1200, 80, 20, 400, 10)
NOW = time.time_ns() // 1_000_000 - 600_000
"""Ten minutes ago: the parts of a history are not read."""
ASKED = message(session(NOW), USED, NOW)

ODD = {
    "up": "../../../../secret",
    "absolute": "{secret}",
    "a part of the path": "sub/../../../../../secret",
    "backslashes": "..\\..\\secret",
    "the folder above": "..",
    "the folder itself": ".",
    "with a line break": "msg_\n1",
    "longer than a name may be": "m" * 900,
    "longer in bytes": "\u00e9" * 130,
}


def put_secret(agent: Agent) -> Path:
    """A folder outside the tree, whose file reads like a part."""
    secret = agent.home / "data" / "secret"
    secret.mkdir(parents=True)
    for place in (secret, secret.parent, agent.data_dir / "storage"):
        place.mkdir(exist_ok=True)
        (place / "prt_1.json").write_bytes(as_file(tool(ASKED, "a-secret-tool").document()))
    return secret


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_a_message_whose_id_is_a_path_counts_without_parts_from_elsewhere(
    agent: Agent, tree: JsonTree, arrived: Arrived, odd: str
) -> None:
    secret = put_secret(agent)
    tree.put_turn(ASKED, replace(ASKED, id=f"{ASKED.id}x", created=NOW + 1_000))
    document = ASKED.document() | {"id": odd.format(secret=secret)}
    tree.path(ASKED).write_bytes(as_file(document))
    run = agent.once()
    assert arrived.messages() == 2
    assert arrived.receiver.total("opencode.tool.call.count") == 0
    assert "a-secret-tool" not in str(arrived.receiver.spans())
    assert "an id that cannot be the name of a file" in run.stderr
    assert "an id that cannot be the name of a file" in agent.command("status").stdout


@pytest.mark.parametrize("odd", ["../../../../../secret", ".."])
def test_a_session_id_that_is_a_path_leads_nowhere_in_a_tree_of_0_5(
    agent: Agent, old_tree: OldTree, arrived: Arrived, odd: str
) -> None:
    old_tree.put(ASKED.session, ASKED)
    folder = old_tree.path(ASKED).parents[2]
    (folder / "part" / "x").mkdir(parents=True)
    outside = (folder / "part" / odd).resolve() / ASKED.id
    outside.mkdir(parents=True)
    (outside / "prt_1.json").write_bytes(as_file(tool(ASKED, "a-secret-tool").document()))
    document = json.loads(old_tree.path(ASKED).read_bytes()) | {"sessionID": odd}
    old_tree.path(ASKED).write_bytes(as_file(document))
    run = agent.once()
    assert arrived.messages() == 1
    assert arrived.receiver.total("opencode.tool.call.count") == 0
    assert "an id that cannot be the name of a file" in run.stderr


def test_a_parent_whose_id_is_a_path_is_no_caller(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Its messages would be looked for outside, and one of them could become the caller of this session."""
    odd = "../../../secret"
    child = session(NOW, counter=5, parent=odd)
    outside = (agent.data_dir / "storage" / "message" / odd).resolve()
    outside.mkdir(parents=True)
    caller = message(session(NOW), USED, NOW - 5_000, counter=7)
    (outside / f"{caller.id}.json").write_bytes(as_file(caller.document()))
    tree.put(tool(caller, "task", metadata={"sessionId": child.id}, at=NOW - 4_000))
    tree.put_turn(message(child, USED, NOW, counter=8))
    agent.once()
    assert arrived.messages() == 1
    (span,) = [each for each in arrived.receiver.spans() if each.name.startswith("invoke_agent")]
    assert not span.parent_span_id


def test_a_project_whose_id_is_a_path_has_no_file(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    (agent.data_dir / "storage").mkdir(parents=True, exist_ok=True)
    (agent.home / "data" / "elsewhere.json").write_bytes(as_file({"id": "x", "worktree": "/home/dev/secret-project"}))
    of = ASKED.session
    tree.put_turn(replace(ASKED, changes={"path": ...}))
    document = of.document() | {"projectID": "../../../elsewhere"}
    tree.path(of).write_bytes(as_file(document))
    agent.once()
    assert "secret-project" not in arrived.messages_by("opencode.project.name")


@pytest.mark.parametrize("name", ["msg_01abcXYZ", "global", "a b", "msg.json", "Ünïcode", "x" * 240])
def test_a_name_is_plain(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\\b", "C:a", "a\0b", "a\nb", "\x1b[31m", "x" * 241])
def test_a_name_is_not_plain(name: str, tmp_path: Path) -> None:
    assert not is_plain_name(name)
    for layout in (FlatLayout(tmp_path), ProjectLayout(tmp_path)):
        assert layout.parts("ses", name) is None
        assert layout.project_file(name) is None
    assert ProjectLayout(tmp_path).parts(name, "msg") is None
