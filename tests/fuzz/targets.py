"""The decoders, each with what has to be true of it for any bytes at all."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from otel_agent.errors import SettingsError
from otel_agent.model import Generation, Message, Overlap, Problem, ProcessMode, Session, Tokens
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.ordinary import OrdinaryMessages, Question, ordinary, ordinary_row
from otel_agent.opencode.parts.answer import answer
from otel_agent.opencode.parts.content import Unreadable, fields_of, parts_of
from otel_agent.opencode.parts.part import Part, decode_part
from otel_agent.opencode.parts.tool_calls import tool_calls
from otel_agent.opencode.running.command_line import mode_of
from otel_agent.opencode.sqlite.known_tables import probe
from otel_agent.opencode.sqlite.row_json import whole
from otel_agent.opencode.worktrees import at_repository
from otel_agent.settings import Settings, load
from tests.fuzz import claims
from tests.fuzz.answers import is_judged
from tests.fuzz.changes import byte_like, corpus, json_like

SESSIONS: Final = (
    None,
    Session("ses_1", version="1.1.27", worktree="/w/shop", directory="/w/shop/src", created_ms=1_769_174_692_033),
    Session("ses_1", version="1.0.10", worktree="/", created_ms=1_769_174_695_533),
    Session("ses_1", version="2.0.1", worktree="/w/shop", created_ms=1_769_174_692_033, forked=True),
)
MESSAGE: Final = Message(
    id="msg_beb077a85001k767ZlaEy6bbW9",
    session_id="ses_1",
    generation=Generation.V1,
    created_ms=1_769_174_692_533,
    completed_ms=1_769_174_730_149,
    provider="p",
    model="m",
    agent="build",
    tokens=Tokens(1, 2, 3, 4, 5),
    overlap=Overlap(),
    cost_nusd=1,
)
PLANTED: Final = "s3cret-key"
"""A key in the corpus of settings: no error may show it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder. ``check`` raises whatever is not as it should be."""

    name: str
    check: Callable[[bytes], None]
    records: Callable[[list[bytes]], st.SearchStrategy[bytes]] = json_like

    def strategy(self) -> st.SearchStrategy[bytes]:
        """Return records made of those of the corpus."""
        return self.records(corpus(self.name))


def _name_of(session: Session | None) -> str:
    return session.id if session else "ses_row"


def _by_care(raw: bytes, generation: Generation, of: Session | None) -> tuple[Message | None, list[Problem]]:
    """Read a record by the way that trusts no field. Raises ``Malformed``."""
    wire = decode.parse(raw)
    found = decode.assistant(
        wire, place="here", generation=generation, message_id="msg_row", session_id=_name_of(of), session=of
    )
    if found.message is None:
        return None, found.problems
    message = at_repository(found.message, of, lambda _: "")
    return message, found.problems + unknown_fields.unknown_tokens(wire, message, "here", of)


def _message(raw: bytes) -> None:
    for generation in (Generation.TREE, Generation.V1):
        for of in SESSIONS:
            fast = ordinary(raw)
            try:
                slow, problems = _by_care(raw, generation, of)
            except decode.Malformed:
                assert fast is None
                continue
            if slow is not None:
                claims.is_message(slow)
            if isinstance(fast, Question):
                assert decode.parse(raw).role == "user"
            elif fast is not None:
                reader = OrdinaryMessages(generation, _name_of(of), of, lambda _: "")
                assert (reader.message(fast, "msg_row"), []) == (slow, problems)


def _row(raw: bytes) -> None:
    for of in SESSIONS:
        fast = ordinary_row(raw)
        try:
            slow, problems = _by_care(raw, Generation.V2, of)
        except decode.Malformed:
            assert fast is None
            continue
        if slow is not None:
            claims.is_message(slow)
        if fast is not None:
            reader = OrdinaryMessages(Generation.V2, _name_of(of), of, lambda _: "")
            assert (reader.message_of_row(fast, "msg_row", ""), []) == (slow, problems)


def _content(raw: bytes) -> None:
    try:
        parts = parts_of("msg_row", fields_of(raw))
    except Unreadable:
        return
    for part in parts:
        _is_part(part)
    _are_calls(parts)
    _is_read_alike_if_large(raw)


def _is_read_alike_if_large(raw: bytes) -> None:
    """Claim that a large row, whose fields SQLite takes out, is the same message as a small one."""
    raw = raw.strip()
    if b"\\u0000" in raw or not _is_plain(raw):
        return
    with closing(sqlite3.connect(":memory:")) as database:
        database.text_factory = bytes
        database.execute("CREATE TABLE session_v2 (id TEXT, version TEXT)")
        database.execute("CREATE TABLE session_message (id TEXT, session_id TEXT, type TEXT, data TEXT)")
        padded = raw[:-1] + b',"padding":"' + b"x" * 65_536 + b'"}'
        database.execute("INSERT INTO session_message VALUES ('m', 's', 'assistant', ?)", (padded.decode(),))
        (tables,), _ = probe(database, "here")
        extracted = database.execute(tables.after_rowid, (0, 1, 1)).fetchone()[6]
    small, _ = _by_care(raw, Generation.V2, SESSIONS[3])
    large, _ = _by_care(whole(extracted), Generation.V2, SESSIONS[3])
    assert small is None or large is None or (small.tokens, small.cost_nusd) == (large.tokens, large.cost_nusd)
    assert (small is None) == (large is None)


def _is_plain(raw: bytes) -> bool:
    """Return True for a JSON object that every parser reads alike: no key is there twice, no number is out of bounds."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError
        return dict(pairs)

    def bounded(text: str) -> int:
        if abs(int(text)) >= 2**63:
            raise ValueError
        return int(text)

    def refuse(_: str) -> None:
        raise ValueError

    try:
        found = json.loads(
            raw.decode(), object_pairs_hook=unique, parse_int=bounded, parse_constant=refuse, parse_float=_finite
        )
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found)


