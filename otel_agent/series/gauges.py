"""What is seen at one moment: OpenCode's processes, and the agent itself.

Observed at each collection like OpenTelemetry's observable instruments, but without the SDK's, which keep every
attribute set they ever saw: processes come and go, and an agent stays for months.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from otel_agent import semconv
from otel_agent.model import Observation, ProcessMode, ProcessSample
from otel_agent.model.project import project_name
from otel_agent.semconv import Attr

_NS: int = 1_000_000_000


def of_processes(samples: Iterable[tuple[ProcessSample, float, str]], now_s: float) -> Iterator[Observation]:
    """Of one snapshot: each process with its CPU utilisation in cores and the folder of its project."""
    counts = Counter(dict.fromkeys(ProcessMode, 0))
    for sample, utilization, project in samples:
        counts[sample.mode] += 1
        yield from _of_process(sample, utilization, project_name(project) if project else "", now_s)
    for mode, number in counts.items():
        yield Observation(semconv.PROCESS_COUNT.name, number, {Attr.PROCESS_MODE: mode.value})


def _of_process(sample: ProcessSample, utilization: float, project: str, now_s: float) -> Iterator[Observation]:
    attributes: dict[str, str | int | bool] = {
        Attr.PID: sample.pid,
        Attr.EXECUTABLE: sample.executable,
        Attr.PROCESS_MODE: sample.mode.value,
    }
    if project:
        attributes[Attr.PROJECT] = project
    yield Observation(
        semconv.PROCESS_CPU_TIME.name, float(sample.cpu_s), attributes, since_ns=round(sample.created_s * _NS)
    )
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


def of_series(counts: Mapping[str, int]) -> Iterator[Observation]:
    for metric, number in counts.items():
        yield Observation(semconv.SERIES_COUNT.name, number, {Attr.SERIES_OF: metric})
