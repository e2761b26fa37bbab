"""From a store the real OpenCode wrote, through the agent and a real OpenTelemetry Collector, to what it writes out.

The totals to reach are those of `expected.json` beside each store, an independent recount.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import otlp_json
from tests.support.agent import Agent
from tests.support.otlp_receiver import chats_of, kept
from tests.support.otlp_receiver.rows import Attribute, Attributes, PointRow, SpanRow
from tests.support.paths import STORES
from tests.support.real_programs.collector import Collector, otlp_to_files, require_collector

COUNTERS = frozenset({"opencode.token.usage", "opencode.message.count", "opencode.cost.usage"})
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
PROTOCOLS = ("http/protobuf", "grpc")
REQUEST_DEADLINE_S = 30.0
NOBODY_LISTENS = "http://127.0.0.1:9"
"""The discard port: what must not be sent anywhere is refused there."""

Tally = dict[str, dict[str, int]]
"""Tokens by category, for each model, agent, project or session."""
Usage = dict[tuple[str, frozenset[tuple[str, Attribute]], int], int | float]
"""The last value of each series of `COUNTERS`, by metric, attributes and start time: a restarted series is another."""

pytestmark = pytest.mark.collector


@pytest.fixture(autouse=True)
def _collector_is_built() -> None:
    require_collector()


@pytest.fixture(params=sorted(path.parent.name for path in STORES.glob("*/expected.json")))
def store(request: pytest.FixtureRequest) -> Path:
    return STORES / str(request.param)


@pytest.fixture
def agent(tmp_path: Path, store: Path) -> Agent:
    agent = Agent(tmp_path / "home", NOBODY_LISTENS)
    shutil.copytree(store / "opencode", agent.data_dir)
    return agent


def test_the_collector_decodes_every_line_of_the_file_exporter(agent: Agent, store: Path, tmp_path: Path) -> None:
    """Each line is posted unchanged, as JSON, to the OTLP receiver.

    This build has no otlpjsonfile receiver. What a line means is decided by the same decoder in both; how a file is
    followed and cut into lines is not tested here.
    """
    written = tmp_path / "written"
    agent.once(OTEL_AGENT_EXPORTER="file", OTEL_AGENT_FILE_DIR=str(written))
    with Collector(otlp_to_files(), tmp_path / "collector") as collector:
        for signal in ("metrics", "traces"):
            _post_lines(f"{collector.endpoint}/v1/{signal}", otlp_json.lines(written / f"{signal}.jsonl"))
    _assert_reaches(store, collector)
    assert collector.spans() == otlp_json.spans(written / "traces.jsonl")
    assert collector.points() == otlp_json.points(written / "metrics.jsonl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_totals_over_otlp_are_the_recount_and_a_second_run_adds_nothing(
    agent: Agent, store: Path, tmp_path: Path, protocol: str
) -> None:
    with Collector(otlp_to_files(), tmp_path / "first") as first:
        _towards(first, agent, protocol).once()
    _assert_reaches(store, first)

    with Collector(otlp_to_files(), tmp_path / "second") as second:
        _towards(second, agent, protocol).once()
    assert second.spans() == []
    before, after = _usage(kept(first.points())), _usage(kept(second.points()))
    assert after, "the second run published no totals: a dashboard would see the series end"
    assert after.items() <= before.items()


@pytest.mark.parametrize("store", ["migrated-1.1.27-1.2.6"], indirect=True)
def test_spans_and_totals_wait_for_an_absent_collector_and_arrive_once(
    agent: Agent, store: Path, tmp_path: Path
) -> None:
    with Collector(otlp_to_files(), tmp_path / "before") as gone:
        agent = _towards(gone, agent, "http/protobuf")
    refused = agent.attempt(OTEL_EXPORTER_OTLP_TIMEOUT="2000")
    assert refused.returncode == 3
    assert gone.points() == []
    assert gone.spans() == []
    assert "kept" in refused.stderr

    with Collector(otlp_to_files(http_port=gone.http_port), tmp_path / "after") as back:
        agent.once()
    _assert_reaches(store, back)


def _towards(collector: Collector, agent: Agent, protocol: str) -> Agent:
    endpoint = collector.grpc_endpoint if protocol == "grpc" else collector.endpoint
    return replace(agent, endpoint=endpoint, extra={"OTEL_EXPORTER_OTLP_PROTOCOL": protocol})


def _post_lines(url: str, lines: list[str]) -> None:
    assert lines, f"nothing was written for {url}"
    for line in lines:
        answer = requests.post(
            url,
            data=line.encode(),
            headers={"content-type": "application/json"},
            timeout=REQUEST_DEADLINE_S,
        )
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"partialSuccess": {}}


def _assert_reaches(store: Path, collector: Collector) -> None:
    """Totals and spans add up to the recount, each span came once."""
    expected = json.loads((store / "expected.json").read_text(encoding="utf-8"))
    usage = _usage(collector.points())
    assert _tokens_by(_model, usage) == _expected_by("model", expected)
    assert _tokens_by(_agent, usage) == _expected_by("agent", expected)
    assert _tokens_by(_project, usage) == _expected_projects(expected)
    assert _sum("opencode.message.count", usage) == expected["messages"]
    assert _sum("opencode.cost.usage", usage) == pytest.approx(expected["cost"], abs=1e-9)

    assert _repeated(collector.spans()) == []
    spans = chats_of(collector.spans())
    assert _repeated(spans) == []
    assert _span_tokens_by_session(spans) == _expected_by("session", expected)


def _usage(points: Iterable[PointRow]) -> Usage:
    usage: Usage = {}
    for point in points:
        if point.kind != "sum" or point.metric not in COUNTERS:
            continue
        assert point.value is not None
        assert point.monotonic, point.metric
        assert point.temporality == "cumulative", point.metric
        usage[point.metric, frozenset(point.attributes.items()), point.start_ns] = point.value
    return usage


def _tokens_by(name: Callable[[Attributes], str], usage: Usage) -> Tally:
    tally: Tally = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for (metric, attributes, _), value in usage.items():
        if metric == "opencode.token.usage":
            assert isinstance(value, int)
            series = dict(attributes)
            tally[name(series)][str(series["gen_ai.token.type"])] += value
    return _without_zeros(tally)


def _model(series: Attributes) -> str:
    return "/".join((str(series["gen_ai.provider.name"]), str(series["gen_ai.request.model"])))


def _agent(series: Attributes) -> str:
    return str(series["gen_ai.agent.name"])


def _project(series: Attributes) -> str:
    return str(series["opencode.project.name"])


def _sum(metric: str, usage: Usage) -> int | float:
    return sum(value for (name, _, _), value in usage.items() if name == metric)


def _span_tokens_by_session(spans: Iterable[SpanRow]) -> Tally:
    tally: Tally = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for span in spans:
        if span.attributes.get("gen_ai.operation.name") != "chat":
            continue
        assert span.name == "chat " + str(span.attributes["gen_ai.request.model"])
        for kind in KINDS:
            tokens = span.attributes[f"opencode.token.{kind}"]
            assert isinstance(tokens, int)
            tally[str(span.attributes["session.id"])][kind] += tokens
    return _without_zeros(tally)


def _repeated(spans: Iterable[SpanRow]) -> list[str]:
    times = Counter(span.span_id for span in spans)
    return [span_id for span_id, count in times.items() if count > 1]


def _expected_by(what: str, expected: Mapping[str, Any]) -> Tally:
    return _without_zeros({name: {kind: row[kind] for kind in KINDS} for name, row in expected["by"][what].items()})


def _expected_projects(expected: Mapping[str, Any]) -> Tally:
    """By base name. The worktree `/` is no project: there the session's directory, `/home/dev/scratch`, names it."""
    return {Path(root).name or "scratch": tokens for root, tokens in _expected_by("project", expected).items()}


def _without_zeros(tally: Mapping[str, dict[str, int]]) -> Tally:
    return {name: tokens for name, tokens in tally.items() if any(tokens.values())}
