"""What is observed of processes: every number, from one snapshot, and nothing of those that ended."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from otel_agent.model import Observation, ProcessMode, ProcessSample
from otel_agent.otlp import metrics
from otel_agent.series.gauges import process_observations
from tests.otlp.made import EMITTER
from tests.support.otlp_receiver import PointRow
from tests.support.otlp_receiver.rows import point_rows

NOW_S = 1_769_174_700.0
SAMPLE = ProcessSample(
    pid=4711,
    created_s=NOW_S - 90,
    mode=ProcessMode.SERVER,
    executable="opencode.exe",
    directory="/srv/shop/src",
    cpu_s=12.5,
    rss_bytes=400_000_000,
    vms_bytes=9_000_000_000,
    threads=17,
    file_descriptors=33,
)


def rows(*seen: Observation) -> list[PointRow]:
    """As a backend reads them."""
    request = metrics.observations_request(seen, EMITTER, now_ns=round(NOW_S * 1e9))
    return list(point_rows(encode_metrics(request)))


def test_every_number_of_a_process_is_observed() -> None:
    found = {row.metric: row for row in rows(*process_observations([(SAMPLE, 0.25, "/srv/shop")], NOW_S))}
    values = {name: row.value for name, row in found.items() if name != "opencode.process.count"}
    assert values == {
        "process.cpu.time": 12.5,
        "process.cpu.utilization": 0.25,
        "process.memory.usage": 400_000_000,
        "process.memory.virtual": 9_000_000_000,
        "process.thread.count": 17,
        "process.unix.file_descriptor.count": 33,
        "process.uptime": 90.0,
    }
    expected = {
        "process.pid": 4711,
        "process.executable.name": "opencode.exe",
        "opencode.process.mode": "server",
        "opencode.project.name": "shop",
    }
    assert all(found[name].attributes == expected for name in values)
    assert found["process.cpu.time"].kind == "sum"
    assert found["process.cpu.time"].start_ns == round((NOW_S - 90) * 1e9)
    assert found["process.uptime"].kind == "gauge"


def test_the_number_of_processes_is_observed_for_each_mode_zeros_too() -> None:
    seen = [(SAMPLE, 0.0, ""), (SAMPLE, 0.0, "")]
    counts = {
        row.attributes["opencode.process.mode"]: row.value
        for row in rows(*process_observations(seen, NOW_S))
        if row.metric == "opencode.process.count"
    }
    assert counts == {"cli": 0, "server": 2, "lsp": 0}


def test_numbers_of_a_process_that_may_not_be_read_are_left_out() -> None:
    other = ProcessSample(
        **{name: getattr(SAMPLE, name) for name in SAMPLE.__struct_fields__}
        | {"file_descriptors": None, "directory": ""}
    )
    found = rows(*process_observations([(other, 0.0, "")], NOW_S))
    assert "process.unix.file_descriptor.count" not in {row.metric for row in found}
    assert not any("opencode.project.name" in row.attributes for row in found)


def test_a_process_is_never_older_or_younger_than_zero_seconds() -> None:
    """The clock was set back after it had started."""
    found = {row.metric: row.value for row in rows(*process_observations([(SAMPLE, 0.0, "")], NOW_S - 600))}
    assert found["process.uptime"] == 0.0


def test_the_time_of_a_sum_lies_after_its_start_even_if_the_clock_was_set_back() -> None:
    request = metrics.observations_request(
        process_observations([(SAMPLE, 0.0, "")], NOW_S - 600), EMITTER, now_ns=round((NOW_S - 600) * 1e9)
    )
    (row,) = [each for each in point_rows(encode_metrics(request)) if each.metric == "process.cpu.time"]
    assert row.time_ns == row.start_ns + 1
