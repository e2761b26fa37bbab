"""What never leaves: prompts, outputs and titles on the wire; keys and a backend's pages in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_agent.delivery.addresses import without_secrets
from otel_agent.delivery.proxies import shown
from tests.support.agent import Agent
from tests.support.made_stores import (
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    Message,
    Part,
    Session,
    Tokens,
    message,
    part_id,
    prompt,
    session,
    text,
)
from tests.support.otlp_receiver import Behaviour, OtlpReceiver
from tests.support.otlp_receiver.behaviours import HTML, Refusal, Reply
from tests.support.shell import Shell

TITLE = "title-marker-6f1c"
PLANTED = {
    name: f"planted-{name}-6f1c" for name in ("prompt", "output", "argument", "error", "system", "diff", "header")
}
KEY = "key-marker-6f1c"


def conversation() -> tuple[Session, Message]:
    """A session whose every text is a marker, and its failed message."""
    of = session(title=TITLE, version="1.18.33")
    error = {
        "name": "APIError",
        "data": {
            "message": PLANTED["error"],
            "responseBody": PLANTED["error"],
            "responseHeaders": {"x-request": PLANTED["header"]},
        },
    }
    changes = {"error": error, "system": [PLANTED["system"]], "structured": {"answer": PLANTED["output"]}}
    return of, message(of, Tokens(700, 50, 20, 300, 0), changes=changes)


def parts(of: Message) -> list[Part]:
    tool = {
        "type": "tool",
        "tool": "bash",
        "state": {"status": "completed", "title": PLANTED["argument"], "output": PLANTED["output"]},
    }
    return [
        replace(text(of), body={"type": "text", "text": PLANTED["prompt"]}),
        Part(id=part_id(of.created, 9), message=of, body=tool),
    ]


def put(agent: Agent, where: str) -> None:
    of, written = conversation()
    match where:
        case "tree":
            asked = prompt(of, summary={"title": PLANTED["prompt"], "diffs": [{"before": PLANTED["diff"]}]})
            JsonTree(agent.data_dir).put(of.project, of, asked, written, *parts(written))
        case "database":
            asked = prompt(of, summary={"title": PLANTED["prompt"], "diffs": [{"before": PLANTED["diff"]}]})
            Database(agent.data_dir / "opencode.db").create().put(of.project, of, asked, written, *parts(written))
        case "database of 2.x":
            DatabaseV2(agent.data_dir / "opencode.db").create().put(of.project, of, written)


def wire(receiver: OtlpReceiver) -> str:
    """Every byte of every request, headers too, one for each character."""
    bodies = [each.message.SerializeToString().decode("latin-1") for each in receiver.requests]
    return "\n".join(bodies + [str(each.headers) for each in receiver.requests])


@pytest.mark.parametrize("where", ["tree", "database", "database of 2.x"])
def test_no_text_of_a_conversation_leaves_the_machine(agent: Agent, receiver: OtlpReceiver, where: str) -> None:
    put(agent, where)
    run = agent.once(OTEL_AGENT_LOG_LEVEL="debug")
    sent = wire(receiver)
    assert "APIError" in sent
    assert receiver.total("opencode.message.count") == 1
    assert {name: marker for name, marker in PLANTED.items() if marker in sent} == {}
    assert TITLE not in sent
    assert "6f1c" not in run.stderr + run.stdout


@pytest.mark.parametrize("where", ["tree", "database", "database of 2.x"])
def test_session_titles_are_on_spans_only_and_only_if_asked_for(
    agent: Agent, receiver: OtlpReceiver, where: str
) -> None:
    put(agent, where)
    agent.once(OTEL_AGENT_SESSION_TITLES="true")
    (span,) = receiver.chats()
    assert span.attributes["opencode.session.title"] == TITLE
    points = [each.message.SerializeToString() for each in receiver.requests if each.signal == "metrics"]
    assert not any(TITLE.encode() in each for each in points)
    assert {name: marker for name, marker in PLANTED.items() if marker in wire(receiver)} == {}


def login_page() -> Behaviour:
    page = f"<p>{KEY} is no key of ours</p>".encode()
    return Behaviour("login page", False, Reply(403, HTML, page), Refusal("PERMISSION_DENIED"))


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("answer", ["accepted", "rejected"])
def test_no_key_of_the_headers_is_in_the_log(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, protocol: str, answer: str
) -> None:
    """Neither a key of the headers, nor what a backend's page says."""
    endpoint = receiver.endpoint if protocol != "grpc" else receiver.grpc_endpoint
    tree.put_turn(message(session(), Tokens(7)))
    if answer == "rejected":
        receiver.behave(then=login_page())
    run = agent.attempt(
        OTEL_AGENT_LOG_LEVEL="debug",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{KEY}",
        OTEL_EXPORTER_OTLP_TIMEOUT="60000",
    )
    assert run.returncode == (0 if answer == "accepted" else 3), run.stderr
    assert {each.headers["authorization"] for each in receiver.requests} == {f"Bearer {KEY}"}
    assert KEY not in run.stderr + run.stdout


