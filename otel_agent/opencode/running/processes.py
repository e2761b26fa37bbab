"""The OpenCode processes that run on this machine, at one moment."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

import psutil
from msgspec import Struct

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.opencode.running.candidates import candidate_pids
from otel_agent.opencode.running.command_line import file_name, mode_of

_T = TypeVar("_T")
_SPELL_SECONDS: Final = 0.5
"""A process works in spells: within a shorter time its CPU use means nothing."""
_WHERE: Final = ("XDG_DATA_HOME", "OPENCODE_DB", "HOME")
"""The variables that decide where OpenCode keeps its data."""
_ORDER: Final = {mode: number for number, mode in enumerate(ProcessMode)}


def candidates() -> Iterator[psutil.Process]:
    """Yield the processes that may be OpenCode, in the order of their pids; all processes if the system has no ``/proc``."""
    pids = candidate_pids()
    if pids is None:
        yield from psutil.process_iter()
        return
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


class Processes:
    """Samples the processes, and keeps the previous sample of each that still runs."""

    def __init__(
        self,
        iterate: Callable[[], Iterable[psutil.Process]] = candidates,
        now: Callable[[], float] = time.time,
        min_bytes: int = 0,
    ) -> None:
        """``now`` is in seconds since the Unix epoch; processes that use less memory than ``min_bytes`` are left out."""
        self._iterate, self._now, self._min_bytes = iterate, now, min_bytes
        self._before: dict[tuple[int, float], _Sampled] = {}
        """Pid and start, in seconds since the Unix epoch, to the previous sample."""

    def sample(self) -> list[tuple[ProcessSample, float]]:
        """Return each process with its CPU utilisation in cores, ordered by mode and then by pid.

        The utilisation is that since the last sample, at first that since the start. A process that ends meanwhile is left
        out; a field that may not be read is left empty.
        """
        found: list[tuple[ProcessSample, float]] = []
        sampled: dict[tuple[int, float], _Sampled] = {}
        for process in self._iterate():
            sample = _sample(process)
            if sample is not None and sample.rss_bytes >= self._min_bytes:
                identity = sample.pid, sample.created_s
                # A pid is used again: together with its start it names one process.
                before = self._before.get(identity) or _Sampled(sample.created_s, 0.0, None)
                sampled[identity] = now = before.then(self._now(), sample.cpu_s)
                found.append((sample, now.utilization or 0.0))
        self._before = sampled
        return sorted(found, key=lambda each: (_ORDER[each[0].mode], each[0].pid))


def environments(
    iterate: Callable[[], Iterable[psutil.Process]] = candidates,
) -> list[dict[str, str]]:
    """Return the variables that say where this user's running OpenCode processes keep their data.

    Nothing else of an environment is kept, because the rest holds keys. Another user's environment is none of our
    business, whoever we run as.
    """
    own = psutil.Process().username()
    found: list[dict[str, str]] = []
    for process in iterate():
        try:
            if _is_named_opencode(process) and process.username() == own and _sample(process) is not None:
                environment = process.environ()
                found.append({name: environment[name] for name in _WHERE if environment.get(name)})
        except (psutil.Error, OSError):
            continue
    return found


def _is_named_opencode(process: psutil.Process) -> bool:
    """The kernel's name for a process is cheap to read, and contains OpenCode's name in every known form."""
    return "opencode" in process.name().lower()


class _Sampled(Struct, frozen=True):
    """The time of a sample and the CPU time then, both in seconds, and the utilisation in cores that followed from it."""

    at: float
    cpu_s: float
    utilization: float | None

    def then(self, now: float, cpu_s: float) -> "_Sampled":
        """Return the next sample; this one again if too little time passed to say more."""
        elapsed = now - self.at
        if self.utilization is not None and elapsed < _SPELL_SECONDS:
            return self
        return _Sampled(now, cpu_s, max(cpu_s - self.cpu_s, 0.0) / elapsed if elapsed > 0 else 0.0)


def _sample(process: psutil.Process) -> ProcessSample | None:
    """Return ``None`` if the process is no OpenCode at work."""
    try:
        if not _is_named_opencode(process):
            return None
        with process.oneshot():
            executable = _readable(process.exe, "")
            arguments = _readable(process.cmdline, list[str]()) or [process.name()]
            mode = mode_of(executable, arguments)
            # A zombie has ended, and only its parent has not noticed it.
            if mode is None or process.status() == psutil.STATUS_ZOMBIE:
                return None
            times, memory = process.cpu_times(), process.memory_info()
            return ProcessSample(
                pid=process.pid,
                created_s=process.create_time(),
                mode=mode,
                executable=file_name(executable or arguments[0]),
                directory=_readable(process.cwd, ""),
                cpu_s=times.user + times.system,
                rss_bytes=memory.rss,
                vms_bytes=memory.vms,
                threads=process.num_threads(),
                file_descriptors=_file_descriptors(process),
            )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _readable(read: Callable[[], _T], otherwise: _T) -> _T:
    """Return ``otherwise`` if the system refuses: some refuse more of another user's process than others."""
    try:
        return read()
    except (psutil.AccessDenied, OSError):
        return otherwise


def _file_descriptors(process: psutil.Process) -> int | None:
    """Return ``None`` on Windows, which has handles instead."""
    count = getattr(process, "num_fds", None)
    return None if count is None else _readable(count, None)