def _finite(text: str) -> float:
    number = float(text)
    if not abs(number) < 1e300:
        raise ValueError
    return number


def _session(raw: bytes) -> None:
    try:
        wire = decode.parse_session(raw)
    except decode.Malformed:
        return
    claims.is_session(decode.session(wire, "ses_row", "/w/shop"))


def _part(raw: bytes) -> None:
    part = decode_part("prt_beb077a85001k767ZlaEy6bbW9", raw)
    if part is not None:
        _is_part(part)
        _are_calls([part])


def _is_part(part: Part) -> None:
    claims.is_text(part.id, 2_100)
    claims.is_usage(part.tokens)
    claims.is_time(part.began_ms)
    if part.tool_use is not None:
        use = part.tool_use
        for text in (use.tool, use.call_id, use.child_session, use.agent, use.description):
            claims.is_text(text)
        claims.is_time(use.started_ms)
        claims.is_time(use.ended_ms)
        assert use.tool


def _are_calls(parts: list[Part]) -> None:
    for restamped in (False, True):
        for call in tool_calls(MESSAGE, parts, restamped=restamped):
            assert 0 < call.started_ms <= call.ended_ms
        times = answer(MESSAGE, parts, restamped=restamped)
        if times is not None:
            claims.is_time(times.response_ms)
            claims.is_time(times.first_output_ms)
            assert times.retries >= 0


def _settings(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "otel-agent.toml"
        file.write_bytes(raw)
        try:
            settings = load(file).settings
        except SettingsError as error:
            refusal = str(error)
        else:
            _are_settings(settings)
            return
    assert refusal
    assert PLANTED not in refusal


def _are_settings(settings: Settings) -> None:
    for seconds in (settings.rescan_interval_seconds, settings.metric_export_interval_seconds):
        claims.is_number(seconds)
        assert seconds > 0
    assert settings.max_series >= 1
    assert PLANTED not in repr(settings)


def _command_line(raw: bytes) -> None:
    executable, *arguments = raw.decode("utf-8", "surrogateescape").split("\n")
    found = mode_of(executable, arguments)
    assert found is None or isinstance(found, ProcessMode)
    # Neither an option without a meaning nor its place makes another process of it.
    assert mode_of(executable, [*arguments[:1], "--print-logs", *arguments[1:]]) == found or "--" in "".join(arguments)


TARGETS: Final = (
    Target("message", _message),
    Target("row", _row),
    Target("content", _content),
    Target("session", _session),
    Target("part", _part),
    Target("settings", _settings, byte_like),
    Target("answer", is_judged, byte_like),
    Target("command_line", _command_line, byte_like),
)


def without_own_variables() -> None:
    """Remove this shell's settings: a target reads the files that it is given, and nothing else."""
    for name in list(os.environ):
        if name.upper().startswith("OTEL_"):
            del os.environ[name]