MALFORMED = [f"authorization: Bearer {KEY}", f'"authorization={KEY}"', f"a=1;b={KEY}", f"a=b,{KEY}", f"{KEY} x=1"]


@pytest.mark.parametrize("headers", MALFORMED)
def test_no_key_of_malformed_headers_is_in_the_error(agent: Agent, receiver: OtlpReceiver, headers: str) -> None:
    towards = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_HEADERS": headers}
    for command in (("run", "--once"), ("config", "check"), ("doctor",)):
        run = Shell(agent.home).run(*command, **towards)
        assert "OTEL_EXPORTER_OTLP_HEADERS: header " in " ".join((run.stderr + run.stdout).split())
        assert run.returncode != 0
        assert KEY not in run.stderr + run.stdout
    assert receiver.requests == ()


@pytest.mark.parametrize("answer", ["accepted", "rejected"])
def test_no_key_of_the_address_is_in_the_log(agent: Agent, tree: JsonTree, receiver: OtlpReceiver, answer: str) -> None:
    tree.put_turn(message(session(), Tokens(7), T0))
    if answer == "rejected":
        receiver.behave(then=login_page())
    with_user = receiver.endpoint.replace("http://", f"http://me:{KEY}@")
    run = agent.attempt(OTEL_AGENT_LOG_LEVEL="debug", OTEL_EXPORTER_OTLP_ENDPOINT=with_user)
    assert run.returncode == (0 if answer == "accepted" else 3), run.stderr
    with_query = agent.attempt(
        OTEL_AGENT_LOG_LEVEL="debug",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{receiver.endpoint}/v1/traces?api-key={KEY}",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{receiver.endpoint}/v1/metrics?api-key={KEY}",
    )
    assert with_query.returncode == 3, "the receiver knows no path with a query"
    assert any(KEY in each for each in receiver.malformed), "the key did not go where it belongs"
    assert KEY not in run.stderr + run.stdout + with_query.stderr + with_query.stdout


WITH_PASSWORDS = [
    f"http://me:{KEY}#x@127.0.0.1:1",
    f"http://me:{KEY}?x@127.0.0.1:1",
    f"http://me:x#{KEY}@127.0.0.1:1",
    f"http://me:x@y?{KEY}@127.0.0.1:1",
    f"http://me:x/{KEY}@127.0.0.1:1",
    f"http://me:{KEY}://x@127.0.0.1:1",
    f"me:{KEY}@127.0.0.1:1",
    f"me:{KEY}@http://127.0.0.1:1",
    f"http://127.0.0.1:1/?mail=me@here&key={KEY}",
    f"http://127.0.0.1:1/#{KEY}",
]
"""Passwords and queries with the characters that end one in an address."""


@pytest.mark.parametrize("address", WITH_PASSWORDS)
def test_no_password_of_an_address_is_printed_whatever_its_characters(agent: Agent, address: str) -> None:
    shell = Shell(agent.home)
    for command in (
        ("run", "--once"),
        ("config", "show"),
        ("config", "check"),
        ("doctor",),
        ("setup", "--yes", "--json", "--endpoint", address),
    ):
        run = shell.run(*command, OTEL_EXPORTER_OTLP_ENDPOINT=address)
        assert KEY not in run.stderr + run.stdout, command
        assert "Traceback" not in run.stderr
    assert KEY not in without_secrets(address)
    assert KEY not in shown(address)
