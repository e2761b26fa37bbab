"""The contract with who builds dashboards: every metric with its unit, description, type and attributes, by hand."""

from __future__ import annotations

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_agent import __version__, semconv
from otel_agent.semconv import Kind
from tests.otlp.contract import (
    AN_HOUR_AGO,
    CLAUDE_CODE,
    LOOPS,
    OBSERVED,
    TABLE,
    L,
    put_everything,
)
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, PointRow


def test_the_package_has_the_metrics_of_the_table() -> None:
    scaled = {name for name, metric in semconv.METRICS.items() if metric.kind is Kind.COUNTER and metric.scale != 1}
    assert scaled == {name for name, row in (TABLE | CLAUDE_CODE).items() if row.kind == "float"}
    assert {name: (metric.unit, metric.description) for name, metric in semconv.METRICS.items()} == {
        name: (row.unit, row.description) for name, row in (TABLE | CLAUDE_CODE | LOOPS | OBSERVED).items()
    }


def test_exported_metrics_are_as_the_table_says(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    put_everything(tree)
    agent.once()
    assert {point.metric for point in receiver.points()} == set(TABLE)
    for point in receiver.points():
        row = TABLE[point.metric]
        assert point.unit == row.unit, point.metric
        assert point.description == row.description, point.metric
        assert point.temporality == "cumulative", point.metric
        assert value_kind(point) == row.kind, point
        assert set(row.attributes) <= set(point.attributes) <= {*row.attributes, *row.sometimes}, point
        assert all(isinstance(value, str) and value for value in point.attributes.values()), point
        assert point.scope_name == "otel_agent"
        assert point.scope_version == __version__


def test_observed_metrics_are_as_the_table_says(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    """Of no OpenCode process; the lag is that of messages that came while it watched."""
    put_everything(tree)
    settings = agent.home / "budgets.toml"
    settings.write_text(
        "[[budget]]\ntokens = 5\nper = 'month'\n[[budget]]\ncost_usd = 0.25\nname = 'all'\nper = 'month'"
    )
    agent.once(OTEL_AGENT_CONFIG=str(settings))
    found = receiver.observed()
    expected = {name for name in OBSERVED if not name.startswith("process.")} - {"otel_agent.ingest.lag"}
    assert expected <= {point.metric for point in found} <= set(OBSERVED), "another test may run an OpenCode just now"
    for point in found:
        row = OBSERVED[point.metric]
        assert point.unit == row.unit, point.metric
        assert point.description == row.description, point.metric
        assert point.kind == ("gauge" if row.kind == "gauge" else "sum"), point
        assert set(row.attributes) <= set(point.attributes) <= {*row.attributes, "opencode.project.name"}, point
    seen = {point.metric: point.value or 0 for point in found}
    assert seen["otel_agent.outbox.size"] == 0
    assert seen["otel_agent.ledger.size"] > 4096
    assert 3_500 < seen["otel_agent.message.age"] < 3_600 + 7_200, "the hour ago is that of the import"
    modes = {p.attributes["opencode.process.mode"] for p in found if p.metric == "opencode.process.count"}
    assert modes == {"cli", "server", "lsp"}


def value_kind(point: PointRow) -> str:
    if point.kind == "histogram":
        return "histogram"
    assert point.kind == "sum"
    assert point.monotonic
    return type(point.value).__name__


def test_attributes_have_the_values_that_dashboards_expect(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    put_everything(tree)
    agent.once()
    found: dict[str, set[object]] = {}
    for point in receiver.points():
        for key, value in point.attributes.items():
            found.setdefault(key, set()).add(value)
    del found["session.id"]
    assert found == {
        "gen_ai.provider.name": {"zai-coding-plan"},
        "gen_ai.request.model": {"glm-4.7"},
        "gen_ai.agent.name": {"build", "explore"},
        "opencode.project.name": {"persona"},
        "opencode.agent.kind": {"primary", "subagent"},
        "opencode.usage.source": {"message"},
        "gen_ai.token.type": {"input", "output", "reasoning", "cache_read", "cache_write"},
        "gen_ai.token.modality": {"unknown"},
        "gen_ai.operation.name": {"chat"},
        "opencode.message.outcome": {"ok", "error"},
        "error.type": {"APIError", "tool_error"},
        "gen_ai.tool.name": {"bash", "grep"},
        "gen_ai.tool.type": {"function"},
        "type": {"added", "removed"},
        "opencode.tool.outcome": {"ok", "error"},
        "otel_agent.store.generation": {"tree"},
        "otel_agent.problem.kind": {"bad_number"},
    }
    legacy = {p.attributes["gen_ai.token.type"] for p in receiver.points() if p.metric == "gen_ai.client.token.usage"}
    assert legacy == {"input", "output"}


def test_a_request_has_one_resource_one_scope_and_each_metric_once(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """Of two with equal names the encoder keeps the last, in silence: so in each of many requests there is one."""
    of = session()
    tree.put(of.project, of)
    tree.put(*(message(of, Tokens(1), AN_HOUR_AGO + n * 1000, model=f"model-{n:04d}") for n in range(450)))
    agent.once()
    kinds = [each.signal for each in receiver.requests]
    assert kinds.count("traces") == 2
    assert kinds.count("metrics") > 2
    for each in receiver.requests:
        if isinstance(each.message, ExportMetricsServiceRequest):
            (of_resource,) = each.message.resource_metrics
            (of_scope,) = of_resource.scope_metrics
            names = [metric.name for metric in of_scope.metrics]
            assert len(names) == len(set(names))
        else:
            (of_resource_spans,) = each.message.resource_spans
            (_,) = of_resource_spans.scope_spans
    series = [(point.metric, frozenset(point.attributes.items())) for point in receiver.points()]
    assert len(series) == len(set(series))
    assert receiver.total("opencode.message.count") == 450


def test_the_setting_chooses_the_version_of_the_genai_conventions(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """Switching from one to the other shows the whole total at once."""
    turns_and_tools = {"gen_ai.invoke_agent.duration", "gen_ai.execute_tool.duration"}
    latest = {name for name in TABLE if name.startswith("gen_ai.client.inference.")} | turns_and_tools
    legacy = {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"}
    put_everything(tree)
    for choice, expected in (("latest", latest), ("legacy", legacy), ("both", latest | legacy)):
        before = len(receiver.points())
        agent.once(OTEL_AGENT_GENAI_SEMCONV=choice)
        names = {point.metric for point in receiver.points()[before:]}
        assert {name for name in names if name.startswith("gen_ai.")} == expected
        assert names - latest - legacy == set(TABLE) - latest - legacy
    assert receiver.total("gen_ai.client.inference.usage.input_tokens") == 700 + 300 + 7 + 5


def test_the_profile_chooses_the_names_and_their_sums_are_the_same(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    put_everything(tree)
    ours = {name for name in TABLE if name.startswith("opencode.")}
    for choice, expected in (("both", ours | set(CLAUDE_CODE)), ("claude_code", set(CLAUDE_CODE)), ("opencode", ours)):
        before = len(receiver.points())
        agent.once(OTEL_AGENT_METRICS_PROFILE=choice)
        names = {point.metric for point in receiver.points()[before:]}
        assert {name for name in names if name.startswith(("opencode.", "claude_code."))} == expected
    for point in receiver.points():
        if (row := CLAUDE_CODE.get(point.metric)) is not None:
            assert (point.unit, point.description, value_kind(point)) == (row.unit, row.description, row.kind)
            assert set(point.attributes) == set(row.attributes)
    assert receiver.total("claude_code.token.usage") == 700 + 50 + 20 + 300 + 7 + 5 + 1
    assert receiver.total("claude_code.cost.usage") == receiver.total("opencode.cost.usage")
    assert receiver.total("claude_code.lines_of_code.count") == 12 + 5
    assert receiver.total("claude_code.session.count") == 1, "the other session is the sub-agent's"


def test_series_of_sessions_can_be_switched_off(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    put_everything(tree)
    agent.once(OTEL_METRICS_INCLUDE_SESSION_ID="false")
    assert {point.metric for point in receiver.points()} == {
        n for n in TABLE if not n.startswith("opencode.session.t")
    } - {"opencode.session.cost.usage"}
    assert not any("session.id" in point.attributes for point in receiver.points())
    assert all(span.attributes["session.id"] for span in receiver.chats())


def test_attributes_that_storage_does_not_know_are_left_out(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    silent = {"providerID": ..., "modelID": ..., "agent": ..., "mode": "", "path": ...}
    nowhere = session(directory="")
    tree.put(nowhere, message(nowhere, Tokens(7), changes=silent))
    agent.once()
    absent = set(L) - {"opencode.agent.kind"}
    assert receiver.total("opencode.token.usage") == 7
    assert not any(absent & set(point.attributes) for point in receiver.points())
    (span,) = receiver.chats()
    assert not absent & set(span.attributes)
    assert span.name == "chat"
