"""Repository and branch of the real git on spans and in `otel-agent session`, only if a setting asks for them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from otel_agent.model import Outcome, ToolCall, Turn
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.otlp.spans import Tracer
from tests.otlp.made import EMITTER, SESSION, made
from tests.support.agent import Agent
from tests.support.dead_mount import noticing_openings
from tests.support.git_repository import at_minute, needs_git, repository
from tests.support.made_stores import JsonTree, Message, Tokens, message, message_id, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import ROOT

pytestmark = needs_git

ON = {"OTEL_AGENT_VCS_ATTRIBUTES": "true"}
SECRET = "hunter2"
SCHEMA = json.loads((ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8"))


def written_in(folder: Path, minute: float, number: int = 1) -> Message:
    of = session(at_minute(minute), number, directory=str(folder))
    path = {"path": {"cwd": str(folder), "root": str(folder)}}
    asked = message_id(at_minute(minute) - 100, number)
    return message(of, Tokens(7), at_minute(minute), parent=asked, changes=path)


def test_each_span_names_the_branch_at_its_own_begin_and_is_the_same_if_it_is_built_again(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    shop.git(10, "checkout", "-b", "fix/basket")
    shop.git(20, "checkout", "main")
    place = {"worktree": str(tmp_path / "not-here"), "directory": str(shop.folder)}
    asked = made(created_ms=at_minute(15), completed_ms=at_minute(25), **place)
    turn = Turn(asked.turn_id, asked.turn_id, "", started_ms=at_minute(5))
    calls = tuple(
        ToolCall(f"prt_{minute}", "call", "bash", Outcome.OK, at_minute(minute), at_minute(minute + 1))
        for minute in (16, 24)
    )

    def branches() -> list[tuple[str, object]]:
        tracer = Tracer(EMITTER, titles=False, checkouts=Checkouts())
        spans = [tracer.turn_span(asked, SESSION, turn), *tracer.message_spans(asked, SESSION, turn, calls)]
        return [(each.name, (each.attributes or {}).get("vcs.ref.head.name")) for each in spans]

    first = branches()
    assert first == [
        ("invoke_agent build", "main"),
        ("chat glm-4.7", "fix/basket"),
        ("execute_tool bash", "fix/basket"),
        ("execute_tool bash", "main"),
    ]
    shop.git(30, "branch", "-D", "fix/basket")
    shop.git(31, "checkout", "-b", "next")
    assert branches() == first


def test_spans_have_the_name_of_the_repository_and_no_part_of_its_address_leaves_the_machine(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    shop = repository(agent.home / "shop-of-ada")
    shop.git(1, "remote", "add", "origin", f"https://ada:{SECRET}@git.example.org/acme/shop.git")
    tree.put_turn(written_in(shop.folder, 5))
    run = agent.once(OTEL_AGENT_LOG_LEVEL="debug", **ON)
    found = {
        span.name: {key: span.attributes[key] for key in span.attributes if "vcs" in key} for span in receiver.spans()
    }
    names = {"vcs.repository.name": "shop", "vcs.ref.head.name": "main"}
    assert found == dict.fromkeys(("chat glm-4.7", "invoke_agent build"), names)
    sent = "".join(str(each.message) for each in receiver.requests)
    assert [word for word in (SECRET, "git.example.org", "acme") if word in sent + run.stdout + run.stderr] == []
    metrics = "".join(str(each.message) for each in receiver.requests if each.signal == "metrics")
    assert "vcs." not in metrics, "a branch would be one more series"


def test_no_file_of_git_is_opened_unless_the_setting_is_on_and_one_that_cannot_be_read_is_no_trouble(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    shop = repository(agent.home / "shop")
    tree.put_turn(written_in(shop.folder, 5))
    try:
        with noticing_openings(shop.folder / ".git" / "HEAD") as was_opened:
            agent.once()
            assert not was_opened()
            tree.put_turn(written_in(shop.folder, 15, 2))
            assert "WARNING" not in agent.once(**ON).stderr
            assert was_opened()
    except OSError:
        pytest.skip("this file system knows no leases")
    assert len(receiver.chats()) == 2
    assert not [key for span in receiver.spans() for key in span.attributes if key.startswith("vcs.")]


def test_a_session_shows_its_repository_and_branches_if_the_setting_is_on(agent: Agent, tree: JsonTree) -> None:
    shop = repository(agent.home / "shop")
    shop.git(10, "checkout", "-b", "fix/basket")
    shop.git(20, "checkout", "--detach")
    of = session(at_minute(5), directory=str(shop.folder))
    for number, minute in enumerate((5, 15, 25), start=1):
        tree.put_turn(replace(written_in(shop.folder, minute, number), session=of))
    text = agent.command("session", of.id, **ON).stdout.splitlines()
    assert text[1] == "git: repository shop, branches main, fix/basket"
    found = json.loads(agent.command("session", of.id, "--json", **ON).stdout)
    assert (found["repository"], [turn["branch"] for turn in found["turns"]]) == ("shop", ["main", "fix/basket", None])
    off = agent.command("session", of.id, "--json").stdout + agent.command("session", of.id).stdout
    assert "repository" not in off
    assert "fix/basket" not in off


def test_sessions_and_messages_name_repository_and_branches_for_scripts_if_the_setting_is_on(
    agent: Agent, tree: JsonTree
) -> None:
    shop = repository(agent.home / "shop")
    shop.git(10, "checkout", "-b", "fix/basket")
    shop.git(20, "checkout", "main")
    of = session(at_minute(5), directory=str(shop.folder))
    for number, minute in enumerate((5, 15, 25), start=1):
        tree.put_turn(replace(written_in(shop.folder, minute, number), session=of))
    elsewhere = agent.home / "notes"
    elsewhere.mkdir()
    tree.put_turn(written_in(elsewhere, 30, 9))

    document = json.loads(agent.command("summary", "sessions", "--json", **ON).stdout)
    jsonschema.validate(document, SCHEMA)
    assert {Path(row["project"]).name: (row["repository"], row["branches"]) for row in document["rows"]} == {
        "shop": ("shop", ["main", "fix/basket"]),
        "notes": (None, []),
    }
    minutes = ("--since", "2023-11-14 22:24", "--until", "2023-11-14 22:46", "--tz", "UTC")
    in_csv = rows_of(agent.command("summary", "sessions", *minutes, "--format", "csv", **ON).stdout)
    assert {row["repository"]: row["branches"] for row in in_csv} == {"shop": "fix/basket main", "": ""}
    assert list(in_csv[0])[-2:] == ["repository", "branches"], "the other columns keep their places"
    each = rows_of(agent.command("messages", "--format", "csv", **ON).stdout)
    branches = [("shop", "main"), ("shop", "fix/basket"), ("shop", "main"), ("", "")]
    assert [(row["repository"], row["branch"]) for row in each] == branches
    for command in (("summary", "sessions", "--json"), ("messages", "--format", "csv")):
        off = agent.command(*command).stdout
        assert [word for word in ("repository", "branch", "fix/basket") if word in off] == [], command


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
