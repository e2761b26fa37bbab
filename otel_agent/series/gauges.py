"""Observes at one moment: OpenCode's processes and the number of series.

It is collected like OpenTelemetry's observable instruments, but without the SDK's. Those keep every attribute set they
ever saw, while processes come and go and an agent runs for months.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from otel_agent import semconv
from otel_agent.model import Observation, ProcessMode, ProcessSample
from otel_agent.model.project import project_name
from otel_agent.semconv.attributes import Attr

_NS: Final = 1_000_000_000


def process_observations(samples: Iterable[tuple[ProcessSample, float, str]], now_s: float) -> Iterator[Observation]:
    """Yield the observations of one snapshot: of each process, and how many run in each mode.

    A sample comes with its CPU utilisation in cores and the folder of its project, which may be empty.
    """
    # Every mode gets a number, zeros too: a gauge that is missing looks like an agent that is down.
    counts = Counter(dict.fromkeys(ProcessMode, 0))
    for sample, utilization, project in samples:
        counts[sample.mode] += 1
        yield from _observations_of(sample, utilization, project_name(project) if project else "", now_s)
    for mode, number in counts.items():
        yield Observation(semconv.PROCESS_COUNT.name, number, {Attr.PROCESS_MODE: mode.value})


def _observations_of(sample: ProcessSample, utilization: float, project: str, now_s: float) -> Iterator[Observation]:
    attributes: dict[str, str | int | bool] = {
        Attr.PID: sample.pid,
        Attr.EXECUTABLE: sample.executable,
        Attr.PROCESS_MODE: sample.mode.value,
    }
    if project:
        attributes[Attr.PROJECT] = project
    # The one sum: it began when the process did, so a process number that is used again is a new sum.
    started_ns = round(sample.created_s * _NS)
    yield Observation(semconv.PROCESS_CPU_TIME.name, float(sample.cpu_s), attributes, since_ns=started_ns)
    for metric, value in (
        (semconv.PROCESS_CPU_UTILIZATION, float(utilization)),
        (semconv.PROCESS_MEMORY_USAGE, sample.rss_bytes),
        (semconv.PROCESS_MEMORY_VIRTUAL, sample.vms_bytes),
        (semconv.PROCESS_THREAD_COUNT, sample.threads),
        (semconv.PROCESS_FILE_DESCRIPTOR_COUNT, sample.file_descriptors),
        (semconv.PROCESS_UPTIME, max(now_s - sample.created_s, 0.0)),
    ):
        if value is not None:
            yield Observation(metric.name, value, attributes)


def series_counts(counts: Mapping[str, int]) -> Iterator[Observation]:
    """Yield the number of series that the ledger keeps of each metric."""
    for metric, number in counts.items():
        yield Observation(semconv.SERIES_COUNT.name, number, {Attr.SERIES_OF: metric})
