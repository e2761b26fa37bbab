"""The OpenCode processes that run on this machine, at one moment."""

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import psutil

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.opencode.command_line import file_name, mode_of

_T = TypeVar("_T")
_ORDER: Final = {mode: number for number, mode in enumerate(ProcessMode)}


class Processes:
    """Remembers the sample before, and of it only what still runs."""

    def __init__(
        self,
        iterate: Callable[[], Iterable[psutil.Process]] = psutil.process_iter,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``now`` is in seconds since the Unix epoch."""
        self._iterate, self._now = iterate, now
        self._before: dict[tuple[int, float], tuple[float, float]] = {}
        """(pid, when it started) to (when it was looked at, its CPU time then), all in seconds."""

    def sample(self) -> list[tuple[ProcessSample, float]]:
        """Each with its CPU utilisation in cores: since it was last sampled, at first since it started. By mode, then
        by pid. One that ends meanwhile is left out; what may not be read of one is left empty."""
        found: list[tuple[ProcessSample, float]] = []
        seen: dict[tuple[int, float], tuple[float, float]] = {}
        for process in self._iterate():
            sample = _sample(process)
            if sample is None:
                continue
            identity, now = (sample.pid, sample.created_s), self._now()
            since, used = self._before.get(identity, (sample.created_s, 0.0))
            elapsed = now - since
            found.append((sample, max(sample.cpu_s - used, 0.0) / elapsed if elapsed > 0 else 0.0))
            seen[identity] = now, sample.cpu_s
        self._before = seen
        return sorted(found, key=lambda each: (_ORDER[each[0].mode], each[0].pid))


def _sample(process: psutil.Process) -> ProcessSample | None:
    """``None`` for what is no OpenCode at work."""
    try:
        # The kernel's name for a process is cheap to read, and has OpenCode's in every form in which it was seen.
        if "opencode" not in process.name().lower():
            return None
        with process.oneshot():
            executable = _readable(process.exe, "")
            arguments = _readable(process.cmdline, list[str]()) or [process.name()]
            mode = mode_of(executable, arguments)
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
    """What of another user's process may be read; some systems refuse more than others."""
    try:
        return read()
    except (psutil.AccessDenied, OSError):
        return otherwise


def _file_descriptors(process: psutil.Process) -> int | None:
    """Windows has handles instead."""
    count = getattr(process, "num_fds", None)
    return None if count is None else _readable(count, None)
