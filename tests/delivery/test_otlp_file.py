"""OTLP/JSON lines are whole, contain what HTTP would have carried, and are no longer than readers accept."""

from __future__ import annotations

import json
import resource
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otel_agent.delivery.otlp_file import MAX_LINE, RotatedLines
from otel_agent.export.span_export import SPANS_PER_REQUEST
from otel_agent.otlp.metrics import POINTS_PER_REQUEST
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.otlp_json import lines, points, spans
from tests.support.otlp_receiver import OtlpReceiver, chats_of, kept
from tests.support.paths import ROOT

COLLECTOR_LINE = 1024 * 1024
"""Bytes: `max_log_size` of the Collector's file receivers, by default."""


@pytest.fixture
def folder(agent: Agent) -> Path:
    return agent.state_dir / "export"


def to_file(agent: Agent) -> Agent:
    return replace(agent, extra={"OTEL_AGENT_EXPORTER": "file"})


def fill(tree: JsonTree, count: int, **fields: Any) -> None:
    """`count` messages, each of a model of its own, so that it has series of its own."""
    of = session()
    tree.put(of.project, of)
    tree.put(*(message(of, Tokens(10, 5), T0 + n * 1000, model=f"model-{n:04d}", **fields) for n in range(count)))


def test_points_in_a_file_are_the_same_as_over_http(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    """One ledger is exported to both: everything but the time of a point is the same."""
    tree.put_turn(message(session(title="Ünïcode"), Tokens(700, 50, 20, 300, 1), cost=0.25))
    tree.put_turn(message(session(), Tokens(1), T0 + 99_000, counter=2, changes={"error": {"name": "APIError"}}))
    to_file(agent).once(OTEL_AGENT_FILE_DIR=str(tmp_path / "out"))
    assert receiver.requests == ()
    agent.once()
    of_file = [replace(each, time_ns=0) for each in kept(points(tmp_path / "out" / "metrics.jsonl"))]
    assert of_file == [replace(each, time_ns=0) for each in receiver.points()]
    assert len(of_file) == 22


def test_spans_in_a_file_are_the_same_as_over_http(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    """Two ledgers read one store: everything but the instance id is the same."""
    tree.put_turn(message(session(), Tokens(700, 50, 20, 300, 1), cost=0.25))
    tree.put_turn(message(session(), Tokens(1), T0 + 99_000, counter=2, changes={"error": {"name": "APIError"}}))
    to_file(agent).once(OTEL_AGENT_FILE_DIR=str(tmp_path / "out"), OTEL_AGENT_STATE_DIR=str(tmp_path / "other"))
    agent.once()

    def elsewhere(attributes: Mapping[str, object]) -> dict[str, object]:
        return {key: value for key, value in attributes.items() if key != "service.instance.id"}

    of_file, of_http = spans(tmp_path / "out" / "traces.jsonl"), receiver.spans()
    assert [elsewhere(each.resource) for each in of_file] == [elsewhere(each.resource) for each in of_http]
    assert [replace(each, resource={}) for each in of_file] == [replace(each, resource={}) for each in of_http]
    assert len(of_file) == 3


def test_lines_in_a_file_have_the_form_of_otlp_json(agent: Agent, tree: JsonTree, folder: Path) -> None:
    """Ids in lowercase hex, 64-bit integers as strings, enums as numbers, keys in lowerCamelCase."""
    tree.put_turn(message(session(), Tokens(7)))
    to_file(agent).once()
    line = lines(folder / "traces.jsonl")[0]
    span, turn = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["traceId"] == turn["traceId"]
    assert span["parentSpanId"] == turn["spanId"]
    assert len(bytes.fromhex(span["traceId"])) == 16
    assert len(bytes.fromhex(span["spanId"])) == 8
    assert span["traceId"] == span["traceId"].lower()
    assert span["kind"] == 3
    assert span["startTimeUnixNano"] == f"{T0}000000"
    values = {each["key"]: each["value"] for each in span["attributes"]}
    assert values["opencode.token.input"] == {"intValue": "7"}
    line, observed = lines(folder / "metrics.jsonl")
    assert '"gauge":{' in observed
    assert '"aggregationTemporality":2' in line
    assert '"isMonotonic":true' in line


def test_only_the_owner_can_read_the_exported_files(agent: Agent, tree: JsonTree, folder: Path) -> None:
    tree.put_turn(message(session(), Tokens(7)))
    to_file(agent).once()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    assert {each.name for each in folder.iterdir()} == {"traces.jsonl", "metrics.jsonl"}


def test_each_run_appends_new_spans_and_all_totals_to_the_files(agent: Agent, tree: JsonTree, folder: Path) -> None:
    """Spans are written once, the totals each time."""
    tree.put_turn(message(session(), Tokens(7)))
    to_file(agent).once()
    to_file(agent).once()
    assert len(spans(folder / "traces.jsonl")) == 2
    assert len([each for each in points(folder / "metrics.jsonl") if each.metric == "opencode.session.count"]) == 2


def test_no_line_is_longer_than_file_readers_accept(agent: Agent, tree: JsonTree, folder: Path) -> None:
    """If names and paths are as long as they may be, a request of the usual size would be longer."""
    count = 150
    fill(tree, count, agent="ä" * 900, provider="long-" * 200)
    to_file(agent).once(OTEL_AGENT_SESSION_WINDOW_HOURS="24")
    written = lines(folder / "traces.jsonl") + lines(folder / "metrics.jsonl")
    assert max(len(line.encode()) for line in written) <= MAX_LINE < COLLECTOR_LINE
    assert len(lines(folder / "metrics.jsonl")) > 1
    assert len({each.span_id for each in chats_of(spans(folder / "traces.jsonl"))}) == count
    series = [(each.metric, frozenset(each.attributes.items())) for each in points(folder / "metrics.jsonl")]
    assert len(series) == len(set(series))
    assert len([metric for metric, _ in series if metric == "opencode.message.count"]) == count


def test_an_ordinary_request_is_one_line_in_a_file(agent: Agent, tree: JsonTree, folder: Path) -> None:
    """The size of requests is chosen so that a usual one need not be halved first."""
    fill(tree, SPANS_PER_REQUEST, provider="anthropic", agent="build")
    to_file(agent).once()
    assert [line.count('"traceId"') for line in lines(folder / "traces.jsonl")] == [SPANS_PER_REQUEST, 1]
    found = [len(json_points(line)) for line in lines(folder / "metrics.jsonl")[:-1]]
    assert found[:-1] == [POINTS_PER_REQUEST] * (len(found) - 1)
    assert len(found) > 2


def json_points(line: str) -> list[object]:
    metrics = json.loads(line)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    return [point for each in metrics for point in (each.get("sum") or each["histogram"])["dataPoints"]]


class TestRotation:
    def written(self, path: Path) -> list[str]:
        return [each.read_text() for each in sorted(path.parent.iterdir())]

    def test_rotation_deletes_the_oldest_file(self, tmp_path: Path) -> None:
        path = tmp_path / "out" / "x.jsonl"
        rotated = RotatedLines(path, max_bytes=8, backups=2)
        for number in range(9):
            rotated.append(f"{number}{number}{number}".encode())
        assert self.written(path) == ["888\n", "666\n777\n", "444\n555\n"]
        assert sorted(each.name for each in path.parent.iterdir()) == ["x.jsonl", "x.jsonl.1", "x.jsonl.2"]
        assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}

    def test_a_line_is_never_split_over_two_files(self, tmp_path: Path) -> None:
        path = tmp_path / "x.jsonl"
        rotated = RotatedLines(path, max_bytes=8, backups=3)
        for line in (b"aaaaa", b"bbbbbbbbbbbbbbbbbbbb", b"c"):
            rotated.append(line)
        assert self.written(path) == ["c\n", "bbbbbbbbbbbbbbbbbbbb\n", "aaaaa\n"]

    def test_a_line_that_a_kill_cut_short_stays_apart_from_the_next(self, tmp_path: Path) -> None:
        path = tmp_path / "x.jsonl"
        path.write_bytes(b'{"whole":1}\n{"torn":')
        RotatedLines(path, max_bytes=1000, backups=1).append(b'{"next":1}')
        assert path.read_bytes() == b'{"whole":1}\n{"torn":\n{"next":1}\n'

    def test_the_settings_limit_size_and_number_of_files(self, agent: Agent, tree: JsonTree, folder: Path) -> None:
        small = {"OTEL_AGENT_FILE_MAX_BYTES": str(1024 * 1024), "OTEL_AGENT_FILE_BACKUPS": "1"}
        fill(tree, 150)
        for _ in range(6):
            to_file(agent).once(**small)
        files = {each.name: each.stat().st_size for each in folder.glob("metrics*")}
        assert set(files) == {"metrics.jsonl", "metrics.jsonl.1"}
        assert max(files.values()) <= 1024 * 1024


class TestFullDisk:
    """A line that does not fit is not written at all, and what was there stays."""

    def run(self, agent: Agent, *, limit_bytes: int) -> subprocess.CompletedProcess[str]:
        """A run in which no file may grow beyond `limit_bytes`."""
        return subprocess.run(
            [sys.executable, "-m", "otel_agent", "run", "--once"],
            cwd=ROOT,
            env=agent._environment() | {"OTEL_AGENT_EXPORTER": "file"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)),
        )

    def test_a_line_that_does_not_fit_is_not_written_in_part(self, agent: Agent, tree: JsonTree, folder: Path) -> None:
        limit_bytes = 8 * 1024 * 1024
        earlier = b'{"earlier":"' + b"x" * (limit_bytes - 500) + b'"}\n'
        folder.mkdir(parents=True)
        (folder / "traces.jsonl").write_bytes(earlier)
        tree.put_turn(message(session(), Tokens(7)))
        run = self.run(agent, limit_bytes=limit_bytes)
        assert run.returncode == 3, run.stderr
        assert "not delivered: File too large" in run.stderr
        assert (folder / "traces.jsonl").read_bytes() == earlier
        (folder / "traces.jsonl").unlink()
        to_file(agent).once()
        assert len(spans(folder / "traces.jsonl")) == 2

    def test_a_link_in_place_of_a_file_is_refused_and_its_points_are_exported_later(
        self, agent: Agent, tree: JsonTree, folder: Path
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").symlink_to("/dev/full")
        tree.put_turn(message(session(), Tokens(7)))
        run = to_file(agent).attempt()
        assert run.returncode == 3
        assert "not delivered: " in run.stderr
        assert "metrics.jsonl" in run.stderr
        assert len(spans(folder / "traces.jsonl")) == 2
        (folder / "metrics.jsonl").unlink()
        to_file(agent).once()
        assert len(spans(folder / "traces.jsonl")) == 2
        assert points(folder / "metrics.jsonl")

    def test_a_folder_that_cannot_be_made_is_a_failure_with_a_reason(
        self, agent: Agent, tree: JsonTree, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        tree.put_turn(message(session(), Tokens(7)))
        run = to_file(agent).attempt(OTEL_AGENT_FILE_DIR=str(tmp_path / "file" / "under"))
        assert run.returncode == 3
        assert "Not a directory" in run.stderr
