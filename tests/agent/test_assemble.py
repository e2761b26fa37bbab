"""The whole agent, built from settings and taken apart again."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.agent.assemble import assembled
from otel_agent.settings import OtlpSettings, Settings
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver


@pytest.fixture
def settings(tmp_path: Path, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    JsonTree(tmp_path / "data" / "opencode").put_turn(message(session(), Tokens(7)))
    return Settings(state_dir=tmp_path / "state", discover_stores=False, otlp=OtlpSettings(endpoint=receiver.endpoint))


def test_closing_breaks_off_both_ways_to_the_backend(settings: Settings, receiver: OtlpReceiver) -> None:
    """A request of either that hangs would hold up the end of the agent."""
    with assembled(settings) as agent:
        agent.ingest.run(sweep=True)
        agent.close_exports()
        assert agent.spans.send().reason
        assert agent.metrics.send(last=True).reason
    assert receiver.requests == ()


@pytest.mark.parametrize(
    ("wanted", "temporality"),
    [
        ("", "cumulative"),
        ("cumulative", "cumulative"),
        ("delta", "delta"),
        (" DELTA ", "delta"),
        ("lowmemory", "delta"),
    ],
)
def test_the_standard_variable_decides_between_totals_and_increments(
    wanted: str, temporality: str, settings: Settings, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", wanted)
    with assembled(replace(settings, process_metrics=False)) as agent:
        agent.ingest.run(sweep=True)
        agent.metrics.send(last=True)
    sums = {point.temporality for point in receiver.observed() if point.metric == "otel_agent.export.rejected"}
    assert sums == {temporality}
